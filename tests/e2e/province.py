"""A whole province in processes: agents' uplinks, Mosquitto, collector, InfluxDB; each can be killed at any moment."""

import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.collector.influxd import Influxd, running_influxd
from tests.e2e import truth
from tests.e2e.processes import BIN, Process, ended, free_port, mosquitto, wait_for

COLLECTOR = str(BIN / "linkgauge-collector")
DATABASE = "linkgauge"
# The timers of the contract, shortened, so that a minute tells what a day would.
AGENT_TIMERS = {
    "reconnect_first_s": 0.1, "reconnect_max_s": 1, "resend_first_s": 2, "resend_max_s": 6, "defer_s": 3,
    "boot_jitter_s": 0.3, "status_s": 1, "connect_timeout_s": 3, "keepalive_s": 5, "batch_s": 0.05,
}  # fmt: skip
SITES_HEADER = (
    "id,name,kind,area,province,commune,village,latitude,longitude,access,provider,"
    "contract_down_mbps,contract_up_mbps,plan\n"
)


@dataclass
class Province:
    """Five sites with an agent each. `kills` counts the SIGKILLs by kind of process."""

    folder: Path
    influxd: Influxd
    count: int
    rate: float
    seed: int
    agents: list[str] = field(default_factory=lambda: [f"ls-school-{number}" for number in range(5)])
    kills: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311 - a seed makes a failure repeatable
        self.broker = mosquitto(self.folder, free_port())
        self.page = free_port()
        self.data = self.folder / "data"
        self.data.mkdir()
        self.config = self.folder / "collector.toml"
        self.config.write_text(
            f'roles = ["ingest", "judge", "web"]\n'
            f'[broker]\nurl = "mqtt://127.0.0.1:{self.broker.port}"\nreconnect_first_s = 0.1\nreconnect_max_s = 0.5\n'
            f'[store]\nurl = "{self.influxd.store_url(DATABASE)}"\nretry_first_s = 0.1\nretry_max_s = 1\n'
            f'[registry]\nurl = "sqlite:///{str(self.data).lstrip("/")}/registry.db"\npoll_s = 0.3\n'
            f'[archive]\nurl = "file://{self.data}/archive"\n'
            f"[resend]\ngrace_s = 2\nmax_s = 5\n"
            f'[web]\nlisten = "127.0.0.1:{self.page}"\n',
            "utf-8",
        )
        self.collector = Process(
            "collector", [COLLECTOR, "run", "--config", str(self.config)], self.folder / "collector.log", self.page
        )
        self.feeders = [self._feeder(agent) for agent in self.agents]

    def _feeder(self, agent: str) -> Process:
        arguments = [agent, str(self.folder / agent), f"mqtt://127.0.0.1:{self.broker.port}"]
        arguments += [str(self.count // len(self.agents)), str(self.rate), json.dumps(AGENT_TIMERS)]
        command = [sys.executable, "-m", "tests.e2e.feeder", *arguments]
        return Process(agent, command, self.folder / f"{agent}.log")

    @property
    def processes(self) -> list[Process]:
        """Everything that `ended` must end."""
        return [self.broker, self.collector, *self.feeders]

    def command(self, *arguments: str) -> str:
        """Run one of the collector's commands as an operator would, and give what it printed."""
        done = subprocess.run(  # noqa: S603 - our own program
            [COLLECTOR, *arguments, "--config", str(self.config)],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def import_sites(self, communes: dict[str, str] | None = None) -> None:
        """Import the five sites; `communes` moves some of them."""
        table = self.folder / "sites.csv"
        communes = dict.fromkeys(self.agents, "huu-lung") | (communes or {})
        rest = ",,,,fibre,VNPT,150,150,lang-son-2025"
        lines = [
            f"site-{number},Trường {number},school,rural,lang-son,{communes[agent]}{rest}\n"
            for number, agent in enumerate(self.agents)
        ]
        table.write_text(SITES_HEADER + "".join(lines), "utf-8")
        self.command("site", "import", str(table))

    def register(self, agent: str) -> None:
        """Let one agent in."""
        self.command("agent", "add", agent, "--site", f"site-{self.agents.index(agent)}")

    def start(self) -> None:
        """Start everything."""
        self.broker.start()
        self.collector.start()
        for feeder in self.feeders:
            feeder.start()

    def spool(self, agent: str) -> Path:
        """An agent's spool file."""
        return self.folder / agent / "spool.db"

    def produced_now(self) -> int:
        """How many reports all spools hold now."""
        return sum(len(truth.produced(self.spool(agent)).bodies) for agent in self.agents if self.spool(agent).exists())

    def waiting_now(self) -> int:
        """How many reports lie without receipt."""
        return sum(truth.unreceipted(self.spool(agent)) for agent in self.agents)

    def kill_something(self) -> None:
        """SIGKILL one kind of process at random, the least killed first, and start it again after a moment."""
        kinds: dict[str, Callable[[], None]] = {
            "agent": lambda: self._restart(self.chance.choice(self.feeders)),
            "broker": lambda: self._restart(self.broker),
            "collector": lambda: self._restart(self.collector),
            "influxd": self._restart_influxd,
        }
        fewest = min(self.kills.get(kind, 0) for kind in kinds)
        kind = self.chance.choice([kind for kind in kinds if self.kills.get(kind, 0) == fewest])
        kinds[kind]()
        self.kills[kind] = self.kills.get(kind, 0) + 1

    def _restart(self, process: Process) -> None:
        assert process.alive(), f"{process.name} died by itself: {process.said()[-2000:]}"
        process.kill()
        time.sleep(self.chance.uniform(0.05, 1.0))
        process.start()

    def _restart_influxd(self) -> None:
        self.influxd.kill()
        time.sleep(self.chance.uniform(0.05, 2.0))
        self.influxd.restart()

    def chaos_until_produced(self, at_least: int = 2) -> None:
        """Kill at random moments until everything is produced and each kind was killed often enough."""
        deadline = time.monotonic() + 240
        while self.produced_now() < self.count or min(self.kills.values(), default=0) < at_least or len(self.kills) < 4:
            assert time.monotonic() < deadline, f"{self.produced_now()} of {self.count} produced, kills {self.kills}"
            time.sleep(self.chance.uniform(0.3, 3.0))
            self.kill_something()

    def backup(self) -> Path:
        """Copy the collector's data as a nightly backup would: the process stopped."""
        self.collector.stop()
        copy = self.folder / "backup"
        shutil.copytree(self.data, copy)
        self.collector.start()
        return copy

    def restore(self, copy: Path) -> None:
        """Kill the collector, lose its data, and put the backup in its place."""
        self.collector.kill()
        shutil.rmtree(self.data)
        shutil.copytree(copy, self.data)
        self.collector.start()

    def settle(self, *, within_s: float = 120) -> None:
        """Wait until nothing is left without receipt."""
        wait_for(
            lambda: self.waiting_now() == 0,
            within_s=within_s,
            what=f"every report has its receipt; {self.waiting_now()} have none. {self.collector.said()[-3000:]}",
        )


@contextmanager
def running_province(folder: Path, *, count: int, rate: float, seed: int) -> Iterator[Province]:
    """A province with nothing started but InfluxDB; whatever was started is ended."""
    with running_influxd(folder / "influxd") as server:
        province = Province(folder, server, count, rate, seed)
        with ended(province.processes):
            yield province
