"""Stand-ins for delivery tests: a real Mosquitto, a small real collector, certificates, measurements."""

import asyncio
import shutil
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiomqtt

from agent.config import BrokerSettings
from agent.identity import Identity
from agent.wire.codec import Accepted, decode, decode_reports, encode
from agent.wire.control import Boot, Receipt, Refused, Status
from agent.wire.report import Measurement
from agent.wire.results import Latency, Throughput
from agent.wire.topics import COLLECTOR, topic
from tests.ports import free_port

OPENSSL = shutil.which("openssl") or "openssl"
MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin") or "mosquitto"
AGENT = "ls-huulung-th1"
HERE = Identity("machine-1", "boot-1", cards=frozenset({"card-1"}))
START = datetime(2026, 10, 22, 1, 2, 3, 123456, tzinfo=UTC)


def measurement(number: int, kind: str = "latency", *, started: datetime | None = None) -> Measurement[Any]:
    """A measurement that looks real; throughput is the larger one."""
    result = (
        Throughput(engine="msak", cipher="x" * 150)
        if kind == "throughput"
        else Latency(method="stamp", sent=10, received=10)
    )
    return Measurement(
        id=f"01936f0e-0000-7000-8000-{number:012d}",
        agent=AGENT,
        kind=kind,
        started=started or START + timedelta(seconds=number),
        duration_s=1.5,
        result=result,
    )


async def until(condition: Callable[[], object], what: str, *, within_s: float = 10) -> None:
    """Wait for a condition; says what did not happen."""
    try:
        async with asyncio.timeout(within_s):
            while not condition():  # noqa: ASYNC110 - conditions of other processes have no event
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within {within_s} s: {what}") from None


@dataclass
class Mosquitto:
    """A real broker without persistence, that can be killed and started again on the same ports."""

    folder: Path
    extra: str = ""
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        config = self.folder / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\nuser root\nallow_anonymous true\npersistence false\n"
            f"max_inflight_messages 1000\nmax_queued_messages 100000\n{self.extra}\n"
        )
        self.launch()

    def launch(self) -> None:
        """Start with the configuration as it lies there."""
        config = self.folder / "mosquitto.conf"
        with (self.folder / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen([MOSQUITTO, "-c", str(config)], stdout=log, stderr=log)  # noqa: S603 - ours

    async def ready(self) -> None:
        def answers() -> bool:
            with socket.socket() as sock:
                return sock.connect_ex(("127.0.0.1", self.port)) == 0

        await until(answers, "mosquitto listens")

    def end(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(10)
            self.process = None


@asynccontextmanager
async def mosquitto(folder: Path, extra: str = "") -> AsyncIterator[Mosquitto]:
    broker = Mosquitto(folder, extra)
    broker.start()
    try:
        await broker.ready()
        yield broker
    finally:
        broker.end()


@dataclass
class Collector:
    """The collector's side in a few lines: keeps each report once and answers with receipts."""

    port: int
    boot: str = "boot-a"
    silent: bool = False
    refuse: dict[str, dict[int, str]] = field(default_factory=dict)  # deferred or rejected -> seq -> reason
    seen: Counter[tuple[str, int]] = field(default_factory=Counter)
    kept: dict[tuple[str, int], bytes] = field(default_factory=dict)
    messages: list[int] = field(default_factory=list)  # how many reports each message had
    statuses: list[Status] = field(default_factory=list)
    arrived: list[tuple[str, int]] = field(default_factory=list)
    client: aiomqtt.Client | None = None

    async def run(self) -> None:
        """Serve until cancelled; reconnects."""
        while True:
            try:
                async with aiomqtt.Client("127.0.0.1", self.port, max_inflight_messages=10000, timeout=1) as client:
                    client.pending_calls_threshold = 10000
                    await client.subscribe([(topic(AGENT, "report"), 1), (topic(AGENT, "status"), 1)])
                    await client.publish(COLLECTOR, encode(Boot(boot=self.boot, at=START)), qos=1, retain=True)
                    self.client = client
                    async for message in client.messages:
                        await self.take(client, message)
            except aiomqtt.MqttError:
                self.client = None
                await asyncio.sleep(0.05)

    async def take(self, client: aiomqtt.Client, message: aiomqtt.Message) -> None:
        if message.topic.value.endswith("/status"):
            status = decode(message.payload, Status)
            assert isinstance(status, Status)
            self.statuses.append(status)
            return
        reports = [item.report for item in decode_reports(message.payload) if isinstance(item, Accepted)]
        raws = [item.raw for item in decode_reports(message.payload)]
        self.messages.append(len(raws))
        for report in reports:
            self.seen[report.epoch, report.seq] += 1
            self.arrived.append((report.epoch, report.seq))
        if self.silent:
            return
        for epoch in dict.fromkeys(report.epoch for report in reports):
            await client.publish(
                topic(AGENT, "receipt"),
                encode(
                    self.judge(epoch, {r.seq: raw for r, raw in zip(reports, raws, strict=True) if r.epoch == epoch})
                ),
            )

    def judge(self, epoch: str, reports: dict[int, bytes]) -> Receipt:
        deferred = {seq: self.refuse.get("deferred", {}).get(seq) for seq in reports}
        rejected = {seq: self.refuse.get("rejected", {}).get(seq) for seq in reports}
        stored = [seq for seq in reports if not deferred[seq] and not rejected[seq]]
        for seq in stored:
            self.kept.setdefault((epoch, seq), reports[seq])
        return Receipt(
            epoch=epoch,
            stored=[(seq, seq) for seq in stored],
            deferred=[Refused(seq, reason) for seq, reason in deferred.items() if reason],
            rejected=[Refused(seq, reason) for seq, reason in rejected.items() if reason],
        )


def settings(port: int, **changes: Any) -> BrokerSettings:  # noqa: ANN401 - any setting
    """Short timers, so that tests end."""
    quick: dict[str, Any] = {
        "url": f"mqtt://127.0.0.1:{port}",
        "keepalive_s": 5,
        "connect_timeout_s": 5,
        "reconnect_first_s": 0.05,
        "reconnect_max_s": 0.2,
        "batch_s": 0.02,
        "resend_first_s": 60,
        "boot_jitter_s": 0.2,
    }
    return BrokerSettings(**quick | changes)


def certificates(folder: Path) -> tuple[Path, Path, Path]:
    """Make a CA and a server certificate for 127.0.0.1 and localhost: ca, cert, key."""
    extension = folder / "san.cnf"
    extension.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    ca, ca_key, cert, key, request = (folder / name for name in ("ca.pem", "ca.key", "cert.pem", "key.pem", "req.pem"))
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    for arguments in (
        ["req", "-x509", *new, "-keyout", ca_key, "-out", ca, "-days", "2", "-subj", "/CN=test CA"],
        ["req", *new, "-keyout", key, "-out", request, "-subj", "/CN=localhost"],
        [
            *["x509", "-req", "-days", "2", "-CAcreateserial", "-in"],
            request,
            "-CA",
            ca,
            "-CAkey",
            ca_key,
            "-out",
            cert,
            "-extfile",
            extension,
        ],
    ):
        subprocess.run([OPENSSL, *map(str, arguments)], check=True, capture_output=True)  # noqa: S603 - ours
    key.chmod(0o644)
    return ca, cert, key
