"""What one process is made of, by its roles: its parts, what it listens to, and the tasks it runs.

- `ingest`: reports from the broker to series and archive; any number in one group, each with its own archive slot.
- `judge`: what one process at a time may do, whoever holds the lease: status points, gaps, roll-ups, judging, telling.
- `web`: the page; any number.
- `broker`, `peer`: the embedded broker; a measurement peer as a process of its own.

Where all of them are one process nothing is told over the broker that the process knows already.
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from agent.wire.control import Boot
from collector import config, peer, tending
from collector.archive.archive import Archive, folder_from_url
from collector.config import CollectorConfig
from collector.errors import StoreUnavailable
from collector.events import Bus, Event
from collector.fleet import Fleet
from collector.inbox import Inbox
from collector.judge.verdict import Verdict
from collector.leadership import Leadership
from collector.ledger.journal import Journal
from collector.metrics import Metrics, Readiness
from collector.parts import Parts
from collector.pipeline import Pipeline
from collector.plans.current import Plans
from collector.plans.load import load_plans
from collector.pulse import Pulse
from collector.quarantine import Quarantine, path_from_url
from collector.quarantine.replay import Replay, Service, held_by
from collector.registry.database import database_of
from collector.registry.lease import Lease
from collector.registry.registry import Registry
from collector.relay import Relay
from collector.store.open import store_from_url
from collector.subscribe import Subscriber, Subscription, events, feed, greeting, reports, statuses
from collector.upkeep import Upkeep

LOG: Final = logging.getLogger(__name__)
_FLUSH_S: Final = 2.0
_FAREWELL_S: Final = 0.3
_PATIENT: Final = 2.5  # on one machine a dead leader is seen at once: the lease is for one that hangs
Settings = Callable[[], CollectorConfig]
Task = tuple[str, Coroutine[Any, Any, None]]


class Process:
    """The parts of one process, wired for its roles. For one event loop, made before it runs."""

    def __init__(self, settings: Settings) -> None:
        """Put the parts together; nothing is opened yet. Raises UsageError for what cannot be used at all."""
        self.roles = frozenset(settings().roles)
        self.parts = _parts(settings, self.roles, send=self._send, leading=self._is_leading)
        self.upkeep = Upkeep(self.parts)
        self.parts.inbox.known = self._is_known
        self.pipeline = Pipeline(self.parts, self.upkeep)
        self.leadership = _leadership(self.parts) if "judge" in self.roles else None
        self.subscriber = self._subscriber()
        self.relay = self._relay() if _is_split(settings()) else None
        if self.leadership is not None:
            from collector.tell.routes import routes_of

            routes_of(settings())  # one that is no address is told now, not when this process comes to lead
        self._fed = asyncio.Event()
        self._broker_up = asyncio.Event()

    def tasks(self) -> Iterator[Task]:
        """The work of all roles, by name; none of it ends by itself."""
        readiness = self.parts.readiness
        readiness.expect("store")
        readiness.expect("registry")
        yield "store", tending.watch_store(self.parts)
        yield "archive", tending.watch_archive(self.parts)
        yield "upkeep", self.upkeep.run(self.pipeline.write_statuses)
        yield "pulse", Pulse(self.parts, tell=self.relay.tell_vitals if self.relay is not None else None).run()
        if "broker" in self.roles:
            readiness.expect("embedded broker")
            yield "embedded broker", tending.run_broker(self.parts, self._broker_up)
        if "peer" in self.roles:
            readiness.expect("peer")
            yield "peer", peer.run(self.parts.settings().peer, readiness)
        if self.roles & {"ingest", "judge", "web"}:
            readiness.expect("broker")
            yield "broker connection", self._connect()
        if "ingest" in self.roles:
            yield "pipeline", self._feed()
            yield "archive care", tending.care_for_archive(self.parts)
            yield "quarantine replay", self._replay().run(lambda: self.parts.settings().quarantine.replay_s)
        if self.parts.journal is not None:
            self.parts.journal.heard = self._hear_journal
            yield "journal", self.parts.journal.run()
        yield from self._tasks_of_judge_and_web()

    def _tasks_of_judge_and_web(self) -> Iterator[Task]:
        if self.relay is not None:
            yield "relay", self.relay.run()
        if self.roles & {"judge", "web"}:
            yield "fleet history", tending.load_fleet(self.parts)
        if "web" in self.roles:
            database = self.parts.registry.database
            yield "verdicts", self.parts.verdicts.follow(database, leading=self._is_leading, tell=self._tell_verdict)
        if self.leadership is not None:
            yield "leadership", self.leadership.run(self._lead)

    async def flush(self) -> None:
        """Finish the batches in hand and their receipts; whatever takes longer is sent again by its agents."""
        self.parts.inbox.close()
        if "ingest" not in self.roles:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FLUSH_S):
                await self._fed.wait()
        if self.relay is not None:
            self.relay.tell()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                await self.subscriber.flush()

    async def close(self) -> None:
        """Let another process lead, and leave nothing open."""
        if self.leadership is not None:
            await self.leadership.resign()
        if self.parts.journal is not None:
            await asyncio.to_thread(self.parts.journal.close)
        await self.parts.series.close()
        for part in (self.parts.archive, self.parts.quarantine, self.parts.registry):
            await asyncio.to_thread(part.close)

    async def _lead(self) -> None:
        """What one process at a time does; made anew each time, so that nothing old is known."""
        if self.leadership is None:
            return
        from collector.leading import lead

        self.upkeep.take_statuses()  # of before: the last leader has written them
        await lead(
            self.parts,
            self.leadership.lease,
            listening_since=lambda: self.subscriber.connected_since,
            request=lambda agent, resend: self.upkeep.request(agent, resend, "gap"),
        )

    def _waiting(self) -> int:
        """Messages that quarantine lets go first: none of it is taken up while a part that it needs is away."""
        parts = self.parts
        if parts.inbox.closed:
            return -1
        away = parts.readiness.reasons.keys() & {"store", "archive", "registry"}
        return parts.inbox.limit_messages if away else len(parts.inbox)

    def _replay(self) -> Replay:
        parts, pipeline = self.parts, self.pipeline
        service = Service(
            process=pipeline.process,
            holding=held_by(parts.archive),
            snapshot=parts.registry.snapshot,
            waiting=self._waiting,
            now=parts.now,
        )
        return Replay(parts.quarantine, service)

    def _subscriber(self) -> Subscriber:
        settings, parts = self.parts.settings(), self.parts
        boot = str(uuid.uuid4())
        wishes: list[Subscription] = []
        if "ingest" in self.roles:
            wishes.append(reports(parts.inbox, settings.broker.group))
        if self.roles & {"judge", "web"}:
            wishes.append(statuses(parts.inbox, self._status))
            if _is_split(settings):
                wishes.append(events(self._hear))
        takes_reports = "ingest" in self.roles
        return Subscriber(
            parts.settings,
            wishes,
            observers=(parts.metrics, parts.readiness),
            now=parts.now,
            # A boot notice makes agents send what has no receipt: who takes no reports has none to ask for.
            greet=(lambda: greeting(Boot(boot=boot, at=_now()))) if takes_reports else tuple,
            suffix=self._suffix,
        )

    def _relay(self) -> Relay:
        parts = self.parts
        relay = Relay(
            parts.bus,
            parts.fleet,
            parts.verdicts,
            send=self._send,
            is_up=lambda: self.subscriber.connected_since is not None,
            metrics=parts.metrics,
        )
        parts.bus.forward_to(relay.offer)
        relay.board, relay.knows, relay.now = parts.board, self._knows, parts.now
        return relay

    def _suffix(self) -> str | None:
        """What tells processes with one configuration apart at the broker: the slot, or the other roles and more."""
        if not self.parts.settings().broker.client_id or not _is_split(self.parts.settings()):
            return None
        with contextlib.suppress(StoreUnavailable):
            return self.parts.archive.slot
        return f"{'-'.join(sorted(self.roles))}-{uuid.uuid4().hex[:6]}"

    def _is_leading(self) -> bool:
        return self.leadership is not None and self.leadership.is_leading

    def _is_known(self, agent: str) -> bool:
        snapshot = self.upkeep.snapshot
        return snapshot is None or agent in snapshot.agents

    def _knows(self, agent: str | None, site: str) -> bool:
        snapshot = self.upkeep.snapshot
        return snapshot is not None and site in snapshot.sites and (agent is None or agent in snapshot.agents)

    def _tell_verdict(self, verdict: Verdict) -> None:
        """Let this process's pages know of another one's verdict."""
        if self.parts.bus.heard:
            event = Event("verdict", verdict.site, self.parts.now(), msgspec.to_builtins(verdict))
            self.parts.bus.deliver(event)

    def _status(self, agent: str, payload: bytes, retained: bool) -> None:  # noqa: FBT001 - an OnStatus
        self.upkeep.status(agent, payload, retained=retained)

    def _hear(self, topic: str, payload: bytes, retained: bool) -> None:  # noqa: FBT001 - a Receive
        if self.relay is not None:
            self.relay.receive(topic, payload, retained)

    def _hear_journal(self, why: str | None) -> None:
        if why is None:
            self.parts.readiness.works("ledger")
        else:
            self.parts.readiness.fails("ledger", f"{why}; receipts go on, the ledger catches up")

    def _send(self, topic: str, payload: bytes, qos: int) -> None:
        self.subscriber.send(topic, payload, qos)

    async def _feed(self) -> None:
        try:
            await feed(self.parts.inbox, self.pipeline.process, self.parts.settings, self.parts.metrics)
        finally:
            self._fed.set()

    async def _connect(self) -> None:
        if "broker" in self.roles:
            await self._broker_up.wait()
        await self.subscriber.run()


def _parts(
    settings: Settings, roles: frozenset[str], *, send: Callable[[str, bytes, int], None], leading: Callable[[], bool]
) -> Parts:
    now = settings()
    metrics = Metrics()
    archive = _archive(now, roles)
    registry = Registry(database_of(now.registry))
    token = config.secret(now.store.token, now.store.token_file, "store.token_file")
    return Parts(
        settings=settings,
        series=store_from_url(now.store.url, token=token, timeout_s=now.store.timeout_s),
        archive=archive,
        quarantine=Quarantine(
            path_from_url(now.quarantine.url, archive=archive.folder),
            limit_bytes=now.quarantine.limit_bytes,
            limit_count=now.quarantine.limit_count,
        ),
        registry=registry,
        fleet=Fleet(),
        bus=Bus(),
        inbox=_inbox(now, metrics),
        metrics=metrics,
        readiness=Readiness(metrics, _say),
        send=send,
        now=_now,
        leading=leading,
        journal=_journal(settings, registry, archive, metrics) if "ingest" in roles else None,
        plans=Plans(load_plans(now.plans.folder) if roles & {"judge", "web"} else None),
    )


def _archive(settings: CollectorConfig, roles: frozenset[str]) -> Archive:
    archive = settings.archive
    slot = archive.writer if archive.writer is not None or settings.broker.group else ""
    return Archive(folder_from_url(archive.url), level=archive.level, writer="ingest" in roles, slot=slot)


def _inbox(settings: CollectorConfig, metrics: Metrics) -> Inbox:
    return Inbox(
        limit_messages=settings.broker.queue_messages,
        limit_bytes=settings.broker.queue_bytes,
        rate=settings.ingest.agent_rate,
        burst=settings.ingest.agent_burst,
        dropped=metrics.dropped,
    )


def _journal(settings: Settings, registry: Registry, archive: Archive, metrics: Metrics) -> Journal:
    return Journal(registry, archive, settings=lambda: settings().ledger, metrics=metrics, now=_now)


def _leadership(parts: Parts) -> Leadership:
    database, lasts_s = parts.registry.database, parts.settings().judge.lease_s
    if not database.is_shared:
        lasts_s *= _PATIENT
    lease = Lease(database, "judge", lasts_s=lasts_s)
    return Leadership(database, lease, lasts_s=lasts_s, metrics=parts.metrics, now=parts.now)


def _is_split(settings: CollectorConfig) -> bool:
    """Whether other processes have a part in this: then events go over the broker."""
    if settings.broker.events is not None:
        return settings.broker.events
    return settings.broker.group is not None or not {"ingest", "judge", "web"} <= set(settings.roles)


def _now() -> datetime:
    return datetime.now(UTC)


def _say(part: str, why: str | None) -> None:
    if why is None:
        LOG.info("part.works part=%s", part.replace(" ", "_"))
    else:
        LOG.warning("part.fails part=%s why=%s", part.replace(" ", "_"), why)
