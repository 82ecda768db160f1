"""The role `judge`: when reports come in and as time passes, from the store to verdicts and incidents.

Everything is decided elsewhere (`judge`, `incidents.rules`); here it is read, written and told. What is kept in
memory can be computed again: after a restart every site is judged once. That reports have come in is heard from the
bus, wherever they were taken in; without a fleet nothing is said of silence.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from collector.config import JudgeSettings
from collector.errors import PointsRefused, RegistryUnavailable, StoreFull, StoreUnavailable
from collector.events import Bus, Event, Subscription
from collector.fleet import Fleet
from collector.incidents.history import History
from collector.incidents.incident import Cause, Incident
from collector.incidents.rules import LATE, Action, Heard, Patience, Sight, below_step, is_silent, silent_step
from collector.judge.judge import CLOCK_SLACK, WINDOW, judge, looked_at
from collector.judge.line import line_since
from collector.judge.sample import Evidence, Sample
from collector.judge.verdict import INDICATOR, Verdict
from collector.plans.binding import binding_for
from collector.plans.types import Plan
from collector.registry.registry import Registry
from collector.registry.site import Snapshot
from collector.store.points import incident_point, nanoseconds, verdict_point
from collector.store.store import Point, Row, Store
from collector.verdicts import Verdicts

log = logging.getLogger(__name__)
KIND: Final = "throughput"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DOWN: Final = (StoreUnavailable, StoreFull, RegistryUnavailable)


@dataclass(slots=True)
class _News:
    """Which sites have to be judged again."""

    sites: set[str] = field(default_factory=set)
    everything: bool = True
    lost: int = 0
    wake: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class Judging:
    """Judges all sites until cancelled.

    `listening_since`: from when agents could be heard without a break (None: they cannot be now); by default since
    `run`. `debounce_s`: reports of one site that come together are judged together. `refresh_s`: every site is judged
    at least so often, because samples leave the window. `late_s`: gives the age from which on a report counts as late.
    """

    store: Store
    registry: Registry
    plans: Mapping[str, Plan]
    fleet: Fleet | None
    bus: Bus
    clock: Callable[[], datetime]
    settings: JudgeSettings = field(default_factory=JudgeSettings)
    listening_since: Callable[[], datetime | None] | None = None
    late_s: Callable[[], float] = LATE.total_seconds
    verdicts: Verdicts = field(default_factory=Verdicts)
    debounce_s: float = 0.5
    refresh_s: float = 3600.0
    retry_s: float = 2.0
    history: History = field(init=False)
    _verdicts: dict[str, Verdict] = field(init=False, default_factory=dict)
    _unsaved: dict[str, Verdict] = field(init=False, default_factory=dict)
    _judged: dict[str, datetime] = field(init=False, default_factory=dict)
    _snapshot: Snapshot = field(init=False, default_factory=lambda: Snapshot(revision=-1))
    _news: _News = field(init=False, default_factory=_News)
    _late: list[Point] = field(init=False, default_factory=list)
    _silent: set[str] = field(init=False, default_factory=set)
    _listened: datetime = field(init=False, default=_EPOCH)
    _refreshed: datetime = field(init=False, default=_EPOCH)
    _started: datetime = field(init=False, default=_EPOCH)
    _is_down: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        """Take part in what is recorded: what is to be told goes into the outbox, others tell it."""
        self.history = History(self.registry.database, tell=True)

    def current(self) -> Mapping[str, Verdict]:
        """The newest verdict of each site, by its id."""
        return self._verdicts

    def incidents(self) -> list[Incident]:
        """Incidents, the last changed first. Sync: reads the database, so call it in a thread."""
        return self.history.search()

    @property
    def is_down(self) -> bool:
        """Whether judging waits for the store or the registry."""
        return self._is_down

    async def run(self) -> None:
        """Judge every site once, then whatever has news, until cancelled."""
        self._started = self.clock()
        with self.bus.listen() as subscription:
            await self._when_up(self._open)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._listen(subscription), name="judging: listen")
                group.create_task(self._judge_for_ever(subscription), name="judging: judge")

    async def act(self, incident: str, action: Action, *, who: str, note: str | None = None) -> Incident:
        """Record a person's decision on an incident and tell it; raises UsageError when it makes no sense."""
        changed = await asyncio.to_thread(self.history.act, incident, action, who=who, note=note, at=self.clock())
        await self._tell_incidents([changed])
        return changed

    async def judge_now(self, sites: Collection[str] | None = None) -> None:
        """Judge these sites (None: all), and everyone's silence when it is time for that.

        Raises what the store and the registry raise.
        """
        now = self.clock()
        known = await self._load()
        await self._write_late()
        is_time = sites is None or abs(now - self._listened) >= timedelta(seconds=self.settings.every_s)
        newest = await asyncio.to_thread(self.history.newest, None if is_time else sites)
        if is_time:
            self._silent, self._listened = await self._silence(newest, now), now
        silent = self._silent
        names = set(known if sites is None else (site for site in sites if site in self._snapshot.sites))
        marks: dict[str, datetime] = {}
        for name in names:
            evidence = await self._evidence(name, now)
            await self._verdict(name, evidence, now, silent=name in silent)
            await self._below(newest.get((name, "below_target")), name, evidence.samples, now)
            recent = looked_at(evidence.samples, now)
            if recent and recent[-1].started > self._judged.get(name, _EPOCH):
                marks[name] = recent[-1].started
        for name in silent ^ {site for site, verdict in self._verdicts.items() if "silent" in verdict.reasons}:
            if name in self._verdicts.keys() - names:
                await self._verdict(name, await self._evidence(name, now), now, silent=name in silent)
        await asyncio.to_thread(self.verdicts.save, self.registry.database, list(self._unsaved.values()))
        self._unsaved.clear()
        if marks:
            await asyncio.to_thread(self.history.set_judged, marks)
            self._judged |= marks

    async def _open(self) -> None:
        await asyncio.to_thread(self.registry.open)
        await asyncio.to_thread(self.history.open)
        self._judged = await asyncio.to_thread(self.history.judged)

    async def _load(self) -> list[str]:
        """Take over a changed registry; a change may move every target."""
        if await asyncio.to_thread(self.registry.revision) != self._snapshot.revision:
            self._snapshot = await asyncio.to_thread(self.registry.snapshot)
            self._news.everything = True
        return list(self._snapshot.sites)

    async def _listen(self, subscription: Subscription) -> None:
        async for event in subscription.events():
            if event.topic == "report" and event.site is not None:
                self._news.sites.add(event.site)
                self._news.wake.set()

    async def _judge_for_ever(self, subscription: Subscription) -> None:
        while True:
            await self._when_up(self._catch_up)
            try:
                async with asyncio.timeout(self.settings.every_s):
                    await self._news.wake.wait()
                await asyncio.sleep(self.debounce_s)
            except TimeoutError:
                pass
            if subscription.lost != self._news.lost:
                self._news.lost = subscription.lost
                self._news.everything = True

    async def _catch_up(self) -> None:
        """One pass over what has news; on failure the news are kept for the next try."""
        news, now = self._news, self.clock()
        await self._load()
        if abs(now - self._refreshed) >= timedelta(seconds=self.refresh_s):  # also when the clock was set back
            news.everything = True
        everything, sites = news.everything, news.sites
        news.everything, news.sites = False, set()
        news.wake.clear()
        try:
            await self.judge_now(None if everything else sites)
        except _DOWN:
            news.everything |= everything
            news.sites |= sites
            raise
        if everything:
            self._refreshed = now

    async def _when_up(self, work: Callable[[], Any]) -> None:
        """Do work that needs store and registry; while they are down, say so once and try again."""
        while True:
            try:
                await work()
            except _DOWN as error:
                if not self._is_down:
                    log.warning("judging.waits error=%r", str(error))
                self._is_down = True
                await asyncio.sleep(self.retry_s)
            else:
                if self._is_down:
                    log.warning("judging.resumed")
                self._is_down = False
                return

    async def _evidence(self, site: str, now: datetime) -> Evidence:
        """The download results that a rule may look at, and what does not count beside them."""
        start, end = nanoseconds(now - WINDOW), nanoseconds(now + CLOCK_SLACK)
        rows = await self.store.samples(KIND, site=site, start_ns=start, end_ns=end)
        return evidence_of(rows, since=line_since(self._snapshot.sites.get(site, ()), now))

    async def _verdict(self, name: str, evidence: Evidence, now: datetime, *, silent: bool) -> None:
        site = self._snapshot.site_at(name, now)
        if site is None:
            return
        binding = binding_for(self.plans.get(site.plan or ""), site, now)
        verdict = judge(site, binding, evidence, at=now, silent=silent)
        before = self._verdicts.get(name)
        if before is not None and _same(before, verdict):
            return
        data = msgspec.to_builtins(verdict)
        if verdict.n:
            place = self._snapshot.site_at(name, verdict.window.end)
            await self._write([verdict_point(data, place)])
        self._verdicts[name] = self._unsaved[name] = verdict
        self.verdicts.put(verdict)
        self.bus.publish(Event("verdict", name, now, data))

    async def _below(self, last: Incident | None, name: str, samples: Sequence[Sample], now: datetime) -> None:
        site = self._snapshot.site_at(name, now)
        if site is None:
            return
        target = binding_for(self.plans.get(site.plan or ""), site, now).target
        late = timedelta(seconds=self.late_s())
        sight = Sight(name, target, samples, self._judged.get(name), now, late)
        await self._advance(last, name, "below_target", lambda known: below_step(known, sight))

    async def _silence(self, newest: Mapping[tuple[str, Cause], Incident], now: datetime) -> set[str]:
        """Step every site's `silent` incident; the sites that are silent now.

        Who fell silent stays so until heard again, also while a restarted collector has not waited long enough.
        """
        silent = {name for (name, cause), incident in newest.items() if cause == "silent" and incident.active}
        since = self.listening_since() if self.listening_since else self._started
        if self.fleet is None or since is None:
            return silent
        patience = Patience(timedelta(seconds=self.settings.silent_status_s), self.settings.silent_reports)
        for name, agents in heard_by_site(self._snapshot, self.fleet, since=since, now=now).items():
            changed = await self._advance(
                newest.get((name, "silent")),
                name,
                "silent",
                lambda known, site=name, all_heard=agents: silent_step(  # type: ignore[misc]  # bound now, not later
                    known, site, all_heard, patience=patience, at=now
                ),
            )
            if is_silent(agents, patience, now):
                silent.add(name)
            elif changed is not None and not changed.active:
                silent.discard(name)
        return silent

    async def _advance(
        self, last: Incident | None, site: str, cause: Cause, step: Callable[[Incident | None], Incident | None]
    ) -> Incident | None:
        if step(last) is None:  # mostly nothing changes, and then no transaction is needed
            return None
        changed = await asyncio.to_thread(self.history.advance, site, cause, step)
        if changed is not None:
            await self._tell_incidents([changed])
        return changed

    async def _tell_incidents(self, incidents: Sequence[Incident]) -> None:
        """Say what is recorded already: a log line, the live page, the series."""
        for incident in incidents:
            log.warning(
                "incident.%s id=%s site=%s cause=%s severity=%s by=%r",
                incident.state, incident.id, incident.site, incident.cause, incident.severity, incident.history[-1].who,
            )  # fmt: skip
            data = msgspec.to_builtins(incident)
            self.bus.publish(Event("incident", incident.site, incident.updated, data))
            place = self._snapshot.site_at(incident.site, incident.updated)
            self._late.append(incident_point(data, place))
        with contextlib.suppress(StoreUnavailable, StoreFull):  # the next pass writes them
            await self._write_late()

    async def _write_late(self) -> None:
        """Write the incidents' points; they wait here while the store is down."""
        points, self._late = self._late, []
        try:
            await self._write(points)
        except _DOWN:
            self._late = [*points, *self._late]
            raise

    async def _write(self, points: Sequence[Point]) -> None:
        try:
            if points:
                await self.store.write(points)
        except PointsRefused as error:
            log.error("judging.point_refused error=%r", str(error))  # noqa: TRY400 - the store's reason says it all


