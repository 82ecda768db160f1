"""From an empty folder to a page that is alive: fill the past once, top up what is missing, then let agents send."""

import asyncio
import contextlib
import logging
import os
import uuid
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

import aiohttp
import msgspec

from collector import config as settings
from collector.demonstration import folder, ground
from collector.demonstration.agents import Agents
from collector.demonstration.clock import Clock
from collector.demonstration.filling import Filling
from collector.demonstration.folder import Mark
from collector.demonstration.making import Plan, made
from collector.demonstration.world import World
from collector.errors import CollectorError, UsageError
from collector.store.open import store_from_url

Serve = Callable[[settings.CollectorConfig, Callable[[str], None]], Coroutine[Any, Any, None]]
BROKER_PORT: Final = 1883
_BROKER_S: Final = 30.0
_POLL_S: Final = 0.1
_STARTING: Final = "starting"
"""What /readyz says of a part that has not tried yet."""
SITES: Final = 200
DAYS: Final = 90
SEED: Final = 7
_SIGNS: Final = {"throughput": "conclusive", "status": "online"}
"""What every database has in which something was measured."""
_ENOUGH: Final = timedelta(minutes=5)
_WORDS: Final = {
    "past": "making {days} days of {sites} sites",
    "sums": "summing up days and months",
}
_CONFIG: Final = """\
# Written by `linkgauge-collector up --demo`: a demonstration, none of it was measured.
roles = ["broker", "ingest", "judge", "web"]
[broker]
url = "mqtt://127.0.0.1:{broker}"
[store]
url = "{store}"
[registry]
url = "sqlite:///{data}/registry.db"
[archive]
url = "file:///{data}/archive"
[web]
listen = "{listen}"
demonstration = true
[log]
level = "error"
"""


class Say(Protocol):
    """Says what happens: a line that stays, or one that the next replaces."""

    def __call__(self, words: str) -> None:
        """Say one line that stays."""

    def going(self, words: str) -> None:
        """Say how far it is."""


def edition(environment: Mapping[str, str]) -> tuple[int, int]:
    """How many sites and days; another edition may be asked for by LINKGAUGE_DEMO=SITESxDAYS."""
    wanted = environment.get("LINKGAUGE_DEMO", "")
    count, _, days = wanted.partition("x")
    return (int(count), int(days)) if count.isdecimal() and days.isdecimal() else (SITES, DAYS)


def prepared(data: Path, *, listen: str, store: str | None) -> Mark:
    """Claim the folder and try its configuration; raises UsageError for a folder with real measurements."""
    mark = folder.claim(data)
    if mark is None:
        count, days = edition(os.environ)
        url = store or f"sqlite:///{str(data).lstrip('/')}/series.db"
        mark = Mark(seed=SEED, sites=count, days=days, origin=datetime.now(UTC), store=url)
    elif store not in (None, mark.store):
        raise UsageError(
            f"--store: the demonstration in {data} has its series elsewhere; leave --store out, or name another --data"
        )
    elif mark.until is None:
        folder.empty(data)
    configured(data, mark, listen=listen, broker=BROKER_PORT)
    return mark


def configured(data: Path, mark: Mark, *, listen: str, broker: int) -> settings.CollectorConfig:
    """Write the folder's configuration and read it; raises UsageError."""
    text = _CONFIG.format(broker=broker, data=str(data).lstrip("/"), listen=listen, store=mark.store)
    path = data / "collector.toml"
    path.touch(0o600)
    path.write_text(text, "utf-8")
    return settings.parse(text, os.environ, name=str(path))


