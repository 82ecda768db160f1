"""A LibreSpeed backend on loopback that behaves as told: its names, its framing, its limits, its rate."""

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from tests.agent.speed.peers import Visit, peer

MEGABYTE = os.urandom(2**20)
HTML = "Content-Type: text/html; charset=UTF-8\r\n"
Framing = Literal["length", "chunked", "close"]


@dataclass
class Backend:
    """How it behaves, and what it saw. `mbps`: its rate a connection."""

    suffix: str = ".php"
    folder: str = "/"
    framing: Framing = "chunked"
    chunk_bytes: int = 8192
    keeps_open: bool = True
    mbps: float | None = None
    most_chunks: int = 1024
    body_limit: int | None = None
    ping_body: bytes = b""
    asked: list[str] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    transfer_encodings: list[str] = field(default_factory=list)
    uploaded: int = 0
    sent: int = 0

    async def __call__(self, visit: Visit) -> None:
        """Serve one connection."""
        while True:
            await visit.request()
            self.asked.append(visit.target)
            path = urlsplit(visit.target).path
            if "content-length" in visit.headers or "transfer-encoding" in visit.headers:
                await self.take(visit, path)
            elif path == f"{self.folder}garbage{self.suffix}":
                await self.give(visit)
            elif path == f"{self.folder}empty{self.suffix}":
                answer(visit, 200, HTML, self.ping_body)
            else:
                answer(visit, 404, HTML, b"<h1>not here</h1>")
            await visit.writer.drain()
            if not self.keeps_open or (path.startswith(f"{self.folder}garbage") and self.framing == "close"):
                await leave(visit)
                return

    async def give(self, visit: Visit) -> None:
        """Garbage: whole MiB, framed as told."""
        chunks = min(self.most_chunks, int(parse_qs(urlsplit(visit.target).query).get("ckSize", ["4"])[0]))
        frame = {"length": f"Content-Length: {chunks * 2**20}\r\n", "chunked": "Transfer-Encoding: chunked\r\n"}
        kind = "Content-Type: application/octet-stream\r\n"
        head = f"HTTP/1.1 200 OK\r\n{kind}{frame.get(self.framing, '')}{self._connection()}\r\n"
        visit.writer.write(head.encode())
        piece = MEGABYTE
        if self.framing == "chunked":
            size = self.chunk_bytes
            parts = [MEGABYTE[place : place + size] for place in range(0, 2**20, size)]
            piece = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
        started, given = asyncio.get_running_loop().time(), 0.0
        for _ in range(chunks):
            for place in range(0, len(piece), 65536):
                part = piece[place : place + 65536]
                visit.writer.write(part)
                given += len(part) * 2**20 / len(piece)
                await visit.writer.drain()
                await self._keep_pace(started, given)
            self.sent += 2**20
        if self.framing == "chunked":
            visit.writer.write(b"0\r\n\r\n")

    async def take(self, visit: Visit, path: str) -> None:
        """An upload: counted and thrown away."""
        length = int(visit.headers.get("content-length", "0"))
        self.lengths.append(length)
        self.transfer_encodings.append(visit.headers.get("transfer-encoding", ""))
        if path != f"{self.folder}empty{self.suffix}":
            answer(visit, 404, HTML, b"<h1>not here</h1>")
            return
        if self.body_limit is not None and length > self.body_limit:
            answer(visit, 413, "Connection: close\r\n", b"too large")
            await visit.ignore(timeout_s=0.3)
            visit.writer.close()
            return
        started, taken = asyncio.get_running_loop().time(), 0
        while taken < length:
            data = await visit.reader.read(min(65536, length - taken))
            if not data:
                return
            taken += len(data)
            self.uploaded += len(data)
            await self._keep_pace(started, taken)
        answer(visit, 200, HTML + self._connection(), b"")

    def _connection(self) -> str:
        return "" if self.keeps_open else "Connection: close\r\n"

    async def _keep_pace(self, started: float, moved: float) -> None:
        if self.mbps is not None:
            due = started + moved * 8 / 1e6 / self.mbps
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))


def answer(visit: Visit, status: int, headers: str, body: bytes) -> None:
    """One small answer with its length."""
    head = f"HTTP/1.1 {status} Said\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    visit.writer.write(head.encode() + body)


async def leave(visit: Visit) -> None:
    """Close in good order: say that no more comes, and wait for the client to go."""
    with contextlib.suppress(OSError):
        visit.writer.write_eof()
    await visit.ignore(timeout_s=2)


@contextlib.asynccontextmanager
async def backend(
    behaviour: Backend, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[str, int, list[Visit]]]:
    """The backend, listening on loopback."""
    async with peer(behaviour, tls=tls) as listening:
        yield listening
