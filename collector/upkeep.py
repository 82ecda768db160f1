"""What the pipeline owes between batches: the registry's newest view, statuses, strangers, and requests to resend."""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, Final

from agent.wire.codec import AnyReport, Rejection, decode, encode
from agent.wire.control import Request, Resend, Status
from agent.wire.results import Ipv6, Latency, Throughput
from agent.wire.topics import topic
from collector.archive.intervals import Range
from collector.errors import RegistryUnavailable
from collector.events import Event
from collector.gaps import Waiting
from collector.ingest import DeferReason, Store
from collector.parts import Parts
from collector.registry.site import Snapshot
from collector.store.points import status_point
from collector.store.store import Point

LOG: Final = logging.getLogger(__name__)
_REQUEST_LIFE: Final = timedelta(hours=1)
_STATUS_EVERY_S: Final = 5.0
_STRANGER_EVERY_S: Final = 60.0
_STRANGERS: Final = 10_000
_STATUSES: Final = 100_000
Statuses = dict[str, tuple[Status, datetime]]


class Upkeep:
    """For one event loop. `snapshot` is the registry as last read; None before that, and when stale."""

    def __init__(self, parts: Parts) -> None:
        resend = parts.settings().resend
        self.snapshot: Snapshot | None = None
        self._parts = parts
        self._unknown = Waiting(resend.waiting_agents, resend.waiting_ranges)
        self._statuses: Statuses = {}
        self._strangers: dict[str, datetime] = {}
        self._strangers_told: dict[str, float] = {}
        self._refreshing = asyncio.Lock()

    def stored(self, decisions: Sequence[Store]) -> None:
        """Tell the others of a batch's reports that are durable now."""
        parts, now = self._parts, self._parts.now()
        for decision in decisions:
            report = decision.report
            parts.fleet.reported(report.agent, report.kind, report.started, now)
        parts.metrics.written.inc(len(decisions))
        parts.metrics.lag.take([max(0.0, (now - one.report.started).total_seconds()) for one in decisions])
        if parts.bus.heard:
            for one, oldest in _newest(decisions):
                data = event_data(one.report, one.site.id) | {"oldest": iso(oldest)}
                parts.bus.publish(Event("report", one.site.id, now, data))

    def knows(self, agent: str) -> bool:
        """Whether somebody has registered this agent, as far as the registry was read."""
        return self._site(agent, self._parts.now()) is not None

    def deferred(self, agent: str, epoch: str, seq: int, reason: DeferReason) -> None:
        """Remember a report that its agent will send again by itself."""
        self._parts.metrics.deferred.labels(reason).inc()
        if reason != "unknown_agent" and self._parts.journal is not None and self.knows(agent):
            self._parts.journal.deferred(agent, epoch, [seq])
        if reason == "unknown_agent":
            self._unknown.add(agent, epoch, [seq])
            self._stranger(agent)

    def status(self, agent: str, payload: bytes, *, retained: bool) -> None:
        """Take in an agent's status as it arrives; never blocks and never raises."""
        status = decode(payload, Status)
        if isinstance(status, Rejection):
            self._parts.metrics.unreadable.inc()
            return
        now = self._parts.now()
        site = self._site(agent, now)
        self._parts.fleet.heard(agent, status, now, retained=retained)
        if site is None and self.snapshot is not None and status.state == "online" and self._parts.leading():
            self._stranger(agent)
        if not retained and (agent in self._statuses or len(self._statuses) < _STATUSES):
            self._statuses[agent] = (status, now)
            data = {"agent": agent, "state": status.state, "at": iso(now)}
            self._parts.bus.publish(Event("status", site, now, data))

    def take_statuses(self) -> Statuses:
        """Give, once, the newest status of each agent that was heard since; nothing while no site is known.

        Nothing either where another process leads: that one hears them too, and one point of each is enough.
        """
        if self.snapshot is None:
            return {}
        statuses, self._statuses = self._statuses, {}
        return statuses if self._parts.leading() else {}

    def put_back(self, statuses: Statuses) -> None:
        """Keep statuses that could not be written for the next time, unless newer ones have come."""
        self._statuses = {**statuses, **self._statuses} if len(self._statuses) < _STATUSES else self._statuses

    def points_of(self, statuses: Statuses) -> list[Point]:
        """Give the points of statuses."""
        snapshot = self.snapshot or Snapshot()
        return [
            status_point(agent, status, snapshot.site_of(agent, at), at) for agent, (status, at) in statuses.items()
        ]

    async def refresh(self) -> Snapshot:
        """Read the registry anew, and ask at once for what waited for it; raises RegistryUnavailable."""
        registry = self._parts.registry
        # One at a time: a slow reader must not put an older view in place of the one that tags were promised from.
        async with self._refreshing:
            await asyncio.to_thread(registry.open)
            snapshot = self.snapshot = await asyncio.to_thread(registry.snapshot)
        now = self._parts.now()
        for agent, resend in self._unknown.take(lambda agent: snapshot.site_of(agent, now) is not None):
            self.request(agent, resend, "registered")
        return snapshot

    async def run(self, write_statuses: Callable[[], Awaitable[None]]) -> None:
        """Until cancelled: follow the registry, note strangers, ask for what waited for it, have statuses written."""
        statuses_due = monotonic() + _STATUS_EVERY_S
        while True:
            await self._follow_registry()
            if monotonic() >= statuses_due:
                statuses_due = monotonic() + _STATUS_EVERY_S
                await write_statuses()
            self._measure()
            await asyncio.sleep(self._parts.settings().registry.poll_s)

    async def _follow_registry(self) -> None:
        patience_s = self._parts.settings().registry.timeout_s
        # One that hangs raises nothing for long: whoever waits for it must know at once why.
        overdue = asyncio.get_running_loop().call_later(patience_s, self._miss_registry, patience_s)
        try:
            before = self.snapshot
            if before is None or await asyncio.to_thread(self._parts.registry.revision) != before.revision:
                await self.refresh()
            await self._note_strangers()
        except RegistryUnavailable as error:
            self._parts.readiness.fails("registry", str(error), by="look")
        else:
            self._parts.readiness.works("registry", by="look")
        finally:
            overdue.cancel()

    def _miss_registry(self, waited_s: float) -> None:
        name = self._parts.registry.database.name
        self._parts.readiness.fails("registry", f"registry database {name}: no answer for {waited_s:.0f} s", by="look")

    def request(self, agent: str, resend: Resend, why: str) -> None:
        """Ask an agent to send again, at once."""
        request = Request(request=str(uuid.uuid4()), resend=resend, expires=self._parts.now() + _REQUEST_LIFE)
        self._parts.send(topic(agent, "request"), encode(request), 1)
        self._parts.metrics.resends.labels(why).inc()
        LOG.info("resend.asked agent=%s epoch=%s ranges=%s why=%s", agent, resend.epoch, _short(resend.ranges), why)

    def _stranger(self, agent: str) -> None:
        if len(self._strangers) < _STRANGERS:
            self._strangers[agent] = self._parts.now()

    async def _note_strangers(self) -> None:
        strangers, self._strangers = self._strangers, {}
        if len(self._strangers_told) > _STRANGERS:
            self._strangers_told.clear()
        for agent, at in strangers.items():
            if monotonic() - self._strangers_told.get(agent, float("-inf")) >= _STRANGER_EVERY_S:
                await asyncio.to_thread(self._parts.registry.see_waiting, agent, at=at)
                self._strangers_told[agent] = monotonic()

    def _site(self, agent: str, at: datetime) -> str | None:
        site = self.snapshot.site_of(agent, at) if self.snapshot is not None else None
        return site.id if site is not None else None

    def _measure(self) -> None:
        parts = self._parts
        parts.metrics.queued.set(len(parts.inbox))
        parts.metrics.queued_bytes.set(parts.inbox.bytes)
        parts.metrics.archive_bytes.set(parts.archive.size())
        parts.metrics.agents.set(len(parts.fleet.agents))
        parts.metrics.waiting.set(len({agent for agent, _ in self._unknown.places}))


