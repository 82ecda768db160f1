"""The reflector's own packet counts, one per sender. Pure: time is a parameter.

The count is what lets a sender tell loss on the way out from loss on the way back (RFC 8762, stateful mode).
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

_REMEMBERED: Final = 256


@dataclass(slots=True)
class _Heard:
    """Which of a sender's latest numbers have been heard: a bit for each, the lowest for `highest`."""

    highest: int = -1
    newest_ns: int = 0
    bits: int = 0

    def again(self, seq: int, sent_ns: int) -> bool:
        """Note a packet; True if the same has been here before. A low number with a new time is a sender's restart."""
        ahead = seq - self.highest
        if ahead > 0 or sent_ns > self.newest_ns:
            self.bits = self.bits << ahead & (1 << _REMEMBERED) - 1 | 1 if 0 < ahead < _REMEMBERED else 1
            self.highest, self.newest_ns = seq, sent_ns
            return False
        bit = 1 << -ahead if -ahead < _REMEMBERED else 0
        known = bool(self.bits & bit)
        self.bits |= bit
        return known


@dataclass(slots=True)
class _Session:
    """The next number, when the last packet came, and which have come."""

    next_seq: int
    heard_at: float
    heard: _Heard = field(default_factory=_Heard)


class Sessions:
    """Counts per session key, forgotten after `expiry_s` of silence, at most `limit` of them."""

    def __init__(self, *, limit: int = 4096, expiry_s: float = 60.0) -> None:
        self._limit = limit
        self._expiry_s = expiry_s
        self._sessions: OrderedDict[object, _Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sessions)

    def expire(self, now: float) -> None:
        """Forget the silent ones."""
        while self._sessions:
            key, session = next(iter(self._sessions.items()))
            if now - session.heard_at < self._expiry_s:
                return
            del self._sessions[key]

    def count(self, key: object, now: float) -> int | None:
        """Return the number of this packet in its session, from 0.

        None when the table is full of living sessions: a flood of made-up senders must not push real ones out, so
        the newcomer is answered without a count of its own.
        """
        self.expire(now)
        session = self._sessions.get(key)
        if session is None:
            if len(self._sessions) >= self._limit:
                return None
            session = self._sessions[key] = _Session(0, now)
        self._sessions.move_to_end(key)
        session.heard_at = now
        seq = session.next_seq
        session.next_seq = (seq + 1) & 0xFFFFFFFF
        return seq

    def repeats(self, key: object, *, seq: int, sent_ns: int) -> bool:
        """Note the sender's own number and time of a packet; True if this packet was here before.

        Only the last 256 numbers are remembered: what is older is not called a repetition.
        """
        session = self._sessions.get(key)
        return session is not None and session.heard.again(seq, sent_ns)