@dataclass(frozen=True, slots=True)
class Showing:
    """A demonstration in a folder that is claimed; `serve` runs the collector.

    `port` holds a port for the embedded broker. It is asked only when the broker is about to start: filling takes
    minutes, and what was free before them may be anybody's after.
    """

    data: Path
    listen: str
    mark: Mark
    port: Callable[[], contextlib.AbstractContextManager[int]]
    serve: Serve

    async def run(self, say: Say, stop: asyncio.Event) -> None:
        """Fill what is missing, then show it until told to stop. Raises CollectorError."""
        with _quietly():
            await self._run(say, stop)

    async def _run(self, say: Say, stop: asyncio.Event) -> None:
        say(f"a demonstration: {self.mark.sites} made-up sites, nothing of it was measured. Data in {self.data}")
        async with asyncio.TaskGroup() as group:
            config = configured(self.data, self.mark, listen=self.listen, broker=BROKER_PORT)
            filling = group.create_task(fill(self.data, config, self.mark, say), name="filling")
            stopping = group.create_task(stop.wait(), name="stop")
            await asyncio.wait((filling, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not filling.done():
                say("stopped before all of it was there; the next start begins again")
                filling.cancel()
                return
            stopping.cancel()
            mark = filling.result()
        with self.port() as port:
            await self._show(mark, port, say, stop)

    async def _show(self, mark: Mark, port: int, say: Say, stop: asyncio.Event) -> None:
        config = configured(self.data, mark, listen=self.listen, broker=port)
        page: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def told(at: datetime) -> None:
            with contextlib.suppress(OSError):  # a full disk ends nothing: the next start only adds a little more
                folder.write(self.data, msgspec.structs.replace(mark, until=at))

        def ready(address: str) -> None:
            if not page.done():
                page.set_result(address)

        agents = Agents(World(mark.seed, mark.sites, mark.days, mark.origin), port, told)
        async with asyncio.TaskGroup() as group:
            service = group.create_task(self.serve(config, ready), name="collector")
            address = await page
            await _broker_up(address, port)
            living = group.create_task(agents.run(), name="demonstration")
            say(f"open {address} - reports keep arriving. Ctrl-C ends it; the next start goes on in a moment")
            await stop.wait()
            say("stopping")
            living.cancel()
            service.cancel()
        told(datetime.now(UTC))


async def _broker_up(address: str, port: int) -> None:
    """Return when the collector says that its own broker listens; raises CollectorError when it says it cannot.

    Whoever else listens there is no place for made-up reports.
    """
    why: str | None = _STARTING
    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
        async with asyncio.timeout(_BROKER_S), aiohttp.ClientSession() as session:
            while why == _STARTING:
                await asyncio.sleep(_POLL_S)
                async with session.get(f"{address}/readyz") as answer:
                    why = (await answer.json())["reasons"].get("embedded broker")
    if why is not None:
        raise CollectorError(f"the demonstration's broker on port {port} does not start: {why}; start it again")


async def fill(data: Path, config: settings.CollectorConfig, mark: Mark, say: Say) -> Mark:
    """Make the past that is missing; gives what the folder says then.

    Raises UsageError for a store in which something lies that this folder does not know of.
    """
    if folder.read(data) is None:
        await _expect_empty(config)
        await asyncio.to_thread(folder.write, data, mark)
    world = World(mark.seed, mark.sites, mark.days, mark.origin)
    while True:
        start = mark.until or world.start
        until = mark.origin if mark.until is None else datetime.now(UTC)
        if mark.until is not None and until - start < _ENOUGH:
            return mark
        await _fill(world, (start, until), config, _progress(say, mark, is_first=mark.until is None))
        mark = msgspec.structs.replace(mark, until=until)
        await asyncio.to_thread(folder.write, data, mark)


async def _expect_empty(config: settings.CollectorConfig) -> None:
    store = config.store
    token = settings.secret(store.token, store.token_file, "store.token_file")
    series = store_from_url(store.url, token=token, timeout_s=store.timeout_s)
    try:
        await series.open()
        for measurement, field in _SIGNS.items():
            if await series.recent(measurement, start_ns=0, per_site=1, fields=(field,)):
                raise UsageError("--store: there are measurements in this database; a demonstration wants an empty one")
    finally:
        await series.close()


async def _fill(
    world: World,
    span: tuple[datetime, datetime],
    config: settings.CollectorConfig,
    progress: Callable[[str, float], None],
) -> None:
    start, until = span
    clock = Clock(start)
    parts = ground.parts_of(config, clock)
    try:
        await asyncio.to_thread(parts.registry.open)
        if start == world.start:  # later it may have been changed in administration, as people try things
            await asyncio.to_thread(ground.register, parts.registry, world)
        await asyncio.to_thread(parts.archive.open)
        filling = Filling(world, parts, clock, progress)
        plan = Plan(
            seed=world.seed, sites=world.count, days=world.days, origin=world.origin, start=start, until=until,
            epoch=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{world.seed} {world.origin} {start}")),
        )  # fmt: skip
        async with contextlib.aclosing(made(plan)) as chunks:
            await filling.run(chunks, until)
    finally:
        if parts.journal is not None:
            await asyncio.to_thread(parts.journal.close)
        await parts.series.close()
        for part in (parts.archive, parts.quarantine, parts.registry):
            await asyncio.to_thread(part.close)


def _progress(say: Say, mark: Mark, *, is_first: bool) -> Callable[[str, float], None]:
    words = _WORDS if is_first else {"past": "adding what happened since the last start", "sums": _WORDS["sums"]}

    def progress(what: str, share: float) -> None:
        bar = "█" * round(share * 20)
        say.going(f"{bar:░<20} {share:4.0%}  {words[what].format(days=mark.days, sites=mark.sites)}")

    return progress


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """The judge's word on each made-up incident is no news to an operator."""
    log = logging.getLogger("collector")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)
