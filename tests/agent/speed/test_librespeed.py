"""The LibreSpeed engine's load against real backends on loopback: both directions, and every other kind of server."""

import asyncio
import re
import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import Failed
from agent.speed.engine import Leg, Target, Transfer, Way
from agent.speed.estimate import estimate
from agent.speed.http_flows import Flows
from agent.speed.http_load import Connection, Server
from agent.speed.librespeed import run
from agent.speed.limits import Limits
from tests.agent.speed.librespeed_server import Backend, Framing, answer, backend
from tests.agent.speed.other_servers import Behaviour, busy, login_page, redirect, reset_after_head
from tests.agent.speed.peers import Visit, peer

pytestmark = [pytest.mark.alone, pytest.mark.usefixtures("no_socket_outlives")]
SHORT = Limits(seconds=1.2, streams=2, early=False)
PATHS = {"download": "/garbage.php", "upload": "/empty.php"}


async def load(
    behaviour: Behaviour,
    way: Way = "download",
    limits: Limits = SHORT,
    tls: tuple[ssl.SSLContext, ssl.SSLContext] | None = None,
) -> Transfer:
    """One direction against `behaviour`; it must be over in time, and leave no task."""
    loop = asyncio.get_running_loop()
    async with peer(behaviour, tls=None if tls is None else tls[0]) as (host, port, _):
        target = Target("localhost", port, tls is not None, paths=PATHS)
        begun = loop.time()
        try:
            return await run(Leg(way, target, host, limits, "m", None if tls is None else tls[1]))
        finally:
            assert loop.time() - begun < limits.seconds + 0.8
            assert not [task for task in asyncio.all_tasks() if task.get_name().startswith(way)]


def rate(transfer: Transfer) -> float:
    found = estimate(transfer.samples)
    assert found is not None
    return found.mbps


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
async def test_download_counts_payload_and_no_framing(framing: Framing) -> None:
    # 32 bytes a chunk: framing would read 18 % high.
    server = Backend(framing=framing, mbps=40, chunk_bytes=1024 if framing != "chunked" else 600)
    transfer = await load(server)
    assert transfer.stop.word == "time"
    assert rate(transfer) == pytest.approx(80, rel=0.06)
    assert transfer.received == pytest.approx(80e6 / 8 * 1.2, rel=0.08)
    assert transfer.streams == 2
    assert all("ckSize=100" in asked for asked in server.asked)
    assert len(set(server.asked)) == 2, "no two requests may look the same to a cache"


async def test_upload_counts_what_the_other_kernel_has() -> None:
    server = Backend(mbps=40)
    transfer = await load(server, "upload")
    assert transfer.stop.word == "time"
    assert rate(transfer) == pytest.approx(80, rel=0.15)
    assert transfer.received <= server.uploaded + 2 * 6 * 2**20, "no more than buffers of the other kernel beyond it"
    assert transfer.received >= server.uploaded - 2**20
    assert server.lengths == [20 * 2**20] * 2
    assert server.transfer_encodings == ["", ""]
    assert transfer.congestion
    assert transfer.sent_bytes


@pytest.mark.parametrize("size", [136, 168, 192])  # as in Linux 4.1, 4.9 and 4.18
async def test_an_old_kernel_counts_uploads_as_they_go(size: int) -> None:
    class OldConnection(Connection):
        info_bytes = size

    async with backend(Backend(mbps=20)) as (host, port, _):
        leg = Leg("upload", Target("localhost", port, secure=False, paths=PATHS), host, SHORT, "m")
        found = await Flows(leg, Server(host, port, "localhost"), connection=OldConnection).run()
    assert found.stop.word == "time"
    assert rate(found) == pytest.approx(40, rel=0.15)


@pytest.mark.parametrize("keeps_open", [True, False])
async def test_downloads_are_asked_again_and_for_more(keeps_open: bool) -> None:  # noqa: FBT001 - a table of cases
    server = Backend(most_chunks=1, keeps_open=keeps_open, mbps=60)
    transfer = await load(server)
    assert transfer.stop.word == "time"
    assert len(server.asked) > 6
    assert any("ckSize=400" in asked for asked in server.asked)
    assert any("ckSize=1024" in asked for asked in server.asked)
    assert transfer.received == pytest.approx(server.sent, abs=3 * 2**20)


