"""What the bench of ingest stands on: the real service as processes, a real broker and database, a slow way between."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from collector.registry.registry import Registry
from collector.registry.site import Site
from tests.bench.raw_publisher import Order
from tests.collector.influxd import Influxd, running_influxd
from tests.collector.mosquitto import Mosquitto, mosquitto
from tests.e2e import truth
from tests.e2e.processes import BIN, Process, ended
from tests.ports import free_port

StoreName = Literal["influx", "sqlite"]
DATABASE = "linkgauge"
TICKS = os.sysconf("SC_CLK_TCK")
KINDS = ("latency", "throughput")


@dataclass
class Ground:
    """One collector with what it needs. `folder` holds everything and goes with the context."""

    folder: Path
    broker: Mosquitto
    store: StoreName
    influxd: Influxd | None
    collectors: list[Process]
    proxy_port: int | None = None
    peak_kb: int = 0
    _watching: threading.Event = field(default_factory=threading.Event)

    def cpu_s(self) -> float:
        """Processor time of all collector processes that run now, user and system."""
        return sum(_cpu_s(process.running.pid) for process in self.collectors if process.running)

    def watch(self) -> None:
        """Note the most memory a collector holds, four times a second, until the ground goes."""
        while not self._watching.wait(0.25):
            for process in self.collectors:
                if process.running is not None:
                    self.peak_kb = max(self.peak_kb, _rss_kb(process.running.pid))

    def end_watch(self) -> None:
        """Look no more."""
        self._watching.set()

    def ids_stored(self) -> list[str]:
        """Every report's id in the series, read around the collector."""
        if self.influxd is not None:
            rows = truth.influx(self.influxd.url, DATABASE, "SELECT id FROM " + ", ".join(KINDS))  # noqa: S608 - our own names
            return [row["id"] for row in rows]
        with closing(sqlite3.connect(self.folder / "series.db")) as file:
            tables = [f'SELECT id FROM "_{kind}"' for kind in KINDS]  # noqa: S608 - our own names
            return [name for table in tables for (name,) in file.execute(table)]

    def ids_archived(self) -> list[str]:
        """Every report's id in the archive, read as anybody could."""
        return [json.loads(raw)["id"] for raw in truth.archived(self.folder / "archive")]

    def archive_bytes(self) -> int:
        """What the archive takes on the disk, everything included."""
        return sum(path.stat().st_blocks * 512 for path in (self.folder / "archive").rglob("*") if path.is_file())


@contextmanager
def ground(store: StoreName, order: Order, *, throttle: str | None = None, processes: int = 1) -> Iterator[Ground]:
    """Start everything, with `order.agents` agents registered. `throttle`: arguments of the slow proxy."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="linkgauge-bench-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        broker = stack.enter_context(mosquitto(folder))
        influxd = stack.enter_context(running_influxd(folder / "influx")) if store == "influx" else None
        proxy_port = None
        if throttle is not None and influxd is not None:
            proxy_port = free_port()
            target = influxd.url.rsplit(":", 1)[1]
            proxy = Process(
                "proxy",
                [sys.executable, "-m", "tests.bench.slow_proxy", str(proxy_port), target, throttle],
                folder / "proxy.log",
                proxy_port,
            )
            stack.enter_context(ended([proxy]))
            proxy.start()
        _register(folder, order.agents)
        group = 'group = "bench"\n' if processes > 1 else ""
        _configure(folder, broker, influxd, proxy_port, group)
        collectors = [_collector(folder, number) for number in range(processes)]
        stack.enter_context(ended(collectors))
        made = Ground(folder, broker, store, influxd, collectors, proxy_port)
        for process in collectors:
            process.start()
        watcher = threading.Thread(target=made.watch, name="memory")
        watcher.start()
        stack.callback(watcher.join)
        stack.callback(made.end_watch)
        _wait_until_it_listens(made)
        yield made


def _wait_until_it_listens(made: Ground) -> None:
    deadline = time.monotonic() + 30
    for process in made.collectors:
        while "part=broker" not in process.said():
            if time.monotonic() > deadline or not process.alive():
                raise RuntimeError(f"the collector does not listen: {process.said()[-2000:]}")
            time.sleep(0.05)


def _register(folder: Path, agents: int) -> None:
    registry = Registry(f"sqlite:///{str(folder).lstrip('/')}/registry.db")
    registry.open()
    sites = [
        Site(f"site-{number}", f"Trường {number}", "school", "rural", "lang-son", "huu-lung", access="fibre",
             provider="vnpt", plan="lang-son-2025")
        for number in range(agents)
    ]  # fmt: skip
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    registry.import_sites(sites, now=now)
    for number in range(agents):
        registry.add_agent(f"agent-{number}", f"site-{number}", now=now)
    registry.close()


def _configure(folder: Path, broker: Mosquitto, influxd: Influxd | None, proxy: int | None, group: str) -> None:
    if influxd is None:
        series = f"sqlite:///{str(folder).lstrip('/')}/series.db"
    elif proxy is None:
        series = influxd.store_url(DATABASE)
    else:
        series = f"influxdb1://127.0.0.1:{proxy}/{DATABASE}"
    (folder / "collector.toml").write_text(
        'roles = ["ingest"]\n'
        f'[broker]\nurl = "{broker.url}"\nreconnect_first_s = 0.2\n{group}'
        f'[store]\nurl = "{series}"\n'
        f'[registry]\nurl = "sqlite:///{str(folder).lstrip("/")}/registry.db"\n'
        f'[archive]\nurl = "file://{folder}/archive"\n'
    )


def _collector(folder: Path, number: int) -> Process:
    command = [str(BIN / "linkgauge-collector"), "run", "--config", str(folder / "collector.toml")]
    return Process(f"collector-{number}", command, folder / f"collector-{number}.log")


@dataclass
class Publishing:
    """A publisher at work."""

    running: subprocess.Popen[bytes]

    def heard(self, what: str) -> dict[str, Any]:
        """The next line it says, which must be about this."""
        assert self.running.stdout is not None
        line = self.running.stdout.readline()
        if not line:
            raise RuntimeError("the publisher has ended")
        said: dict[str, Any] = json.loads(line)
        if said["what"] != what:
            raise RuntimeError(f"the publisher said {said}, not {what}")
        return said


@contextmanager
def publishing(port: int, order: Order) -> Iterator[Publishing]:
    """A publisher in a process of its own."""
    import msgspec

    command = [sys.executable, "-m", "tests.bench.raw_publisher", str(port), msgspec.json.encode(order).decode()]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as running:  # noqa: S603 - our own program
        try:
            yield Publishing(running)
        finally:
            running.kill()


def _cpu_s(pid: int) -> float:
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / TICKS


def _rss_kb(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    lines = [line for line in text.splitlines() if line.startswith("VmRSS:")]
    return int(lines[0].split()[1]) if lines else 0
