"""One direction of the emulated link: frames read from one device leave by the other when they are due."""

import os
from collections import deque
from dataclasses import asdict
from itertools import islice
from typing import Any, Final

from tests.netlab.counts import Count
from tests.netlab.packets import Frame
from tests.netlab.shaping import Shaper
from tests.netlab.spec import LinkSpec
from tests.netlab.tun import Tun

READ: Final = 65_536 + 512
# What one turn reads at most, so that a flood cannot keep due frames waiting.
TURN: Final = 512
# A super-packet leaves in pieces of about this time at the rate.
PIECE_S: Final = 0.001
HISTORY_S: Final = 0.01
HISTORY_ROWS: Final = 60_000
FAMILIES: Final = ("ipv4", "ipv6")


class Piece:
    """A frame on its way; `finish` is when it has passed the bottleneck, `due` when it comes out."""

    __slots__ = ("bytes", "due", "family", "finish", "packets", "payload", "raw")

    def __init__(self, frame: Frame, first: int, last: int, times: tuple[float, float]) -> None:
        self.finish, self.due = times
        self.raw = frame.cut(first, last)
        self.family = frame.family
        self.packets = last - first
        self.bytes = frame.size(first, last)
        self.payload = frame.payload_of(first, last)


class Direction:
    """Reads, shapes and writes; times are those of time.monotonic()."""

    def __init__(self, source: Tun, target: Tun, shaper: Shaper) -> None:
        self.source = source.descriptor
        self._target = target.descriptor
        self._shaper = shaper
        self.pending: deque[Piece] = deque()
        self.counts = (Count(), Count())
        self.refused = 0  # frames that the kernel would not take
        self.late_s = 0.0
        self._overruns = source.overruns
        self._history: deque[tuple[float, int, int, int]] = deque(maxlen=HISTORY_ROWS)
        self._history_at = 0.0
        self._history_first = 0
        self._moved = False

    def take(self, since: float, now: float) -> None:
        """Read what came between `since` and `now`: at once if the link was busy then, so that it stays busy."""
        arrival = since if self._shaper.free_at > since else (since + now) / 2
        for _ in range(TURN):
            try:
                raw = os.read(self.source, READ)
            except BlockingIOError:
                return
            self._admit(Frame(raw), arrival, now)

    def _admit(self, frame: Frame, arrival: float, now: float) -> None:
        count = self.counts[frame.family]
        count.packets_in += frame.count
        count.bytes_in += frame.ip_bytes
        # The queue has emptied until now, however late we read what came meanwhile.
        fitting = frame.fitting(self._shaper.room(now))
        if not fitting and self._shaper.free_at <= now:
            fitting = 1  # an empty queue takes any packet
        if fitting < frame.count:
            count.packets_dropped += frame.count - fitting
            count.bytes_dropped += frame.size(fitting, frame.count)
        step = self._step(frame, arrival)
        for first in range(0, fitting, step):
            self._pass(frame, first, min(first + step, fitting), arrival)

    def _step(self, frame: Frame, arrival: float) -> int:
        """How many segments one piece may hold."""
        if frame.count == 1:
            return 1
        capacity = self._shaper.capacity
        rate = capacity.rate(max(arrival, self._shaper.free_at)) or capacity.mean
        return int(max(1, min(frame.count, rate * PIECE_S // (frame.ip_bytes / frame.count))))

    def _pass(self, frame: Frame, first: int, last: int, arrival: float) -> None:
        shaper = self._shaper
        finish = shaper.serve(arrival, frame.size(first, last))
        times = finish, shaper.due(finish)
        lost = last - first
        lost_bytes = frame.size(first, last)
        for begin, end in shaper.loss.survivors(first, last):
            piece = Piece(frame, begin, end, times)
            self.pending.append(piece)
            lost -= piece.packets
            lost_bytes -= piece.bytes
        if lost:
            count = self.counts[frame.family]
            count.packets_lost += lost
            count.bytes_lost += lost_bytes

    def deliver(self, horizon: float, now: float) -> None:
        """Write what is due by the horizon."""
        pending = self.pending
        while pending and pending[0].due <= horizon:
            piece = pending.popleft()
            try:
                os.write(self._target, piece.raw)
            except OSError:
                self.refused += 1
                continue
            self.late_s = max(self.late_s, now - piece.due)
            count = self.counts[piece.family]
            count.packets_delivered += piece.packets
            count.bytes_delivered += piece.bytes
            count.tcp_payload_bytes += piece.payload
            self._moved = True

    def remember(self, now: float) -> None:
        """Keep what was delivered, and what waits now that everything that came is read."""
        if not self._moved or now < self._history_at:
            return
        self._moved = False
        four, six = self.counts
        delivered = four.bytes_delivered + six.bytes_delivered
        if len(self._history) == HISTORY_ROWS:
            self._history_first += 1
        payload = four.tcp_payload_bytes + six.tcp_payload_bytes
        self._history.append((now, delivered, payload, self._shaper.backlog(now)))
        self._history_at = now + HISTORY_S

    def change(self, spec: LinkSpec, now: float) -> None:
        """Take new settings; what has not passed the bottleneck is planned anew."""
        waiting = [piece for piece in self.pending if piece.finish > now]
        behind = max((piece.due for piece in self.pending if piece.finish <= now), default=now)
        replanned = self._shaper.change(spec, now, [piece.finish for piece in waiting], behind)
        for piece, (finish, due) in zip(waiting, replanned, strict=True):
            piece.finish, piece.due = finish, due

    def report(self, now: float) -> dict[str, Any]:
        """Give the counters as JSON values."""
        return {
            **{name: asdict(count) for name, count in zip(FAMILIES, self.counts, strict=True)},
            "waiting_bytes": sum(piece.bytes for piece in self.pending),
            "queue_bytes": self._shaper.backlog(now),
            "refused": self.refused,
            "overruns": self._overruns(),
            "late_s": self.late_s,
            "epoch": self._shaper.epoch,
        }

    def history(self, start: int, rows: int) -> list[tuple[float, int, int, int]]:
        """Give rows of (time, IP bytes, TCP payload bytes delivered until then, bytes queued), oldest first.

        From row `start` on.
        """
        begin = max(0, start - self._history_first)
        return list(islice(self._history, begin, begin + rows))
