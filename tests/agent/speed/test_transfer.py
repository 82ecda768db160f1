"""Whole directions against real servers on loopback: the honest ones first, then every other kind."""

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import Failed
from agent.speed import frames, msak
from agent.speed.dialect import Dialect
from agent.speed.engine import Transfer, Way
from agent.speed.frames import Opcode
from agent.speed.limits import Limits
from agent.speed.summary import direction
from tests.agent.speed.peers import (
    CHUNK,
    Visit,
    leg,
    move,
    peer,
    receive_paced,
    send_paced,
)

SHORT = Limits(seconds=1.0, streams=2, early=False, may_grow=False)
LATE_S = 0.5


def sockets() -> set[str]:
    """The open sockets of this process."""
    found = set()
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208 - the links are what is wanted
        try:
            target = os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115 - as above
        except OSError:
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No socket outlives its run (the loop's own pair is there before the test)."""
    before = sockets()
    yield
    assert sockets() <= before


async def run(
    behaviour: Callable[[Visit], Awaitable[None]],
    way: Way = "download",
    limits: Limits = SHORT,
    dialect: Dialect = msak.DIALECT,
) -> Transfer:
    """One direction against `behaviour`; it must be over in time, and leave no task."""
    loop = asyncio.get_running_loop()
    async with peer(behaviour) as (host, port, _):
        begun = loop.time()
        try:
            return await move(leg(host, port, way, limits), dialect)
        finally:
            assert loop.time() - begun < limits.seconds + 0.8
            names = {task.get_name() for task in asyncio.all_tasks()}
            assert not any(name.startswith(("download", "upload")) for name in names)


async def test_download_is_counted_here_and_its_evidence_kept() -> None:
    async def honest(visit: Visit) -> None:
        await visit.upgrade()
        await send_paced(visit, 20, 5)

    limits = replace(SHORT, seconds=1.2, streams=3)
    transfer = await run(honest, "download", limits)
    found = direction(transfer, limits)
    assert found.failure is None
    assert found.mbps == pytest.approx(60, rel=0.05)
    assert found.duration_s == pytest.approx(1.2, abs=0.05)
    assert (found.stop, found.streams) == ("time", 3)
    assert found.bytes == pytest.approx(60e6 / 8 * 1.2, rel=0.06)
    assert found.rates_mbps is not None
    assert 11 <= len(found.rates_mbps) <= 12
    assert found.retransmit_ratio == pytest.approx(0.01, rel=0.01)
    assert found.loaded_rtt_ms is not None
    assert found.loaded_rtt_ms.median == pytest.approx(20.0, abs=0.01)
    assert transfer.congestion == "cubic"
    assert transfer.cipher is None
    assert len(transfer.idle_rtts_us) == 3
    assert not transfer.reference_only


async def test_the_request_is_the_protocols_and_the_live_rate_is_told() -> None:
    async def honest(visit: Visit) -> None:
        await visit.upgrade()
        await send_paced(visit, 20, 5)

    live: list[tuple[float, float]] = []
    async with peer(honest) as (host, port, visits):
        await move(leg(host, port, "download", SHORT, mid="m1", watch=lambda *now: live.append(now)))
    assert live[-1][1] == pytest.approx(40, rel=0.2)
    assert [gone for gone, _ in live] == sorted(gone for gone, _ in live)
    query = visits[0].query
    assert visits[0].target.startswith("/throughput/v1/download?")
    assert (query["mid"], query["streams"], query["cc"]) == ("m1", "2", "bbr")
    assert int(query["duration"]) >= 1000
    assert "bytes" not in query
    assert visits[0].headers["user-agent"].startswith("linkgauge-agent/")


async def test_upload_is_what_the_receiver_counted() -> None:
    async def honest(visit: Visit) -> None:
        await visit.upgrade()
        await receive_paced(visit, 30, 5)

    limits = replace(SHORT, seconds=1.5, streams=2)
    transfer = await run(honest, "upload", limits)
    found = direction(transfer, limits)
    assert found.failure is None
    assert found.mbps == pytest.approx(60, rel=0.05)
    assert found.stop == "time"
    assert transfer.congestion
    assert found.loaded_rtt_ms is not None
    assert found.retransmit_ratio is not None


async def test_texts_go_both_ways_and_pings_are_answered() -> None:
    async def pinging(visit: Visit) -> None:
        await visit.upgrade()
        visit.writer.write(frames.frame(Opcode.PING, b"42", masked=False))
        visit.writer.write(CHUNK)
        await visit.read(timeout_s=3)

    async with peer(pinging) as (host, port, visits):
        await move(leg(host, port, "download", replace(SHORT, streams=1)))
    assert visits[0].texts
    assert b'"BytesReceived":65536' in visits[0].texts[0]
    assert visits[0].closed


@pytest.mark.program("openssl")
async def test_tls_is_verified_and_its_cipher_kept(certificate: tuple[Path, Path], server_tls: ssl.SSLContext) -> None:
    async def honest(visit: Visit) -> None:
        await visit.upgrade()
        await send_paced(visit, 20, 5)

    trusting = ssl.create_default_context(cafile=certificate[0])
    async with peer(honest, tls=server_tls) as (host, port, _):
        transfer = await move(leg(host, port, "download", SHORT, tls=trusting))
        assert direction(transfer, SHORT).mbps == pytest.approx(40, rel=0.05)
        assert transfer.cipher is not None
        assert transfer.cipher.startswith("TLS_")
        with pytest.raises(Failed) as caught:
            await move(leg(host, port, "download", SHORT, tls=ssl.create_default_context()))
        assert str(caught.value.failure) == "tls:bad_certificate"


@pytest.mark.program("openssl")
async def test_tls_upload(certificate: tuple[Path, Path], server_tls: ssl.SSLContext) -> None:
    async def honest(visit: Visit) -> None:
        await visit.upgrade()
        await receive_paced(visit, 20, 5)

    trusting = ssl.create_default_context(cafile=certificate[0])
    async with peer(honest, tls=server_tls) as (host, port, _):
        transfer = await move(leg(host, port, "upload", SHORT, tls=trusting))
    assert direction(transfer, SHORT).mbps == pytest.approx(40, rel=0.08)


async def test_a_budget_ends_a_download_at_the_byte() -> None:
    limits = replace(SHORT, seconds=3, max_bytes=1_000_000, streams=2)

    async def generous(visit: Visit) -> None:
        await visit.upgrade()
        assert visit.query["bytes"] == "500000"
        visit.writer.write(frames.frame(Opcode.BINARY, bytes(500_000), masked=False))
        visit.writer.write(frames.close(masked=False))
        await visit.read(timeout_s=1)

    transfer = await run(generous, "download", limits)
    assert (transfer.stop.word, transfer.received) == ("budget", 1_000_000)


async def test_a_budget_ends_an_upload_and_nothing_more_is_sent() -> None:
    limits = replace(SHORT, seconds=5, max_bytes=4_000_001, streams=2)

    async def honest(visit: Visit) -> None:
        await visit.upgrade()
        await receive_paced(visit, 12, 5)

    async with peer(honest) as (host, port, visits):
        transfer = await move(leg(host, port, "upload", limits))
        assert transfer.stop.word == "budget"
        assert 3_700_000 < sum(visit.skimmer.received for visit in visits) <= 4_000_000
    assert transfer.received == pytest.approx(4_000_000, rel=0.01)
    assert direction(transfer, limits).mbps == pytest.approx(24, rel=0.1)


@pytest.mark.parametrize("way", ["download", "upload"])
async def test_a_peer_that_falls_silent_is_a_timeout(way: Way) -> None:
    async def silent(visit: Visit) -> None:
        await visit.upgrade()
        if visit.is_upload:
            visit.say(Application={"BytesReceived": 1000}, ElapsedTime=1000)
        else:
            visit.writer.write(CHUNK)
        await asyncio.sleep(5)

    transfer = await run(silent, way)
    assert str(transfer.stop.failure) == "transfer:timeout"
    found = direction(transfer, SHORT)
    assert (found.stop, found.mbps) == ("error", None)
    assert found.bytes is not None


@pytest.mark.parametrize("way", ["download", "upload"])
async def test_a_peer_that_resets_in_mid_run(way: Way) -> None:
    async def resetting(visit: Visit) -> None:
        await visit.upgrade()
        if visit.is_upload:
            await receive_paced(visit, 20, 0.4)
        else:
            visit.writer.write(CHUNK)
            await asyncio.sleep(0.3)
        visit.reset()

    transfer = await run(resetting, way)
    assert transfer.stop.failure is not None
    assert transfer.stop.failure.stage == "transfer"
    assert transfer.stop.failure.reason in {"reset", "closed"}
    assert transfer.received > 0
    assert direction(transfer, SHORT).failure == transfer.stop.failure


async def test_a_reset_at_the_very_end_is_usual() -> None:
    async def abrupt(visit: Visit) -> None:
        await visit.upgrade()
        await send_paced(visit, 20, 0.9)
        visit.reset()

    async def hurried(visit: Visit) -> None:
        await visit.upgrade()
        for _ in range(9):
            visit.writer.write(CHUNK)
            await asyncio.sleep(0.1)
        visit.reset()

    for behaviour in (abrupt, hurried):
        transfer = await run(behaviour)
        assert transfer.stop.failure is None
        assert transfer.stop.word == "time"


async def test_a_peer_that_ends_early_with_close_still_gives_a_number() -> None:
    limits = replace(SHORT, seconds=4, streams=2)

    async def brief(visit: Visit) -> None:
        await visit.upgrade()
        await send_paced(visit, 20, 1.2 + visit.number / 10)

    transfer = await run(brief, "download", limits)
    found = direction(transfer, limits)
    assert (found.stop, found.failure) == ("peer", None)
    assert found.mbps == pytest.approx(40, rel=0.05)
    assert found.duration_s == pytest.approx(1.2, abs=0.1)


@pytest.mark.parametrize(
    ("data", "failure"),
    [
        (frames.close(masked=False), "transfer:closed"),
        (frames.close(1013, "try later", masked=False), "peer:busy"),
        (frames.close(1002, "bad", masked=False), "transfer:closed"),
        (frames.frame(Opcode.BINARY, b"masked", masked=True), "transfer:protocol"),
        (b"\xff" * 100, "transfer:protocol"),
        (b"", "transfer:closed"),
    ],
)
async def test_endings_at_once_have_their_names(data: bytes, failure: str) -> None:
    async def ending(visit: Visit) -> None:
        await visit.upgrade()
        visit.writer.write(data)
        await visit.writer.drain()
        visit.writer.write_eof()
        await visit.read(timeout_s=1)

    ways: tuple[Way, ...] = ("download", "upload")
    for way in ways:
        transfer = await run(ending, way)
        assert str(transfer.stop.failure) == failure


@pytest.mark.parametrize("words", ["nothing", "garbage", "too much", "going back"])
async def test_an_upload_whose_receiver_does_not_count_is_no_number(words: str) -> None:
    async def odd(visit: Visit) -> None:
        await visit.upgrade()
        for step in range(1, 60):
            if words == "garbage":
                visit.writer.write(frames.frame(Opcode.TEXT, b'{"Application":7}', masked=False))
            elif words == "too much":
                visit.say(Application={"BytesReceived": 10**15 + step}, ElapsedTime=step * 50_000)
            elif words == "going back":
                visit.say(Application={"BytesReceived": -step}, ElapsedTime=step * 50_000)
            await visit.read(timeout_s=0.05)

    found = direction(await run(odd, "upload"), SHORT)
    assert found.mbps is None
    assert found.failure is not None
    assert str(found.failure) == "peer:protocol"


async def test_one_refused_stream_refuses_the_direction() -> None:
    async def crowded(visit: Visit) -> None:
        if visit.number == 1:
            await visit.request()
            visit.writer.write(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 9\r\n\r\n")
            await visit.writer.drain()
        else:
            await visit.upgrade()
        await visit.ignore(timeout_s=1)

    with pytest.raises(Failed) as caught:
        await run(crowded)
    assert str(caught.value.failure) == "peer:busy"


async def test_a_peer_that_accepts_and_says_nothing() -> None:
    async def mute(visit: Visit) -> None:
        await visit.ignore(timeout_s=2)

    with pytest.raises(Failed) as caught:
        await run(mute)
    assert str(caught.value.failure) == "handshake:timeout"


async def test_a_peer_that_hangs_up_on_the_request() -> None:
    async def rude(visit: Visit) -> None:
        await visit.request()
        visit.reset()

    with pytest.raises(Failed) as caught:
        await run(rude)
    assert caught.value.failure.stage == "handshake"
    assert caught.value.failure.reason in {"reset", "closed"}


async def test_tls_to_something_that_is_not() -> None:
    async def plain(visit: Visit) -> None:
        await visit.reader.read(10)
        visit.writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await visit.writer.drain()

    async def mute(visit: Visit) -> None:
        await visit.ignore(timeout_s=2)

    for behaviour, failure in ((plain, "tls:protocol"), (mute, "tls:timeout")):
        async with peer(behaviour) as (host, port, _):
            with pytest.raises(Failed) as caught:
                await move(leg(host, port, "download", SHORT, tls=ssl.create_default_context()))
        assert str(caught.value.failure) == failure


async def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with pytest.raises(Failed) as caught:
            await move(leg("127.0.0.1", port, "upload", SHORT))
    assert str(caught.value.failure) == "connect:refused"


@pytest.mark.parametrize("way", ["download", "upload"])
async def test_a_cancelled_run_leaves_nothing(way: Way) -> None:
    async def honest(visit: Visit) -> None:
        await visit.upgrade()
        await (receive_paced(visit, 20, 5) if visit.is_upload else send_paced(visit, 20, 5))

    async with peer(honest) as (host, port, _):
        before = sockets()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.4):
                await move(leg(host, port, way, Limits(seconds=5)))
        mine = sockets() - before
        assert len(mine) <= 4  # the server's own ends, which it closes when this block ends


async def test_floods_of_small_messages_are_cut_off() -> None:
    async def flooding(visit: Visit) -> None:
        await visit.upgrade()
        while True:
            visit.writer.write(frames.frame(Opcode.PING, b"", masked=False) * 20_000)
            await visit.writer.drain()

    transfer = await run(flooding)
    assert str(transfer.stop.failure) == "transfer:protocol"
