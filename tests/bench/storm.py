"""Everybody comes back at once: `python -m tests.bench.storm --agents 10000`.

Agents whose spools hold reports offer their connections within ten seconds to one broker, one collector and SQLite or
InfluxDB. Goals at 10,000 agents with 20 reports each: all connected within 60 s, all stored within 3 min, memory of
broker and collector bounded. Exit code 1 if something was lost or a goal was missed.
"""

import argparse
import asyncio
import math
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from agent.config import BrokerSettings
from agent.simulate import registration
from agent.simulate.command import Fleet
from agent.simulate.fleet import raise_file_limit
from agent.simulate.plan import Plan
from agent.simulate.tally import Tally
from tests.collector.influxd import running_influxd
from tests.e2e.processes import BIN, Process, ended
from tests.ports import free_port

CONNECTED_S = 60.0
STORED_S = 180.0
COLLECTOR = str(BIN / "linkgauge-collector")
DISCARD = 9  # nobody listens there
INFINITE = math.inf
BROKER = """listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_inflight_messages 1000
max_queued_messages 100000
message_size_limit 300000
log_type error
"""


@dataclass
class Watched:
    """The most memory that each process took, in bytes, looked at four times a second."""

    processes: list[Process]
    peaks: dict[str, int] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        """Look until it is over."""
        while not self.over.wait(0.25):
            for process in self.processes:
                if process.running is not None and process.alive():
                    resident = _resident_bytes(process.running.pid)
                    self.peaks[process.name] = max(self.peaks.get(process.name, 0), resident)


@dataclass
class Course:
    """What the fleet said, second by second. Times count from when its first agent was connected."""

    agents: int
    began: float = 0
    connected_s: float | None = None
    stored_s: float | None = None
    restarted: float = 0
    again_s: float | None = None
    last: Tally = field(default_factory=Tally)

    def hear(self, tally: Tally) -> None:
        """Take one second's numbers of the whole fleet; they are a second old at most."""
        now, self.last = time.monotonic(), tally
        if not self.began and tally.connects:
            self.began = now - 1
        if not self.began or tally.opened < self.agents:
            return
        if self.connected_s is None and tally.connected == self.agents:
            self.connected_s = now - self.began
        if self.stored_s is None and not tally.spooled:
            self.stored_s = now - self.began
        # At once after the broker's death nobody has noticed: each has to be connected anew.
        anew = tally.connected == self.agents and tally.connects >= 2 * self.agents
        if self.restarted and self.again_s is None and anew:
            self.again_s = now - self.restarted


@dataclass(frozen=True)
class Rig:
    """Broker, collector and database, and the fleet's folder."""

    folder: Path
    broker: Process
    collector: Process
    config: Path

    def command(self, *arguments: str) -> None:
        """Run one of the collector's commands."""
        subprocess.run([COLLECTOR, *arguments, "--config", str(self.config)], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - ours


def main() -> int:
    """Let them come, and print how it went."""
    args = _arguments()
    raise_file_limit()
    with tempfile.TemporaryDirectory(prefix="linkgauge-storm-", dir=args.folder) as name, ExitStack() as stack:
        rig = _rig(Path(name), args, stack)
        sites = rig.folder / "sites.csv"
        agents = registration.write(sites, agents=args.agents, seed=1)
        rig.command("site", "import", str(sites))
        rig.command("agent", "add", "--from", str(agents))
        _told("sites and agents registered")
        asyncio.run(Fleet(_plans(args, rig, port=DISCARD, stay=False)).run(lambda _: None))
        _told(f"{args.reports} reports in each spool")
        rig.collector.start()
        peaks = stack.enter_context(_watched([rig.broker, rig.collector]))
        course = Course(args.agents)
        assert rig.broker.port is not None
        _run(_plans(args, rig, port=rig.broker.port, stay=True), course, rig.broker)
        sys.stdout.write(_table(args, course, peaks) + "\n")
        done = course.last.receipted == args.agents * args.reports and not course.last.spooled
        in_time = (course.connected_s or INFINITE) <= CONNECTED_S and (course.stored_s or INFINITE) <= STORED_S
        return 0 if done and in_time else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=500, help="10000 in the full edition")
    parser.add_argument("--reports", type=int, default=20, help="in each spool")
    parser.add_argument("--within", type=float, default=10.0, help="seconds in which the connections are offered")
    parser.add_argument("--processes", type=int, default=4, help="of the fleet")
    parser.add_argument("--store", choices=("influx", "sqlite"), default="influx")
    parser.add_argument("--folder", type=Path, help="where to work; the spools lie in memory if it does")
    return parser.parse_args()


