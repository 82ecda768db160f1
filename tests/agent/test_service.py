"""The service as people run it: a process of its own, a real broker, a real peer, real signals."""

import asyncio
import itertools
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import aiomqtt
import msgspec
import pytest

from agent import status as statuses
from agent.ledger import Book
from agent.wire import codec
from agent.wire.control import Profile, Receipt, Request, Slot, Status
from agent.wire.topics import topic

AGENT = "e-service"
PROGRAM = [sys.executable, "-m", "agent"]
ROOT = Path(__file__).parents[2]
QUICK = "every_s = 1\noptions = { count = '5', interval = '0.01', timeout = '0.3' }\n"
pytestmark = [pytest.mark.program("mosquitto"), pytest.mark.timeout(60)]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def process(command: list[str], **environment: str) -> Iterator[subprocess.Popen[str]]:
    env = os.environ | {"PYTHONUNBUFFERED": "1"} | environment
    with subprocess.Popen(  # noqa: S603 - our own command lines
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        try:
            yield run
        finally:
            if run.poll() is None:
                run.kill()
            for pipe in (run.stdout, run.stderr):
                if pipe is not None:
                    pipe.read()


@contextmanager
def broker(folder: Path, port: int) -> Iterator[None]:
    settings = folder / "mosquitto.conf"
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
    with process(["/usr/sbin/mosquitto", "-c", str(settings)]):
        yield


@pytest.fixture(scope="module")
def peer() -> Iterator[str]:
    """A peer's two URLs, as TOML."""
    command = [*PROGRAM, "peer", "--listen", "127.0.0.1:0", "--stamp", "127.0.0.1:0", "--pace", "200"]
    with process(command) as run:
        assert run.stdout is not None
        places = dict(run.stdout.readline().split()[1:] for _ in range(2))
        yield f'["msak+ws://{places["plain"]}", "stamp://{places["stamp"]}"]'
        run.terminate()
        assert run.wait(5) == 0


@dataclass
class Box:
    """One device: its configuration, its data folder, and where its broker is."""

    folder: Path
    peers: str
    port: int = field(default_factory=free_port)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def configure(self, schedule: str = "", limits: str = "") -> Path:
        text = f'[agent]\nid = "{AGENT}"\ndata = "{self.data}"\n[peer]\nurls = {self.peers}\n'
        text += f'[broker]\nurl = "mqtt://127.0.0.1:{self.port}"\nstatus_s = 1\nresend_first_s = 1\n'
        text += f"reconnect_max_s = 1\n[limits]\nstatus_file_s = 0.2\nretry_s = 0.2\n{limits}"
        for kind in ("latency", "throughput", "ipv6"):
            if f"schedule.{kind}" not in schedule:
                text += f"[schedule.{kind}]\nenabled = false\n"
        (self.folder / "agent.toml").write_text(text + schedule)
        return self.folder / "agent.toml"

    @contextmanager
    def agent(self, **environment: str) -> Iterator[subprocess.Popen[str]]:
        with process([*PROGRAM, "run", "--config", str(self.folder / "agent.toml")], **environment) as run:
            yield run

    @contextmanager
    def agent_with_another_clock(self) -> Iterator[subprocess.Popen[str]]:
        """An agent whose clock `set_clock` moves."""
        command = [sys.executable, "-m", "tests.agent.shifted_agent", str(self.folder / "agent.toml")]
        with process([*command, str(self.folder / "shift")]) as run:
            yield run

    def set_clock(self, shift_s: float) -> None:
        """Move the agent's clock, at once and whole."""
        (self.folder / "shift.new").write_text(str(shift_s))
        (self.folder / "shift.new").replace(self.folder / "shift")

    def status(self) -> statuses.Report | None:
        return statuses.read(self.data) if (self.data / statuses.NAME).exists() else None


@pytest.fixture
def box(tmp_path: Path, peer: str) -> Box:
    return Box(tmp_path, peer)


@dataclass
class Listener:
    """A collector of a few lines: keeps what it hears, and gives receipts."""

    client: aiomqtt.Client
    reports: list[codec.AnyReport] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    gives_receipts: bool = True

    async def listen(self) -> None:
        async for message in self.client.messages:
            payload = bytes(message.payload)
            if str(message.topic).endswith("/status"):
                status = codec.decode(payload, Status)
                assert isinstance(status, Status)
                self.statuses.append(status)
                continue
            for decoded in codec.decode_reports(payload):
                assert isinstance(decoded, codec.Accepted)
                self.reports.append(decoded.report)
                if not self.gives_receipts:
                    continue
                place = decoded.report
                receipt = Receipt(epoch=place.epoch, stored=[(place.seq, place.seq)])
                await self.client.publish(topic(AGENT, "receipt"), codec.encode(receipt), qos=0)


@asynccontextmanager
async def listening(port: int) -> AsyncIterator[Listener]:
    await until(lambda: is_open(port))
    async with aiomqtt.Client("127.0.0.1", port) as client:
        listener = Listener(client)
        await client.subscribe([(topic(AGENT, "report"), 1), (topic(AGENT, "status"), 1)])
        async with asyncio.TaskGroup() as group:
            task = group.create_task(listener.listen(), name="listener")
            try:
                yield listener
            finally:
                task.cancel()


def is_open(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    folder.mkdir()
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=4m", "linkgauge-test", str(folder)], check=True)  # noqa: S603 - our own
    try:
        yield
    finally:
        subprocess.run(["/bin/umount", "-l", str(folder)], check=True)  # noqa: S603 - our own


async def until(condition: Callable[[], object], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - another process is watched
            await asyncio.sleep(0.02)


async def ended(run: subprocess.Popen[str], seconds: float = 5) -> int:
    await until(lambda: run.poll() is not None, seconds)
    assert run.returncode is not None
    return run.returncode


async def test_it_measures_delivers_and_stops_cleanly(box: Box) -> None:
    box.configure(f"[schedule.latency]\n{QUICK}[schedule.ipv6]\nevery_s = 1\n")
    with broker(box.folder, box.port):
        async with listening(box.port) as heard:
            with box.agent() as run:
                await until(lambda: {report.kind for report in heard.reports} == {"latency", "ipv6"})
                await until(lambda: heard.statuses and heard.statuses[-1].state == "online")
                await until(lambda: (told := box.status()) is not None and told.status.spooled == 0 and told.recent)
                run.send_signal(signal.SIGTERM)
                assert await ended(run, 3) == 0
            await until(lambda: heard.statuses[-1].state == "stopped")
    assert heard.statuses[0].profile == "default-1"
    assert heard.statuses[0].next is not None
    seqs = sorted({report.seq for report in heard.reports})
    assert seqs == list(range(1, len(seqs) + 1))
    told = box.status()
    assert told is not None
    assert told.status.state == "stopped"
    assert not statuses.is_alive(told)


async def test_a_receipt_shows_in_the_status_though_nothing_else_happens(box: Box) -> None:
    rare = QUICK.replace("every_s = 1\n", "every_s = 86400\nfirst_runs = 1\n")
    path = box.configure(f"[schedule.latency]\n{rare}")
    path.write_text(path.read_text().replace("status_file_s = 0.2", "status_file_s = 300"))
    with broker(box.folder, box.port):
        async with listening(box.port) as heard:
            with box.agent():
                await until(lambda: heard.reports)
                await until(lambda: (told := box.status()) and told.recent and told.status.spooled == 0, 8)
                assert len({report.seq for report in heard.reports}) == 1


async def test_a_broker_that_is_not_there_is_said_once_and_waited_for(box: Box) -> None:
    box.configure(f"[schedule.latency]\n{QUICK}")
    with box.agent() as run:
        await until(lambda: (told := box.status()) is not None and (told.status.spooled or 0) >= 2)
        with broker(box.folder, box.port):
            async with listening(box.port) as heard:
                await until(lambda: {1, 2} <= {report.seq for report in heard.reports})
                run.send_signal(signal.SIGINT)
                assert await ended(run, 3) == 0
        assert run.stderr is not None
        assert run.stderr.read().count("event=broker_unreachable") == 1


async def test_a_peer_that_is_not_there_gives_failures_not_a_fault(box: Box) -> None:
    box.peers = f'["stamp://127.0.0.1:{free_port()}"]'
    box.configure(f"[schedule.latency]\n{QUICK}")
    with broker(box.folder, box.port), box.agent() as run:
        async with listening(box.port) as heard:
            await until(lambda: heard.reports)
            run.terminate()
            assert await ended(run, 3) == 0
    assert str(heard.reports[0].failure) == "connect:refused"


async def test_a_request_and_a_profile_are_obeyed_and_the_profile_survives_a_restart(box: Box) -> None:
    box.configure("[schedule.latency]\nevery_s = 30000000\n" + QUICK.partition("\n")[2])
    profile = Profile(version="p-7", schedule={"latency": Slot(every_s=86400), "radar": Slot(every_s=1)})
    with broker(box.folder, box.port):
        async with listening(box.port) as heard:
            with box.agent() as run:
                await until(lambda: heard.statuses)
                await heard.client.publish(topic(AGENT, "profile"), codec.encode(profile), qos=1, retain=True)
                await until(lambda: heard.statuses[-1].profile == "p-7")
                request = Request(request="r-1", kind="latency")
                await heard.client.publish(topic(AGENT, "request"), codec.encode(request), qos=1)
                await until(lambda: [report.request for report in heard.reports] == ["r-1"])
                assert heard.reports[0].profile == "p-7"
                hasty = Profile(version="p-8", schedule={"latency": Slot(every_s=0.1)})
                await heard.client.publish(topic(AGENT, "profile"), codec.encode(hasty), qos=1, retain=True)
                await until(
                    lambda: (health := heard.statuses[-1].health) and "too often" in (health.config_error or "")
                )
                assert heard.statuses[-1].profile == "p-7"
                endless = Profile(version="p-9", schedule={"latency": Slot(every_s=1e308)})
                await heard.client.publish(topic(AGENT, "profile"), codec.encode(endless), qos=1, retain=True)
                await until(
                    lambda: (health := heard.statuses[-1].health) and "too seldom" in (health.config_error or "")
                )
                assert run.poll() is None
                await heard.client.publish(topic(AGENT, "profile"), b"", qos=1, retain=True)
                run.kill()
            before = len(heard.statuses)
            with box.agent():
                await until(lambda: len(heard.statuses) > before + 1)
                assert heard.statuses[-1].profile == "p-7"


async def test_a_bad_new_file_keeps_the_old_one_and_says_so(box: Box) -> None:
    path = box.configure()
    with broker(box.folder, box.port), box.agent() as run:
        async with listening(box.port) as heard:
            await until(lambda: heard.statuses)
            path.write_text(path.read_text() + "[spol]\n")
            run.send_signal(signal.SIGHUP)
            await until(
                lambda: (health := heard.statuses[-1].health) and "unknown key spol" in (health.config_error or "")
            )
            box.configure(f"[schedule.latency]\n{QUICK}")
            run.send_signal(signal.SIGHUP)
            await until(lambda: heard.reports)
            await until(lambda: (health := heard.statuses[-1].health) and not health.config_error)


async def test_a_new_broker_is_used_after_a_reload(box: Box) -> None:
    box.configure(f"[schedule.latency]\n{QUICK}")
    with box.agent() as run:
        await until(lambda: (told := box.status()) is not None and told.status.spooled)
        box.port = free_port()
        box.configure(f"[schedule.latency]\n{QUICK}")
        with broker(box.folder, box.port):
            run.send_signal(signal.SIGHUP)
            async with listening(box.port) as heard:
                await until(lambda: heard.reports)


async def test_a_stop_in_mid_run_is_quick_and_accounted_for(box: Box) -> None:
    box.configure("[schedule.throughput]\nfirst_runs = 1\n")
    with box.agent() as run:
        await until(lambda: (told := box.status()) is not None and told.measuring == "throughput")
        run.terminate()
        assert await ended(run, 3) == 0
    book = msgspec.json.decode((box.data / "ledger.json").read_bytes(), type=Book)
    assert book.kinds["throughput"].skipped == {"stopped": 1}


async def test_a_kill_loses_nothing_that_was_measured(box: Box) -> None:
    box.configure(f"[schedule.latency]\n{QUICK}first_runs = 100\nfirst_every_s = 0.05\n")
    for _ in range(3):
        with box.agent() as run:
            await until(
                lambda: (told := box.status()) is not None and told.pid == run.pid and (told.status.seq or 0) > 2
            )
            run.kill()
    box.configure()
    with broker(box.folder, box.port), box.agent():
        async with listening(box.port) as heard:
            await until(lambda: (told := box.status()) is not None and told.status.spooled == 0)
            seqs = {report.seq for report in heard.reports}
    assert seqs == set(range(1, max(seqs) + 1))
    assert len({report.epoch for report in heard.reports}) == 1


async def test_a_second_agent_on_the_same_data_is_refused_in_one_line(box: Box) -> None:
    box.configure()
    with box.agent():
        await until(box.status)
        with box.agent() as second:
            assert await ended(second) == 1
            assert second.stderr is not None
            lines = second.stderr.read().splitlines()
    assert len(lines) == 1
    assert "another agent uses this spool" in lines[0]


async def test_systemd_hears_ready_alive_and_stopping(box: Box) -> None:
    box.configure()
    path = box.folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(path))
        channel.settimeout(10)
        with box.agent(NOTIFY_SOCKET=str(path), WATCHDOG_USEC="400000") as run:
            heard = [channel.recv(100) for _ in range(3)]
            run.send_signal(signal.SIGHUP)
            while not (last := channel.recv(100)).startswith(b"RELOADING=1\nMONOTONIC_USEC="):
                assert last == b"WATCHDOG=1"
            run.terminate()
            assert await ended(run, 3) == 0
            while last != b"STOPPING=1":
                last = channel.recv(100)
    assert sorted(heard) == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]


@pytest.mark.root
async def test_a_full_disk_does_not_stop_the_measuring(box: Box) -> None:
    box.configure(f"[schedule.latency]\n{QUICK}first_runs = 1000\nfirst_every_s = 0.05\n")
    with small_disk(box.data), broker(box.folder, box.port), box.agent() as run:
        async with listening(box.port) as heard:
            heard.gives_receipts = False  # else the spool makes room by giving up what has one
            await until(lambda: heard.reports)
            fill(box.data / "ballast")
            await until(lambda: (health := heard.statuses[-1].health) is not None and health.spool_error)
            assert run.poll() is None
            (box.data / "ballast").unlink()
            await until(lambda: (health := heard.statuses[-1].health) is not None and not health.spool_error)
            newest = heard.statuses[-1].seq or 0
            heard.gives_receipts = True
            await until(lambda: any(report.seq > newest for report in heard.reports))
            run.terminate()
            assert await ended(run, 3) == 0
    starts = {report.seq: report.started for report in heard.reports}
    assert [starts[seq] for seq in sorted(starts)] == sorted(starts.values())


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass


def assert_places(reports: list[codec.AnyReport]) -> None:
    """Each place once, none left out, and `started` rises, in each epoch."""
    for epoch in {report.epoch for report in reports}:
        places = {report.seq: report.started for report in reports if report.epoch == epoch}
        assert sorted(places) == list(range(1, len(places) + 1))
        starts = [places[seq] for seq in sorted(places)]
        assert all(earlier < later for earlier, later in itertools.pairwise(starts))


async def test_what_was_measured_before_the_clock_was_set_gets_its_true_time(box: Box) -> None:
    box.configure(f"[schedule.latency]\n{QUICK}")
    box.set_clock(-1_700_000_000)
    began = datetime.now(UTC)
    with box.agent_with_another_clock() as run:
        await until(lambda: (told := box.status()) is not None and (told.status.spooled or 0) >= 2)
        run.kill()
    with broker(box.folder, box.port):
        async with listening(box.port) as heard:
            with box.agent_with_another_clock() as run:
                before = len(heard.statuses)
                await until(lambda: len(heard.statuses) > before + 1 and (heard.statuses[-1].spooled or 0) >= 4)
                assert heard.reports == []
                assert heard.statuses[-1].seq == 0
                box.set_clock(0)
                set_at = datetime.now(UTC)
                await until(lambda: sum(report.started > set_at for report in heard.reports) >= 2)
                await until(lambda: (told := box.status()) is not None and told.at > set_at and told.since > began)
                run.terminate()
                assert await ended(run, 3) == 0
    assert_places(heard.reports)
    assert len({report.epoch for report in heard.reports}) == 1
    early = [report for report in heard.reports if report.started < set_at]
    assert len(early) >= 4
    assert began <= min(report.started for report in early)
    assert all(report.clock and report.clock.rebased and "clock_unset" in report.doubts for report in early)
    late = [report for report in heard.reports if report.started > set_at + timedelta(seconds=1)]
    assert not any(report.clock and report.clock.rebased for report in late)


async def test_a_clock_that_jumps_by_hours_stops_nothing_and_bends_no_time(box: Box) -> None:
    box.configure(f"[schedule.latency]\n{QUICK}")
    box.set_clock(0)
    with broker(box.folder, box.port):
        async with listening(box.port) as heard:
            with box.agent_with_another_clock() as run:
                for shift_s in (0, 5 * 3600, 0, -3 * 3600):
                    box.set_clock(shift_s)
                    expected = datetime.now(UTC) + timedelta(seconds=shift_s)
                    await until(partial(has_two_since, heard, expected), 12)
                run.terminate()
                assert await ended(run, 3) == 0
    assert_places(heard.reports)
    assert len({report.epoch for report in heard.reports}) == 3, "a new one each time the clock was put back"
    book = msgspec.json.decode((box.data / "ledger.json").read_bytes(), type=Book)
    assert book.kinds["latency"].skipped.get("late", 0) <= 4, "no hours of slots that never were"


def has_two_since(heard: Listener, moment: datetime) -> bool:
    """Whether two reports began within the minute after a moment."""
    return sum(moment < report.started < moment + timedelta(minutes=1) for report in heard.reports) >= 2


async def test_the_loss_of_the_broker_shows_in_the_status_at_once(box: Box) -> None:
    box.configure()
    path = box.folder / "agent.toml"
    path.write_text(path.read_text().replace("status_file_s = 0.2", "status_file_s = 3600"))
    with box.agent():
        with broker(box.folder, box.port):
            await until(lambda: (told := box.status()) and told.broker and told.broker.connected)
        await until(lambda: (told := box.status()) and told.broker and not told.broker.connected)
        told = box.status()
        assert told is not None
        assert told.broker is not None
        assert told.broker.last_error


async def test_what_a_killed_agent_left_half_written_is_cleared_away(box: Box) -> None:
    box.configure()
    box.data.mkdir()
    for name in ("status.json", "ledger.json", "profile.json"):
        (box.data / f".{name}.x1y2").write_bytes(b"half")
    with box.agent():
        await until(box.status)
        await until(lambda: not list(box.data.glob(".*.x1y2")))


async def test_the_times_that_are_announced_are_those_that_are_used(box: Box) -> None:
    box.configure("[schedule.latency]\n" + QUICK.replace("every_s = 1", "every_s = 3"))
    with broker(box.folder, box.port):
        async with listening(box.port) as heard:
            with box.agent() as run:
                await until(lambda: len(heard.reports) >= 3, 30)
                run.terminate()
                assert await ended(run, 3) == 0
    newest = max(report.started for report in heard.reports)
    times = {(status.next or {}).get("latency") for status in heard.statuses}
    announced = {at for at in times if at is not None and at < newest}
    assert len(announced) >= 2
    for at in announced:
        delays = [(report.started - at).total_seconds() for report in heard.reports]
        assert any(0 <= delay < 1 for delay in delays), f"nothing came of {at}: {delays}"
