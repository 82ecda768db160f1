"""Asking a device to measure now: who may, how often, and where its answer is found."""

import asyncio
import logging
import secrets
from collections import OrderedDict, deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from aiohttp import web

from agent.wire.control import Request
from collector.errors import BrokerUnavailable, CollectorError, UsageError
from collector.registry.site import Site, Snapshot
from collector.web import pages, views
from collector.web.pages import Measured
from collector.web.site import reading
from collector.web.site.progress import LAST, Asked, Progress, named, progress
from collector.web.sources import Sources

LOG: Final = logging.getLogger(__name__)
KINDS: Final = views.KINDS
PER_MINUTE: Final = 20
"""Of all sites together, in one process: a fleet asked all at once would measure its peer and not its lines."""
_MINUTE: Final = timedelta(minutes=1)
_PENDING: Final = 1000
_KNOWN: Final = 4096
_LOOKED_AT: Final = 60
"""A device may measure every 20 seconds after a start, and go on after its answer."""
_SKEW: Final = timedelta(minutes=15)
"""How far a device's clock may be behind ours for its answer to be found."""


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody asks for: a kind of probe, their name, and which agent where a site has several."""

    who: str
    kind: str = "throughput"
    agent: str | None = None


class TooMany(CollectorError):  # noqa: N818 - a state of the world, named as people say it
    """So many were asked for that this one has to wait."""


class _Origin(msgspec.Struct, frozen=True):
    """Of a report, which request it answers."""

    request: str | None = None


class Asks:
    """What was asked for by this process, bounded. For one event loop."""

    def __init__(self) -> None:
        self._pending: OrderedDict[tuple[str, str], Asked] = OrderedDict()
        self._times: deque[datetime] = deque(maxlen=PER_MINUTE)
        self._answers: OrderedDict[str, str | None] = OrderedDict()

    def pending(self, site: str, now: datetime) -> list[Asked]:
        """What a site has not answered yet."""
        return [one for (name, _), one in self._pending.items() if name == site and now < one.expires]

    async def ask(self, sources: Sources, site: Site, snapshot: Snapshot, wish: Wish) -> Asked:
        """Ask a site's agent; raises UsageError, TooMany, BrokerUnavailable, or StoreUnavailable."""
        agent, now = _agent(sources, site, snapshot, wish), sources.now()
        earlier = self._pending.get((site.id, wish.kind))
        waits = earlier is not None and (await self.look(sources, site.id, earlier)).stage == "waiting"
        if waits or self._pending.get((site.id, wish.kind)) not in (None, earlier):  # or asked by another meanwhile
            raise TooMany("a test of this kind was asked for here already, and its answer is still to come")
        while self._times and now - self._times[0] >= _MINUTE:
            self._times.popleft()
        if len(self._times) >= PER_MINUTE:
            raise TooMany("many tests were asked for within a minute; try again in a minute")
        if sources.ask is None:
            raise BrokerUnavailable("this process has no way to the broker")
        asked = named(wish.kind, now, secrets.token_bytes(8))
        sources.ask(agent, Request(request=asked.name, kind=asked.kind, expires=asked.expires))
        self._times.append(now)
        self._pending[site.id, wish.kind] = asked
        while len(self._pending) > _PENDING:
            self._pending.popitem(last=False)
        LOG.info(
            "test.asked site=%s agent=%s kind=%s request=%s who=%r", site.id, agent, wish.kind, asked.name, wish.who
        )
        return asked

    async def look(self, sources: Sources, site: str, asked: Asked) -> Progress:
        """How far one is; raises StoreUnavailable."""
        found = await self._answer(sources, site, asked)
        if found is not None and self._pending.get((site, asked.kind)) == asked:
            del self._pending[site, asked.kind]
        return progress(asked, found, sources.now())

    async def _answer(self, sources: Sources, site: str, asked: Asked) -> Measured | None:
        """The report that names the request, as the archive has it: the newest of the kind are looked at."""
        span = (asked.at - _SKEW, asked.expires + LAST + _SKEW)
        rows = await reading.read(sources, asked.kind, site, span, limit=_LOOKED_AT)
        for row in reversed(rows):
            found = pages.measured(asked.kind, row)
            if found.id and await self._request_of(sources, found.id) == asked.name:
                return found
        return None

    async def _request_of(self, sources: Sources, report: str) -> str | None:
        if report not in self._answers:
            try:
                raw = await asyncio.to_thread(sources.originals.read, report)
                if raw is None:
                    return None  # the series has it before the archive
                self._answers[report] = msgspec.json.decode(raw, type=_Origin).request
            except (ValueError, msgspec.DecodeError):
                self._answers[report] = None
            while len(self._answers) > _KNOWN:
                self._answers.popitem(last=False)
        return self._answers[report]


ASKS: Final = web.AppKey("asks", Asks)


def _agent(sources: Sources, site: Site, snapshot: Snapshot, wish: Wish) -> str:
    """Which agent is asked: the one that was named, else whoever was heard last. Raises UsageError."""
    if not wish.who.strip() or len(wish.who) > 100:  # noqa: PLR2004 - as the API's other names
        raise UsageError("a name is needed, of at most 100 letters: who asks is written down")
    if wish.kind not in KINDS:
        raise UsageError(f"there is no probe {wish.kind!r}; one of: {' '.join(KINDS)}")
    there = agents_at(snapshot, site.id)
    if wish.agent is not None and wish.agent not in there:
        raise UsageError(f"there is no agent {wish.agent!r} at this site")
    if not there:
        raise UsageError("no agent is registered at this site, so nobody can be asked")
    if wish.agent is not None:
        return wish.agent
    states = [(sources.fleet.agents[name].last_seen, name) for name in there if name in sources.fleet.agents]
    seen = [(at, name) for at, name in states if at is not None]
    return max(seen)[1] if seen else there[0]


def agents_at(snapshot: Snapshot, site: str) -> Sequence[str]:
    """Who stands at a site now."""
    return sorted(name for name, versions in snapshot.agents.items() if versions[-1].value == site)
