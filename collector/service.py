"""The composition root: the roles that the configuration names, in one process, until it is told to stop.

What cannot be reached at the start is said once, shown in /readyz and /metrics, and tried again: a collector that
is up shows what is wrong better than one that is not.
"""

import asyncio
import contextlib
import importlib.metadata
import logging
import os
import signal
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from agent.wire.control import Boot
from agent.wire.results import RESULTS
from collector import config, embedded_broker, peer
from collector.archive.archive import Archive, folder_from_url
from collector.config import CollectorConfig
from collector.errors import StoreFull, StoreUnavailable, UsageError
from collector.events import Bus
from collector.fleet import Fleet
from collector.inbox import Inbox
from collector.metrics import Metrics, Readiness
from collector.parts import Parts
from collector.pipeline import Pipeline
from collector.quarantine import Quarantine, path_from_url
from collector.registry.database import database_of
from collector.registry.registry import Registry
from collector.store.open import store_from_url
from collector.subscribe import Subscriber, feed, greeting, reports, statuses
from collector.upkeep import Upkeep

if TYPE_CHECKING:
    from aiohttp import web

    from collector.judge import Verdict
    from collector.judging import Judging

LOG: Final = logging.getLogger(__name__)
_FLUSH_S: Final = 2.0
_FAREWELL_S: Final = 0.3
_EXPIRY_S: Final = 3600.0
Reload = Callable[[], CollectorConfig]


async def serve(
    settings: CollectorConfig, *, ready: Callable[[str], None] | None = None, reload: Reload | None = None
) -> None:
    """Run all configured roles until cancelled; then finish what is in hand, at most 2 s.

    `ready` is called once, with the page's address (empty without the role `web`), when everything has been started.
    `reload` reads the configuration anew on SIGHUP; it raises UsageError for a bad file, and the old one stays.

    Raises:
        UsageError: something that no trying again can mend, such as an archive that another collector writes.
    """
    try:
        await _Service(settings).run(ready or (lambda _: None), reload)
    except ExceptionGroup as errors:
        plain: Exception | None = errors.subgroup(UsageError)
        while isinstance(plain, ExceptionGroup):
            plain = plain.exceptions[0]
        if plain is None:
            raise
        raise plain from errors


class _Current:
    """The configuration of this moment."""

    def __init__(self, settings: CollectorConfig) -> None:
        self.settings = settings

    def take_over(self, reload: Reload, metrics: Metrics) -> None:
        """Read the file again; a bad one changes nothing but the metric that says so."""
        try:
            new = reload()
        except UsageError as error:
            metrics.reload_failures.inc()
            metrics.config_bad.set(1)
            LOG.error("config.reload_failed error=%s; the old one stays", error)  # noqa: TRY400 - told in one line
            return
        metrics.config_bad.set(0)
        for key in config.needs_restart(self.settings, new):
            LOG.warning("config.needs_restart key=%s", key)
        self.settings = config.taken_over(self.settings, new)
        logging.getLogger().setLevel(self.settings.log.level.upper())
        LOG.info("config.reloaded")


class _Unjudged:
    """For the page of a process without the role `judge`."""

    def current(self) -> "Mapping[str, Verdict]":
        return {}


