"""Evidence around a run on a real cable: others are seen, we are not taken for others, and nothing is left behind."""

import asyncio
import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.evidence.gateway import Gateway
from agent.evidence.gathering import Gathering, gather
from agent.evidence.heat import Heat
from agent.evidence.places import Places
from agent.net.interfaces import Route
from agent.speed.doubts import Facts, doubts
from agent.wire.report import Link
from tests.agent.evidence.board import places, write
from tests.agent.net.namespaces import Namespace, cabled, first_line

OWN_MBPS, OTHER_MBPS = 60, 30


@contextlib.contextmanager
def running(place: Namespace, *arguments: str) -> Iterator[None]:
    with place.python(["-m", "tests.agent.evidence.flows", *arguments]) as process:
        try:
            assert first_line(process.stdout) == "ready"
            yield
        finally:
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def cable() -> Iterator[Namespace]:
    with cabled("ev") as (near, far):
        near.run(f"ip addr add 192.0.2.2/24 dev {near.device}")
        far.run(f"ip addr add 192.0.2.1/24 dev {far.device}")
        with running(far, "serve", str(OWN_MBPS), str(OTHER_MBPS)):
            yield near


def measured(near: Namespace, *, under_load: contextlib.AbstractContextManager[None] | None = None) -> dict[str, Any]:
    """What a run of two seconds finds; `under_load` begins when the quiet time is over."""
    with near.python(["-m", "tests.agent.evidence.flows", "measure", "192.0.2.1", "2"]) as process:
        assert first_line(process.stdout) == "loading"
        with under_load or contextlib.nullcontext():
            told, complaint = process.communicate(timeout=15)
    assert told, complaint
    found: dict[str, Any] = json.loads(told)
    assert found["mbps"] > OWN_MBPS / 2, "too slow to tell"
    return found


@pytest.mark.root
@pytest.mark.program("ip")
def test_a_test_alone_is_not_doubted(cable: Namespace) -> None:
    found = measured(cable)
    assert found["before"] < 0.05
    assert found["during"] < 0.05 * found["mbps"]
    assert "cross_traffic" not in found["doubts"]
    assert found["reasons"] == ["gateway: none, the peer is on the same network"]


@pytest.mark.root
@pytest.mark.program("ip")
def test_a_second_flow_on_the_interface_is_doubted(cable: Namespace) -> None:
    with running(cable, "take", "192.0.2.1", "9001"):
        found = measured(cable)
    assert OTHER_MBPS * 0.8 < found["before"] < OTHER_MBPS * 1.3
    assert OTHER_MBPS * 0.3 < found["during"] < OTHER_MBPS * 1.3
    assert "cross_traffic" in found["doubts"]


@pytest.mark.root
@pytest.mark.program("ip")
def test_a_flow_that_begins_with_the_test_is_doubted_too(cable: Namespace) -> None:
    """Nothing was there before; only interface minus test tells."""
    found = measured(cable, under_load=running(cable, "take", "192.0.2.1", "9001"))
    assert found["before"] < 0.05
    assert found["during"] > 0.05 * found["mbps"]
    assert "cross_traffic" in found["doubts"]


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a Path would add its own to the list


async def broken(gathering: Gathering) -> None:
    await gathering.before("127.0.0.1")
    async with gathering.during("download"):
        await asyncio.sleep(0.3)
        raise LookupError("the block's own")


async def test_what_the_block_raises_comes_out_as_it_was_and_nothing_is_left() -> None:
    before, tasks = descriptors(), asyncio.all_tasks()
    async with gather(before_s=0.1) as gathering:
        with pytest.raises(LookupError, match="the block's own"):
            await broken(gathering)
    assert "download" in gathering.evidence().loaded
    assert (descriptors(), asyncio.all_tasks()) == (before, tasks)


@pytest.mark.parametrize("phase", ["before", "during"])
async def test_a_stop_goes_through(phase: str) -> None:
    before, tasks = descriptors(), asyncio.all_tasks()
    reached = asyncio.Event()

    async def endless() -> None:
        async with gather(before_s=60 if phase == "before" else 0) as gathering:
            if phase == "before":
                reached.set()
            await gathering.before("127.0.0.1")
            async with gathering.during("upload"):
                reached.set()
                await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(endless(), name="endless")
        await reached.wait()
        task.cancel()
    assert task.cancelled()
    assert (descriptors(), asyncio.all_tasks()) == (before, tasks)


def counted(machine: Places, octets: int) -> None:
    counts = {f"statistics__{name}": octets for name in ("rx_bytes", "tx_bytes", "rx_packets", "tx_packets")}
    write(machine.sysfs / "class" / "net" / "eth9", **counts)


def by_eth9(_address: str) -> Route:
    return Route("eth9")