@pytest.mark.parametrize("keeps_open", [True, False])
async def test_uploads_go_on_after_an_answer(keeps_open: bool) -> None:  # noqa: FBT001 - a table of cases
    server = Backend(keeps_open=keeps_open, mbps=60)
    async with backend(server) as (host, port, _):
        leg = Leg("upload", Target("localhost", port, secure=False, paths=PATHS), host, SHORT, "m")
        transfer = await Flows(leg, Server(host, port, "localhost"), upload_bytes=2**20).run()
    assert transfer.stop.word == "time"
    assert len(server.lengths) > 6
    assert transfer.received == pytest.approx(server.uploaded, abs=12 * 2**20)


async def test_a_refused_large_body_is_tried_smaller_once() -> None:
    server = Backend(body_limit=2**20, mbps=40)
    transfer = await load(server, "upload")
    assert transfer.stop.word == "time"
    assert set(server.lengths) == {20 * 2**20, 2**20}
    assert transfer.received >= 2**20


async def test_a_server_that_takes_no_body_at_all_is_a_failure() -> None:
    transfer = await load(Backend(body_limit=1000), "upload")
    assert transfer.stop.failure is not None
    assert "413" in str(transfer.stop.failure.detail)


async def test_both_directions_over_tls(certificate: tuple[Path, Path], server_tls: ssl.SSLContext) -> None:
    client = ssl.create_default_context(cafile=str(certificate[0]))
    server = Backend(mbps=40)
    for way in ("download", "upload"):
        transfer = await load(server, "download" if way == "download" else "upload", tls=(server_tls, client))
        assert transfer.stop.word == "time"
        assert rate(transfer) == pytest.approx(80, rel=0.15)
        assert transfer.cipher
        assert transfer.tls == "TLSv1.3"


async def test_an_untrusted_certificate_is_named(server_tls: ssl.SSLContext) -> None:
    with pytest.raises(Failed, match="tls:bad_certificate"):
        await load(Backend(), tls=(server_tls, ssl.create_default_context()))


@pytest.mark.parametrize("way", ["download", "upload"])
async def test_a_budget_is_kept(way: Way) -> None:
    server = Backend(mbps=80)
    limits = Limits(seconds=3, max_bytes=3_000_000, streams=2, early=False)
    transfer = await load(server, way, limits)
    assert transfer.stop.word == "budget"
    assert 2_900_000 <= transfer.received <= 3_400_000
    assert server.uploaded <= 3_000_000
    assert all("ckSize=2&" in asked for asked in server.asked if "garbage" in asked)
    assert rate(transfer) == pytest.approx(160, rel=0.25)


async def test_it_grows() -> None:
    server = Backend(mbps=20)
    async with backend(server) as (host, port, visits):
        leg = Leg("download", Target("localhost", port, secure=False, paths=PATHS), host, SHORT, "m")
        flows = Flows(leg, Server(host, port, "localhost"))
        async with asyncio.TaskGroup() as group:
            task = group.create_task(flows.run(), name="run")
            async with asyncio.timeout(3):
                while len(visits) < 2:  # noqa: ASYNC110 - the server's list
                    await asyncio.sleep(0.01)
            assert flows.grow(2)
        assert len(visits) == 4
        assert task.result().streams == 4
        assert task.result().stop.word == "time"


async def hang(visit: Visit) -> None:
    await visit.ignore(timeout_s=20)


async def reset_in_load(visit: Visit) -> None:
    await visit.request()
    visit.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + bytes(2**18))
    await visit.writer.drain()
    await asyncio.sleep(0.3)
    visit.reset()


async def close_in_load(visit: Visit) -> None:
    await visit.request()
    visit.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + bytes(2**18))
    visit.writer.write_eof()
    await visit.ignore(timeout_s=5)


async def silent_in_load(visit: Visit) -> None:
    await visit.request()
    visit.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + bytes(2**18))
    await visit.ignore(timeout_s=20)


async def never_enough(visit: Visit) -> None:
    while True:
        await visit.request()
        answer(visit, 200, "Content-Type: application/octet-stream\r\n", b"tiny")
        await visit.writer.drain()


