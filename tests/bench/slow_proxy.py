"""A slow way to a database: passes connections on, and for a time only so many bytes a second towards it.

`python -m tests.bench.slow_proxy LISTEN TARGET '{"after_s": 5, "for_s": 60, "bytes_s": 400000}'`; all on loopback.
`after_s` counts from the first connection that carries more than a question.
"""

import asyncio
import sys
import time
from typing import Final

import msgspec

_PIECE: Final = 16_384


class Slow(msgspec.Struct, frozen=True):
    """When, for how long, and how slow."""

    after_s: float
    for_s: float
    bytes_s: float


class Proxy:
    """All connections share the narrow place."""

    def __init__(self, target: int, slow: Slow) -> None:
        self.target, self.slow = target, slow
        self.since: float | None = None
        self.free_at = 0.0
        self.passed = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, both ways, until one side ends it."""
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pass(reader, far_writer, slow=True), name="to")
            group.create_task(self._pass(far_reader, writer, slow=False), name="from")

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, slow: bool) -> None:
        try:
            while data := await reader.read(_PIECE):
                if slow:
                    await self._wait(len(data))
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def _wait(self, size: int) -> None:
        self.passed += size
        now = time.monotonic()
        if self.since is None and self.passed > _PIECE:
            self.since = now
        if self.since is None or not self.slow.after_s <= now - self.since < self.slow.after_s + self.slow.for_s:
            return
        self.free_at = max(self.free_at, now) + size / self.slow.bytes_s
        await asyncio.sleep(self.free_at - now)


async def _run(listen: int, proxy: Proxy) -> None:
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", listen, limit=_PIECE)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_run(int(sys.argv[1]), Proxy(int(sys.argv[2]), msgspec.json.decode(sys.argv[3], type=Slow))))