def samples_of(rows: Sequence[Row]) -> list[Sample]:
    """The conclusive ones of a site's throughput rows."""
    found = ((row, row.fields.get(INDICATOR)) for row in rows if row.fields.get("conclusive") is True)
    return [
        Sample(_EPOCH + timedelta(microseconds=row.time_ns // 1000), float(value))
        for row, value in found
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    ]


def evidence_of(rows: Sequence[Row], *, since: datetime | None = None) -> Evidence:
    """What a site's throughput rows say of its download."""
    failed = sum(row.fields.get(INDICATOR) is None for row in rows)
    uncounted = [row for row in rows if row.fields.get("conclusive") is not True and INDICATOR in row.fields]
    doubts = Counter(doubt for row in uncounted for doubt in str(row.fields.get("doubts") or "").split(",") if doubt)
    return Evidence(samples_of(rows), failed, dict(doubts), len(uncounted), since)


def heard_by_site(snapshot: Snapshot, fleet: Fleet, *, since: datetime, now: datetime) -> dict[str, list[Heard]]:
    """What is known of each site's agents, by where they stand now.

    An agent that was never heard is left out: it is not installed yet, and has nothing to fall silent from.
    """
    sites: dict[str, list[Heard]] = {}
    for agent in snapshot.agents:
        site = snapshot.site_of(agent, now)
        state = fleet.agents.get(agent)
        if site is None or state is None or state.last_seen is None:
            continue
        missed = len(state.missed(KIND, now=now))
        heard = Heard(agent, max(state.last_seen, since), state.last_seen, missed, state.last_report.get(KIND))
        sites.setdefault(site.id, []).append(heard)
    return sites


def _same(one: Verdict, other: Verdict) -> bool:
    """Whether two verdicts say the same; without samples the window moves with the clock and says nothing."""
    if one.n or other.n:
        return one == other
    return msgspec.structs.replace(one, window=other.window) == other