async def test_what_we_moved_to_find_a_server_is_not_traffic_of_others(tmp_path: Path) -> None:
    """A list of servers on a slow line is more than the twentieth of its rate."""
    machine = places(tmp_path)
    counted(machine, 1000)
    async with gather(places=machine, before_s=1.1, route=by_eth9) as gathering:
        counted(machine, 500_000)  # the list comes
        await gathering.before("192.0.2.1")
        assert gathering.evidence().before_mbps == {"download": 0.0, "upload": 0.0}


async def test_loopback_carries_this_machines_own_talk_which_tells_nothing_of_a_line() -> None:
    async with gather(before_s=1.1) as gathering:
        await gathering.before("127.0.0.1")
        async with gathering.during("download"):
            await asyncio.sleep(0.01)
        evidence = gathering.evidence()
    assert (evidence.before_mbps, evidence.loaded["download"].counters) == ({}, ())
    assert "interface lo: loopback, what others move through it is no traffic on a line" in evidence.reasons


async def test_the_first_router_of_a_server_that_refused_is_let_go() -> None:
    """A run goes along its list of servers; each look at the way to one may open a socket."""
    closed: list[str] = []

    class Watched(Gateway):
        def close(self) -> None:
            closed.append(self.address)
            super().close()

    async with gather(before_s=0.0, route=lambda address: Route("lo", gateway=address), gateway=Watched) as gathering:
        await gathering.before("127.0.0.1")
        await gathering.before("127.0.0.2")
        assert closed == ["127.0.0.1"]
    assert closed == ["127.0.0.1", "127.0.0.2"]


async def test_a_machine_that_shows_nothing(tmp_path: Path) -> None:
    async with gather(places=places(tmp_path), before_s=0.0, route=by_eth9) as gathering:
        await gathering.before("127.0.0.1")
        async with gathering.during("download"):
            await asyncio.sleep(0.01)
        evidence = gathering.evidence()
    assert evidence.link == Link(interface="lo", medium="other")  # the real routing table's answer
    assert (evidence.before_mbps, evidence.gateway_us, evidence.heat, evidence.tunnel) == ({}, (), Heat(), False)
    assert "interface eth9: no counters" in evidence.reasons
    use = evidence.loaded["download"].cpu_use(0.0, float("inf"))
    assert use is not None
    assert (use.wait, use.device) == (None, None)


async def test_no_route_is_a_reason_and_no_failure() -> None:
    async with gather(before_s=0.0) as gathering:
        await gathering.before("nowhere")
        async with gathering.during("download"):
            pass
        evidence = gathering.evidence()
    assert evidence.link == Link()
    assert evidence.reasons == ("no route to nowhere",)


async def test_a_card_of_100_and_a_hot_board(tmp_path: Path) -> None:
    machine = places(tmp_path)
    write(machine.sysfs / "class" / "net" / "lo", type="1", speed="100", duplex="half", mtu="1500", uevent="X=1")
    rpi = "devices__platform__soc__soc:firmware__get_throttled"
    write(machine.sysfs, **{rpi: "0"})
    async with gather(places=Places(machine.proc, machine.sysfs, machine.programs), before_s=0.0) as gathering:
        await gathering.before("127.0.0.1")
        write(machine.sysfs, **{rpi: "2"})
        evidence = gathering.evidence()
    assert evidence.link == Link(interface="lo", medium="ethernet", speed_mbps=100, duplex="half", mtu=1500)
    assert doubts(Facts((), link=evidence.link, heat=evidence.heat)) == ("nic_bound", "thermal")


async def test_the_wifi_is_asked_under_load(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "iw").write_text(
        "#!/bin/sh\n"
        f"if [ -e {tmp_path}/loaded ]; then rate=390.0 signal=-60; else rate=6.0 signal=-58; fi\n"
        f"touch {tmp_path}/loaded\n"
        'printf "Connected to 02:00:00:00:01:00 (on lo)\\n\\tfreq: 5180\\n\\tsignal: $signal dBm\\n'
        '\\trx bitrate: $rate MBit/s\\n\\ttx bitrate: $rate MBit/s\\n"\n'
    )
    (programs / "iw").chmod(0o755)
    machine = places(tmp_path, programs=f"{programs}:/usr/bin:/bin")
    write(machine.sysfs / "class" / "net" / "lo", type="1", wireless__x="")
    async with gather(places=machine, before_s=0.0, wifi_s=0.05) as gathering:
        link = await gathering.before("127.0.0.1")
        assert link.wifi is not None
        assert link.wifi.rx_mbps == 6.0
        async with gathering.during("download"):
            async with asyncio.timeout(10):
                while "wifi during download" in {task.get_name() for task in asyncio.all_tasks()}:  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.01)
        wifi = gathering.evidence().link.wifi
    assert wifi is not None
    assert (wifi.rx_mbps, wifi.tx_mbps, wifi.signal_dbm, wifi.band) == (390.0, None, -60.0, "5 GHz")
