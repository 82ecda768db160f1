"""What the ipv6 probe says at sites with real faults: status, score, the stage that failed and whose part it is.

The site is tests/netlab/ipv6_network.py; the faults are ipv6_scenarios.py's. The probe is the real command. To try some
of them: `pytest -k 'no_route or refused'`.
"""

import contextlib
import json
import queue
import re
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.netlab.ipv6_network import Network, network
from tests.netlab.ipv6_plan import DNS64, LAN, NAT64, PEER_PORT, RESOLVER, SERVER
from tests.netlab.ipv6_scenarios import NARROW, SCENARIOS
from tests.netlab.namespace import environment

pytestmark = [
    pytest.mark.root,
    pytest.mark.program("radvd", "dnsmasq", "unbound", "tayga", "nft"),
    pytest.mark.timeout(60),
]

PROBE: Final = ("-m", "agent", "probe", "ipv6", "--json")
# What is dead costs it several times; what is slow needs more. After 3 s the kernel itself says that a router is gone.
TIMEOUT_S: Final = 1.5
TIMEOUTS_S: Final = {"slow_400": 2, "withdrawn": 2, "router_gone": 1}
SITES: Final = 4
# "Measured, and the network failed" (contract, exit codes)
NETWORK_FAILED: Final = 3
# One with both kinds of address, one with only the old kind; a fault is not laid at the door of what they share.
HOSTS: Final = ("--hosts", "service.example oldservice.example", "--hosts_port", "80", "--portal_url", "")
LIMIT_S: Final = 30
# IPv4 waits 250 ms from IPv6's start on; what is told counts from when its own address was known, a little later.
HELD_MS: Final = 200


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a technician reads first."""

    status: str
    score: float | None
    fault: str = "-"
    domain: str | None = None
    doubts: tuple[str, ...] = ()


EXPECTED: Final = {
    "healthy": Verdict("dual_stack", 10),
    "no_address": Verdict("ipv4_only", 0, "device:no_address", "lan"),
    "switched_off": Verdict("ipv4_only", 0, "device:no_address", "lan"),
    "router_ignored": Verdict("ipv4_only", 0, "device:no_address", "lan"),
    "no_route": Verdict("ipv4_only", 0, "route:no_route", "lan"),
    "router_gone": Verdict("broken", 0, "connect:timeout", "lan"),
    "line_down": Verdict("none", 0, "resolve:timeout", "access"),
    "black_hole_access": Verdict("broken", 0, "connect:timeout", "access"),
    "black_hole_provider": Verdict("broken", 0, "connect:timeout", "provider"),
    "prohibited": Verdict("broken", 0, "connect:prohibited", "provider"),
    "aaaa_missing": Verdict("ipv4_only", 0, "resolve:nodata", "destination"),
    "aaaa_only": Verdict("ipv6_only", 10),
    "resolver_silent_over_ipv6": Verdict("dual_stack", 9, "resolve:timeout", "provider"),
    "mtu_small": Verdict("dual_stack", 10),
    "mtu_black_hole_provider": Verdict("dual_stack", 1, "transfer:timeout", "provider"),
    "mtu_black_hole": Verdict("dual_stack", 1, "transfer:timeout", "access"),
    "tunnel_6to4": Verdict("dual_stack", 7, doubts=("tunnel",)),
    "slow_150": Verdict("dual_stack", 10),
    "slow_400": Verdict("dual_stack", 7),
    "nat64": Verdict("ipv6_only", 10),
    "pref64": Verdict("ipv6_only", 10),
    "captive_portal": Verdict("none", None, "peer:captive_portal", "lan", ("captive_portal",)),
    "withdrawn": Verdict("broken", 0, "route:no_route", "lan"),
    "refused": Verdict("broken", 0, "connect:refused", "destination"),
    "refused_by_router": Verdict("broken", 0, "connect:refused", "lan"),
    "refused_by_provider": Verdict("broken", 0, "connect:refused", "provider"),
    "mute": Verdict("dual_stack", 10),
}


def report(net: Network, name: str, notes: Path) -> dict[str, Any]:
    """Put the site into a scenario, run the command at the client, and give its report.

    `notes`: the folder for what one run remembers for the next, a portal for one.
    """
    scenario = SCENARIOS[name]
    own = {**environment(), "XDG_STATE_HOME": str(notes)}
    with scenario.placed(net):
        peer = ("--peer", f"msak+ws://{scenario.peer}:{PEER_PORT}")
        timeout = ("--timeout", str(TIMEOUTS_S.get(name, TIMEOUT_S)))
        process = net.client.python(*PROBE, *HOSTS, *peer, *timeout, stdout=subprocess.PIPE, env=own)
        text, _ = process.communicate(timeout=LIMIT_S)
    found: dict[str, Any] = json.loads(text)
    assert "failure" not in found, found
    broken = found["result"]["status"] in {"broken", "none"}
    assert process.returncode == (NETWORK_FAILED if broken else 0)
    return found


def verdict(found: dict[str, Any]) -> Verdict:
    result = found["result"]
    fault = f"{result['stage']}:{result['reason']}" if "stage" in result else "-"
    return Verdict(result["status"], result.get("score"), fault, result.get("domain"), tuple(found["doubts"]))


def failed(found: dict[str, Any]) -> set[str]:
    """The checks that failed, as `name stage:reason`."""
    checks = found["result"]["checks"]
    return {f"{check['name']} {check['stage']}:{check['reason']}" for check in checks if not check["ok"]}


@pytest.mark.slow
def test_every_scenario_is_told_for_what_it_is(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """All at once, over several sites: what is dead costs its timeout, and there is much that is dead."""
    chosen = _chosen(request.config)
    names = queue.SimpleQueue[str]()
    for name in chosen:
        names.put(name)
    with ThreadPoolExecutor(SITES) as pool:
        sites = [pool.submit(_reports, names, tmp_path) for _ in range(min(SITES, len(chosen)))]
    reports = {name: found for site in sites for name, found in site.result().items()}
    assert set(reports) == set(chosen)
    wrong = {name: found for name, found in reports.items() if verdict(found) != EXPECTED[name]}
    assert not wrong, "\n".join(f"{name}: {verdict(found)}, {failed(found)}" for name, found in wrong.items())
    for name in chosen:
        if name in DETAILS:
            DETAILS[name](reports[name], reports[name]["result"])


# What pytest's option -k looks at.
vars(test_every_scenario_is_told_for_what_it_is).update(dict.fromkeys(EXPECTED, True))


def _chosen(config: pytest.Config) -> list[str]:
    """The scenarios that -k names, else all; the slow ones first, so that none of them is waited for alone."""
    words = set(re.findall(r"\w+", config.option.keyword or ""))
    return sorted((EXPECTED.keys() & words) or EXPECTED, key=lambda name: -TIMEOUTS_S.get(name, 0))


def _reports(names: "queue.SimpleQueue[str]", folder: Path) -> dict[str, dict[str, Any]]:
    """Build a site and take scenarios from the list until there are no more."""
    found = {}
    with network() as net, contextlib.suppress(queue.Empty):
        while name := names.get_nowait():
            found[name] = report(net, name, folder / name)
    return found


def test_every_scenario_has_a_verdict() -> None:
    assert set(EXPECTED) == set(SCENARIOS)
    assert set(DETAILS) <= set(SCENARIOS)


# ---- what a technician looks at next


def healthy(found: dict[str, Any], result: dict[str, Any]) -> None:
    assert failed(found) == set()
    assert {kind: len(addresses) for kind, addresses in result["addresses"].items()} == {
        "global": 1,
        "ula": 2,
        "temporary": 1,
    }
    assert result["default_route"] is True
    assert result["dns"] == {"aaaa_over_ipv4": True, "aaaa_over_ipv6": True}
    assert set(result["connect_ms"]) == {"ipv4", "ipv6"}
    assert result["winner"] == "ipv6"
    assert (result["pmtu_bytes"], result["mtu_ok"]) == (1500, True)
    assert not {"nat64_prefix", "tunnel", "fallback_ms"} & set(result)
    router = result["router"]
    assert router["lifetime_s"] == 1800
    assert router["dns"] == [RESOLVER["ipv6"]]
    assert LAN in router["prefixes"]
    assert (result["hosts_asked"], result["hosts_aaaa"], result["hosts_reached"]) == (2, 1, 1)
    assert found["peer"]["address"] == SERVER["ipv6"]


def device_itself(found: dict[str, Any], result: dict[str, Any]) -> None:
    assert result["decided_by"] == "device_ipv6"
    assert failed(found) >= {"device_ipv6 device:no_address", "address_ipv6 device:no_address"}
    assert result["winner"] == "ipv4"


def router_ignored(found: dict[str, Any], result: dict[str, Any]) -> None:
    device_itself(found, result)
    assert result["router"]["source"] == "solicited"


def no_address(found: dict[str, Any], result: dict[str, Any]) -> None:
    assert "address_ipv6 device:no_address" in failed(found)
    assert result["default_route"] is False
    assert "router" not in result
    assert result["winner"] == "ipv4"


def no_route(_: dict[str, Any], result: dict[str, Any]) -> None:
    assert result["default_route"] is False
    assert result["addresses"]["global"]
    assert result["router"]["lifetime_s"] == 0


def black_hole(found: dict[str, Any], result: dict[str, Any]) -> None:
    assert "connect_ipv6 connect:timeout" in failed(found)
    assert (result["winner"], set(result["connect_ms"])) == ("ipv4", {"ipv4"})
    assert result["fallback_ms"] >= HELD_MS


def refused(_: dict[str, Any], result: dict[str, Any]) -> None:
    assert result["winner"] == "ipv4"
    assert result["fallback_ms"] < HELD_MS


def mute(found: dict[str, Any], result: dict[str, Any]) -> None:
    assert failed(found) == {"transfer_ipv4 transfer:timeout", "transfer_ipv6 transfer:timeout"}
    assert "mtu_ok" not in result


def aaaa_missing(_: dict[str, Any], result: dict[str, Any]) -> None:
    assert (result["winner"], set(result["connect_ms"])) == ("ipv4", {"ipv4"})
    assert result["addresses"]["global"]


def aaaa_only(_: dict[str, Any], result: dict[str, Any]) -> None:
    assert (result["winner"], set(result["connect_ms"])) == ("ipv6", {"ipv6"})
    assert "nat64_prefix" not in result


def resolver_silent(_: dict[str, Any], result: dict[str, Any]) -> None:
    assert result["dns"] == {"aaaa_over_ipv4": True, "aaaa_over_ipv6": False}
    assert result["decided_by"] == "dns_aaaa_over_ipv6"
    assert result["winner"] == "ipv6"


def mtu_small(found: dict[str, Any], result: dict[str, Any]) -> None:
    assert failed(found) == set()
    assert (result["pmtu_bytes"], result["mtu_ok"]) == (NARROW, True)


def mtu_black_hole(found: dict[str, Any], result: dict[str, Any]) -> None:
    assert failed(found) >= {"transfer_ipv6 transfer:timeout"}
    assert result["mtu_ok"] is False
    assert result["decided_by"] == "transfer_ipv6"
    assert set(result["connect_ms"]) == {"ipv4", "ipv6"}


def tunnel(_: dict[str, Any], result: dict[str, Any]) -> None:
    assert result["tunnel"] == "6to4"
    assert set(result["addresses"]) == {"tunnel"}


def slow_150(_: dict[str, Any], result: dict[str, Any]) -> None:
    assert result["winner"] == "ipv6"
    assert result["connect_ms"]["ipv6"] >= 150


def slow_400(_: dict[str, Any], result: dict[str, Any]) -> None:
    assert result["winner"] == "ipv4"
    assert result["connect_ms"]["ipv6"] >= 400
    assert HELD_MS <= result["fallback_ms"] < 400


def nat64(found: dict[str, Any], result: dict[str, Any]) -> None:
    assert (result["nat64_prefix"], result["nat64_reached"]) == (NAT64, True)
    assert "nat64_prefix" not in result["router"]
    assert result["router"]["dns"] == [DNS64]
    assert found["peer"]["address"] == "64:ff9b::c01f:c402"
    assert set(result["connect_ms"]) == {"ipv6"}


def pref64(found: dict[str, Any], result: dict[str, Any]) -> None:
    assert (result["nat64_prefix"], result["nat64_reached"]) == (NAT64, True)
    assert result["router"]["nat64_prefix"] == NAT64
    assert found["peer"]["address"] == SERVER["ipv6"]


def withdrawn(found: dict[str, Any], result: dict[str, Any]) -> None:
    assert "route_kept route:no_route" in failed(found)
    assert result["addresses"]["global"]


DETAILS: Final[dict[str, Callable[[dict[str, Any], dict[str, Any]], None]]] = {
    "healthy": healthy,
    "no_address": no_address,
    "no_route": no_route,
    "switched_off": device_itself,
    "router_ignored": router_ignored,
    "mute": mute,
    "black_hole_access": black_hole,
    "black_hole_provider": black_hole,
    "prohibited": refused,
    "refused": refused,
    "aaaa_missing": aaaa_missing,
    "aaaa_only": aaaa_only,
    "resolver_silent_over_ipv6": resolver_silent,
    "mtu_small": mtu_small,
    "mtu_black_hole": mtu_black_hole,
    "mtu_black_hole_provider": mtu_black_hole,
    "tunnel_6to4": tunnel,
    "slow_150": slow_150,
    "slow_400": slow_400,
    "nat64": nat64,
    "pref64": pref64,
    "withdrawn": withdrawn,
}
