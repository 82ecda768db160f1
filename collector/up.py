"""Everything on one machine: `linkgauge-collector up`, and with `--demo` a demonstration that needs no probe.

The collector's roles run in this process with an embedded broker and SQLite; the measurement peer and one agent are
processes of their own, as they would be in the field. They are restarted when they die and end with this process,
however it ends.
"""

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from collector import config as settings
from collector import loop
from collector.demonstration import folder, showing
from collector.errors import CollectorError, UsageError
from collector.registry.registry import Registry
from collector.registry.site import Site
from collector.trial import Speaker, announce

DATA: Final = "linkgauge-data"
DEMO_DATA: Final = "linkgauge-demo"
AGENT: Final = "this-machine"
SITE: Final = Site(
    id=AGENT,
    name="This machine",
    kind="other",
    area="urban",
    province="lang-son",
    commune="trial",
    access="fibre",
    provider="Loopback",
    plan="lang-son-2025",
)
STOP_S: Final = 2.0
HARD_STOP_S: Final = 4.7
RESTART_S: Final = 2.0
FIRST_RUNS: Final = 12
"""Ten make a verdict; on a busy machine one or two of them may be doubted."""
FIRST_SECONDS: Final = {True: 4, False: 2}
"""Of each direction, by whether the peer is somebody else's. Mostly an early stop comes before; against our own, which
keeps a pace, no queue builds up and nothing is gained by looking for one: it is told to be the line (`REHEARSAL`)."""
REHEARSAL: Final = '\noptions = { streams = "4", rehearsal = "true" }'
AGENT_PROGRAM: Final = str(Path(sys.executable).with_name("linkgauge-agent"))

COLLECTOR_TOML: Final = """\
# Written by `linkgauge-collector up`; read again by the other commands with --config.
roles = ["broker", "ingest", "judge", "web"]
[broker]
url = "mqtt://127.0.0.1:{broker}"
[store]
url = "sqlite:///{data}/series.db"
[registry]
url = "sqlite:///{data}/registry.db"
[archive]
url = "file:///{data}/archive"
[judge]
spacing_s = 1
[web]
listen = "{listen}"
[log]
level = "warning"
"""

AGENT_TOML: Final = """\
# Written by `linkgauge-collector up`.
[agent]
id = "{agent}"
data = "{data}/agent"
[broker]
url = "mqtt://127.0.0.1:{broker}"
[peer]
urls = [{peers}]
# Twelve short tests at once, so that a newcomer sees a verdict within minutes; then the ordinary schedule.
[schedule.throughput]
first_runs = {runs}
first_every_s = 10
first_max_seconds = {seconds}{options}
[schedule.ipv6]
first_runs = 1
# A trial stays on this machine: these two ask for the names and pages of public services.
[schedule.dns]
enabled = false
[schedule.web]
enabled = false
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What `up` starts, with every port settled."""

    data: Path
    listen: str
    broker: int
    peer_port: int
    stamp_port: int
    pace_mbps: float
    peer: str | None
    """Another peer that the user named; then none of ours is started."""

    @property
    def agent_toml(self) -> Path:
        """The agent's configuration."""
        return self.data / "agent" / "agent.toml"

    @property
    def peers(self) -> list[str]:
        """Where the agent measures to."""
        if self.peer:
            return [self.peer]
        return [f"msak+ws://127.0.0.1:{self.peer_port}", f"stamp://127.0.0.1:{self.stamp_port}"]


