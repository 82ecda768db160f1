"""The look before a load and the probes beside it: against our own peer, strangers, and peers that hang."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import UsageError
from agent.net.small_request import Place
from agent.peer.service import PeerSettings
from agent.probes import throughput
from agent.probes.probe import Task
from agent.speed import loaded_latency, probing
from agent.speed.limits import Limits
from agent.speed.loaded_latency import Purse, Rules
from agent.speed.probing import Probing, Reach, look, path_of, reach_of
from agent.wire.results import Throughput
from tests.agent.peer.running import running
from tests.agent.speed.one_direction import no_socket_left
from tests.agent.speed.peers import Visit, leg, peer, receive_paced, send_paced

PEER = PeerSettings(listen=("127.0.0.1:0",), stamp="127.0.0.1:0", pace_mbps=40)
SMALL = "/responsiveness/small"


def config(url: object) -> bytes:
    return json.dumps({"version": 1, "urls": {"small_download_url": url}}).encode()


@pytest.mark.parametrize(
    ("said", "path"),
    [
        (config("http://peer.example:8080/a?b=c"), "/a?b=c"),
        (config("https://PEER.example/small"), "/small"),
        (config("http://peer.example"), "/"),
        (config("http://elsewhere.example/a"), None),
        (config("http://peer.example/a b"), None),
        (config("http://peer.example/\u00e9"), None),
        (config("http://[::1/a"), None),
        (config("/a"), None),
        (config(7), None),
        (config("http://peer.example/" + "a" * 600), None),
        (b'{"urls":{}}', None),
        (b"[]", None),
        (b"<html>", None),
        (b"\xff\xfe", None),
        (b"[" * 100_000, None),
        (b"", None),
    ],
)
def test_what_a_peer_says_of_its_small_object(said: bytes, path: str | None) -> None:
    assert path_of(said, "peer.example") == path


async def test_our_own_peer_is_asked_for_everything() -> None:
    with no_socket_left():
        async with running(PEER) as at:
            host, port = at["plain"]
            found = await reach_of(Place(host, port, "localhost"), at["stamp"][1])
    assert found == Reach(Place(host, port, "localhost", path=SMALL), at["stamp"][1])


async def test_no_reflector_and_no_object_leave_connections() -> None:
    async def stranger(visit: Visit) -> None:
        await visit.request()
        visit.writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    with no_socket_left():
        async with peer(stranger) as (host, port, _):
            found = await reach_of(Place(host, port, "localhost"), 1)  # nobody is there: refused
    assert found == Reach(Place(host, port, "localhost"))
    assert found.cost == loaded_latency.CONNECT_BYTES


async def silent(visit: Visit) -> None:
    await visit.ignore(timeout_s=20)


async def test_a_peer_that_hangs_is_looked_at_for_a_second() -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    with no_socket_left():
        async with peer(silent) as (host, port, _):
            assert await reach_of(Place(host, port, "localhost"), 1) == Reach(Place(host, port, "localhost"))
            took_s = loop.time() - begun
    assert probing.LOOK_S <= took_s < probing.LOOK_S + 1


async def test_a_peer_that_is_not_there_is_asked_nothing() -> None:
    with no_socket_left():
        async with peer(silent) as (host, port, _):
            pass
        assert await reach_of(Place(host, port, "localhost"), 1) is None


async def test_a_budget_without_room_is_not_touched() -> None:
    async with peer(silent) as (host, port, visits):
        assert await look(leg(host, port, "download", Limits(max_bytes=500_000)), Rules()) is None
        assert visits == []


async def test_a_direction_shares_its_budget() -> None:
    async with running(PEER) as at:
        host, port = at["plain"]
        whole = leg(host, port, "upload", Limits(max_bytes=5_000_000))
        asking = await look(whole, replace(Rules(), stamp_port=at["stamp"][1]))
        assert asking is not None
        less, beside = asking.beside(whole)
    assert asking.most == 100_000 - loaded_latency.LOOK_BYTES
    assert less.limits.max_bytes == 4_900_000
    assert beside.beside().requests


@contextlib.asynccontextmanager
async def beside(asked: Probing) -> AsyncIterator[None]:
    """Run the probes until the block ends; then nothing of them is left."""
    task = asyncio.create_task(asked.run(), name="probes under test")  # noqa: TID251 - it is to be cancelled
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert not {left.get_name() for left in asyncio.all_tasks() if "beside" in left.get_name()}


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not done():  # noqa: ASYNC110 - what is waited for is counted by others
            await asyncio.sleep(0.01)


async def test_nothing_is_asked_before_the_load_moves() -> None:
    async with peer(silent) as (host, port, visits):
        asked = Probing("download", Reach(Place(host, port, "localhost")), Rules(), Purse())
        async with beside(asked):
            asked.hear(0.0)
            await asyncio.sleep(0.05)
            assert visits == []
            asked.hear(50.0)
            await until(lambda: len(asked.beside().of("tcp")) > 2)
    assert len(asked.beside().of("tcp")) > 2


async def test_probes_that_hang_are_few_and_end_with_the_load() -> None:
    with no_socket_left():
        async with peer(silent) as (host, port, visits):
            reach = Reach(Place(host, port, "localhost", path="/small"))
            asked = Probing("download", reach, Rules(per_s=100, share=0.05), Purse())
            async with beside(asked):
                asked.hear(1000.0)
                await until(lambda: len(visits) >= 8)
                await asyncio.sleep(0.2)
                ended = asyncio.get_running_loop().time()
            assert asyncio.get_running_loop().time() - ended < 0.5
    assert len(visits) == 8
    assert len(asked.beside().of("tcp")) == 8
    assert asked.beside().of("http") == []


async def test_an_empty_purse_ends_the_asking() -> None:
    async with running(PEER) as at:
        host, port = at["plain"]
        reach = Reach(Place(host, port, "localhost", path=SMALL), at["stamp"][1])
        purse = Purse(3 * loaded_latency.REQUEST_BYTES)
        asked = Probing("upload", reach, Rules(per_s=100, share=0.05), purse)
        async with beside(asked):
            asked.hear(1000.0)
            await until(lambda: (purse.left or 0) < loaded_latency.REQUEST_BYTES and len(asked.beside().echoes) > 2)
            await asyncio.sleep(0.2)
        met = asked.beside()
    assert 1 <= len(met.of("http")) <= 2
    assert 2 < len(met.echoes) <= 3 * loaded_latency.REQUEST_BYTES // 2 // loaded_latency.ECHO_BYTES
    assert sum(spent.sent + spent.received for spent in met.spent) <= 3 * loaded_latency.REQUEST_BYTES


@pytest.mark.parametrize("secure", [False, True])
async def test_a_whole_run_tells_how_the_line_answered(certificate: tuple[Path, Path], secure: bool) -> None:  # noqa: FBT001 - a case
    cert, key = certificate
    settings = replace(PEER, listen_tls=("127.0.0.1:0",), cert=cert, key=key)
    async with running(settings) as at:
        host, port = at["tls" if secure else "plain"]
        options = {"stamp_port": str(at["stamp"][1]), "before_s": "0", "rpm_interval_s": "0.2"}
        options |= {"ca": str(cert)} if secure else {}
        url = f"msak+{'wss' if secure else 'ws'}://localhost:{port}"
        outcome = await throughput.probe(Task(url, "ipv4", max_seconds=1.2, options=options))
    result = outcome.result
    assert isinstance(result, Throughput)
    assert host
    for part in (result.download, result.upload):
        assert part is not None
        assert part.loaded_latency_method == "stamp"
        assert part.loaded_latency_ms is not None
        found = part.responsiveness
        assert found is not None
        assert found.formula == ("ippm09_http1_tls" if secure else "ippm09_http1")
        assert found.rpm is not None
        assert found.tcp_ms
        assert found.http_ms
        assert found.self_ms
        assert (found.tls_ms is not None) is secure
    assert result.responsiveness_rpm is not None


async def test_probes_that_hang_delay_no_direction() -> None:
    """The peer moves the load as it should, says that it has the one byte, and never gives it."""

    async def serve(visit: Visit) -> None:
        await visit.request()
        if visit.target.startswith("/throughput"):
            await visit.accept()
            await (receive_paced(visit, 20, 5) if visit.is_upload else send_paced(visit, 20, 5))
        elif visit.target == probing.WELL_KNOWN:
            said = config(f"http://localhost{SMALL}")
            visit.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(said), said))
            await visit.writer.drain()
        else:
            await visit.ignore(timeout_s=20)

    loop = asyncio.get_running_loop()
    with no_socket_left():
        async with peer(serve) as (_, port, visits):
            options = {"stamp_port": "1", "before_s": "0", "early": "false", "streams": "1"}
            begun = loop.time()
            task = Task(f"msak+ws://localhost:{port}", "ipv4", max_seconds=1, options=options)
            result = (await throughput.probe(task)).result
            took_s = loop.time() - begun
    assert took_s < 2 * 1.5 + probing.LOOK_S
    assert isinstance(result, Throughput)
    for part in (result.download, result.upload):
        assert part is not None
        assert part.failure is None
        assert part.duration_s == pytest.approx(1, abs=0.2)
        assert part.loaded_latency_method == "tcp"
        assert part.responsiveness is not None
        assert (part.responsiveness.rpm, part.responsiveness.http_ms) == (None, None)
        assert part.responsiveness.tcp_ms
    assert len([visit for visit in visits if visit.target == SMALL]) <= 2 * 8


async def test_it_can_be_left_out() -> None:
    async with running(PEER) as at:
        options = {"stamp_port": str(at["stamp"][1]), "before_s": "0", "loaded": "false"}
        task = Task(f"msak+ws://localhost:{at['plain'][1]}", "ipv4", max_seconds=1, options=options)
        result = (await throughput.probe(task)).result
    assert isinstance(result, Throughput)
    assert result.download is not None
    assert (result.download.loaded_latency_ms, result.download.responsiveness) == (None, None)
    assert result.responsiveness_rpm is None


@pytest.mark.parametrize(
    "wrong",
    [{"probes_ratio": "0.06"}, {"probes_per_s": "0"}, {"stamp_port": "0"}, {"rpm_trim": "2"}, {"loaded": "maybe"}],
)
def test_wrong_options_are_said_before_the_run(wrong: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        throughput.check(Task("msak+ws://localhost:8080", options=wrong))
