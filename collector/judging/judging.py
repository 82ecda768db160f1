"""The live loop: listens for news, reads them, judges their sites, settles their incidents, tells all of it."""

import asyncio
import gc
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from collector.chain.course import Course, Seen, Spacing
from collector.chain.marks import World
from collector.config import JudgeSettings
from collector.errors import RegistryUnavailable, StoreFull, StoreUnavailable, UsageError
from collector.events import Bus, Event, Subscription
from collector.fleet import Fleet
from collector.incidents.acts import Action
from collector.incidents.history import History
from collector.incidents.incident import Incident
from collector.incidents.reconcile import LATE
from collector.incidents.silence import Patience
from collector.judge.verdict import Verdict
from collector.judging.announcing import Announcing
from collector.judging.casework import Casework, Moment, Recorded
from collector.judging.hearing import Pace, heard_by_site
from collector.judging.news import News
from collector.judging.opinion import Known, Opinion, after_contacts, begun_anew, is_judged_by, known, opinion
from collector.judging.sights import Look, start_of
from collector.judging.windows import Windows, slices
from collector.metrics import Metrics
from collector.plans.reference import References
from collector.plans.types import Plan
from collector.registry.registry import Registry
from collector.registry.site import Snapshot
from collector.store.store import Store
from collector.verdicts import Verdicts

log = logging.getLogger(__name__)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DOWN: Final = (StoreUnavailable, StoreFull, RegistryUnavailable)
_FAULTS: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, UsageError)
"""What one site's data may bring out in our own work; it stops no other site."""
_SOON_S: Final = 600.0
"""After news were lost everything is read anew, but no sooner after the last time than this."""


def _no_references() -> References:
    return {}


