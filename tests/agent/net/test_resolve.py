import json
import subprocess
import sys
from pathlib import Path

import pytest

from agent.errors import Failed
from agent.net.resolve import Family, choose_family, literal_family, resolve
from tests.agent.net.namespaces import ROOT


@pytest.mark.parametrize(("host", "family"), [("192.0.2.7", "ipv4"), ("2001:db8::1", "ipv6")])
async def test_a_literal_passes_through(host: str, family: Family) -> None:
    assert await resolve(host, family, timeout_s=1) == [host]
    assert literal_family(host) == family
    assert await choose_family(host, timeout_s=1) == family


@pytest.mark.parametrize(("host", "family"), [("192.0.2.7", "ipv6"), ("::1", "ipv4")])
async def test_a_literal_of_the_other_family_has_no_address(host: str, family: Family) -> None:
    with pytest.raises(Failed, match="resolve:no_address"):
        await resolve(host, family, timeout_s=1)


@pytest.mark.parametrize("host", ["a..b", ".example", "x" * 64 + ".example"])
async def test_what_is_no_name_is_not_this_programs_fault(host: str) -> None:
    with pytest.raises(Failed, match=r"resolve:protocol .* is no name"):
        await resolve(host, "ipv4", timeout_s=5)


async def test_a_name_of_the_hosts_file() -> None:
    assert await resolve("localhost", "ipv4", timeout_s=5) == ["127.0.0.1"]
    assert literal_family("localhost") is None


@pytest.mark.parametrize("host", ["x" * 64 + ".example", "\udcff", "a..b"])
async def test_a_name_that_cannot_be_one_is_a_failure(host: str) -> None:
    with pytest.raises(Failed, match="resolve:"):
        await resolve(host, "ipv4", timeout_s=5)


async def test_without_global_ipv6_auto_is_ipv4_and_nobody_is_asked(tmp_path: Path) -> None:
    assert await choose_family("name.invalid", timeout_s=0, proc=tmp_path) == "ipv4"


async def test_without_an_aaaa_auto_is_ipv4(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "if_inet6").write_text("20010db8000100000000000000000010 02 40 00 00 eth0\n")
    assert await choose_family("name.invalid", timeout_s=0.01, proc=tmp_path) == "ipv4"


@pytest.mark.root
@pytest.mark.program("unshare")
def test_a_device_without_a_way_out_does_not_blame_the_name_server() -> None:
    command = ["unshare", "--net", sys.executable, "-m", "tests.agent.probes.near_end"]
    command += ["throughput", "msak+ws://peer.example:8080"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=15)  # noqa: S603 - our own words
    failure = json.loads(done.stdout)["failure"]
    assert (failure["stage"], failure["reason"]) == ("resolve", "no_route")
    assert "no default route" in failure["detail"]