@dataclass(slots=True)
class Child:
    """A process of our own, kept alive until we stop."""

    name: str
    command: Sequence[str]
    log: Path
    say: Callable[[str], None]
    process: asyncio.subprocess.Process | None = field(default=None, repr=False)

    async def keep(self) -> None:
        """Run it, start it again when it ends, and end it when cancelled."""
        try:
            while True:
                code = await self._run_once()
                self.say(f"{self.name} ended with code {code}; starting it again. Its log: {self.log}")
                await asyncio.sleep(RESTART_S)
        finally:
            await asyncio.shield(self._end())

    async def _run_once(self) -> int:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *_ends_with_us(), *self.command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,  # Ctrl-C is for us; we tell the children
            )  # fmt: skip
        return await self.process.wait()

    async def _end(self) -> None:
        if self.process is None or self.process.returncode is not None:
            return
        self.process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `up` to the command line."""
    parser = commands.add_parser(
        "up",
        help="everything on this machine: broker, store, judge, page, a peer and one agent",
        description="Run everything on this machine. Prints the page's address when the first result is on it; "
        "Ctrl-C stops it all, and the next start goes on with the same data.",
        epilog="examples: linkgauge-collector up --listen 127.0.0.1:8700 --peer msak+wss://peer.langson.example:4443\n"
        "          linkgauge-collector up --demo                     look at it without any probe\n"
        "          linkgauge-collector up --demo --data demo-influx --store influxdb1://127.0.0.1:8086/demo",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--listen", default="127.0.0.1:8600", metavar="ADDR:PORT", help="the page (default %(default)s)"
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help=f"what is kept (default {DATA}; of a demonstration {DEMO_DATA})"
    )
    parser.add_argument(
        "--demo", action="store_true",
        help="a demonstration instead: 200 made-up sites of four provinces with 90 days behind them, filled once in "
        "about a minute; then their made-up agents go on while you look. Nothing is measured, every page says so",
    )  # fmt: skip
    parser.add_argument(
        "--store", metavar="URL",
        help="of a new demonstration: where its series go, for example influxdb1://127.0.0.1:8086/demo (an empty "
        "database, so that Grafana can show it; default: a file in --data)",
    )  # fmt: skip
    parser.add_argument("--peer", metavar="URL", help="measure to this peer instead of starting one here")
    parser.add_argument(
        "--pace", type=float, default=300.0, metavar="MBIT",
        help="rate of the line that the peer started here plays, so that it is not this box (default %(default)g)",
    )  # fmt: skip
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Run until Ctrl-C; raises UsageError for what cannot work."""
    if arguments.pace <= 0:
        raise UsageError(f"--pace {arguments.pace:g}: a rate in Mbit/s above 0, for example 300")
    settings.address(arguments.listen, "--listen")
    if arguments.demo:
        return _show(arguments)
    if arguments.store is not None:
        raise UsageError("--store is for a demonstration; name --demo too")
    data: Path = (arguments.data or Path(DATA)).absolute()
    folder.refuse(data)
    with _alone(data):
        plan = Plan(
            data=data,
            listen=arguments.listen,
            broker=free_port(1883, socket.SOCK_STREAM),
            peer_port=free_port(8080, socket.SOCK_STREAM),
            stamp_port=free_port(8862, socket.SOCK_DGRAM),
            pace_mbps=arguments.pace,
            peer=arguments.peer,
        )
        _write_agent(plan)
        config = _prepare(plan)
        loop.run(_up(plan, config, Speaker(sys.stderr)))
    return 0


def _show(arguments: argparse.Namespace) -> int:
    """Show a demonstration until Ctrl-C; raises UsageError for what cannot work."""
    if arguments.peer is not None:
        raise UsageError("--peer: a demonstration measures nothing; leave one of them out")
    data: Path = (arguments.data or Path(DEMO_DATA)).absolute()
    folder.claim(data)
    with _alone(data):
        _expect_free(arguments.listen)
        mark = showing.prepared(data, listen=arguments.listen, store=arguments.store)
        show = showing.Showing(data, arguments.listen, mark, held_port, _serve)
        loop.run(_until_told(show.run, Speaker(sys.stderr)))
    return 0


async def _serve(config: settings.CollectorConfig, ready: Callable[[str], None]) -> None:
    from collector.service import serve

    await serve(config, ready=ready)


async def _up(plan: Plan, config: settings.CollectorConfig, say: Speaker) -> None:
    """Run all parts until a signal; raises CollectorError for what cannot work."""
    await _until_told(lambda say, stop: _together(plan, config, say, stop), say)


async def _until_told(work: Callable[[Speaker, asyncio.Event], Awaitable[None]], say: Speaker) -> None:
    """Do it until a signal, which it is told by an event; raises CollectorError for what cannot work."""
    stop = asyncio.Event()
    running = asyncio.get_running_loop()

    def end() -> None:
        stop.set()
        # Nothing is lost by a hard end: receipts come after durable writes, and the children end with us.
        running.call_later(HARD_STOP_S, os._exit, 1)

    for number in (signal.SIGTERM, signal.SIGINT):
        running.add_signal_handler(number, end)
    failed: CollectorError | None = None
    try:
        await work(say, stop)
    except* CollectorError as group:
        failed = next(error for error in _leaves(group) if isinstance(error, CollectorError))
    if failed is not None:
        raise failed