@dataclass(slots=True)
class Judging:
    """Judges all sites until cancelled.

    `listening_since`: from when agents could be heard without a break (None: they cannot be now); by default since
    `run`. `debounce_s`: reports of one site that come together are judged together. `refresh_s`: every site is judged
    at least so often, because samples leave the window. `reread_s`: so often everything is read anew, for what no news
    told of. `late_s`: gives the age from which on a report counts as late. `references`: the reference series; blocks.
    `ticks`: seconds that nobody can set, to notice when the clock is (None: it is not looked at).
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
    references: Callable[[], References] = _no_references
    metrics: Metrics | None = None
    debounce_s: float = 0.5
    refresh_s: float = 3600.0
    reread_s: float = 6 * 3600.0
    retry_s: float = 2.0
    ticks: Callable[[], float] | None = None
    history: History = field(init=False)
    last_pass: datetime | None = field(init=False, default=None)
    _windows: Windows = field(init=False)
    _casework: Casework = field(init=False)
    _announcing: Announcing = field(init=False)
    _known: dict[str, Known] = field(init=False, default_factory=dict)
    _opinions: dict[str, Opinion] = field(init=False, default_factory=dict)
    _snapshot: Snapshot = field(init=False, default_factory=lambda: Snapshot(revision=-1))
    _world: World = field(init=False)
    _pace: Pace = field(init=False)
    _news: News = field(init=False, default_factory=News)
    _silent: set[str] = field(init=False, default_factory=set)
    _turned: set[str] = field(init=False, default_factory=set)
    _faulty: set[str] = field(init=False, default_factory=set)
    _looked_round: datetime = field(init=False, default=_EPOCH)
    _refreshed: datetime = field(init=False, default=_EPOCH)
    _reread: datetime = field(init=False, default=_EPOCH)
    _asked: datetime = field(init=False, default=_EPOCH)
    _started: datetime = field(init=False, default=_EPOCH)
    _is_down: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        """Put the parts together; nothing is read yet."""
        self.history = History(self.registry.database, tell=True)
        self._windows, self._casework = Windows(self.store), Casework(self.history)
        self._announcing = Announcing(self.store, self.bus, self.verdicts)
        self._world = World(self.plans, {})
        self._pace = Pace(self.ticks)

    def current(self) -> Mapping[str, Verdict]:
        """The newest verdict of each site on its plan's download speed, by its id."""
        return {site: present.verdicts[0] for site, present in self._announcing.own.items()}

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
        await self._announcing.incidents([changed], self._snapshot)
        return changed

    async def judge_now(self, sites: Collection[str] | None = None) -> None:
        """Read and judge these sites (None: all), and look round when it is time for that.

        Raises what the store and the registry raise.
        """
        now = self.clock()
        news = News(unread=sites is None, unjudged=sites is None)
        for site in sites or ():
            for kind in ("throughput", "latency", "ipv6"):
                news.note(site, kind, now)
        await self._pass(news, now)

    async def start(self) -> None:
        """Open what is needed and judge every site; `run` does it, and waits for the store. Raises as `judge_now`."""
        await self._open()
        await self.catch_up()

    async def _open(self) -> None:
        await asyncio.to_thread(self.registry.open)
        await asyncio.to_thread(self.history.open)
        await self._announcing.open(self.registry.database)
        await self._casework.open()

    def hear(self, event: Event) -> None:
        """Take in that a report is stored; `run` hears the bus."""
        self._news.hear(event)

    async def _listen(self, subscription: Subscription) -> None:
        async for event in subscription.events():
            self.hear(event)

    async def _judge_for_ever(self, subscription: Subscription) -> None:
        await self._when_up(self.catch_up)
        gc.freeze()  # what a whole fleet is known by stays: to look through it for circles stops the loop for 0.1 s
        while True:
            try:
                async with asyncio.timeout(self.settings.every_s):
                    await self._news.wake.wait()
                await asyncio.sleep(self.debounce_s)
            except TimeoutError:
                pass
            if subscription.lost != self._news.lost:
                self._news.lost = subscription.lost
                self._news.note_all(self._known, self.clock())
            await self._when_up(self.catch_up)

    async def catch_up(self) -> None:
        """One pass over what has news; on failure the news are kept for the next try. Raises as `judge_now`."""
        news, now = self._news, self.clock()
        every_s = _SOON_S if news.missed else self.reread_s
        news.unread |= _is_time(self._reread, now, every_s)
        news.unjudged |= news.unread or _is_time(self._refreshed, now, self.refresh_s)
        taken = news.take()
        try:
            await self._pass(taken, now)
        except BaseException:
            news.give_back(taken)
            raise

    async def _pass(self, news: News, now: datetime) -> None:
        """From news to verdicts and incidents. Whoever could not be read is as before, and stays unread."""
        await self._learn(now)
        await self._announcing.write()
        await self._read(news, now)
        await self._look_round(now, always=news.unjudged)
        is_all = news.unjudged
        some = {**news.since, **self._windows.changes, **dict.fromkeys(sorted(self._turned))}
        names = list(self._known) if is_all else [site for site in some if site in self._known]
        await self._judge({site: is_all or self._is_judged_by(news, site) for site in names}, now, everyone=is_all)
        self._announcing.census((one.site for one in self._known.values()), now)
        await self._announcing.write()
        await self._announcing.save(self.registry.database)
        await self._casework.save()
        self.last_pass = now
        if is_all:
            self._refreshed = now

    async def _read(self, news: News, now: datetime) -> None:
        everyone = list(self._known)
        self._windows.keep(everyone)
        if news.unread:
            await self._windows.fill(everyone, now)
            self._reread, self._news.missed = now, False
            return
        await self._windows.refresh({site: kinds for site, kinds in news.since.items() if site in self._known}, now)
        await self._windows.fill(self._windows.unknown(everyone), now)

    def _is_judged_by(self, news: News, site: str) -> bool:
        """Whether a verdict rests on what is new of a site, or only whether it can be reached."""
        kinds = {*news.since.get(site, ()), *self._windows.changes.get(site, ())}
        return site in self._turned or is_judged_by(kinds)

    async def _learn(self, now: datetime) -> None:
        """Take over a changed registry, references and plans; sites that are asked otherwise now are judged anew.

        A day that begins may bring a target into force.
        """
        revision = await asyncio.to_thread(self.registry.revision)
        references = self._world.references
        if _is_time(self._asked, now, self.settings.every_s):
            references = await asyncio.to_thread(self.references)
            self._asked = now
        world = World(dict(self.plans.items()), references)
        is_new = revision != self._snapshot.revision or world != self._world
        if not is_new and not _is_time(self._refreshed, now, self.refresh_s):
            return
        snapshot = await asyncio.to_thread(self.registry.snapshot) if is_new else self._snapshot
        found = dict[str, Known]()
        async for site in slices(snapshot.sites):
            one = known(snapshot.sites[site], world, now)
            if one is not None:
                found[site] = one
                self._keep_course(site, one)
        self._snapshot, self._world, self._known = snapshot, world, found

    def _keep_course(self, site: str, one: Known) -> None:
        """Detectors go on unless the site was asked something else than they thought; who is another is judged anew."""
        before = self._known.get(site)
        if before is None or _asked_of(before) != _asked_of(one):
            self._opinions.pop(site, None)
        if before is None or _said_of(before) != _said_of(one):
            self._turned.add(site)

    async def _look_round(self, now: datetime, *, always: bool) -> None:
        """When it is time: what time has brought, and who is silent. Sites whose silence began or ended are noted."""
        if not always and not _is_time(self._looked_round, now, self.settings.every_s):
            return
        await self._announcing.incidents(await self._casework.look_round(now), self._snapshot)
        before, moment = self._silent, self._moment(now)
        since = self.listening_since() if self.listening_since else self._started
        active = {site for (site, _), one in self._casework.silent.items() if one.active}
        self._pace.look(now)
        if self._pace.jumped is not None and since is not None:
            since = max(since, min(self._pace.jumped, now))
        if self.fleet is None or since is None:
            self._silent = active
        else:
            heard = heard_by_site(self._snapshot, self.fleet, since=since, now=now)
            patience = Patience(timedelta(seconds=self.settings.silent_status_s), self.settings.silent_reports)
            self._silent, changed = await self._casework.silences(heard, self._known, patience, moment)
            await self._announcing.incidents(changed, self._snapshot)
        self._looked_round = now
        self._turned = (self._turned | (before ^ self._silent)) & self._known.keys()

    async def _judge(self, names: Mapping[str, bool], now: datetime, *, everyone: bool) -> None:
        """Judge these sites; where nothing came that a verdict rests on (False), only whether they can be reached."""
        recorded = await self._casework.recorded(None if everyone else names, now)
        looks: list[Look] = []
        async for site in slices(names):
            try:
                looks.append(self._look(site, recorded, now, whole=names[site]))
            except _FAULTS as fault:
                self._say(site, fault)
        await self._announcing.write()
        changed = await self._casework.sites(looks, self._everyone, recorded, self._moment(now))
        await self._announcing.incidents(changed, self._snapshot)

    def _look(self, site: str, recorded: Recorded, now: datetime, *, whole: bool) -> Look:
        """Form and tell the opinion of one site; not `whole`: its verdicts stand, and only contacts are looked at."""
        changed = self._windows.changes.get(site)
        kinds, one, before = self._windows.of(site), self._known[site], self._opinions.get(site)
        start = start_of(recorded, site, kinds)
        course: Course | None = before.course if before and start.floors == one.start.floors else None
        one = self._known[site] = Known(one.versions, one.steps, start)
        if course is not None and changed:
            course = begun_anew(one, course, changed)
        spacing = Spacing(timedelta(seconds=self.settings.spacing_s), timedelta(seconds=self.settings.spacing_s / 2))
        if before is not None and course is not None and not whole:
            found = after_contacts(before, course, Seen(kinds, one.steps, now, spacing))
        else:
            found = opinion(one, kinds, course, at=now, silent=site in self._silent, spacing=spacing)
            self._announcing.verdict(site, found, self._snapshot, now)
        self._opinions[site] = found
        self._windows.changes.pop(site, None)
        self._turned.discard(site)
        self._faulty.discard(site)
        return Look(one, found, kinds)

    def _everyone(self) -> Iterable[Look]:
        for site, found in self._opinions.items():
            if site in self._known:
                yield Look(self._known[site], found, self._windows.of(site))

    def _moment(self, now: datetime) -> Moment:
        listening = self.listening_since is None or self.listening_since() is not None
        return Moment(now, timedelta(seconds=self.late_s()), listening)

    def _say(self, site: str, fault: Exception) -> None:
        """A fault of ours in one site's data: counted each time, said once."""
        if self.metrics is not None:
            self.metrics.faults.labels("judging").inc()
        if site not in self._faulty:
            log.error("judging.fault site=%s; the others are judged", site, exc_info=fault)
        self._faulty.add(site)

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


def _is_time(last: datetime, now: datetime, every_s: float) -> bool:
    """Whether so much time has passed; also when the clock was set back."""
    return abs(now - last) >= timedelta(seconds=every_s)


def _said_of(one: Known) -> tuple[Any, ...]:
    """What verdicts rest on beside measurements; the first step begins with the window, which moves."""
    return one.versions, [
        (step.since if place else None, step.site, step.bindings) for place, step in enumerate(one.steps)
    ]


def _asked_of(one: Known) -> list[tuple[datetime | None, Any]]:
    """What the detectors rest on: when which marks held. The first step begins with the window, which moves."""
    return [(step.since if place else None, [(b.plan, b.question, b.indicator, b.rule, b.mark) for b in step.bindings])
            for place, step in enumerate(one.steps)]  # fmt: skip
