"""A whole province in processes: agents, line, Mosquitto, collectors, disk, InfluxDB; each can fail at any moment."""

import csv
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from agent.config import BrokerSettings
from agent.simulate import registration
from agent.simulate.plan import Plan, agent_id
from tests.collector.influxd import Influxd, running_influxd
from tests.e2e import truth
from tests.e2e.disk import Disk
from tests.e2e.link import Link
from tests.e2e.processes import BIN, Process, ended, mosquitto, wait_for
from tests.ports import free_port

COLLECTOR = str(BIN / "linkgauge-collector")
DATABASE = "linkgauge"
SPOOL_BYTES = 64 * 1024 * 1024
# The timers of the contract, shortened, so that a minute tells what a day would.
AGENT_TIMERS = {
    "reconnect_first_s": 0.1, "reconnect_max_s": 1, "resend_first_s": 2, "resend_max_s": 6, "defer_s": 3,
    "boot_jitter_s": 0.3, "status_s": 1, "connect_timeout_s": 3, "keepalive_s": 5, "batch_s": 0.05,
}  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """How big a province is: agents in so many processes, reports of each agent, all agents' reports a second."""

    agents: int = 50
    workers: int = 5
    reports: int = 200
    rate: float = 200.0
    collectors: int = 1
    seed: int = 20261122

    @property
    def total(self) -> int:
        """Reports in all."""
        return self.agents * self.reports


@dataclass
class Province:
    """Sites with an agent each, and everything between them and the series."""

    folder: Path
    influxd: Influxd
    link: Link
    disk: Disk
    broker: Process
    shape: Shape
    agents: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.agents = [agent_id(number) for number in range(self.shape.agents)]
        self.chance = random.Random(self.shape.seed)  # noqa: S311 - a seed makes a failure repeatable
        self.data = self.disk.path
        self.collectors = [self._collector(number) for number in range(self.shape.collectors)]
        self.workers = [self._worker(number) for number in range(self.shape.workers)]

    def _collector(self, number: int) -> Process:
        """The first has all roles; the others take reports in beside it."""
        page = free_port()
        roles = '"ingest", "judge", "web"' if number == 0 else '"ingest", "web"'
        group = 'group = "chaos"\n' if self.shape.collectors > 1 else ""
        config = self.folder / f"collector-{number}.toml"
        config.write_text(
            f"roles = [{roles}]\n"
            f'[broker]\nurl = "mqtt://127.0.0.1:{self.broker.port}"\nreconnect_first_s = 0.1\nreconnect_max_s = 0.5\n'
            f"{group}"
            f'[store]\nurl = "{self.influxd.store_url(DATABASE)}"\nretry_first_s = 0.1\nretry_max_s = 1\n'
            f'[registry]\nurl = "sqlite:///{str(self.data).lstrip("/")}/registry.db"\npoll_s = 0.3\n'
            f'[archive]\nurl = "file://{self.data}/archive"\n'
            f"[resend]\ngrace_s = 2\nmax_s = 5\n"
            f'[web]\nlisten = "127.0.0.1:{page}"\n',
            "utf-8",
        )
        command = [COLLECTOR, "run", "--config", str(config)]
        return Process(f"collector-{number}", command, self.folder / f"collector-{number}.log", page)

    def _worker(self, number: int) -> Process:
        url = f"mqtt://127.0.0.1:{self.link.port}"
        plan = Plan(
            agents=self.shape.agents,
            rate=self.shape.rate,
            broker=msgspec.convert({"url": url, **AGENT_TIMERS}, BrokerSettings),
            folder=str(self.folder / "agents"),
            seed=self.shape.seed,
            first=number,
            step=self.shape.workers,
            reports=self.shape.reports,
            ramp_s=0.5,
            spool_bytes=SPOOL_BYTES,
            stay=True,
        )
        command = [sys.executable, "-m", "agent.simulate.fleet", msgspec.json.encode(plan).decode()]
        return Process(f"agents-{number}", command, self.folder / f"agents-{number}.log")

    @property
    def processes(self) -> list[Process]:
        """Everything that `ended` must end, but the broker."""
        return [*self.collectors, *self.workers]

    # --- the operator

    def command(self, *arguments: str) -> str:
        """Run one of the collector's commands as an operator would, and give what it printed."""
        done = subprocess.run(  # noqa: S603 - our own program
            [COLLECTOR, *arguments, "--config", str(self.folder / "collector-0.toml")],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def import_sites(self, communes: dict[str, str] | None = None) -> None:
        """Import the sites, each named as its agent; `communes` moves some of them."""
        table = self.folder / "sites.csv"
        registration.write(table, agents=self.shape.agents, seed=self.shape.seed)
        if communes:
            with table.open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            with table.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, rows[0])
                writer.writeheader()
                writer.writerows(row | {"commune": communes.get(row["id"], row["commune"])} for row in rows)
        self.command("site", "import", str(table))

    def register(self, agents: list[str]) -> None:
        """Let agents in."""
        table = self.folder / "let-in.csv"
        table.write_text("agent,site\n" + "".join(f"{agent},{agent}\n" for agent in agents), "utf-8")
        self.command("agent", "add", "--from", str(table))

    def start(self) -> None:
        """Start everything; the broker runs already."""
        for process in self.processes:
            process.start()

    def backup(self) -> Path:
        """Copy the collector's data as a nightly backup would: the processes stopped."""
        for collector in self.collectors:
            collector.stop()
        copy = self.folder / "backup"
        shutil.copytree(self.data, copy)
        for collector in self.collectors:
            collector.start()
        return copy

    def restore(self, copy: Path) -> None:
        """Kill the collector, lose its data, and put the backup in its place."""
        for collector in self.collectors:
            collector.kill()
        for entry in self.data.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        shutil.copytree(copy, self.data, dirs_exist_ok=True)
        for collector in self.collectors:
            collector.start()

    # --- how far it is

    def spool(self, agent: str) -> Path:
        """An agent's spool file."""
        return self.folder / "agents" / agent / "spool.db"

    def produced_now(self) -> int:
        """How many reports all spools hold now."""
        return sum(truth.count(self.spool(agent)) for agent in self.agents if self.spool(agent).exists())

    def waiting_now(self) -> int:
        """How many reports lie without receipt."""
        return sum(truth.unreceipted(self.spool(agent)) for agent in self.agents)

    def settle(self, *, within_s: float = 120) -> None:
        """Wait until nothing is left without receipt."""
        wait_for(lambda: self.waiting_now() == 0, within_s=within_s, what="every report has its receipt")

    def died(self) -> list[str]:
        """Name processes that ended though nobody killed them, with their last words."""
        return [f"{each.name}: {each.said()[-2000:]}" for each in self.processes if not each.alive()]

    def signal(self, process: Process, number: signal.Signals) -> None:
        """Send a signal to a process that should be alive."""
        assert process.running is not None
        assert process.alive(), f"{process.name} died by itself: {process.said()[-2000:]}"
        process.running.send_signal(number)


@contextmanager
def running_province(folder: Path, shape: Shape) -> Iterator[Province]:
    """A province of which InfluxDB, broker and line run; whatever is started is ended."""
    with ExitStack() as stack:
        server = stack.enter_context(running_influxd(folder / "influxd"))
        broker = mosquitto(folder, free_port())
        stack.enter_context(ended([broker]))
        broker.start()
        assert broker.port is not None
        link = stack.enter_context(Link(broker.port))
        disk = stack.enter_context(Disk(folder / "data"))
        province = Province(folder, server, link, disk, broker, shape)
        stack.enter_context(ended(province.processes))
        yield province
