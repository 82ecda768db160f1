"""From notes to a result, where no network is needed; the rest is in the scenarios."""

import ipaddress
from pathlib import Path

import pytest

from agent.ipv6.device import check_address
from agent.ipv6.notes import Ground, Lookup, Notes
from agent.ipv6.portal import look_at_answers
from agent.ipv6.summary import findings_of, result_of
from agent.ipv6.verdict import Attempt
from agent.net.captive_portal import Finding
from agent.net.happy_eyeballs import Finish
from agent.net.interfaces import Address
from agent.net.large_transfer import DOWN_BYTES, Exchange
from agent.net.peer_url import parse
from agent.wire.failure import Doubt, Failure, Reason, Stage
from agent.wire.results import Check, HostReach

OURS = "2405:4800:5:1::10"
SILENT = Lookup([], Failure(Stage.RESOLVE, Reason.TIMEOUT), 5000.0)
FOUND = Lookup(["2405:4800:9::7"], None, 8.0)


def page(status: int = 200, kind: str = "text/plain", size: int = DOWN_BYTES, location: str = "") -> Exchange:
    return Exchange(status, kind, location, 9.0, size, 1500)


def healthy(peer: str = "msak+ws://peer.example:8080") -> Notes:
    """Notes of a dual-stack site on which all went well."""
    return Notes(
        Ground(parse(peer), proc=Path("/nonexistent"), sysfs=Path("/nonexistent")),
        checks=[Check("route_ipv6", ok=True), Check("address_ipv6", ok=True)],
        own=[Address("eth0", OURS, "global")],
        default={"ipv4": "eth0", "ipv6": "eth0"},
        addresses={"ipv4": ["203.0.113.7"], "ipv6": ["2405:4800:9::7"]},
        attempts={"ipv4": Attempt(10.0), "ipv6": Attempt(11.0)},
        sources={"ipv4": "192.168.1.10", "ipv6": OURS},
        race=Finish("ipv6", "2405:4800:9::7", 12.0),
        exchanges={"ipv4": page(), "ipv6": page()},
        pmtu_bytes=1500,
    )


def test_a_healthy_site() -> None:
    result, doubts = result_of(healthy())
    assert (result.status, result.score, result.mtu_ok, result.pmtu_bytes) == ("dual_stack", 10, True, 1500)
    assert (result.winner, result.race_ms, result.stage, result.tunnel, result.clat) == ("ipv6", 12.0, None, None, None)
    assert [check.name for check in result.checks or []] == ["address_ipv6", "route_ipv6"]
    assert doubts == ()


@pytest.mark.parametrize(
    ("answer", "stall", "known"),
    [
        (page(), None, True),
        (page(404, size=180), None, None),
        (None, Failure(Stage.TRANSFER, Reason.TIMEOUT), False),
        (None, Failure(Stage.TRANSFER, Reason.RESET), None),
        (None, None, None),
    ],
)
def test_the_path_mtu_is_well_broken_or_unknown(
    answer: Exchange | None, stall: Failure | None, *, known: bool | None
) -> None:
    notes = healthy()
    notes.exchanges = {"ipv6": answer} if answer else {}
    notes.stalls = {"ipv6": stall} if stall else {}
    assert result_of(notes)[0].mtu_ok is known


def test_6rd_is_named_and_costs_nothing() -> None:
    notes = healthy()
    notes.sources = {"ipv4": "14.14.14.15", "ipv6": "2405:4800:e0e:e0f::1"}
    result, doubts = result_of(notes)
    assert (result.tunnel, result.score, doubts) == ("6rd", 10, ())
    assert result.checks is not None
    assert result.checks[-1] == Check("tunnel", ok=True, detail="6rd")


def test_a_second_address_of_6to4_that_is_not_used_is_no_tunnel() -> None:
    notes = healthy()
    notes.own.append(Address("eth0", "2002:c000:204::1", "tunnel"))
    assert result_of(notes)[0].tunnel is None
    notes.sources["ipv6"] = "2002:c000:204::1"
    result, doubts = result_of(notes)
    assert (result.tunnel, result.score, doubts) == ("6to4", 7, (Doubt.TUNNEL,))


def test_unique_local_addresses_lead_nowhere() -> None:
    notes = healthy()
    notes.own = [Address("eth0", "fd77::1", "ula")]
    check_address(notes)
    assert not findings_of(notes).address
    assert notes.checks[-1] == Check(
        "address_ipv6", ok=False, stage="device", reason="no_address", detail="unique-local addresses (fc00::/7) only"
    )
    notes.addresses["ipv6"] = ["fd77::2"]
    check_address(notes)
    assert findings_of(notes).address
    assert notes.checks[-1].ok


def test_a_peer_that_is_silent_in_both_families_is_no_matter_of_packet_sizes() -> None:
    notes = healthy()
    silence = Failure(Stage.TRANSFER, Reason.TIMEOUT)
    notes.exchanges, notes.stalls = {}, {"ipv4": silence, "ipv6": silence}
    notes.delivered = {"ipv4": True, "ipv6": True}
    result = result_of(notes)[0]
    assert (result.score, result.mtu_ok, result.domain) == (10, None, None)
    # but where not even our own packets came through, it is
    notes.delivered = {"ipv4": False, "ipv6": False}
    assert (result_of(notes)[0].score, result_of(notes)[0].mtu_ok) == (1, False)


