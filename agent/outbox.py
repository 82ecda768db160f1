"""Which stored reports to publish next, and when: the agent's side of the receipt rules (contract, "MQTT").

Pure. It knows slips, never bodies; time (monotonic seconds) and randomness come in. A report without receipt is in
exactly one of three states, and only the first two cost memory:

* in flight: published, receipt awaited. At most a window of them. The resend timer starts at the PUBACK.
* deferred: the collector wants it later. Kept as ranges of places.
* unsent: everything else beyond `cursor` in the spool, fetched page by page, oldest first.

So `cursor` may be set back at any time: what is in flight or deferred is skipped when it comes by again.
"""

import bisect
import itertools
import math
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from agent.broker_line import Line
from agent.wire.codec import ARRAY_LIMIT
from agent.wire.results import Range

# These concern the agent or the collector as a whole: one array asks for all. The others concern single reports.
_WHOLE: Final = {"unknown_agent", "store_full"}
_DEFER_JITTER: Final = 0.25
_GROUPS: Final = 60  # so many groups of single deferred reports begin in the time after which they are tried again
_BOOTS: Final = 2  # starts of the collector, one after the other and without a receipt, that are nothing unusual
_BOOT_DOUBLINGS: Final = 4
_BEFORE_ALL: Final = -(1 << 62)  # no place is before it; what a survey recorded has places below zero


@dataclass(frozen=True, slots=True)
class Slip:
    """What the outbox has to know of one report: its place in the spool, its name on the wire, its size in bytes."""

    place: int
    epoch: str
    seq: int
    size: int


