"""Real servers on loopback that behave as told, to see what the client makes of them."""

import asyncio
import base64
import contextlib
import hashlib
import json
import socket
import ssl
import struct
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from agent.net import tcp_info
from agent.speed import frames, msak
from agent.speed.dialect import Dialect
from agent.speed.engine import Leg, Target, Transfer, Way
from agent.speed.frames import FrameSkimmer, Opcode
from agent.speed.limits import Limits
from agent.speed.stream import Patience
from agent.speed.transfer import transfer

QUICK = Patience(connect_s=1, tls_s=0.5, upgrade_s=0.5)
CHUNK = frames.frame(Opcode.BINARY, bytes(2**16), masked=False)
# Small enough that a server which reads slowly is a slow line to its client, and no deep buffer.
RECEIVE_BYTES = 2**15


@dataclass
class Visit:
    """One client's connection, as a behaviour sees it."""

    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    target: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    skimmer: FrameSkimmer = field(default_factory=lambda: FrameSkimmer(masked=True))
    texts: list[bytes] = field(default_factory=list)
    closed: bool = False
    stop_listening: Callable[[], None] = lambda: None

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def is_upload(self) -> bool:
        return urlsplit(self.target).path.endswith("/upload")

    async def request(self) -> None:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.rstrip().split("\r\n")
        self.target = first.split()[1]
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    async def upgrade(self) -> None:
        await self.request()
        await self.accept()

    async def accept(self) -> None:
        key = self.headers["sec-websocket-key"].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        proof = base64.b64encode(hashlib.sha1(key, usedforsecurity=False).digest()).decode()
        self.writer.write(
            (
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Accept: {proof}\r\n"
                f"Sec-WebSocket-Protocol: {self.headers['sec-websocket-protocol']}\r\n\r\n"
            ).encode()
        )

    @property
    def sock(self) -> socket.socket:
        found: socket.socket = self.writer.get_extra_info("socket")
        return found

    def kernel_received(self) -> int:
        """What our kernel has received over this connection, the handshake too."""
        info = tcp_info.read(self.sock)
        assert info is not None
        assert info.bytes_received is not None
        return info.bytes_received

    async def read(self, *, timeout_s: float) -> None:
        """Take what the client sends for a while, or until it leaves."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while data := await self.reader.read(2**18):
                    for message in self.skimmer.feed(data):
                        if message.opcode is Opcode.TEXT:
                            self.texts.append(message.payload)
                        self.closed = self.closed or message.opcode is Opcode.CLOSE

    async def ignore(self, *, timeout_s: float) -> None:
        """Read and drop what comes, whatever it is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while await self.reader.read(2**18):
                    pass

    def say(self, **fields: object) -> None:
        self.writer.write(frames.frame(Opcode.TEXT, json.dumps(fields).encode(), masked=False))

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Behaviour = Callable[[Visit], Awaitable[None]]


