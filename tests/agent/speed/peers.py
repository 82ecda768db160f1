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
from urllib.parse import parse_qs, urlsplit

from agent.speed import frames
from agent.speed.frames import FrameSkimmer, Opcode
from agent.speed.msak import SUBPROTOCOL
from agent.speed.stream import Endpoint, Patience

QUICK = Patience(connect_s=1, tls_s=0.5, upgrade_s=0.5)
CHUNK = frames.frame(Opcode.BINARY, bytes(2**16), masked=False)


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
                f"Sec-WebSocket-Accept: {proof}\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
            ).encode()
        )

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
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Behaviour = Callable[[Visit], Awaitable[None]]


@contextlib.asynccontextmanager
async def peer(
    behaviour: Behaviour, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[str, int, list[Visit]]]:
    """A server on loopback: its address, port, and the visits it had."""
    visits: list[Visit] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = Visit(len(visits), reader, writer)
        visits.append(visit)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await behaviour(visit)
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    host, port = server.sockets[0].getsockname()
    try:
        yield host, port, visits
    finally:
        server.close()
        for visit in visits:
            visit.writer.transport.abort()
        await asyncio.sleep(0.02)  # the streams' own tasks see the abort and end


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for localhost, and its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(cert), "-days", "2"]
    command = ["openssl", "req", "-x509", *curve, *files, *names]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own words, no shell
    return cert, key


def endpoint(host: str, port: int, tls: ssl.SSLContext | None = None) -> Endpoint:
    return Endpoint(host, port, "localhost", tls, QUICK)


async def send_paced(visit: Visit, mbps: float, seconds: float) -> None:
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
            visit.say(
                CC="cubic",
                Application={"BytesSent": sent, "BytesReceived": 0},
                ElapsedTime=round(gone * 1e6),
                TCPInfo={"RTT": 20_000 + visit.number, "MinRTT": 9_000, "BytesSent": sent, "BytesRetrans": sent // 100},
            )
        await visit.writer.drain()
        await visit.read(timeout_s=0.005)
    if visit.closed:
        return
    visit.writer.write(frames.close(1000, "Done sending", masked=False))
    await visit.read(timeout_s=1)


async def receive_paced(visit: Visit, mbps: float, seconds: float) -> None:
    """Read at a steady rate by the clock and say every 200 ms what has come."""
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
            visit.say(
                Application={"BytesSent": 0, "BytesReceived": visit.skimmer.received}, ElapsedTime=round(gone * 1e6)
            )
        await asyncio.sleep(0.002)