async def nothing_at_all(visit: Visit) -> None:
    while True:
        await visit.request()
        answer(visit, 200, "", b"")
        await visit.writer.drain()


async def early_ok(visit: Visit) -> None:
    """Answers before it has read the body, as some front ends do, and goes on reading slowly."""
    await visit.request()
    answer(visit, 200, "", b"")
    await asyncio.sleep(1)
    await visit.ignore(timeout_s=5)


async def drip(visit: Visit) -> None:
    await visit.request()
    for byte in b"HTTP/1.1 200 OK\r\n" * 40:
        visit.writer.write(bytes([byte]))
        await visit.writer.drain()
        await asyncio.sleep(0.1)


async def flood_of_chunks(visit: Visit) -> None:
    await visit.request()
    visit.writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        visit.writer.write(b"1\r\nx\r\n" * 10_000)
        await visit.writer.drain()


async def failure_of(behaviour: Behaviour) -> str:
    """How a download failed, whether it had begun by then or not."""
    try:
        found = (await load(behaviour)).stop.failure
    except Failed as failed:
        found = failed.failure
    assert found is not None
    return f"{found} ({found.detail})"


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (reset_after_head, "transfer:reset"),
        (flood_of_chunks, "transfer:protocol .*flood of small chunks"),
        (login_page, "handshake:captive_portal"),
        (redirect, "handshake:captive_portal"),
        (busy, "peer:busy"),
        (nothing_at_all, "peer:protocol .*0 bytes instead"),
        (never_enough, "peer:protocol .*4 bytes instead"),
    ],
)
async def test_a_download_that_cannot_begin_is_a_named_failure(behaviour: Behaviour, words: str) -> None:
    assert re.match(words, await failure_of(behaviour))


@pytest.mark.parametrize("behaviour", [hang, drip])
async def test_a_download_that_never_begins_ends(behaviour: Behaviour) -> None:
    with pytest.raises(Failed, match="handshake:timeout"):
        await load(behaviour, limits=replace(SHORT, opening_s=0.7))


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (reset_in_load, "transfer:reset"),
        (close_in_load, "transfer:closed"),
        (silent_in_load, "transfer:timeout"),
    ],
)
async def test_a_download_that_breaks_is_a_named_failure(behaviour: Behaviour, words: str) -> None:
    transfer = await load(behaviour)
    assert str(transfer.stop.failure) == words
    assert transfer.stop.word == "error"


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (hang, None),
        (reset_after_head, "transfer:reset"),
        (login_page, "handshake:captive_portal"),
        (redirect, "handshake:captive_portal"),
        (busy, "peer:busy"),
        (early_ok, "peer:protocol"),
    ],
)
async def test_an_upload_that_breaks_is_a_named_failure(behaviour: Behaviour, words: str | None) -> None:
    transfer = await load(behaviour, "upload")
    if words is not None:
        assert str(transfer.stop.failure) == words
    else:
        assert transfer.stop.word in {"time", "error"}


async def test_an_upload_that_nobody_reads_times_out() -> None:
    async def deaf(visit: Visit) -> None:
        visit.writer.transport.pause_reading()  # type: ignore[attr-defined]  # every real transport has it
        await asyncio.sleep(6)

    transfer = await load(deaf, "upload", Limits(seconds=3, streams=2, early=False))
    assert str(transfer.stop.failure) == "transfer:timeout"


async def test_nobody_listens() -> None:
    async with peer(hang) as (host, port, _):
        pass
    leg = Leg("download", Target("localhost", port, secure=False, paths=PATHS), host, SHORT, "m")
    with pytest.raises(Failed, match="connect:refused"):
        await run(leg)


async def test_a_cancelled_run_leaves_nothing() -> None:
    async with backend(Backend(mbps=20)) as (host, port, visits):
        leg = Leg("download", Target("localhost", port, secure=False, paths=PATHS), host, SHORT, "m")
        async with asyncio.TaskGroup() as group:
            task = group.create_task(run(leg), name="run")
            async with asyncio.timeout(3):
                while not visits:  # noqa: ASYNC110 - the server's list
                    await asyncio.sleep(0.01)
            task.cancel()
        assert task.cancelled()
