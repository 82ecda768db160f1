"""A device for tests of the service: its files, its processes, a broker and a collector of a few lines."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiomqtt

from agent import status as statuses
from agent.wire import codec
from agent.wire.control import Receipt, Status
from agent.wire.topics import topic
from tests.ports import free_port

AGENT = "e-service"
PROGRAM = [sys.executable, "-m", "agent"]
ROOT = Path(__file__).parents[2]
QUICK = "every_s = 1\noptions = { count = '5', interval = '0.01', timeout = '0.3' }\n"


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
        for kind in ("latency", "throughput", "ipv6", "dns", "web", "path"):
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


async def until(condition: Callable[[], object], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - another process is watched
            await asyncio.sleep(0.02)


async def ended(run: subprocess.Popen[str], seconds: float = 5) -> int:
    await until(lambda: run.poll() is not None, seconds)
    assert run.returncode is not None
    return run.returncode