class _Service:
    def __init__(self, settings: CollectorConfig) -> None:
        self.current = _Current(settings)
        self.roles = frozenset(settings.roles)
        boot = str(uuid.uuid4())
        metrics = Metrics()
        inbox = Inbox(
            limit_messages=settings.broker.queue_messages,
            limit_bytes=settings.broker.queue_bytes,
            rate=settings.ingest.agent_rate,
            burst=settings.ingest.agent_burst,
            dropped=metrics.dropped,
        )
        folder = folder_from_url(settings.archive.url)
        token = config.secret(settings.store.token, settings.store.token_file, "store.token_file")
        self.parts = Parts(
            settings=lambda: self.current.settings,
            series=store_from_url(settings.store.url, token=token, timeout_s=settings.store.timeout_s),
            archive=Archive(folder, level=settings.archive.level, writer="ingest" in self.roles),
            quarantine=Quarantine(
                path_from_url(settings.quarantine.url, archive=folder),
                limit_bytes=settings.quarantine.limit_bytes,
                limit_count=settings.quarantine.limit_count,
            ),
            registry=Registry(database_of(settings.registry)),
            fleet=Fleet(),
            bus=Bus(),
            inbox=inbox,
            metrics=metrics,
            readiness=Readiness(metrics, _say),
            send=self._send,
            now=_now,
        )
        self.upkeep = Upkeep(self.parts)
        self.pipeline = Pipeline(self.parts, self.upkeep)
        self.subscriber = Subscriber(
            self.parts.settings,
            (reports(inbox, settings.broker.group), statuses(inbox, self._status)),
            observers=(metrics, self.parts.readiness),
            now=_now,
            greet=lambda: greeting(Boot(boot=boot, at=_now())),
        )
        self.judging = self._judging() if "judge" in self.roles else None
        self.fed = asyncio.Event()
        self.broker_up = asyncio.Event()

    async def run(self, ready: Callable[[str], None], reload: Reload | None) -> None:
        """Start everything, wait for the end, and leave nothing open."""
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._close)
            await self._open_archive()
            address = await stack.enter_async_context(self._page()) if "web" in self.roles else ""
            async with asyncio.TaskGroup() as group:
                for name, work in self._tasks():
                    group.create_task(work, name=name)
                with self._reloading(reload):
                    try:
                        ready(address)
                        await asyncio.Event().wait()
                    except asyncio.CancelledError:
                        await self._flush()
                        raise

    def _tasks(self) -> Iterator[tuple[str, "asyncio._CoroutineLike[None]"]]:
        readiness = self.parts.readiness
        readiness.expect("store")
        readiness.expect("registry")
        yield "store", self._watch_store()
        yield "fleet history", self._until_up("fleet history", self._load_fleet)
        if "broker" in self.roles:
            readiness.expect("embedded broker")
            yield "embedded broker", self._broker()
        if "ingest" in self.roles:
            readiness.expect("broker")
            yield "pipeline", self._feed()
            yield "broker connection", self._connect()
            yield "archive expiry", self._expire()
        if "peer" in self.roles:
            readiness.expect("peer")
            yield "peer", peer.run(self.parts.settings().peer, readiness)
        yield "upkeep", self.upkeep.run(self.pipeline.write_statuses)
        if self.judging is not None:
            yield "judging", self.judging.run()

    def _status(self, agent: str, payload: bytes, retained: bool) -> None:  # noqa: FBT001 - an OnStatus
        self.upkeep.status(agent, payload, retained=retained)

    def _send(self, topic: str, payload: bytes, qos: int) -> None:
        self.subscriber.send(topic, payload, qos)

    def _judging(self) -> "Judging":
        from collector.judging import Judging
        from collector.plans.load import load_plans

        parts = self.parts
        heard = "ingest" in self.roles
        return Judging(
            store=parts.series,
            registry=parts.registry,
            plans=load_plans(),
            fleet=parts.fleet if heard else None,
            bus=parts.bus,
            clock=parts.now,
            settings=parts.settings().judge,
            listening_since=lambda: self.subscriber.connected_since,
        )

    async def _feed(self) -> None:
        try:
            await feed(self.parts.inbox, self.pipeline.process, self.parts.settings, self.parts.metrics)
        finally:
            self.fed.set()

    async def _connect(self) -> None:
        if "broker" in self.roles:
            await self.broker_up.wait()
        await self.subscriber.run()

    async def _broker(self) -> None:
        """Run the embedded broker; try again while its port is taken."""
        while True:
            settings = self.parts.settings().broker
            try:
                async with embedded_broker.running(settings):
                    self.parts.readiness.works("embedded broker")
                    self.broker_up.set()
                    await asyncio.Event().wait()
            except StoreUnavailable as error:
                self.parts.readiness.fails("embedded broker", str(error))
            await asyncio.sleep(settings.reconnect_first_s)

    async def _watch_store(self) -> None:
        """See that the store answers, also while nobody writes; what a write complained of, only a write takes back."""
        settings = self.parts.settings().store
        wait, failed = settings.retry_first_s, True
        while True:
            try:
                await self.parts.series.open()
            except (StoreUnavailable, StoreFull) as error:
                self.parts.readiness.fails("store", str(error))
                failed = True
            else:
                if failed:
                    self.parts.readiness.works("store")
                failed, wait = False, settings.retry_first_s
            await asyncio.sleep(wait if failed else settings.check_s)
            wait = min(wait * 2, settings.retry_max_s)

    async def _until_up(self, part: str, action: Callable[[], Awaitable[None]]) -> None:
        settings = self.parts.settings().store
        wait = settings.retry_first_s
        while True:
            try:
                await action()
            except (StoreUnavailable, StoreFull) as error:
                self.parts.readiness.fails(part, str(error))
            else:
                self.parts.readiness.works(part)
                return
            await asyncio.sleep(wait)
            wait = min(wait * 2, settings.retry_max_s)

    async def _load_fleet(self) -> None:
        since = _now() - timedelta(seconds=self.parts.settings().fleet.recent_s)
        kinds = tuple(kind for kind in RESULTS if kind != "ledger")
        await self.parts.fleet.load(self.parts.series, since=since, kinds=kinds)

    async def _open_archive(self) -> None:
        readiness = self.parts.readiness
        readiness.expect("archive")
        try:
            await asyncio.to_thread(self.parts.archive.open)
        except StoreUnavailable as error:
            readiness.fails("archive", str(error))  # the pipeline opens it again before each batch
        else:
            readiness.works("archive")

    async def _expire(self) -> None:
        while True:
            days = self.parts.settings().archive.keep_days
            if days is not None:
                before = _now().date() - timedelta(days=days)
                try:
                    await asyncio.to_thread(self.parts.archive.expire, before)
                except StoreUnavailable as error:
                    LOG.warning("archive.expiry_failed error=%s; tried again in an hour", error)
            await asyncio.sleep(_EXPIRY_S)

    @contextlib.asynccontextmanager
    async def _page(self) -> AsyncIterator[str]:
        """Serve the page and the health pages; gives the address. Raises UsageError when the port is taken."""
        from aiohttp import web

        from collector import health

        listen = self.parts.settings().web.listen
        host, port = config.address(listen, "web.listen")
        app = self._app()
        health.add_routes(app, self.parts.metrics, self.parts.readiness)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_FAREWELL_S)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port)
            try:
                await site.start()
            except OSError as error:
                why = os.strerror(error.errno or 0).lower()
                raise UsageError(f"web.listen: {listen}: {why}; stop what listens there, or choose another") from error
            bound = runner.addresses[0]
            yield f"http://[{bound[0]}]:{bound[1]}" if ":" in bound[0] else f"http://{bound[0]}:{bound[1]}"
        finally:
            await runner.cleanup()

    def _app(self) -> "web.Application":
        from collector.incidents.history import History
        from collector.plans.load import load_plans
        from collector.web.app import make_app
        from collector.web.sources import Sources

        parts = self.parts
        return make_app(
            Sources(
                store=parts.series,
                places=parts.registry,
                originals=parts.archive,
                judged=self.judging if self.judging is not None else _Unjudged(),
                casebook=self.judging.history if self.judging is not None else History(parts.registry.database),
                fleet=parts.fleet,
                bus=parts.bus,
                plans=load_plans(),
                now=parts.now,
                zone=ZoneInfo(parts.settings().web.zone),
                version=importlib.metadata.version("linkgauge"),
            )
        )

    @contextlib.contextmanager
    def _reloading(self, reload: Reload | None) -> Iterator[None]:
        if reload is None:
            yield
            return
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self.current.take_over, reload, self.parts.metrics)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGHUP)

    async def _flush(self) -> None:
        """Finish the batches in hand and their receipts; whatever takes longer is sent again by its agents."""
        self.parts.inbox.close()
        if "ingest" not in self.roles:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FLUSH_S):
                await self.fed.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                await self.subscriber.flush()

    async def _close(self) -> None:
        await self.parts.series.close()
        for part in (self.parts.archive, self.parts.quarantine, self.parts.registry):
            await asyncio.to_thread(part.close)


def _now() -> datetime:
    return datetime.now(UTC)


def _say(part: str, why: str | None) -> None:
    if why is None:
        LOG.info("part.works part=%s", part.replace(" ", "_"))
    else:
        LOG.warning("part.fails part=%s why=%s", part.replace(" ", "_"), why)
