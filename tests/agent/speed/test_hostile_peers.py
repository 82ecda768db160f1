"""Whole directions against servers that hang, stall, lie, flood, refuse and break off: a failure each, in time."""

import asyncio
import socket
import ssl
import struct
from dataclasses import replace

import pytest

from agent.errors import Failed
from agent.speed import frames
from agent.speed.engine import Way
from agent.speed.frames import Opcode
from agent.speed.heard import MAX_MESSAGES
from agent.speed.summary import direction
from tests.agent.speed.one_direction import SHORT, run
from tests.agent.speed.peers import (
    CHUNK,
    Visit,
    leg,
    move,
    peer,
    receive_paced,
    send_paced,
)

pytestmark = [pytest.mark.alone, pytest.mark.usefixtures("no_socket_outlives")]


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
    ids=["at once", "busy", "a complaint", "masked", "garbage", "nothing"],
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


async def test_floods_of_small_messages_are_cut_off() -> None:
    async def flooding(visit: Visit) -> None:
        await visit.upgrade()
        while True:
            visit.writer.write(frames.frame(Opcode.PING, b"", masked=False) * 20_000)
            await visit.writer.drain()

    transfer = await run(flooding)
    assert str(transfer.stop.failure) == "transfer:protocol"


async def test_one_of_four_streams_that_ends_early_does_not_take_the_rest_with_it() -> None:
    async def brief(visit: Visit) -> None:
        await visit.upgrade()
        await send_paced(visit, 20, 0.1 if visit.number == 0 else 5)

    limits = replace(SHORT, seconds=1.5, streams=4)
    transfer = await run(brief, "download", limits)
    found = direction(transfer, limits)
    assert (found.stop, found.failure) == ("time", None)
    assert found.mbps == pytest.approx(60, rel=0.06)
    assert found.duration_s == pytest.approx(1.5, abs=0.05)


@pytest.mark.parametrize("way", ["download", "upload"])
async def test_one_of_four_streams_that_stalls_is_part_of_the_truth(way: Way) -> None:
    async def stalling(visit: Visit) -> None:
        await visit.upgrade()
        if visit.number == 0:
            for step in range(1, 30):
                visit.say(Application={"BytesReceived": 0}, ElapsedTime=step * 100_000)
                await asyncio.sleep(0.1)
        await (receive_paced(visit, 20, 5) if visit.is_upload else send_paced(visit, 20, 5))

    limits = replace(SHORT, seconds=1.5, streams=4)
    found = direction(await run(stalling, way, limits), limits)
    assert (found.stop, found.failure) == ("time", None)
    assert found.mbps == pytest.approx(60, rel=0.1)


async def test_an_answer_in_single_bytes_is_not_waited_for() -> None:
    async def dripping(visit: Visit) -> None:
        await visit.request()
        for byte in b"HTTP/1.1 101 Switching Protocols\r\nX: " + b"x" * 1000:
            visit.writer.write(bytes([byte]))
            await asyncio.sleep(0.02)

    with pytest.raises(Failed) as caught:
        await run(dripping)
    assert str(caught.value.failure) == "handshake:timeout"


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: http://login/\r\nContent-Length: 0\r\n\r\n", "handshake:captive_portal"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n", "handshake:captive_portal"),
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "handshake:protocol"),
        (b"\x15\x03\x01\x00\x02\x02\x50", "handshake:protocol"),
    ],
)
async def test_answers_that_are_no_upgrade(answer: bytes, failure: str) -> None:
    async def other(visit: Visit) -> None:
        await visit.request()
        visit.writer.write(answer)
        await visit.writer.drain()
        await visit.ignore(timeout_s=1)

    with pytest.raises(Failed) as caught:
        await run(other)
    assert str(caught.value.failure) == failure


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("!BBQ", 0x82, 127, 2**24 + 1),
        struct.pack("!BBQ", 0x81, 127, 2**20),
        struct.pack("!BBQ", 0x82, 127, 2**63) + bytes(2**16),
    ],
)
@pytest.mark.parametrize("way", ["download", "upload"])
async def test_frames_larger_than_any_protocol_has(way: Way, data: bytes) -> None:
    async def oversized(visit: Visit) -> None:
        await visit.upgrade()
        visit.writer.write(data)
        await visit.read(timeout_s=2)

    assert str((await run(oversized, way)).stop.failure) == "transfer:protocol"


@pytest.mark.parametrize("way", ["download", "upload"])
async def test_texts_without_end_are_neither_kept_nor_the_end(way: Way) -> None:
    async def talking(visit: Visit) -> None:
        await visit.upgrade()
        text = b'{"ElapsedTime":1,"TCPInfo":{"RTT":9},"Junk":"' + b"x" * 50_000 + b'"}'
        while not visit.closed:
            visit.writer.write(frames.frame(Opcode.TEXT, text, masked=False))
            if not visit.is_upload:
                visit.writer.write(CHUNK)
            await visit.writer.drain()
            await visit.read(timeout_s=0.001)

    transfer = await run(talking, way)
    assert len(transfer.rtts_us) <= 2 * MAX_MESSAGES
    assert transfer.stop.word in {"time", "error"}


async def test_a_peer_that_stops_reading_ends_an_upload() -> None:
    """Half-open: the connection stands, nothing is acknowledged any more."""

    async def full(visit: Visit) -> None:
        await visit.upgrade()
        visit.say(Application={"BytesReceived": 10}, ElapsedTime=1000)
        visit.reader._transport.pause_reading()  # type: ignore[attr-defined] # noqa: SLF001 - there is no other way
        await asyncio.sleep(5)

    transfer = await run(full, "upload")
    assert str(transfer.stop.failure) == "transfer:timeout"
    assert direction(transfer, SHORT).mbps is None
