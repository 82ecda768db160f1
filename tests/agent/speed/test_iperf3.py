"""iperf3 itself against real servers on loopback, and against servers that are none."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import Failed
from agent.net import socket_diag
from agent.net.peer_url import parse
from agent.speed import iperf3
from agent.speed.engine import Leg, Target, Wanted, Way
from agent.speed.estimate import estimate
from agent.speed.limits import Limits
from agent.speed.summary import direction
from tests.agent.speed.peers import Visit, peer
from tests.ports import free_port

pytestmark = [pytest.mark.program("iperf3"), pytest.mark.alone]
SHORT = Limits(seconds=1.5, streams=2, early=False)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No socket, pipe or child outlives its run."""
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only their number is wanted
    yield
    assert len(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208 - as above
    assert not Path("/proc/self/task").joinpath(str(os.getpid()), "children").read_text("ascii").split()


@contextlib.asynccontextmanager
async def server() -> AsyncIterator[int]:
    """A real iperf3 server on loopback."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        "iperf3", "-s", "-B", "127.0.0.1", "-p", str(port), "--forceflush", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(5):
        while b"listening" not in await process.stdout.readline():
            pass
    try:
        yield port
    finally:
        process.kill()
        await process.communicate()


def leg(port: int, way: Way = "download", limits: Limits = SHORT) -> Leg:
    return Leg(way, Target("localhost", port, secure=False), "127.0.0.1", limits, "m")


@pytest.mark.parametrize("way", ["download", "upload"])
async def test_the_kernel_counts_what_arrives(way: Way) -> None:
    async with server() as port:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        transfer = await iperf3.run(leg(port, way))
        took = loop.time() - begun
    assert transfer.stop.word == "time"
    assert took < SHORT.seconds + 1
    found = estimate(transfer.samples)
    assert found is not None
    assert found.mbps > 100
    assert transfer.received > 10_000_000
    assert transfer.streams == 2
    assert len(transfer.samples) > 30
    assert bool(transfer.congestion) is (way == "upload")


async def test_both_directions_follow_each_other_on_one_server() -> None:
    async with server() as port:
        for way in ("download", "upload", "download"):
            transfer = await iperf3.run(leg(port, "upload" if way == "upload" else "download", Limits(1, streams=2)))
            assert transfer.stop.failure is None


async def test_a_budget_is_kept() -> None:
    async with server() as port:
        transfer = await iperf3.run(leg(port, limits=Limits(2, max_bytes=20_000_000, streams=2)))
    assert transfer.stop.word == "budget"
    assert 17_000_000 <= transfer.received <= 24_000_000


@pytest.mark.parametrize("way", ["download", "upload"])
async def test_a_budget_that_is_gone_at_once_is_no_rate(way: Way) -> None:
    limits = Limits(2, max_bytes=1_000_000, streams=2)
    async with server() as port:
        found = direction(await iperf3.run(leg(port, way, limits)), limits)
    assert (str(found.failure), found.mbps) == ("device:budget", None)


@pytest.mark.parametrize("way", ["download", "upload"])
async def test_without_the_kernels_help_its_own_account_counts(way: Way) -> None:
    def unknown(_port: int, _family: socket.AddressFamily) -> list[socket_diag.Socket]:
        raise OSError(2, "no tcp_diag here")

    async with server() as port:
        transfer = await iperf3.run(leg(port, way, Limits(1, streams=2)), established=unknown)
    assert transfer.received > 10_000_000
    if way == "download":
        found = estimate(transfer.samples)
        assert found is not None
        assert found.mbps > 100
        assert transfer.samples[-1].received == pytest.approx(transfer.received, rel=0.05)
    else:
        assert transfer.figure_mbps is not None
        assert transfer.figure_mbps > 100


async def test_a_busy_server_is_named() -> None:
    async with server() as port, asyncio.TaskGroup() as group:
        first = group.create_task(iperf3.run(leg(port, limits=Limits(2, streams=1))), name="first")
        async with asyncio.timeout(3):
            while len(socket_diag.established(port, socket.AF_INET)) < 2:  # noqa: ASYNC110 - the kernel tells nobody
                await asyncio.sleep(0.01)
        with pytest.raises(Failed, match="peer:busy"):
            await iperf3.run(leg(port))
        assert (await first).stop.failure is None


async def test_nobody_listens() -> None:
    with pytest.raises(Failed, match="connect:refused"):
        await iperf3.run(leg(free_port()))


async def hang(visit: Visit) -> None:
    await visit.ignore(timeout_s=20)


async def reset(visit: Visit) -> None:
    await visit.reader.read(10)
    visit.reset()


async def nonsense(visit: Visit) -> None:
    visit.writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 100)
    await visit.ignore(timeout_s=2)


async def test_a_server_that_never_answers_is_given_up() -> None:
    async with peer(hang) as (_, port, _):
        with pytest.raises(Failed, match="handshake:timeout"):
            await iperf3.run(leg(port, limits=replace(SHORT, opening_s=0.6)))


async def test_what_is_no_iperf3_is_a_failure() -> None:
    for behaviour in (reset, nonsense):
        async with peer(behaviour) as (_, port, _):
            with pytest.raises(Failed):
                await iperf3.run(leg(port, limits=replace(SHORT, opening_s=2.0)))


async def test_a_server_that_dies_in_the_load_is_a_failure() -> None:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        "iperf3", "-s", "-p", str(port), "--forceflush", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(5):
        while b"listening" not in await process.stdout.readline():
            pass
    async with asyncio.TaskGroup() as group:
        run = group.create_task(iperf3.run(leg(port, limits=Limits(5, streams=1, early=False))), name="run")
        async with asyncio.timeout(3):
            while len(socket_diag.established(port, socket.AF_INET)) < 2:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        process.kill()
        await process.communicate()
        transfer = await run
    assert transfer.stop.failure is not None


async def test_a_stopped_server_is_silence() -> None:
    async with server() as port, asyncio.TaskGroup() as group:
        run = group.create_task(iperf3.run(leg(port, limits=Limits(3, streams=1, early=False))), name="run")
        async with asyncio.timeout(3):
            while len(socket_diag.established(port, socket.AF_INET)) < 2:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
        pid = next(iter(_listeners(port)))
        os.kill(pid, 19)
        transfer = await run
    assert str(transfer.stop.failure).startswith("transfer:")


def _listeners(port: int) -> set[int]:
    """The processes started with this port."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if entry.read_bytes().split(b"\0")[:2] == [b"iperf3", b"-s"] and str(port).encode() in entry.read_bytes():
                found.add(int(entry.parts[2]))
    return found


# --- versions


@pytest.mark.parametrize(
    ("text", "version"),
    [("iperf 3.12 (cJSON 1.7.15)\nLinux", (3, 12)), ("iperf 3.19.1 (cJSON)", (3, 19, 1)), ("iperf version 2.1", None)],
)
def test_versions(text: str, version: tuple[int, ...] | None) -> None:
    assert iperf3.versioned(text) == version


def saying(text: str) -> list[str]:
    return [sys.executable, "-c", f"print({text!r})"]


def test_old_ones_are_warned_about() -> None:
    assert "security" in str(iperf3.warning(command=saying("iperf 3.12 (x)")))
    assert "too old" in str(iperf3.warning(command=saying("iperf 3.9 (x)")))
    assert iperf3.warning(command=saying("iperf 3.19.1 (x)")) is None
    assert iperf3.warning(command=["/nowhere/iperf3"]) is None


async def test_finding_needs_a_program_that_can_measure() -> None:
    wanted = Wanted(parse("iperf3://h.example:5201"))
    (target,) = await iperf3.find(wanted, command=saying("iperf 3.19.1 (x)"))
    assert (target.host, target.port) == ("h.example", 5201)
    for command in (saying("iperf 3.9 (x)"), saying("hello"), ["/nowhere/iperf3"]):
        with pytest.raises(Failed, match="device:no_hardware"):
            await iperf3.find(wanted, command=command)
