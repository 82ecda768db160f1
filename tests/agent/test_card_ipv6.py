"""What a person reads of IPv6 at a site."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.card_ipv6 import rows
from agent.ipv6.table import STEPS
from agent.wire.failure import Failure
from agent.wire.report import Report
from agent.wire.results import Check, HostReach, Ipv6
from agent.words import Language, say

SAMPLE = Path(__file__).parents[1] / "contract" / "samples" / "v1" / "report-ipv6-battery.json"


def battery() -> Ipv6:
    result = msgspec.json.decode(SAMPLE.read_bytes(), type=Report[Ipv6]).result
    assert result is not None
    return result


def card(result: Ipv6, tongue: Language = "en", *, tried_one: bool = False) -> str:
    shown = rows(result, tongue, tried_one=tried_one)
    return "\n".join(f"{row.label}: {row.value}" for row in shown if row.value)


def test_everything_that_the_battery_may_say() -> None:
    text = card(battery())
    for words in (
        "State: IPv6 connects, and loses large packets",
        "Score: 1 / 10",
        "Fault: Access line · full-size packets over IPv6: no answer in time · last answer from 2001:db8:1::1",
        "Race: IPv6 wins, 14.9 ms",
        "Full-size packets: vanish on the way (path MTU) · MTU 1500",
        "Tunnel: 6rd",
        "IPv4 through IPv6: NAT64 64:ff9b::/96 · 464XLAT · the peer answers through it",
        "Router says: fe80::1%eth0 · 2001:db8:1::/64 · DHCPv6 O · DNS 2001:db8::53 · MTU 1480",
        "Public services: 1 of 2 reached over IPv6",
        ": ✗ moet.gov.vn  the name has no address of this kind",
        ": ✗ full-size packets over IPv6  3004.1 ms  no answer in time",
        ": ✓ 7 more are well",
        "Check: the MTU of the router's line",
    ):
        assert words in text


def test_the_same_in_vietnamese() -> None:
    text = card(battery(), "vi")
    for words in (
        "Lỗi: Đường truyền thuê bao · gói tin cỡ lớn qua IPv6: không có trả lời trong thời hạn",
        "1/2 tới được qua IPv6",
        "✗ gói tin cỡ lớn qua IPv6",
        "✓ 7 bước khác đều tốt",
        "Cần kiểm tra: MTU đường ra",
    ):
        assert words in text


def test_a_healthy_site_is_a_short_card() -> None:
    checks = [Check(f"dns_a_over_ipv4_{number}", ok=True) for number in range(20)] + [Check("connect_ipv6", ok=True)]
    text = card(Ipv6("dual_stack", winner="ipv6", mtu_ok=True, score=10, checks=checks))
    assert text.splitlines() == [
        "State: IPv4 and IPv6 both work",
        "Score: 10 / 10",
        "Race: IPv6 wins",
        "Full-size packets: pass both ways",
        "Checks: ✓ connection over IPv6",
        ": ✓ 20 more are well",
    ]


def test_questions_that_failed_alike_are_one_line() -> None:
    names = ("dns_a_over_ipv6", "dns_aaaa_over_ipv6", "dns_a_over_ipv6_tcp", "dns_aaaa_over_ipv6_tcp")
    dead = [Check(name, ok=False, stage="resolve", reason="timeout", ms=5000.0) for name in names]
    alive = [Check(f"dns_a_over_ipv4_{number}", ok=True) for number in range(9)]
    text = card(Ipv6("broken", checks=[*alive, *dead]))
    assert text.splitlines()[1:] == [
        "Checks: ✗ name server over IPv6  no answer in time",
        ": ✓ 9 more are well",
        "Check: IPv6 on the router and at the provider; over IPv4 the same peer answers",
    ]
    text = card(Ipv6("broken", checks=[*alive, *dead[:-1], Check(names[-1], ok=True)]))
    assert "✗ name server over IPv6  no answer in time" in text
    text = card(Ipv6("broken", checks=[*alive, *dead[:-1], Check(names[-1], ok=False, reason="refused")]))
    assert text.count("✗ name server over IPv6") == 4


def test_a_wait_that_nobody_notices_is_not_said() -> None:
    assert "wait" not in card(Ipv6("broken", winner="ipv4", race_ms=3.0, fallback_ms=1.0))
    assert "users wait 250 ms" in card(Ipv6("dual_stack", winner="ipv4", race_ms=254.0, fallback_ms=250.0))


def test_what_a_portal_writes_is_not_obeyed() -> None:
    text = card(Ipv6("none", captive_portal=True, portal_url="http://login.example/\x9b2J\x1b]0;x"))
    assert "Sign-in page: http://login.example/2J]0;x" in text


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"status": "ipv4_only", "stage": "device", "reason": "no_address", "domain": "lan"}, "switch IPv6 on"),
        ({"status": "broken", "stage": "route", "reason": "no_route", "domain": "lan"}, "is no way out"),
        ({"status": "ipv4_only", "stage": "resolve", "reason": "nodata"}, "no IPv6 address (AAAA)"),
        ({"status": "broken", "stage": "connect", "reason": "timeout", "domain": "lan"}, "does not pass packets on"),
        ({"status": "broken", "stage": "connect", "reason": "timeout", "domain": "access"}, "beyond the access line"),
        ({"status": "broken", "stage": "connect", "reason": "timeout", "domain": "provider"}, "its first router"),
        ({"status": "broken", "stage": "connect", "reason": "prohibited", "domain": "provider"}, "one of its filters"),
        ({"status": "broken", "stage": "connect", "reason": "refused", "domain": "lan"}, "a filter (firewall)"),
        ({"status": "broken", "stage": "connect", "reason": "refused", "domain": "destination"}, "who runs the peer"),
        ({"status": "broken", "stage": "connect", "reason": "timeout"}, "IPv6 on the router"),
        ({"status": "dual_stack", "stage": "resolve", "reason": "timeout", "decided_by": "dns_aaaa_over_ipv6",
          "domain": "provider"}, "name servers' IPv6 addresses"),
        ({"status": "dual_stack", "score": 7, "winner": "ipv4"}, "slower than IPv4"),
        ({"status": "ipv6_only", "score": 7, "tunnel": "teredo", "winner": "ipv6"}, "native IPv6"),
        ({"status": "none", "stage": "peer", "reason": "captive_portal", "domain": "lan"}, "sign in"),
        ({"status": "ipv6_only", "stage": "peer", "reason": "captive_portal", "domain": "lan"}, "sign in"),
        ({"status": "none", "stage": "resolve", "reason": "timeout", "domain": "access"}, "the lights of the modem"),
        ({"status": "none", "stage": "resolve", "reason": "timeout"}, "/etc/resolv.conf"),
        ({"status": "ipv4_only", "stage": "device", "reason": "no_address", "decided_by": "device_ipv6",
          "domain": "lan"}, "this device itself"),
    ],
)  # fmt: skip
def test_what_to_check(found: dict[str, Any], words: str) -> None:
    english, vietnamese = (card(msgspec.convert(found, Ipv6), tongue).splitlines()[-1] for tongue in ("en", "vi"))
    assert english.startswith("Check: ")
    assert words in english
    assert vietnamese.startswith("Cần kiểm tra: ")


def test_that_it_is_this_device_is_the_first_word() -> None:
    result = Ipv6("ipv4_only", stage="device", reason="no_address", decided_by="device_ipv6", domain="lan")
    assert "Fault: This device · " in card(result)


def test_of_a_family_that_was_not_tried_nothing_is_said() -> None:
    result = Ipv6("ipv4_only", stage="device", reason="no_address", decided_by="address_ipv6")
    text = card(result, tried_one=True)
    assert "Fault" not in text
    assert "given by its name" in text


def test_a_service_without_a_failure_needs_no_line() -> None:
    text = card(Ipv6("dual_stack", hosts=[HostReach("a.vn", "2405::1", ms=4.0)], hosts_asked=1, hosts_reached=1))
    assert "1 of 1 reached" in text
    assert "a.vn" not in text


def test_every_phase_has_words() -> None:
    for step in STEPS:
        assert step.word is None or say(step.word, "vi") != step.word


def test_services_that_fail_alike_go_on_one_line() -> None:
    silent, nameless = Failure("connect", "timeout"), Failure("resolve", "nodata")
    hosts = [HostReach("a.vn", failure=silent), HostReach("b.vn", failure=nameless), HostReach("c.vn", failure=silent)]
    text = card(Ipv6("dual_stack", hosts=hosts, hosts_asked=3, hosts_reached=0))
    assert ": ✗ no answer in time: a.vn, c.vn\n: ✗ b.vn  the name has no address of this kind" in text


def test_a_device_without_ipv6_is_not_said_to_lack_an_address_of_some_kind() -> None:
    checks = [Check("device_ipv6", ok=False, reason="no_address"), Check("address_ipv6", ok=False, reason="no_address")]
    text = card(Ipv6("ipv4_only", decided_by="device_ipv6", reason="no_address", checks=checks))
    assert "IPv6 on this device: switched off, or no address taken from the router" in text
    assert "✗ IPv6 address  no global address" in text


def test_where_nothing_leads_out_the_cable_is_asked_for_before_ipv6() -> None:
    checks = [Check(f"default_route_{family}", ok=False, reason="no_route") for family in ("ipv4", "ipv6")]
    unplugged = Ipv6(
        "none", decided_by="address_ipv6", stage="device", reason="no_address", domain="lan", checks=checks
    )
    assert "Check: is the cable in" in card(unplugged)
    checks[0] = Check("default_route_ipv4", ok=True)
    assert "Check: switch IPv6 on at the router" in card(unplugged), "a peer with IPv6 only"


def test_a_line_that_loses_large_packets_is_not_said_to_work() -> None:
    lossy = Ipv6(status="dual_stack", mtu_ok=False, score=1)
    assert rows(lossy, "en", tried_one=False)[0].value == "IPv6 connects, and loses large packets"
    whole = msgspec.structs.replace(lossy, mtu_ok=True)
    assert rows(whole, "en", tried_one=False)[0].value == "IPv4 and IPv6 both work"
