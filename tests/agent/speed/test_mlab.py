"""M-Lab's service from its URL to a result: servers that are full, tokens that age, and four tests a day."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from agent.errors import Failed
from agent.net.peer_url import parse
from agent.probes.probe import Task
from agent.probes.throughput import probe
from agent.speed.engine import Leg, Wanted
from agent.speed.limits import Limits
from agent.speed.mlab import NAME, Located, Service, engine
from agent.wire.results import Throughput
from tests.agent.net.web import Web, page, web
from tests.agent.speed.peers import Visit, ndt7_receiver, nothing, peer, receive_paced, send_paced

NOW = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
SHORT = Limits(seconds=1, streams=1, early=False)


async def honest(visit: Visit) -> None:
    await visit.upgrade()
    await (receive_paced(visit, 20, 3, ndt7_receiver) if visit.is_upload else send_paced(visit, 20, 3, nothing))


async def busy(visit: Visit) -> None:
    await visit.request()
    visit.writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
    await visit.writer.drain()


@contextlib.asynccontextmanager
async def locating(*ports: int, status: str = "200 OK") -> AsyncIterator[Web]:
    """A locate service that offers servers on these ports, each answer with tokens of its own."""

    def offer(port: int, token: int) -> dict[str, object]:
        ways = ("download", "upload")
        paths = {way: f"/ndt/v7/{way}?access_token=t{token}&client_name=linkgauge" for way in ways}
        return {
            "machine": f"mlab-{port}.example",
            "urls": {f"ws:///ndt/v7/{way}": f"ws://localhost:{port}{path}" for way, path in paths.items()},
        }

    def give(server: Web) -> bytes:
        return page(msgspec.json.encode({"results": [offer(port, len(server.asked)) for port in ports]}), status=status)

    async with web(give) as server:
        yield server


def wanted(folder: Path | None = None, now: datetime | None = NOW) -> Wanted:
    return Wanted(parse("mlab:"), "ipv4", folder=folder, now=now)


async def refused(service: Service, asked: Wanted) -> str:
    with pytest.raises(Failed) as caught:
        await service.find(asked)
    return f"{caught.value.failure} {caught.value.failure.detail}"


async def test_the_probe_walks_along_the_servers(tmp_path: Path, unused_tcp_port: int) -> None:
    async with (
        peer(busy) as (_, full, refusals),
        peer(honest) as (_, good, visits),
        locating(unused_tcp_port, full, good) as server,
    ):
        service = Service(f"http://localhost:{server.port}")
        task = Task("mlab:", family="ipv4", max_seconds=1, folder=tmp_path, at=NOW, options={"early": "false"})
        outcome = await probe(task, engine_of=lambda _: engine(service))
    assert isinstance(outcome.result, Throughput)
    assert outcome.result.download is not None
    assert outcome.result.upload is not None
    assert outcome.result.download.mbps == pytest.approx(20, rel=0.1)
    assert outcome.result.upload.mbps == pytest.approx(20, rel=0.15)
    assert (outcome.result.engine, outcome.result.download.streams) == ("mlab", 1)
    assert outcome.peer is not None
    assert (outcome.peer.name, outcome.peer.url) == (f"mlab-{good}.example", "mlab:")
    assert len(refusals) == 2
    assert [visit.query["access_token"] for visit in visits] == ["t1", "t1"]
    assert len(server.asked) == 1
    assert "GET /v2/nearest/ndt/ndt7?client_name=linkgauge&" in server.asked[0]
    assert len(msgspec.json.decode((tmp_path / NAME).read_bytes())["runs"]) == 1


async def test_an_old_token_is_renewed_and_a_server_that_is_gone_is_named() -> None:
    async with peer(honest) as (host, port, visits), locating(port) as server:
        service = Service(f"http://localhost:{server.port}", fresh_s=0.2)
        (target,) = await service.find(wanted())
        assert isinstance(target, Located)
        leg = Leg("download", target, host, SHORT, "m")
        await service.run(leg)
        await asyncio.sleep(0.01)
        await service.run(replace(leg, way="upload"))
        assert [visit.query["access_token"] for visit in visits] == ["t1", "t2"]
        elsewhere = replace(target, port=port + 1)
        with pytest.raises(Failed) as caught:
            await service.run(replace(leg, target=elsewhere))
        assert str(caught.value.failure) == "peer:busy"


async def test_four_tests_in_24_hours_over_restarts(tmp_path: Path) -> None:
    async with locating(1) as server:
        base = f"http://localhost:{server.port}"
        for hour in range(4):
            await Service(base).find(wanted(tmp_path, NOW + timedelta(hours=hour)))
        said = await refused(Service(base), wanted(tmp_path, NOW + timedelta(hours=23)))
        assert said.startswith("device:budget")
        assert "2026-11-23T05:00:00+00:00" in said
        assert len(server.asked) == 4, "nobody is asked for a test that may not be"
        await Service(base).find(wanted(tmp_path, NOW + timedelta(hours=24)))


async def test_without_a_folder_the_process_counts() -> None:
    async with locating(1) as server:
        service = Service(f"http://localhost:{server.port}")
        for _ in range(4):
            await service.find(wanted())
        assert (await refused(service, wanted())).startswith("device:budget")
        assert await Service(f"http://localhost:{server.port}").find(wanted())


async def test_a_wrong_clock_and_a_broken_record_heal_within_a_day(tmp_path: Path) -> None:
    async with locating(1) as server:
        service = Service(f"http://localhost:{server.port}")
        unset = wanted(tmp_path, datetime(1970, 1, 1, tzinfo=UTC))
        assert "clock is not set" in await refused(service, unset)
        (tmp_path / NAME).write_bytes(b"\0\0\0")
        assert (await refused(service, wanted(tmp_path))).startswith("device:budget")
        assert (await refused(service, wanted(tmp_path, NOW + timedelta(hours=23)))).startswith("device:budget")
        ahead = NOW + timedelta(days=4000)
        for _ in range(4):
            await service.find(wanted(tmp_path, ahead))
        assert (await refused(service, wanted(tmp_path))).startswith("device:budget")
        await service.find(wanted(tmp_path, NOW + timedelta(hours=24)))


async def test_a_count_that_cannot_be_kept_is_no_test(tmp_path: Path) -> None:
    async with locating(1) as server:
        said = await refused(Service(f"http://localhost:{server.port}"), wanted(tmp_path / "missing"))
    assert said.startswith("device:budget")
    assert "cannot be counted" in said


@pytest.mark.parametrize("status", ["429 Too Many", "204 No Content", "503 Unavailable", "500 Error"])
async def test_a_service_that_has_nothing_costs_no_test(tmp_path: Path, status: str) -> None:
    async with locating(status=status) as server:
        assert (await refused(Service(f"http://localhost:{server.port}"), wanted(tmp_path))).startswith("peer:busy")
    assert not (tmp_path / NAME).exists()


async def test_a_service_that_cannot_be_reached(unused_tcp_port: int) -> None:
    assert (await refused(Service(f"http://localhost:{unused_tcp_port}"), wanted())).startswith("connect:refused")