def _rig(folder: Path, args: argparse.Namespace, stack: ExitStack) -> Rig:
    data, page = folder / "data", free_port()
    store = f"sqlite://{data}/series.db"
    if args.store == "influx":
        store = stack.enter_context(running_influxd(folder / "influxd")).store_url("linkgauge")
    port, settings = free_port(), folder / "mosquitto.conf"
    settings.write_text(BROKER.format(port=port), "utf-8")
    broker = Process("broker", ["mosquitto", "-c", str(settings)], folder / "mosquitto.log", port)
    config = folder / "collector.toml"
    config.write_text(
        f'[broker]\nurl = "mqtt://127.0.0.1:{port}"\n[store]\nurl = "{store}"\n'
        f'[registry]\nurl = "sqlite://{data}/registry.db"\n[archive]\nurl = "file://{data}/archive"\n'
        f'[web]\nlisten = "127.0.0.1:{page}"\n',
        "utf-8",
    )
    data.mkdir()
    collector = Process("collector", [COLLECTOR, "run", "--config", str(config)], folder / "collector.log", page)
    stack.enter_context(ended([broker, collector]))
    broker.start()
    return Rig(folder, broker, collector, config)


def _plans(args: argparse.Namespace, rig: Rig, *, port: int, stay: bool) -> list[Plan]:
    plan = Plan(
        agents=args.agents,
        rate=0,
        broker=BrokerSettings(url=f"mqtt://127.0.0.1:{port}"),
        folder=str(rig.folder / "fleet"),
        step=args.processes,
        prefill=args.reports,
        ramp_s=args.within,
        drain_s=0.1,
        stay=stay,
    )
    return [msgspec.structs.replace(plan, first=number) for number in range(args.processes)]


def _run(plans: list[Plan], course: Course, broker: Process) -> None:
    """Let the fleet come until everything is stored; then kill the broker and see them all come back by themselves."""
    fleet, latest = Fleet(plans), time.monotonic() + 2 * STORED_S

    def show(tally: Tally) -> None:
        course.hear(tally)
        if course.connected_s and course.stored_s and not course.restarted:
            broker.kill()
            broker.start()
            course.restarted = time.monotonic()
        if course.again_s or time.monotonic() > latest:
            fleet.stop()

    asyncio.run(fleet.run(show))


@contextmanager
def _watched(processes: list[Process]) -> Iterator[dict[str, int]]:
    watched = Watched(processes)
    thread = threading.Thread(target=watched.look, name="watch")
    thread.start()
    try:
        yield watched.peaks
    finally:
        watched.over.set()
        thread.join()


def _table(args: argparse.Namespace, course: Course, peaks: dict[str, int]) -> str:
    rows = [
        ("all connected", _seconds(course.connected_s), f"{CONNECTED_S:g} s"),
        ("all stored", _seconds(course.stored_s), f"{STORED_S:g} s"),
        ("all back, broker killed", _seconds(course.again_s), "-"),
        ("reports receipted", f"{course.last.receipted:,}", f"{args.agents * args.reports:,}"),
        ("connections made", f"{course.last.connects:,}", f"{args.agents:,}"),
        *((f"most memory, {name}", f"{peak / 1e6:.0f} MB", "bounded") for name, peak in peaks.items()),
        ("memory, fleet", f"{course.last.rss_bytes / 1e6:.0f} MB", "bounded"),
        ("processor, fleet", f"{course.last.cpu_s:.0f} s", "-"),
    ]
    lines = [f"{args.agents} agents, {args.reports} reports each, offered within {args.within:g} s, {args.store}"]
    return "\n".join([*lines, *(f"  {what:24}{value:>14}   goal {goal}" for what, value, goal in rows)])


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f} s"


def _told(words: str) -> None:
    sys.stderr.write(words + "\n")


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * resource.getpagesize()
    except OSError:
        return 0


if __name__ == "__main__":
    sys.exit(main())
