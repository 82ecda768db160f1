from dataclasses import replace
from typing import Any

import pytest

from agent.abilities import ABOUT, Box, abilities
from agent.probes import PROBES

WHOLE = Box(
    ipv4_route=True,
    ipv6_stack=True,
    ipv6_address=True,
    ipv6_route=True,
    ping="socket",
    raw=True,
    kernel_times=True,
    tcp_account=True,
    senders=("cubic", "bbr"),
    resolvers=2,
    clock_synchronized=True,
    folder=True,
    programs=frozenset({"iperf3", "speedtest"}),
    modem="present",
)


def limits(box: Box) -> dict[str, list[str]]:
    return {found.kind: [limit.check for limit in found.limits] for found in abilities(box, tuple(PROBES), "en")}


def test_a_box_that_has_everything_has_no_limits() -> None:
    found = abilities(WHOLE, tuple(PROBES), "vi")
    assert [(entry.kind, entry.state, entry.limits) for entry in found] == [(kind, "runs", ()) for kind in PROBES]


@pytest.mark.parametrize(
    ("lack", "kinds", "check"),
    [
        ({"ipv4_route": False, "ipv6_route": False}, set(PROBES) - {"radio"}, "the line"),
        ({"ipv6_stack": False}, {"throughput", "latency", "path", "web"}, "IPv6"),
        ({"ipv6_stack": False}, {"ipv6"}, "everything over IPv6"),
        ({"ipv6_address": False}, {"throughput", "latency", "path", "web"}, "IPv6"),
        ({"ipv6_route": False}, {"throughput", "latency", "path", "web"}, "IPv6"),
        ({"raw": False}, {"ipv6"}, "asking routers to announce"),
        ({"ping": None}, {"latency", "path"}, "method icmp"),
        ({"kernel_times": False}, {"latency"}, "the kernel's times"),
        ({"clock_synchronized": None}, {"latency"}, "delays of one direction"),
        ({"tcp_account": False}, {"throughput"}, "early stop and retransmits"),
        ({"senders": ("cubic",)}, {"throughput"}, "upload with BBR"),
        ({"programs": frozenset({"speedtest"})}, {"throughput"}, "peers of iperf3"),
        ({"programs": frozenset({"iperf3"})}, {"throughput"}, "peers of Ookla"),
        ({"folder": False}, {"throughput"}, "this device's own ceiling"),
        ({"resolvers": 0}, {"dns"}, "the site's resolvers"),
        ({"modem": "no_bus"}, {"radio"}, "the modem"),
    ],
)
def test_what_a_box_lacks_limits_these_kinds_and_no_others(lack: dict[str, Any], kinds: set[str], check: str) -> None:
    found = limits(replace(WHOLE, **lack))
    assert {kind for kind, checks in found.items() if check in checks} == kinds


@pytest.mark.parametrize("modem", ["no_package", "no_bus", "no_service", "no_modem", "no_permission"])
def test_without_a_modem_there_is_no_radio_and_a_reason(modem: Any) -> None:  # noqa: ANN401 - a literal
    (radio,) = abilities(replace(WHOLE, modem=modem), ("radio",), "en")
    assert radio.state == "cannot"
    assert len(radio.limits) == 1


def test_every_text_is_there_in_both_languages() -> None:
    assert set(ABOUT) == set(PROBES)
    bare = replace(WHOLE, ipv4_route=False, ipv6_stack=False, ipv6_route=False, ping=None, raw=False, folder=False)
    english = abilities(bare, tuple(PROBES), "en")
    vietnamese = abilities(bare, tuple(PROBES), "vi")
    for one, other in zip(english, vietnamese, strict=True):
        assert len(one.limits) == len(other.limits)
        assert one.about != other.about
        assert all(a.why and b.why and a.why != b.why for a, b in zip(one.limits, other.limits, strict=True))
