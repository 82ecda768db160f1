"""A web server on loopback that gives what it is told to, and remembers what it was asked."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field


@dataclass
class Web:
    """Where it is, and the heads of the requests it got."""

    port: int
    asked: list[str] = field(default_factory=list)

    def url(self, path: str = "/", scheme: str = "http") -> str:
        return f"{scheme}://localhost:{self.port}{path}"


def page(body: bytes, *, status: str = "200 OK", kind: str = "application/json", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


@contextlib.asynccontextmanager
async def web(give: Callable[[Web], bytes | None], *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Web]:
    """Serve `give(web)` to each request; None: never answer."""
    found = Web(0)
    leaving = asyncio.Event()
    serving: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            found.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
            answer = give(found)
            if answer is None:
                await leaving.wait()
            else:
                writer.write(answer)
                await writer.drain()
                writer.write_eof() if tls is None else writer.close()
                await reader.read()
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        leaving.set()
        server.close()
        if serving:
            await asyncio.wait([task for task in serving if task is not None], timeout=1)
        await asyncio.sleep(0.02)  # the transports close their sockets
