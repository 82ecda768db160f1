"""The client's connection on its own: what it sends after it was told to stop."""

import asyncio
import contextlib

from agent.speed.dialect import USER_AGENT
from agent.speed.frames import binary_frames
from agent.speed.handshake import Upgrade
from agent.speed.msak import SUBPROTOCOL
from agent.speed.stream import BUFFER_BYTES, Endpoint, Stream, end_all, open_stream
from tests.agent.speed.peers import QUICK, Visit, peer

FRAME = binary_frames(1 << 18, 1, masked=True)[0]


async def loaded(host: str, port: int) -> Stream:
    """A stream that uploads without an end."""
    upgrade = Upgrade(f"{host}:{port}", "/throughput/v1/upload", subprotocol=SUBPROTOCOL, agent=USER_AGENT)
    buffer = memoryview(bytearray(BUFFER_BYTES))
    stream = await open_stream(
        Endpoint(host, port, "localhost", None, QUICK), lambda: Stream(upgrade, buffer, lambda *_: None)
    )
    stream.load(lambda _: (FRAME, 1 << 18))
    return stream


def waiting(stream: Stream, visit: Visit) -> int:
    """Payload written that the peer's kernel has not got."""
    return stream.written - visit.kernel_received()


async def test_a_stopped_upload_on_a_slow_line_throws_away_what_waits() -> None:
    came: list[int] = []

    async def crawl(visit: Visit) -> None:
        await visit.upgrade()
        with contextlib.suppress(ConnectionError, AssertionError):
            while await visit.reader.read(1 << 13):
                came.append(visit.kernel_received())
                await asyncio.sleep(0.005)

    async with peer(crawl) as (host, port, visits):
        stream = await loaded(host, port)
        while not came or came[-1] < 500_000:  # noqa: ASYNC110 - the test's own limit of time ends it
            await asyncio.sleep(0.02)
        at_stop, left = visits[0].kernel_received(), waiting(stream, visits[0])
        await end_all([stream], grace_s=0.3)
        assert left > 100_000
        await asyncio.sleep(0.1)
        assert came[-1] - at_stop < left / 2
        assert stream.failure is None


async def test_a_stopped_upload_on_a_fast_line_says_close() -> None:
    async def take(visit: Visit) -> None:
        await visit.upgrade()
        await visit.read(timeout_s=5)

    async with peer(take) as (host, port, visits):
        stream = await loaded(host, port)
        while stream.written < 50_000_000:  # noqa: ASYNC110 - the test's own limit of time ends it
            await asyncio.sleep(0.02)
        await end_all([stream], grace_s=0.5)
        assert visits[0].closed
        assert stream.failure is None
