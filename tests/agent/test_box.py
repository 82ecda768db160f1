"""What a box tells of itself, on real ones: this one, and one without a network and without rights."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.box import look
from tests.agent.radio import modems
from tests.agent.radio.standin import private_bus, stand_in

ROOT = Path(__file__).parents[2]


def listed(*before: str, bus: str = "unix:path=/nowhere") -> dict[str, Any]:
    command = [*before, sys.executable, "-m", "agent", "probe", "--list", "--json"]
    environment = {"PATH": "/usr/bin:/bin", "DBUS_SYSTEM_BUS_ADDRESS": bus}
    done = subprocess.run(  # noqa: S603 - ours
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=20
    )
    return {entry["kind"]: entry for entry in json.loads(done.stdout)}


def modem_limit(found: dict[str, Any]) -> str | None:
    limits = found["radio"]["limits"]
    return limits[0]["why"] if limits else None


def test_the_facts_of_this_box_are_the_kernels() -> None:
    box = look(Path())
    available = Path("/proc/sys/net/ipv4/tcp_available_congestion_control").read_text("ascii").split()
    assert set(available) <= set(box.senders)
    assert box.tcp_account
    assert box.folder


def test_a_missing_view_of_the_kernel_is_no_fault(tmp_path: Path) -> None:
    box = look(None, proc=tmp_path, resolv_conf=tmp_path / "none")
    assert not any((box.ipv4_route, box.ipv6_route, box.ipv6_stack, box.folder))


@pytest.mark.root
def test_without_network_and_rights_each_kind_says_what_it_cannot_do() -> None:
    found = listed("unshare", "--net", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all")
    checks = {kind: [limit["check"] for limit in entry["limits"]] for kind, entry in found.items()}
    assert "the line" in checks["throughput"]
    assert "method icmp" in checks["latency"]
    assert "asking routers to announce" in checks["ipv6"]
    assert "method icmp" in checks["path"]
    assert found["radio"]["state"] == "cannot"
    assert all(limit["why"] for entry in found.values() for limit in entry["limits"])


@pytest.mark.program("dbus-daemon")
async def test_the_modem_is_looked_for_as_far_as_it_goes(tmp_path: Path) -> None:
    async def look_for_it(bus: str) -> str | None:
        return modem_limit(await asyncio.to_thread(listed, bus=bus))

    assert "no D-Bus" in (await look_for_it(f"unix:path={tmp_path}/none") or "")
    async with private_bus(tmp_path) as (address, _):
        assert "ModemManager is not running" in (await look_for_it(address) or "")
        async with stand_in(address) as manager:
            assert "no modem is plugged in" in (await look_for_it(address) or "")
            manager.plug(modems.lte())
            assert await look_for_it(address) is None