def event_data(report: AnyReport, site: str) -> dict[str, Any]:
    """Write what a live page shows of a report, JSON-ready."""
    data: dict[str, Any] = {
        "id": report.id,
        "agent": report.agent,
        "site": site,
        "kind": report.kind,
        "started": iso(report.started),
        "family": report.family,
        "doubts": list(report.doubts),
        "failure": str(report.failure) if report.failure is not None else None,
    }
    if report.request is not None:
        data["request"] = report.request
    match report.result:
        case Throughput(download=download, upload=upload):
            data["download_mbps"] = download.mbps if download is not None else None
            data["upload_mbps"] = upload.mbps if upload is not None else None
        case Latency(rtt_ms=rtt, loss_ratio=loss):
            data["rtt_ms_median"] = rtt.median if rtt is not None else None
            data["loss_ratio"] = loss
        case Ipv6(status=status):
            data["status"] = status
        case _:
            pass
    return data


def iso(moment: datetime) -> str:
    """Write a time as the contract does: UTC with microseconds."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


def _newest(decisions: Iterable[Store]) -> Iterable[tuple[Store, datetime]]:
    """Of each agent's reports of one kind the newest, and since when there are some: what came with it is history."""
    newest: dict[tuple[str, str], tuple[Store, datetime]] = {}
    for one in decisions:
        key, started = (one.report.agent, one.report.kind), one.report.started
        other, oldest = newest.get(key, (one, started))
        newest[key] = (one if started >= other.report.started else other, min(oldest, started))
    return newest.values()


def _short(ranges: Iterable[Range]) -> str:
    words = [f"{first}-{last}" for first, last in ranges]
    return ",".join(words[:5]) + (f",… ({len(words)} ranges)" if len(words) > 5 else "")  # noqa: PLR2004 - one log line
