"""The whole made-up world, and the messages that its agents send over a stretch of time. Pure; the seed decides."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from agent.wire.report import Measurement
from collector.demonstration.reports import DENSE, THIN, Sent, account, day_of, placed
from collector.demonstration.sites import DemoSite, sites
from collector.demonstration.weather import PEER_DOWN, SILENT_FOR, Spell, begun, spells

RECENT: Final = timedelta(days=14)
EVERY: Final = timedelta(hours=6)
_DAY: Final = timedelta(days=1)
_WATCHED: Final = timedelta(hours=25)
_ODD: Final = 4
_ORDINARY: Final = 28
_TOLD: Final = timedelta(days=45)
"""So far back agents have told what they planned: the ledger takes its time over each such word."""
_ACCOUNT_AT: Final = time(0, 12)
_AFTER_SILENCE: Final = (timedelta(0), timedelta(minutes=18), timedelta(minutes=40))
_AFTER_PEER: Final = tuple(timedelta(minutes=minutes) for minutes in (0, 17, 28, 45))


@dataclass(frozen=True, slots=True)
class Chunk:
    """What has arrived until a moment: agent and bytes of each report, in the order of arrival."""

    until: datetime
    sent: Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class World:
    """What a demonstration shows. `origin`: when it was filled first, UTC; all that happens is dated by it."""

    seed: int
    count: int
    days: int
    origin: datetime
    sites: Sequence[DemoSite] = field(init=False)
    spells: Mapping[int, Sequence[Spell]] = field(init=False)

    def __post_init__(self) -> None:
        """Make the sites, and what happens to each."""
        made = sites(self.seed, self.count)
        object.__setattr__(self, "sites", made)
        object.__setattr__(self, "spells", {one.number: spells(self.seed, one, self.origin, self.days) for one in made})

    @property
    def start(self) -> datetime:
        """The beginning of its past."""
        return self.origin - timedelta(days=self.days)

    def begun(self, one: DemoSite) -> datetime:
        """From when on a site is measured."""
        return begun(one, self.origin, self.days)

    def is_heard(self, one: DemoSite, at: datetime) -> bool:
        """Whether a site's agent can be heard at a moment."""
        now = (spell for spell in self.spells[one.number] if spell.start <= at < spell.end)
        return at >= self.begun(one) and not any(spell.kind in ("off", "outage") for spell in now)

    def turns(self, one: DemoSite, at: datetime) -> int:
        """How seldom a site is worth a look around a moment: each time when something begins or ends, else in turn."""
        for spell in self.spells[one.number]:
            if spell.start > at + EVERY:
                break
            if at - _WATCHED < spell.start or at - _WATCHED < spell.end < at + EVERY:
                return 1
        return _ODD if one.story != "ordinary" else _ORDINARY

    def looks(self, start: datetime, until: datetime) -> list[datetime]:
        """The moments after `start` at which the collector is to look: some a day, and where many fail at once."""
        found = {until}
        at = start + EVERY
        while at < until:
            found.add(at)
            at += EVERY if at >= self.origin - RECENT else 2 * EVERY
        silence, peer = self.origin - SILENT_FOR, self.origin - PEER_DOWN[0]
        found |= {silence + after for after in _AFTER_SILENCE} | {peer + after for after in _AFTER_PEER}
        found |= {peer + PEER_DOWN[1] + after for after in _AFTER_PEER}
        return sorted(at for at in found if start < at <= until)

    def chunks(self, start: datetime, until: datetime, epoch: str) -> Iterator[Chunk]:
        """What arrives from `start` until `until`, look by look; numbers of `epoch` count from 1 at each agent."""
        numbers = dict.fromkeys((one.number for one in self.sites), 0)
        days = iter(_days(start, until))
        waiting: list[tuple[datetime, int, str, bytes]] = []
        told = start
        for look in self.looks(start, until):
            while told < look and (day := next(days, None)) is not None:
                for order, (arrives, one, measured) in enumerate(self._of_day(day, start, until)):
                    numbers[one.number] += 1
                    raw = placed(measured, epoch, numbers[one.number])
                    heapq.heappush(waiting, (arrives, order, one.site.id, raw))
                told = datetime.combine(day + _DAY, time(), UTC)
            found: list[tuple[str, bytes]] = []
            while waiting and waiting[0][0] <= look:
                _, _, agent, raw = heapq.heappop(waiting)
                found.append((agent, raw))
            yield Chunk(look, found)

    def _of_day(
        self, day: date, start: datetime, until: datetime
    ) -> Iterator[tuple[datetime, DemoSite, Measurement[Any]]]:
        """A day of every site, within the stretch."""
        for one in self.sites:
            first = max(start, self.begun(one))
            for sent in self._of_site(one, day):
                if first <= sent.measured.started < until:
                    yield sent.arrives, one, sent.measured

    def _of_site(self, one: DemoSite, day: date) -> list[Sent]:
        runs, happening = self._runs(day), self.spells[one.number]
        sent = day_of(self.seed, one, day, runs, happening)
        at = datetime.combine(day + _DAY, _ACCOUNT_AT, UTC) + timedelta(seconds=one.number)
        if at < self.origin - _TOLD or day <= self.begun(one).date():
            return sent
        if any(spell.start <= at < spell.end for spell in happening if spell.kind in ("off", "outage")):
            return sent
        return [*sent, Sent(at + timedelta(seconds=2), account(one, day, sent, runs, at))]

    def _runs(self, day: date) -> Mapping[str, int]:
        recent = (self.origin - RECENT).astimezone(UTC).date()
        return DENSE if day >= recent else THIN


def _days(start: datetime, until: datetime) -> Iterator[date]:
    """The days (UTC) that a stretch touches, and the one before, whose account falls into it."""
    day = start.astimezone(UTC).date() - _DAY
    while day <= until.astimezone(UTC).date():
        yield day
        day += _DAY