async def _together(plan: Plan, config: settings.CollectorConfig, say: Speaker, stop: asyncio.Event) -> None:
    from collector.service import serve

    page: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def ready(address: str) -> None:
        if not page.done():
            page.set_result(address)

    async with asyncio.TaskGroup() as outer:
        service = outer.create_task(serve(config, ready=ready), name="collector")
        address = await page
        say(f"page on {address}, broker on 127.0.0.1:{plan.broker}, data in {plan.data}")
        async with asyncio.TaskGroup() as inner:
            others = [inner.create_task(child.keep(), name=child.name) for child in _children(plan, say)]
            paced = "" if plan.peer else f"; the peer plays a line of {plan.pace_mbps:g} Mbit/s"
            say(f"measuring to {', '.join(plan.peers)}{paced}; the first result takes some seconds")
            telling = announce(address, SITE.id, say, first_runs=FIRST_RUNS)
            others.append(inner.create_task(telling, name="announce"))
            await stop.wait()
            say("stopping")
            for other in others:  # first, so that the agent can say goodbye to a broker that is still there
                other.cancel()
        service.cancel()


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _prepare(plan: Plan) -> settings.CollectorConfig:
    """Write the collector's configuration, and register this machine."""
    text = COLLECTOR_TOML.format(broker=plan.broker, data=str(plan.data).lstrip("/"), listen=plan.listen)
    (plan.data / "collector.toml").write_text(text, "utf-8")
    config = settings.parse(text, os.environ, name=str(plan.data / "collector.toml"))
    registry = Registry(config.registry.url)
    registry.open()
    try:
        snapshot = registry.snapshot()
        if snapshot.site(SITE.id) is None:
            registry.import_sites([SITE], now=datetime.now(UTC))
        if AGENT not in snapshot.agents:
            registry.add_agent(AGENT, SITE.id, now=datetime.now(UTC))
    finally:
        registry.close()
    return config


def _write_agent(plan: Plan) -> None:
    """Let the agent judge its configuration, then put it in place; raises UsageError with its words, and keeps the old.

    Nothing has started by then, and a trial that is refused leaves the one before as it was.
    """
    plan.agent_toml.parent.mkdir(parents=True, exist_ok=True)
    peers = ", ".join(json.dumps(peer) for peer in plan.peers)  # a peer may hold anything; TOML quotes as JSON does
    text = AGENT_TOML.format(
        agent=AGENT,
        data=plan.data,
        broker=plan.broker,
        peers=peers,
        runs=FIRST_RUNS,
        seconds=FIRST_SECONDS[plan.peer is not None],
        options="" if plan.peer else REHEARSAL,
    )
    new = plan.agent_toml.with_suffix(".new")
    new.write_text(text, "utf-8")
    try:
        command = [AGENT_PROGRAM, "check-config", "--config", str(new)]
        checked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
        if checked.returncode != 0:
            raise UsageError(checked.stderr.strip().rpartition(f"{new}: ")[2])
        sys.stderr.write(checked.stderr)  # what it notes
        new.replace(plan.agent_toml)
    finally:
        new.unlink(missing_ok=True)


def _children(plan: Plan, say: Callable[[str], None]) -> Iterator[Child]:
    if plan.peer is None:
        command = [AGENT_PROGRAM, "peer", "--listen", f"127.0.0.1:{plan.peer_port}"]
        command += ["--stamp", f"127.0.0.1:{plan.stamp_port}", "--pace", f"{plan.pace_mbps:g}"]
        yield Child("peer", command, plan.data / "peer.log", say)
    command = [AGENT_PROGRAM, "run", "--config", str(plan.agent_toml)]
    yield Child("agent", command, plan.data / "agent.log", say)


def free_port(wish: int, kind: socket.SocketKind) -> int:
    """The wished port of loopback, or any free one where somebody has it already."""
    for port in (wish, 0):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind is socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found: int = probe.getsockname()[1]
                return found
    raise CollectorError("no free port on 127.0.0.1")


@contextlib.contextmanager
def held_port(wish: int = showing.BROKER_PORT) -> Iterator[int]:
    """A free port of loopback, the wished one if it can be, that another `up --demo` does not choose meanwhile.

    A socket for datagrams, which nobody uses, holds the number; the broker's own stays free for the broker.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        port = free_port(wish, socket.SOCK_STREAM)
        try:
            holder.bind(("127.0.0.1", port))
        except OSError:  # another one is about to listen there
            holder.bind(("127.0.0.1", 0))
            port = free_port(holder.getsockname()[1], socket.SOCK_STREAM)
        yield port


def _expect_free(listen: str) -> None:
    """Raises UsageError for an address that cannot be listened at: better now than after a minute of filling."""
    host, port = settings.address(listen, "--listen")
    try:
        family, kind, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise UsageError(f"--listen {listen}: {why}; stop what listens there, or name another port") from error


def _ends_with_us() -> list[str]:
    """A prefix that ends a child when this process dies, even by kill -9 (setpriv is part of util-linux)."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


@contextlib.contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Hold the data directory; raises UsageError when another `up` has it or it cannot be written."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = (data / "lock").open("w")
    except OSError as error:
        raise UsageError(f"--data {data}: cannot be written: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UsageError(f"--data {data}: another `up` is using it; stop that one, or name another") from error
        yield
