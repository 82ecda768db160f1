"""The throughput probe from task to outcome: against our own peer, and against servers that spoil one direction."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import Failed, UsageError
from agent.peer.service import PeerSettings, serve
from agent.probes.probe import Progress, Task
from agent.probes.throughput import probe
from agent.wire.failure import Doubt
from agent.wire.report import Peer
from agent.wire.results import Throughput
from tests.agent.speed.librespeed_server import Backend, answer, backend
from tests.agent.speed.peers import Visit, peer, receive_paced, send_paced

PACE_MBPS = 40
# No look at the idle line before, and always the full length.
WHOLE = {"before_s": "0", "early": "false"}


@contextlib.asynccontextmanager
async def our_peer(settings: PeerSettings) -> AsyncIterator[dict[str, tuple[str, int]]]:
    """Our own peer, as the service runs it; gives its addresses."""
    bound: asyncio.Future[dict[str, tuple[str, int]]] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(serve(settings, ready=bound.set_result), name="peer")
        yield await bound
        running.cancel()


def ours(certificate: tuple[Path, Path], *, pace_mbps: float | None = PACE_MBPS) -> PeerSettings:
    cert, key = certificate
    listen = {"listen": ("127.0.0.1:0",), "listen_tls": ("127.0.0.1:0",), "stamp": None}
    return PeerSettings(**listen, cert=cert, key=key, pace_mbps=pace_mbps)  # type: ignore[arg-type] # as in PeerSettings


@pytest.mark.alone
@pytest.mark.program("openssl")
async def test_our_own_peer_at_a_stated_pace(certificate: tuple[Path, Path]) -> None:
    steps: list[Progress] = []
    async with our_peer(ours(certificate)) as addresses:
        url = f"msak+ws://127.0.0.1:{addresses['plain'][1]}"
        outcome = await probe(Task(url, max_seconds=2, progress=steps.append, options=WHOLE))
    result = outcome.result
    assert isinstance(result, Throughput)
    for found in (result.download, result.upload):
        assert found is not None
        assert found.failure is None
        assert found.mbps == pytest.approx(PACE_MBPS, rel=0.1)
        assert (found.stop, found.streams) == ("time", 4)
    assert (result.engine, result.cipher) == ("msak", None)
    assert result.congestion
    assert result.idle_rtt_ms is not None
    assert result.idle_rtt_ms.min is not None
    assert result.cpu_ratio is not None
    # It says that it holds a pace; what else goes over this machine's loop is not ours to know.
    assert (outcome.family, {*outcome.doubts} - {Doubt.CROSS_TRAFFIC}) == ("ipv4", {Doubt.PEER_BOUND})
    assert outcome.peer is not None
    assert (outcome.peer.url, outcome.peer.address) == (url, "127.0.0.1")
    assert outcome.link is not None
    assert outcome.link.interface == "lo"
    assert {step.phase for step in steps} == {"download", "upload"}
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert all(0 <= step.done <= 1 and step.unit == "Mbit/s" for step in steps)


@pytest.mark.program("openssl")
async def test_tls_is_trusted_by_option_only(certificate: tuple[Path, Path]) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)

    async def honest(visit: Visit) -> None:
        await visit.upgrade()
        await (receive_paced(visit, 10, 3) if visit.is_upload else send_paced(visit, 10, 3))

    async with peer(honest, tls=context) as (host, port, _):
        # A bare address is our own peer over TLS.
        address = f"{host}:{port}"
        for options in ({"ca": str(certificate[0])}, {"insecure": "true"}):
            result = (await probe(Task(address, max_seconds=1, options=options))).result
            assert isinstance(result, Throughput)
            assert result.cipher is not None
            assert result.cipher.startswith("TLS_")
            assert result.download is not None
            assert result.download.mbps == pytest.approx(40, rel=0.15)
        with pytest.raises(Failed) as caught:
            await probe(Task(address, max_seconds=1, options=WHOLE))
    assert str(caught.value.failure) == "tls:bad_certificate"
    assert caught.value.failure.detail == "self-signed certificate"


@pytest.mark.alone
@pytest.mark.program("openssl")
@pytest.mark.timeout(30)
async def test_our_own_peer_over_tls(certificate: tuple[Path, Path]) -> None:
    async with our_peer(ours(certificate)) as addresses:
        address = f"127.0.0.1:{addresses['tls'][1]}"
        result = (await probe(Task(address, max_seconds=1, options=WHOLE | {"ca": str(certificate[0])}))).result
    assert isinstance(result, Throughput)
    assert result.download is not None
    assert result.download.mbps == pytest.approx(PACE_MBPS, rel=0.15)


@pytest.mark.program("openssl")
async def test_a_budget_is_for_a_direction(certificate: tuple[Path, Path]) -> None:
    async with our_peer(ours(certificate)) as addresses:
        url = f"msak+ws://127.0.0.1:{addresses['plain'][1]}"
        outcome = await probe(Task(url, max_seconds=5, max_bytes=8_000_000, options=WHOLE))
    result = outcome.result
    assert isinstance(result, Throughput)
    assert result.download is not None
    assert result.upload is not None
    assert (result.download.stop, result.upload.stop) == ("budget", "budget")
    # All that TCP carries is paid for, frame headers and texts too.
    assert 7_800_000 <= (result.download.bytes or 0) <= 8_000_000
    assert 7_800_000 <= (result.upload.bytes or 0) <= 8_080_000
    assert "budget_cut" in outcome.doubts


async def test_an_engine_that_keeps_no_budget_is_refused_before_it_asks_anybody() -> None:
    with pytest.raises(Failed) as caught:
        await probe(Task("ookla://1", max_bytes=10_000_000))
    assert str(caught.value.failure) == "device:budget"


@pytest.mark.alone
async def test_a_failed_direction_leaves_the_other_its_number() -> None:
    async def half_deaf(visit: Visit) -> None:
        await visit.upgrade()
        if visit.is_upload:
            visit.reset()
        await send_paced(visit, 10, 3)

    async def half_dumb(visit: Visit) -> None:
        await visit.request()
        if not visit.is_upload:
            visit.writer.write(b"HTTP/1.1 503 Busy\r\nRetry-After: 3\r\n\r\n")
            await visit.writer.drain()
            return
        await visit.accept()
        await receive_paced(visit, 10, 3)

    async with peer(half_deaf) as (host, port, _):
        result = (await probe(Task(f"msak+ws://{host}:{port}", max_seconds=1, options=WHOLE))).result
    assert isinstance(result, Throughput)
    assert result.download is not None
    assert result.upload is not None
    assert result.download.mbps == pytest.approx(40, rel=0.1)
    assert result.upload.failure is not None
    assert result.upload.failure.stage in {"transfer", "handshake"}
    async with peer(half_dumb) as (host, port, _):
        result = (await probe(Task(f"msak+ws://{host}:{port}", max_seconds=1, options=WHOLE))).result
    assert isinstance(result, Throughput)
    assert result.download is not None
    assert result.upload is not None
    assert str(result.download.failure) == "peer:busy"
    assert result.upload.mbps == pytest.approx(40, rel=0.15)


async def test_a_peer_that_is_gone_before_the_upload_does_not_take_the_download_with_it() -> None:
    async def leaving(visit: Visit) -> None:
        await visit.upgrade()
        visit.stop_listening() if visit.number == 3 else None
        await send_paced(visit, 10, 3)

    async with peer(leaving) as (host, port, _):
        result = (await probe(Task(f"msak+ws://{host}:{port}", max_seconds=1, options=WHOLE))).result
    assert isinstance(result, Throughput)
    assert result.download is not None
    assert result.upload is not None
    assert result.download.mbps == pytest.approx(40, rel=0.1)
    assert str(result.upload.failure) == "connect:refused"


@pytest.mark.program("openssl")
async def test_a_plain_list_may_name_servers_with_tls_that_the_options_trust(certificate: tuple[Path, Path]) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    async with backend(Backend(), tls=context) as (_, secured, _):
        entries = json.dumps([{"name": "near", "server": f"https://localhost:{secured}/"}]).encode()

        async def listing(visit: Visit) -> None:
            await visit.request()
            answer(visit, 200, "Content-Type: application/json\r\n", entries)
            await visit.ignore(timeout_s=1)

        async with peer(listing) as (host, port, _):
            task = Task(f"librespeed+http://{host}:{port}/s.json", "ipv4", max_seconds=1)
            result = (await probe(replace(task, options=WHOLE | {"ca": str(certificate[0])}))).result
    assert isinstance(result, Throughput)
    assert result.cipher is not None
    assert result.download is not None
    assert result.download.mbps is not None


async def test_two_failures_are_the_downloads() -> None:
    async def busy(visit: Visit) -> None:
        await visit.request()
        answer = b"HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\n\r\n"
        visit.writer.write(b"HTTP/1.1 503 Busy\r\n\r\n" if visit.is_upload else answer)
        await visit.writer.drain()

    async with peer(busy) as (host, port, visits):
        with pytest.raises(Failed) as caught:
            await probe(Task(f"msak+ws://{host}:{port}", max_seconds=1, options=WHOLE))
    assert str(caught.value.failure) == "handshake:captive_portal"
    assert any(visit.is_upload for visit in visits)


async def test_what_stands_before_both_is_not_tried_twice(unused_tcp_port: int) -> None:
    with pytest.raises(Failed) as caught:
        await probe(Task(f"msak+ws://127.0.0.1:{unused_tcp_port}"))
    assert str(caught.value.failure) == "connect:refused"
    assert caught.value.family == "ipv4"
    assert caught.value.peer == Peer(url=f"msak+ws://127.0.0.1:{unused_tcp_port}", address="127.0.0.1")
    with pytest.raises(Failed) as caught:
        await probe(Task(f"msak+ws://127.0.0.1:{unused_tcp_port}", family="ipv6"))
    assert str(caught.value.failure) == "resolve:no_address"
    assert caught.value.family == "ipv6"
    assert caught.value.peer == Peer(url=f"msak+ws://127.0.0.1:{unused_tcp_port}")


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (Task("stamp://h:1"), "stamp measures no throughput"),
        (Task("ndt7+ws://127.0.0.1:1", options={"streams": "2", "before_s": "0"}), "one stream"),
        (Task("nonsense://h"), "unknown scheme"),
        (Task("msak+ws://h", options={"colour": "red"}), "no option 'colour'; it has .*streams"),
        (Task("msak+ws://h", options={"streams": "0"}), "streams"),
        (Task("msak+ws://h", options={"streams": "four"}), "streams"),
        (Task("msak+ws://h", max_seconds=0.5), "at least 1 s"),
        (Task("msak+ws://127.0.0.1:1", options={"congestion": "vegas", "before_s": "0"}), "one of bbr"),
        (Task("msak+ws://h", options={"early": "perhaps"}), "true or false"),
        (Task("msak+wss://h", options={"ca": "/nowhere"}), "not a file"),
        (Task("msak+wss://h", options={"ca": __file__}), "no certificates"),
        (Task("msak+wss://h", options={"insecure": "perhaps"}), "true or false"),
    ],
)
async def test_wrong_use_is_one_plain_line(task: Task, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        await probe(task)
    assert "\n" not in str(caught.value)


@pytest.mark.program("openssl")
async def test_in_a_rehearsal_the_peers_pace_is_the_line(certificate: tuple[Path, Path]) -> None:
    async with our_peer(ours(certificate)) as addresses:
        url = f"msak+ws://127.0.0.1:{addresses['plain'][1]}"
        outcome = await probe(Task(url, max_seconds=1, options={"rehearsal": "true", "streams": "4"}))
    assert Doubt.PEER_BOUND not in outcome.doubts
    assert outcome.peer is not None
    assert outcome.peer.name == "rehearsal"