@dataclass(frozen=True, slots=True)
class Rules:
    """The numbers of delivery; `agent.toml` documents them under [broker]."""

    resend_first_s: float = 60
    resend_max_s: float = 3600
    defer_s: float = 3600
    boot_jitter_s: float = 30
    batch_s: float = 0.2
    window_reports: int = 100
    window_bytes: int = 262144
    slow_window_bytes: int = 65536
    slow_mbps: float = 1
    array_reports: int = 50
    silent_arrays: int = 3


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message to publish now: a single report as an object, several as an array."""

    slips: tuple[Slip, ...]
    sent_at: float
    size: int
    under_way: int


@dataclass(slots=True)
class _Flight:
    slip: Slip
    due: float = -math.inf
    parcel: Parcel | None = None  # while its PUBACK is awaited
    again: bool = False  # asked for while that was so
    sends: int = 0
    arrays: int = 0  # of these, sends in an array that brought no receipt


@dataclass(slots=True)
class _Deferred:
    reason: str
    since: float
    due: float
    places: list[Range] = field(default_factory=list)
    wholly: bool = False  # all of it when due, without asking by one array first


class Outbox:
    """Decides what to publish. Tell it everything that happens; ask `next` until it has nothing, then wait."""

    def __init__(self, rules: Rules, random: Callable[[], float]) -> None:
        self._rules = rules
        self._random = random
        self.line = Line(
            window_bytes=rules.window_bytes, slow_window_bytes=rules.slow_window_bytes, slow_mbps=rules.slow_mbps
        )
        self.cursor = _BEFORE_ALL
        self._exhausted = False
        self._news = 0
        self._rewinds = 0
        self._asked = (0, 0)  # rewinds and news when a page was asked for
        self._page: deque[Slip] = deque()
        self._page_since = 0.0
        self._flights: dict[int, _Flight] = {}
        self._deferred: list[_Deferred] = []
        self._asking: dict[int, str] = {}
        self._boot: str | None = None
        self._boot_heard = False
        self._boots = 0  # that were heard since the last receipt
        self._relieved = False

    # --- what to do next

    @property
    def in_flight(self) -> int:
        """Reports that were published and have no receipt."""
        return len(self._flights)

    @property
    def in_flight_bytes(self) -> int:
        """Their size."""
        return sum(flight.slip.size for flight in self._flights.values())

    @property
    def under_way_bytes(self) -> int:
        """Bytes of messages whose PUBACK is awaited."""
        parcels = {id(flight.parcel): flight.parcel for flight in self._flights.values() if flight.parcel}
        return sum(parcel.size for parcel in parcels.values())

    def wanted(self, now: float) -> int:
        """How many more slips beyond `cursor` could be used now; 0 for none."""
        self._release_due(now)
        room = self._rules.window_reports - len(self._flights) - len(self._page)
        if self._exhausted or len(self._page) >= self._rules.array_reports:
            return 0
        self._asked = self._rewinds, self._news
        return max(0, room) if self.in_flight_bytes < self.line.window_bytes else 0

    def offer(self, slips: Sequence[Slip], asked: int, now: float) -> None:
        """Take the page that was wanted: what has no receipt, oldest first; fewer than asked only at the end."""
        rewinds, news = self._asked
        if rewinds != self._rewinds:
            return  # what is to be looked at again may have had its receipt when the page was read
        self._exhausted = len(slips) < asked and news == self._news
        for slip in slips:
            if slip.place <= self.cursor:
                continue
            passed = self._deferred_range(slip.place)
            self.cursor = passed[1] if passed else slip.place
            if passed is None and slip.place not in self._flights:
                if not self._page:
                    self._page_since = now
                self._page.append(slip)

    def next(self, now: float) -> Parcel | None:
        """Give the message to publish now, or None. It counts as sent."""
        self._release_due(now)
        due = sorted(place for place, flight in self._flights.items() if not flight.parcel and flight.due <= now)
        slips = self._gather_due(due) if due else self._gather_page(now)
        if not slips:
            return None
        size = _payload_bytes(slips)
        under_way = self.under_way_bytes
        if due and under_way and under_way + size > self.line.window_bytes:
            return None
        return self._send(slips, size, under_way, now)

    def due(self, now: float) -> float:
        """When `next` may have something though nothing else happened; infinity for never.

        What is due already and was not given is blocked by the window: an event frees it, not time.
        """
        times = [flight.due for flight in self._flights.values() if flight.parcel is None]
        times += [group.due for group in self._deferred]
        times += [self._page_since + self._rules.batch_s] if self._page else []
        return min((time for time in times if time > now), default=math.inf)

    def _gather_due(self, due: list[int]) -> list[Slip]:
        """Resend: the oldest, with others in an array unless arrays of it met silence too often."""
        first = self._flights[due[0]]
        if first.arrays >= self._rules.silent_arrays:
            return [first.slip]
        flights = (self._flights[place] for place in due)
        return self._gather(flight.slip for flight in flights if flight.arrays < self._rules.silent_arrays)

    def _gather_page(self, now: float) -> list[Slip]:
        """Send first: as much as the window lets through; a small lot waits a moment for company."""
        count = self._rules.window_reports - len(self._flights)
        room = self.line.window_bytes - self.in_flight_bytes
        slips = self._gather(self._page, count=count, room=room if self._flights else math.inf)
        full = len(slips) >= self._rules.array_reports or _payload_bytes(slips) > self.line.window_bytes // 2
        if not full and now < self._page_since + self._rules.batch_s:
            return []
        for _ in slips:
            self._page.popleft()
        self._page_since = now
        return slips

    def _gather(self, slips: Iterable[Slip], *, count: int = 1 << 30, room: float = math.inf) -> list[Slip]:
        """Take the head of a row that fits one message, the array limit and the room."""
        taken: list[Slip] = []
        most, size = min(room, ARRAY_LIMIT, self.line.window_bytes), 2
        for slip in itertools.islice(slips, min(count, self._rules.array_reports)):
            size += slip.size + 1
            if (size > most) if taken else (slip.size > room):
                break
            taken.append(slip)
        return taken

    def _send(self, slips: list[Slip], size: int, under_way: int, now: float) -> Parcel:
        parcel = Parcel(tuple(slips), now, size, under_way + size)
        for slip in slips:
            flight = self._flights.setdefault(slip.place, _Flight(slip))
            flight.parcel, flight.again = parcel, False
            flight.sends += 1
            flight.arrays += len(slips) > 1
        return parcel

    # --- what happened here

    def put(self) -> None:
        """There may be more in the spool than the last page showed."""
        self._exhausted = False
        self._news += 1

    def connected(self, now: float) -> None:
        """A new connection: everything in flight is sent again at once, and the spool looked through anew."""
        for flight in self._flights.values():
            flight.parcel, flight.due, flight.again = None, now, False
        self._rewind(_BEFORE_ALL + 1)

    def disconnected(self) -> None:
        """The connection is gone."""
        self._boot_heard = False
        if any(flight.parcel for flight in self._flights.values()):
            self.line.broke()

    def acked(self, parcel: Parcel, now: float) -> None:
        """The broker has the message: from now on the collector's silence counts."""
        self.line.acknowledged(parcel.under_way, now - parcel.sent_at)
        rules, share = self._rules, self._random()
        for slip in parcel.slips:
            flight = self._flights.get(slip.place)
            if flight is None or flight.parcel is not parcel:
                continue
            cap = min(rules.resend_max_s, rules.resend_first_s * 2.0 ** min(flight.sends - 1, 64))
            wait = rules.resend_first_s + share * (cap - rules.resend_first_s)
            if flight.again:
                wait = self._boot_jitter_s * share
            flight.parcel, flight.due, flight.again = None, now + wait, False

    def kept_back(self, parcel: Parcel, until: float) -> None:
        """It could not be sent after all; not before then."""
        for slip in parcel.slips:
            flight = self._flights.get(slip.place)
            if flight is not None and flight.parcel is parcel:
                flight.parcel, flight.due = None, until

    def gone(self, places: Iterable[int]) -> None:
        """These are no longer in the spool, or have their receipt."""
        for place in places:
            self._flights.pop(place, None)
            self._asking.pop(place, None)

    # --- what the collector says

    def stored(self, epoch: str, ranges: Iterable[Range]) -> None:
        """Receipts: these leave the window. If one stood for all deferred for the same reason, the others follow."""
        places = self._named(epoch, ranges)
        answered = {self._asking[place] for place in places if place in self._asking}
        self.gone(places)
        if places:
            self._relieved, self._boots = self._relieved or self._boots > _BOOTS, 0
        for group in [group for group in self._deferred if group.reason in answered]:
            self._release(group)

    def rejected(self, epoch: str, seqs: Collection[int]) -> None:
        """Never to be accepted."""
        self.gone(self._named(epoch, ((seq, seq) for seq in seqs)))

    def deferred(self, epoch: str, reasons: Mapping[int, str], now: float) -> None:
        """To be tried again later. One that is not in flight is known to be deferred, or will be sent and answered."""
        places = sorted(self._named(epoch, ((seq, seq) for seq in reasons)))
        groups: dict[str, _Deferred] = {}
        for place in places:
            reason = reasons[self._flights[place].slip.seq]
            group = groups.get(reason) or self._group(reason, now)
            groups[reason] = group
            _add(group.places, place)
        self.gone(places)

    def collector_boot(self, boot: str, now: float) -> None:
        """The collector's notice: with a new id, everything without receipt again, within the jitter.

        A broker that remembers shows the notice at once, before `connected`. One that shows it only later had forgotten
        everything, and what was published before the collector came back to it is gone: that counts as new, too.

        A collector that starts again and again and stores nothing is sent everything more and more seldom.
        """
        known = self._boot == boot and self._boot_heard
        self._boot, self._boot_heard = boot, True
        if known:
            return
        self._boots += 1
        at = now + self._boot_jitter_s * self._random()
        for flight in self._flights.values():
            flight.due = flight.due if flight.again else at
            flight.again, flight.arrays, flight.sends = True, 0, 0
        for group in self._deferred:
            group.due = group.due if group.wholly else at
            group.wholly = True

    @property
    def _boot_jitter_s(self) -> float:
        return self._rules.boot_jitter_s * 2.0 ** min(_BOOT_DOUBLINGS, max(0, self._boots - _BOOTS))

    def _relieve(self, now: float) -> None:
        """What waits long because of a collector that could not stay up comes soon, now that it stores again."""
        self._relieved = False
        at = now + self._rules.boot_jitter_s * self._random()
        for flight in self._flights.values():
            flight.due = min(flight.due, at) if flight.again else flight.due
        for group in self._deferred:
            group.due = min(group.due, at) if group.wholly else group.due

    def resend(self, ranges: Sequence[Range], now: float) -> None:
        """The collector asks for these places again: now, whatever receipts or timers they had."""
        for first, last in ranges:
            for place in self._held(first, last):
                flight = self._flights[place]
                flight.due, flight.again, flight.arrays = now, flight.parcel is not None, 0
            for group in self._deferred:
                group.places = _without(group.places, first, last)
            self._rewind(first)
        self._deferred = [group for group in self._deferred if group.places or group.reason in self._asking.values()]

    # --- deferred ones

    def _group(self, reason: str, now: float) -> _Deferred:
        """Find or begin the group of a reason; those of single reports are tried again by when each was deferred."""
        for group in self._deferred:
            if group.reason == reason and (reason in _WHOLE or now - group.since < self._rules.defer_s / _GROUPS):
                return group
        group = _Deferred(reason, now, self._defer_until(now))
        self._deferred.append(group)
        return group

    def _defer_until(self, now: float) -> float:
        return now + self._rules.defer_s * (1 + _DEFER_JITTER * self._random())

    def _release_due(self, now: float) -> None:
        if self._relieved:
            self._relieve(now)
        for group in [group for group in self._deferred if group.due <= now]:
            if group.reason not in _WHOLE or group.wholly or not group.places:
                self._release(group)
                continue
            group.due = self._defer_until(now)
            first, last = group.places[0]
            last = min(last, first + self._rules.array_reports - 1)
            others = {place: reason for place, reason in self._asking.items() if reason != group.reason}
            self._asking = others | dict.fromkeys(range(first, last + 1), group.reason)
            group.places = _without(group.places, first, last)
            self._rewind(first)

    def _release(self, group: _Deferred) -> None:
        self._deferred.remove(group)
        if group.places:
            self._rewind(group.places[0][0])

    def _rewind(self, place: int) -> None:
        """Look at everything from this place on again, though a page that is just being read shows it otherwise."""
        self._rewinds += 1
        if place <= self.cursor:
            self.cursor = min(place, self._page[0].place if self._page else place) - 1
            self._page.clear()
        self.put()

    def _deferred_range(self, place: int) -> Range | None:
        for group in self._deferred:
            at = bisect.bisect_right(group.places, (place, math.inf)) - 1
            if at >= 0 and group.places[at][0] <= place <= group.places[at][1]:
                return group.places[at]
        return None

    def _named(self, epoch: str, ranges: Iterable[Range]) -> list[int]:
        """Find what is in flight under these names."""
        spans = _merged(ranges)
        found = []
        for place, flight in self._flights.items():
            at = bisect.bisect_right(spans, (flight.slip.seq, math.inf)) - 1
            if flight.slip.epoch == epoch and at >= 0 and spans[at][1] >= flight.slip.seq:
                found.append(place)
        return found

    def _held(self, first: int, last: int) -> Iterator[int]:
        return (place for place in list(self._flights) if first <= place <= last)


def _payload_bytes(slips: Sequence[Slip]) -> int:
    """Size of the message: an array adds brackets and commas."""
    size = sum(slip.size for slip in slips)
    return size + len(slips) + 1 if len(slips) > 1 else size


def _add(places: list[Range], place: int) -> None:
    """Add a place to sorted ranges."""
    at = bisect.bisect_right(places, (place, math.inf))
    if at and places[at - 1][1] >= place - 1:
        places[at - 1] = (places[at - 1][0], max(place, places[at - 1][1]))
        at -= 1
    else:
        places.insert(at, (place, place))
    if at + 1 < len(places) and places[at + 1][0] <= places[at][1] + 1:
        places[at] = (places[at][0], places.pop(at + 1)[1])


def _without(places: Iterable[Range], first: int, last: int) -> list[Range]:
    """Take a range out of ranges."""
    parts = []
    for low, high in places:
        parts += [(low, min(high, first - 1)), (max(low, last + 1), high)]
    return [(low, high) for low, high in parts if low <= high]


def _merged(ranges: Iterable[Range]) -> list[Range]:
    """Sort ranges and join those that overlap."""
    merged: list[Range] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged
