"""What became of what was planned, by agent and day, from counts and intervals. Pure.

Days are those of the agents' own accounts (UTC): only so can planned and received be held against each other.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from collector.archive.intervals import Intervals, Range, subtract

_MOST: Final = 2**53  # what a number of a device is at most, too: of their sums a database could not hold each


@dataclass(frozen=True, slots=True)
class KindDay:
    """One kind of one agent on one day. `planned` and `run` are None while the agent has not accounted for the day."""

    kind: str
    planned: int | None = None
    run: int | None = None
    skipped: Mapping[str, int] = field(default_factory=dict)
    received: int = 0
    late: int = 0
    duplicate: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """The highest number among the reports of a day, in one epoch."""

    epoch: str
    day: date
    last: int


@dataclass(frozen=True, slots=True)
class Numbers:
    """One epoch: its numbers from `begin` to `top`, what of them is stored, and why others are not."""

    begin: int
    top: int
    stored: Intervals
    dropped: Intervals
    rejected: Intervals
    deferred: Intervals
    ended: Intervals


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a day's numbers: produced = stored + dropped + rejected + deferred + ended + open."""

    produced: int = 0
    dropped: int = 0
    rejected: int = 0
    deferred: int = 0
    ended: int = 0
    open: int = 0

    @property
    def missing(self) -> int:
        """Neither stored nor known to be lost: still awaited, asked for, or lost with their spool."""
        return self.deferred + self.ended + self.open


@dataclass(frozen=True, slots=True)
class AgentDay:
    """One agent's day. `expected`: planned, or what was planned on its nearest other day while the account is out."""

    agent: str
    day: date
    kinds: tuple[KindDay, ...]
    fate: Fate
    expected: Mapping[str, int]
    accounted: bool
    over: bool

    @property
    def planned(self) -> int:
        """How many runs were to be made, all kinds."""
        return sum(self.expected.values())

    @property
    def run(self) -> int:
        """How many of them were made, as far as the agent has said."""
        return sum(kind.run or 0 for kind in self.kinds)

    @property
    def skipped(self) -> dict[str, int]:
        """How many were not made, by reason."""
        reasons: dict[str, int] = {}
        for kind in self.kinds:
            for reason, count in kind.skipped.items():
                reasons[reason] = reasons.get(reason, 0) + count
        return reasons

    @property
    def received(self) -> int:
        """How many reports of measurements are stored."""
        return sum(kind.received for kind in self.kinds if kind.kind != "ledger")

    @property
    def late(self) -> int:
        """How many of them came late."""
        return sum(kind.late for kind in self.kinds if kind.kind != "ledger")

    @property
    def duplicate(self) -> int:
        """How many reports were archived more than once."""
        return sum(kind.duplicate for kind in self.kinds)

    @property
    def kept(self) -> int:
        """How many of the planned runs are stored; runs on request make up for none."""
        received = {kind.kind: kind.received for kind in self.kinds}
        return sum(min(planned, received.get(kind, 0)) for kind, planned in self.expected.items())


def fates(numbers: Mapping[str, Numbers], spans: Iterable[Span], *, today: date) -> dict[date, Fate]:
    """Share every number that an agent has given among its days, by the days of the reports around it.

    A number after those of one day and up to the last one of the next belongs to the next: what is missing there was
    made between the two. What is known of only by the agent's word, above every report, belongs to today.
    """
    by_epoch: dict[str, list[Span]] = {}
    for span in spans:
        by_epoch.setdefault(span.epoch, []).append(span)
    found: dict[date, Fate] = {}
    for epoch, known in numbers.items():
        begin = known.begin
        for day, end in _ends(by_epoch.get(epoch, []), known.top, today):
            if end >= begin:
                found[day] = _sum(found.get(day, Fate()), _fate(known, (begin, end)))
                begin = end + 1
    return found


def expected(days: Mapping[date, Sequence[KindDay]], day: date) -> Mapping[str, int]:
    """What was to be run that day: by the agent's account, else by that of the nearest earlier, else later day."""
    accounted = sorted(one for one, kinds in days.items() if any(kind.planned is not None for kind in kinds))
    if not accounted:
        return {}
    place = bisect_left(accounted, day)
    nearest = accounted[place] if place < len(accounted) and accounted[place] == day else accounted[max(0, place - 1)]
    return {kind.kind: kind.planned for kind in days[nearest] if kind.planned is not None}


def agent_days(
    agent: str,
    days: Mapping[date, Sequence[KindDay]],
    fate: Mapping[date, Fate],
    *,
    window: tuple[date, date],
    since: date | None,
    today: date,
) -> list[AgentDay]:
    """One entry for each day of the window (both ends included), from the agent's first on: also for silent ones."""
    first, last = max(window[0], since or window[0]), min(window[1], today)
    found: list[AgentDay] = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        kinds = tuple(sorted(days.get(day, ()), key=lambda kind: kind.kind))
        accounted = any(kind.planned is not None for kind in kinds)
        known = expected(days, day)
        found.append(AgentDay(agent, day, kinds, fate.get(day, Fate()), known, accounted, day < today))
    return found


def ratio(days: Sequence[AgentDay]) -> float | None:
    """Share of the planned runs of these agents and days that are stored; None where nobody can tell, or not yet.

    A day that is not over says nothing, and agents of which nobody knows any plan say nothing together. Beside others
    such a one counts as nothing of something where nothing arrived: a site with one box off is half complete.
    """
    over = [day for day in days if day.over]
    planned = sum(day.planned for day in over)
    if not planned:
        return None
    silent = sum(not (day.planned or day.accounted or day.received) for day in over)
    told = sum(bool(day.planned) for day in over)
    return sum(day.kept for day in over) / planned * told / (told + silent)


@dataclass(frozen=True, slots=True)
class SiteDay:
    """What became of a site's day, all its agents together. `ratio`: received of planned; None: nobody can tell yet."""

    site: str
    day: date
    planned: int
    run: int
    skipped: Mapping[str, int]
    produced: int
    received: int
    late: int
    rejected: int
    dropped: int
    missing: int
    duplicate: int
    ratio: float | None
    accounted: bool


def site_day(site: str, day: date, agents: Sequence[AgentDay]) -> SiteDay:
    """Put the days of a site's agents together."""
    skipped: dict[str, int] = {}
    for agent in agents:
        for reason, count in agent.skipped.items():
            skipped[reason] = _total((skipped.get(reason, 0), count))
    return SiteDay(
        site=site,
        day=day,
        planned=_total(agent.planned for agent in agents),
        run=_total(agent.run for agent in agents),
        skipped=dict(sorted(skipped.items())),
        produced=_total(agent.fate.produced for agent in agents),
        received=_total(agent.received for agent in agents),
        late=_total(agent.late for agent in agents),
        rejected=_total(agent.fate.rejected for agent in agents),
        dropped=_total(agent.fate.dropped for agent in agents),
        missing=_total(agent.fate.missing for agent in agents),
        duplicate=_total(agent.duplicate for agent in agents),
        ratio=ratio(agents),
        accounted=all(agent.accounted for agent in agents),
    )


@dataclass(frozen=True, slots=True)
class Told:
    """What days of which a share can be told say together: runs that are stored of so many that were planned."""

    kept: float = 0.0
    planned: float = 0.0

    def __add__(self, other: "Told") -> "Told":
        """All of both."""
        return Told(self.kept + other.kept, self.planned + other.planned)

    @property
    def share(self) -> float | None:
        """What `share` says of these days."""
        return self.kept / self.planned if self.planned else None


def share(days: Sequence[SiteDay]) -> float | None:
    """Received of planned over the days of which that can be told; None if there is none."""
    told = [(day.ratio, day.planned) for day in days if day.ratio is not None]
    return sum((Told(ratio * planned, planned) for ratio, planned in told), Told()).share


def _ends(spans: Sequence[Span], top: int, today: date) -> list[tuple[date, int]]:
    """The last number of each day, days ascending; the rest of the numbers is today's."""
    ends = [(span.day, span.last) for span in sorted(spans, key=lambda span: span.day)]
    return [*ends, (today, top)]


def _fate(known: Numbers, part: Range) -> Fate:
    counts: dict[str, int] = {}
    rest = subtract([part], known.stored)
    for name in ("dropped", "rejected", "deferred", "ended"):
        left = subtract(rest, getattr(known, name))
        counts[name] = _count(rest) - _count(left)
        rest = left
    return Fate(produced=_count([part]), open=_count(rest), **counts)


def _sum(one: Fate, other: Fate) -> Fate:
    return Fate(
        one.produced + other.produced,
        one.dropped + other.dropped,
        one.rejected + other.rejected,
        one.deferred + other.deferred,
        one.ended + other.ended,
        one.open + other.open,
    )


def _total(counts: Iterable[int]) -> int:
    return min(sum(counts), _MOST)


def _count(ranges: Iterable[Range]) -> int:
    return sum(last - first + 1 for first, last in ranges)
