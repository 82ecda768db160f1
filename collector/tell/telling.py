"""Telling people, beside judging: from the outbox to every route, digests, reminders, Alertmanager and the heartbeat.

Put together anew for each time this process leads. The record is written through the lease: who does not lead any more
sends nothing more, because an attempt is recorded before it is made. Each route has works of its own, and a fault of
ours in one of them stops none of the others.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

import aiohttp

from collector.config import CollectorConfig
from collector.errors import RegistryUnavailable
from collector.metrics import Metrics, Readiness
from collector.registry.database import Transactions
from collector.tell.alertmanager import Alertmanager
from collector.tell.answer import Channel
from collector.tell.channels import Channels
from collector.tell.daily import make_due
from collector.tell.deliveries import Backlog, Deliveries
from collector.tell.digest import Standing
from collector.tell.heartbeat import Heartbeat, is_progress
from collector.tell.keeping import Keeping
from collector.tell.message import Reader
from collector.tell.outbox import fan_out
from collector.tell.place import Called, as_filed
from collector.tell.post import Names, Post
from collector.tell.posting import Wire
from collector.tell.route import Route
from collector.tell.routes import heartbeat_url_of, keepers_of, public_url_of, routes_of
from collector.tell.silences import Silences
from collector.upholding import Upholding, Work

log = logging.getLogger(__name__)
_TROUBLE_S: Final = 900.0  # so long a message may wait before it is said that we are not ready
_CLEAN_S: Final = 3600.0
_AGAIN: Final = 6.0  # times `again_s`: what brings a fault about is tried less and less often, its work is not to rest


def _no_sites() -> Sequence[Standing]:
    return ()


def _codes() -> Called:
    return as_filed


def _no_names(_sites: Sequence[str]) -> Mapping[str, str]:
    return {}


@dataclass(slots=True)
class Telling:
    """Tells until cancelled.

    `last_pass`: when judging last ended a pass; None: it has not yet. `sites`: how each site stands, for
    digests; `names`: what sites are called; `places`: what places are. All may block. `look_s`: how often digests and
    reminders are looked after; `again_s`: how soon a work goes on after a fault of ours.
    """

    database: Transactions
    config: CollectorConfig
    clock: Callable[[], datetime]
    metrics: Metrics
    readiness: Readiness
    last_pass: Callable[[], datetime | None] = lambda: None
    sites: Callable[[], Sequence[Standing]] = _no_sites
    names: Names = _no_names
    places: Callable[[], Called] = _codes
    draw: Callable[[], float] = random.random
    look_s: float = 15.0
    again_s: float = 5.0
    routes: list[Route] = field(init=False)
    deliveries: Deliveries = field(init=False)
    _late: set[str] = field(init=False, default_factory=set)
    _is_down: bool = field(init=False, default=False)
    _cleaned: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Raise UsageError for a route that cannot be used."""
        self.routes = routes_of(self.config)
        self.deliveries = Deliveries(self.database)

    async def run(self) -> None:
        """Tell for ever."""
        tell = self.config.tell
        async with self._wired() as wire, Channels(self.config, wire).opened(self.routes) as channels:
            silences = Silences(
                wire,
                keepers_of(self.config, self.routes),
                every_s=tell.silences_s,
                timeout_s=tell.timeout_s,
                unknown=lambda keeper, unknown: self.metrics.tell.unknown.labels(keeper).set(int(unknown)),
            )
            posts = [self._post(route, channels[route.name], silences) for route in self.routes]
            works = self._works(posts)
            heartbeat_url = heartbeat_url_of(self.config)
            if heartbeat_url is not None:
                works["heartbeat"] = self._heartbeat(wire, heartbeat_url).run
            try:
                async with asyncio.TaskGroup() as group:
                    for name, work in works.items():
                        upholding = Upholding(
                            f"telling: {name}",
                            self.metrics,
                            self.readiness,
                            first_s=self.again_s,
                            last_s=_AGAIN * self.again_s,
                        )
                        group.create_task(upholding.run(work), name=f"telling: {name}")
            finally:
                for name in self._late:
                    self.readiness.works(_part(name))

    def _works(self, posts: Sequence[Post]) -> dict[str, Work]:
        """All that goes on for ever, each by itself."""
        works: dict[str, Work] = {"outbox": partial(self._sort_for_ever, posts)}
        for post in posts:
            route = post.route
            works[f"route {route.name}"] = post.run
            if route.daily is not None or route.remind_s is not None:
                works[f"calendar of {route.name}"] = partial(self._look_for_ever, route)
        return works

    @asynccontextmanager
    async def _wired(self) -> AsyncIterator[Wire]:
        headers = {"User-Agent": "linkgauge-collector"}
        async with aiohttp.ClientSession(headers=headers, cookie_jar=aiohttp.DummyCookieJar()) as session:
            yield Wire(session, self.clock)

    def _post(self, route: Route, channel: Channel, silences: Silences) -> Post:
        keeping = None
        if isinstance(channel, Alertmanager):
            keeping = Keeping(
                channel,
                self.deliveries,
                self._is_alive,
                since=self.clock(),
                every_s=self.config.tell.repost_s,
                kept=self.metrics.tell.kept.labels(route.name).set,
            )
        return Post(
            route,
            channel,
            self.deliveries,
            silences,
            self.clock,
            self.metrics.tell,
            draw=self.draw,
            poll_s=self.config.tell.poll_s,
            names=self.names,
            places=self.places,
            keeping=keeping,
        )

    def _heartbeat(self, wire: Wire, url: str) -> Heartbeat:
        tell = self.config.tell
        return Heartbeat(
            wire,
            url,
            self._is_alive,
            every_s=tell.heartbeat_s,
            timeout_s=tell.timeout_s,
            fail=tell.heartbeat_fail,
            count=lambda fate: self.metrics.tell.heartbeats.labels(fate).inc(),
        )

    def _is_alive(self) -> bool:
        return is_progress(self.last_pass(), self.clock(), every_s=self.config.judge.every_s)

    async def _sort_for_ever(self, posts: Sequence[Post]) -> None:
        while True:
            try:
                await self.sort(posts)
            except RegistryUnavailable as error:
                if not self._is_down:
                    log.warning("tell.outbox_unavailable error=%r", str(error))
                self._is_down = True
            else:
                self._is_down = False
            await asyncio.sleep(self.config.tell.poll_s)

    async def _look_for_ever(self, route: Route) -> None:
        while True:
            with contextlib.suppress(RegistryUnavailable):  # said by who sorts the outbox
                await asyncio.to_thread(self._look_after, route)
            await asyncio.sleep(self.look_s)

    async def sort(self, posts: Sequence[Post]) -> None:
        """Make deliveries of what has come, and wake the posts that have any."""
        await asyncio.to_thread(self.deliveries.database.open)
        while await asyncio.to_thread(fan_out, self.database, self.routes, self.clock()):
            pass
        now = asyncio.get_running_loop().time()
        backlog = await asyncio.to_thread(self.deliveries.backlog)
        for post in posts:
            self._measure(post, backlog.get(post.route.name, Backlog(0, 0, None)))
        if self._cleaned is None or now - self._cleaned >= _CLEAN_S:
            await asyncio.to_thread(self._clean)
            self._cleaned = now

    def _look_after(self, route: Route) -> None:
        """Make the digest or the reminders that are due. Blocks."""
        now, zone = self.clock(), ZoneInfo(self.config.web.zone)
        if route.daily is not None:
            reader = Reader(route.language, zone, public_url_of(self.config))
            make_due(self.deliveries, route, reader, now=now, sites=self.sites, places=self.places)
        elif route.remind_s is not None:
            self._remind(route, timedelta(seconds=route.remind_s), now)

    def _remind(self, route: Route, every: timedelta, now: datetime) -> None:
        after = ""
        while page := self.deliveries.active(route.name, after=after):
            after = page[-1].incident
            for known in page:
                if now - max(known.at, known.reminded or known.at) >= every:
                    self.deliveries.remind(route.name, known, now)

    def _measure(self, post: Post, backlog: Backlog) -> None:
        name = post.route.name
        post.due = bool(backlog.waiting or backlog.held)
        age_s = (self.clock() - backlog.oldest).total_seconds() if backlog.oldest is not None else 0.0
        metrics = self.metrics.tell
        metrics.waiting.labels(name).set(backlog.waiting)
        metrics.held.labels(name).set(backlog.held)
        metrics.oldest.labels(name).set(max(0.0, age_s))
        if age_s >= _TROUBLE_S:
            self._late.add(name)
            self.readiness.fails(_part(name), f"{post.route.address} has not taken a message for {age_s / 60:.0f} min")
        elif name in self._late:
            self._late.discard(name)
            self.readiness.works(_part(name))

    def _clean(self) -> None:
        """Give up what nobody takes, and forget what is long over. Blocks."""
        now, tell = self.clock(), self.config.tell
        gone = self.deliveries.expire(now - timedelta(seconds=tell.give_up_s))
        if gone:
            self.metrics.tell.expired.inc(gone)
            log.error("tell.expired messages=%d after_s=%.0f", gone, tell.give_up_s)
        self.deliveries.clean(now - timedelta(days=tell.keep_days))


def _part(route: str) -> str:
    return f"telling {route}"