def test_a_name_without_aaaa_is_its_owners_unless_no_name_has_one() -> None:
    notes = healthy()
    nodata = Failure(Stage.RESOLVE, Reason.NODATA)
    del notes.addresses["ipv6"], notes.attempts["ipv6"]
    notes.lookups["ipv6"] = nodata
    notes.checks.append(Check("default_route_ipv6", ok=True))
    notes.hosts = [HostReach("a.vn", failure=nodata)]
    assert result_of(notes)[0].domain == "destination"
    notes.hosts.append(HostReach("b.vn", failure=nodata))
    assert result_of(notes)[0].domain is None
    notes.hosts.append(HostReach("c.vn", "2405::1", failure=Failure(Stage.CONNECT, Reason.TIMEOUT)))
    assert result_of(notes)[0].domain == "destination"


def test_addresses_whose_time_is_over_are_told() -> None:
    notes = healthy()
    notes.own = [Address("eth0", OURS, "global", deprecated=True), Address("eth0", "fd77::1", "ula")]
    told = result_of(notes)[0].addresses
    assert told is not None
    assert (told.global_, told.deprecated, told.ula) == ([OURS], [OURS], ["fd77::1"])


def test_one_resolver_that_answers_over_ipv6_is_enough() -> None:
    notes = healthy()
    notes.resolvers = {("ipv6", "AAAA"): [("2405::53", SILENT)], ("ipv6", "A"): [("2405::53", SILENT)]}
    verdict = result_of(notes)[0]
    assert (verdict.score, verdict.reason, verdict.decided_by) == (9, "timeout", "dns_aaaa_over_ipv6")
    notes.resolvers["ipv6", "AAAA"].append(("2405::54", FOUND))
    assert result_of(notes)[0].score == 10


def test_464xlat() -> None:
    notes = healthy()
    notes.sources["ipv4"] = "192.0.0.1"
    notes.nat64_prefix, notes.nat64_reached = ipaddress.IPv6Network("64:ff9b::/96"), True
    result = result_of(notes)[0]
    assert (result.clat, result.nat64_prefix, result.nat64_reached) == (True, "64:ff9b::/96", True)


def test_public_services_are_counted() -> None:
    notes = healthy()
    notes.hosts = [
        HostReach("a.vn", "2405::1", ms=5.0),
        HostReach("b.vn", "2405::2", failure=Failure(Stage.CONNECT, Reason.TIMEOUT)),
        HostReach("c.vn", failure=Failure(Stage.RESOLVE, Reason.NODATA)),
    ]
    result = result_of(notes)[0]
    assert (result.hosts_asked, result.hosts_aaaa, result.hosts_reached) == (3, 2, 1)
    notes.hosts = []
    assert result_of(notes)[0].hosts_asked == 0
    assert findings_of(healthy()).reach.others is None


@pytest.mark.parametrize(
    "answer",
    [page(302, "", 200, "http://login/"), page(200, "text/html; charset=utf-8", 20_000), page(511, "text/html", 300)],
)
async def test_a_page_in_the_peers_place_is_a_portal(answer: Exchange) -> None:
    notes = healthy()
    notes.exchanges = {"ipv4": answer}
    notes.attempts["ipv6"] = Attempt(5000.0, Failure(Stage.CONNECT, Reason.TIMEOUT))
    await look_at_answers(notes)
    result, doubts = result_of(notes)
    assert (result.status, result.score, result.winner, result.captive_portal) == ("none", None, None, True)
    assert (result.stage, result.reason, result.domain) == ("peer", "captive_portal", "lan")
    assert doubts == (Doubt.CAPTIVE_PORTAL,)


async def test_pages_of_a_web_server_are_no_portal() -> None:
    """A LibreSpeed server's first page is one; nobody knows what it looks like."""
    notes = healthy("librespeed+http://speed.example")
    notes.exchanges = {"ipv4": page(200, "text/html"), "ipv6": page(200, "text/html")}
    await look_at_answers(notes)
    assert result_of(notes)[0].status == "dual_stack"


async def test_a_portal_for_others_is_a_doubt_where_the_peer_is_heard() -> None:
    notes = healthy()
    notes.portal = Finding(portal=True, url="http://login.example/")
    await look_at_answers(notes)
    result, doubts = result_of(notes)
    assert (result.status, result.score, doubts) == ("dual_stack", 10, (Doubt.CAPTIVE_PORTAL,))
    assert result.portal_url == "http://login.example/"
    assert {check.name: check.ok for check in result.checks or []}["captive_portal"] is False


async def test_no_portal() -> None:
    notes = healthy()
    notes.portal = Finding(portal=False)
    await look_at_answers(notes)
    result, doubts = result_of(notes)
    assert (result.captive_portal, result.score, doubts) == (False, 10, ())


def test_a_peer_that_is_an_address_gives_no_score() -> None:
    result, doubts = result_of(healthy("msak+ws://[2405:4800:9::7]:8080"))
    assert (result.status, result.score, doubts) == ("dual_stack", None, (Doubt.METHOD_REFERENCE_ONLY,))