@contextlib.asynccontextmanager
async def peer(
    behaviour: Behaviour, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[str, int, list[Visit]]]:
    """A server on loopback: its address, port, and the visits it had."""
    visits: list[Visit] = []
    serving: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = Visit(len(visits), reader, writer, stop_listening=server.close)
        visits.append(visit)
        task = asyncio.current_task()
        assert task is not None
        serving.append(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await behaviour(visit)
        writer.transport.abort()

    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    server = await asyncio.start_server(serve, sock=listening, ssl=tls, limit=RECEIVE_BYTES // 4)
    host, port = server.sockets[0].getsockname()
    try:
        yield host, port, visits
    finally:
        server.close()
        for task in serving:
            task.cancel()
        if serving:
            await asyncio.wait(serving, timeout=1)
        await asyncio.sleep(0.02)  # the transports see the abort and close their sockets


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for localhost, and its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"]
    files = ["-keyout", str(key), "-out", str(cert), "-days", "2"]
    command = ["openssl", "req", "-x509", *curve, *files, *names]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own words, no shell
    return cert, key


def leg(host: str, port: int, way: Way, limits: Limits, **more: Any) -> Leg:  # noqa: ANN401 - names and types as in Leg
    """One direction to a server on loopback, which is called localhost."""
    tls = more.get("tls")
    return Leg(way, Target("localhost", port, tls is not None), host, limits, **{"mid": "m", **more})


async def move(one: Leg, dialect: Dialect = msak.DIALECT) -> Transfer:
    """Run a direction with little patience."""
    return await transfer(one, dialect, patience=QUICK)


Words = Callable[[Visit, int, float], dict[str, object] | None]


def msak_sender(visit: Visit, sent: int, gone_s: float) -> dict[str, object]:
    """What an msak server says of a download."""
    return {
        "CC": "cubic",
        "Application": {"BytesSent": sent, "BytesReceived": 0},
        "ElapsedTime": round(gone_s * 1e6),
        "TCPInfo": {"RTT": 20_000 + visit.number, "MinRTT": 9_000, "BytesSent": sent, "BytesRetrans": sent // 100},
    }


def msak_receiver(_visit: Visit, received: int, gone_s: float) -> dict[str, object]:
    """What an msak server that cannot ask its kernel says of an upload."""
    return {"Application": {"BytesSent": 0, "BytesReceived": received}, "ElapsedTime": round(gone_s * 1e6)}


def kernel_receiver(visit: Visit, received: int, gone_s: float) -> dict[str, object]:
    """What an msak server says of an upload: both its program's and its kernel's count."""
    said = msak_receiver(visit, received, gone_s)
    return said | {"TCPInfo": {"BytesReceived": visit.kernel_received(), "RTT": 9000}}


def ndt7_receiver(visit: Visit, _received: int, gone_s: float) -> dict[str, object]:
    """What the present ndt7 reference server says of an upload: no AppInfo, its kernel's count with the handshake."""
    return {
        "ConnectionInfo": {"Client": "127.0.0.1:1", "Server": "127.0.0.1:2", "UUID": "u", "StartTime": "2026"},
        "BBRInfo": {"BW": 1, "MinRTT": 2, "PacingGain": 3, "CwndGain": 4, "ElapsedTime": 5},
        "Origin": "server",
        "Test": "upload",
        "TCPInfo": {"BytesReceived": visit.kernel_received(), "ElapsedTime": round(gone_s * 1e6), "RTT": 9000},
    }


def nothing(_visit: Visit, _moved: int, _gone_s: float) -> None:
    """What a server says that says nothing."""


async def send_paced(visit: Visit, mbps: float, seconds: float, words: Words = msak_sender) -> None:
    """Binary frames of 16 KiB at a steady rate by the clock, then Close, then wait for the client to go."""
    loop = asyncio.get_running_loop()
    chunk = frames.frame(Opcode.BINARY, bytes(2**14), masked=False)
    start, sent, spoken = loop.time(), 0, 0.0
    while (gone := loop.time() - start) < seconds and not visit.closed:
        while sent < gone * mbps * 1e6 / 8:
            visit.writer.write(chunk)
            sent += 2**14
        if gone - spoken > 0.25:
            spoken = gone
            if (said := words(visit, sent, gone)) is not None:
                visit.say(**said)
        await visit.writer.drain()
        await visit.read(timeout_s=0.005)
    if visit.closed:
        return
    visit.writer.write(frames.close(1000, "Done sending", masked=False))
    await visit.read(timeout_s=1)


async def receive_paced(visit: Visit, mbps: float, seconds: float, words: Words = msak_receiver) -> None:
    """Read at a steady rate by the clock and say every 200 ms what has come; at the end say Close and read on."""
    loop = asyncio.get_running_loop()
    start, spoken = loop.time(), 0.0
    while (gone := loop.time() - start) < seconds:
        allowed = gone * mbps * 1e6 / 8 - visit.skimmer.received
        data = await visit.reader.read(max(0, min(int(allowed), 2**16))) if allowed > 1 else b"-"
        if not data:
            return
        if allowed > 1 and any(message.opcode is Opcode.CLOSE for message in visit.skimmer.feed(data)):
            return
        if gone - spoken > 0.2:
            spoken = gone
            if (said := words(visit, visit.skimmer.received, gone)) is not None:
                visit.say(**said)
        await asyncio.sleep(0.002)
    visit.writer.write(frames.close(1000, "Done receiving", masked=False))
    await visit.read(timeout_s=1)


async def honest(visit: Visit) -> None:
    """Carries 20 Mbit/s either way, longer than any run here."""
    await visit.upgrade()
    await (receive_paced(visit, 20, 5) if visit.is_upload else send_paced(visit, 20, 5))


@contextlib.asynccontextmanager
async def acknowledging_for(port: int, *, mbps: float) -> AsyncIterator[int]:
    """A box on the way that takes a client's load at `mbps`, keeps it, and hands it on as fast as the peer reads."""
    loop = asyncio.get_running_loop()

    async def take(reader: asyncio.StreamReader, onward: asyncio.StreamWriter) -> None:
        start, taken = loop.time(), 0
        while data := await reader.read(2**14):
            taken += len(data)
            onward.write(data)  # never drained: it has all the memory it needs
            await asyncio.sleep(max(0.0, taken * 8 / 1e6 / mbps - (loop.time() - start)))
        onward.transport.abort()

    async def bring_back(reader: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        while data := await reader.read(2**14):
            back.write(data)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            with contextlib.suppress(ExceptionGroup):
                async with asyncio.TaskGroup() as group:
                    group.create_task(take(reader, there_writer), name="relay there")
                    group.create_task(bring_back(there_reader, writer), name="relay back")
        finally:
            there_writer.transport.abort()
            writer.transport.abort()

    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    async with await asyncio.start_server(serve, sock=listening):
        yield listening.getsockname()[1]
    await asyncio.sleep(0.05)  # both ends of the last connection see the end of the other
