"""Every row of the table of faults, as the rules see it; the networks themselves are in the scenarios."""

from dataclasses import replace

import pytest

from agent.ipv6.verdict import Attempt, Findings, Verdict, judge, status
from agent.net.domain import Reach
from agent.wire.failure import Failure, Reason, Stage

OK = Attempt(20.0)


def failed(reason: Reason, stage: Stage = Stage.CONNECT) -> Attempt:
    return Attempt(5000.0, Failure(stage, reason))


def lookup(reason: Reason) -> Failure:
    return Failure(Stage.RESOLVE, reason)


HEALTHY = Findings(OK, OK)
STALL = Failure(Stage.TRANSFER, Reason.TIMEOUT)
LOCAL = failed(Reason.NO_ROUTE, Stage.ROUTE)
DEAD = failed(Reason.TIMEOUT)
TO_GATEWAY = Reach(gateway=True, provider=False)
TO_PROVIDER = Reach(gateway=True, provider=True)


def line(verdict: Verdict) -> str:
    """As the table has it: status, score, stage:reason, domain; a dash for what is absent."""
    score = "-" if verdict.score is None else f"{verdict.score:g}"
    return f"{verdict.status} {score} {verdict.failure or '-'} {verdict.domain or '-'}"


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        pytest.param(HEALTHY, "dual_stack 10 - -", id="1 healthy"),
        pytest.param(
            Findings(OK, LOCAL, address=False, route=False), "ipv4_only 0 device:no_address lan", id="2 no address"
        ),
        pytest.param(Findings(OK, LOCAL, route=False), "ipv4_only 0 route:no_route lan", id="3 no route"),
        pytest.param(
            Findings(OK, DEAD, reach=TO_GATEWAY), "broken 0 connect:timeout access", id="4a black hole in the access"
        ),
        pytest.param(
            Findings(OK, DEAD, reach=TO_PROVIDER), "broken 0 connect:timeout provider", id="4b behind the provider"
        ),
        pytest.param(
            Findings(OK, failed(Reason.PROHIBITED), reach=TO_PROVIDER),
            "broken 0 connect:prohibited provider",
            id="5 prohibited",
        ),
        pytest.param(
            Findings(OK, None, lookup=lookup(Reason.NODATA)), "ipv4_only 0 resolve:nodata destination", id="6 no AAAA"
        ),
        pytest.param(Findings(None, OK), "ipv6_only 10 - -", id="7 AAAA only"),
        pytest.param(
            replace(HEALTHY, resolvers=lookup(Reason.TIMEOUT)),
            "dual_stack 9 resolve:timeout provider",
            id="8 resolver silent over IPv6",
        ),
        pytest.param(
            replace(HEALTHY, stall=STALL, large_reach=TO_GATEWAY),
            "dual_stack 1 transfer:timeout access",
            id="9 path MTU black hole",
        ),
        pytest.param(replace(HEALTHY, tunnelled=True), "dual_stack 7 - -", id="10 tunnel"),
        pytest.param(replace(HEALTHY, slower=True), "dual_stack 7 - -", id="11 slower"),
        pytest.param(Findings(LOCAL, OK), "ipv6_only 10 - -", id="12 NAT64"),
        pytest.param(
            Findings(OK, DEAD, portal=True, reach=TO_GATEWAY), "none - peer:captive_portal lan", id="13 captive portal"
        ),
        pytest.param(
            Findings(OK, LOCAL, route=False, route_lost=True), "broken 0 route:no_route lan", id="14 withdrawn"
        ),
        pytest.param(Findings(OK, failed(Reason.REFUSED)), "broken 0 connect:refused destination", id="15 refused"),
    ],
)
def test_the_table(findings: Findings, expected: str) -> None:
    assert line(judge(findings)) == expected


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        # the route goes after the connect had succeeded: users of an hour have lost it too
        (replace(HEALTHY, route_lost=True), "broken 0 route:no_route lan"),
        (Findings(None, LOCAL, address=False, route=False), "none 0 device:no_address lan"),
        (Findings(DEAD, DEAD, reach=TO_GATEWAY), "none 0 connect:timeout access"),
        (Findings(DEAD, DEAD), "none 0 connect:timeout -"),
        (Findings(OK, DEAD, reach=Reach(gateway=False)), "broken 0 connect:timeout lan"),
        (Findings(OK, DEAD, reach=Reach(gateway=True, filtered="lan")), "broken 0 connect:timeout lan"),
        # a firewall that eats TCP and lets the trace through: somewhere, nobody knows where
        (Findings(OK, DEAD, reach=replace(TO_PROVIDER, target=True)), "broken 0 connect:timeout -"),
        (Findings(OK, DEAD, reach=replace(TO_GATEWAY, others=True)), "broken 0 connect:timeout destination"),
        # nobody knows where: what is not known is not said
        (Findings(OK, DEAD), "broken 0 connect:timeout -"),
        (Findings(OK, failed(Reason.RESET)), "broken 0 connect:reset destination"),
        (Findings(OK, None, lookup=lookup(Reason.NXDOMAIN)), "ipv4_only 0 resolve:nxdomain destination"),
        (Findings(OK, None, lookup=lookup(Reason.SERVFAIL)), "broken 0 resolve:servfail provider"),
        (
            Findings(OK, None, lookup=lookup(Reason.TIMEOUT), reach=Reach(others=True)),
            "broken 0 resolve:timeout destination",
        ),
        (Findings(None, None, lookup=lookup(Reason.TIMEOUT), reach=TO_GATEWAY), "none 0 resolve:timeout access"),
        # an address of one family: nothing is known of the other
        (Findings(OK, None), "ipv4_only 0 - -"),
        (Findings(None, None), "none 0 - -"),
        # a filter on the way refuses in the peer's place
        (
            Findings(OK, failed(Reason.REFUSED), intercepted=True, reach=Reach(gateway=True, filtered="lan")),
            "broken 0 connect:refused lan",
        ),
        (Findings(OK, failed(Reason.RESET), intercepted=True, reach=TO_PROVIDER), "broken 0 connect:reset provider"),
        # a resolver that gives no AAAA for anything, and one of the site that only passes on what others say
        (Findings(OK, None, lookup=lookup(Reason.NODATA), absent_everywhere=True), "ipv4_only 0 resolve:nodata -"),
        (Findings(OK, None, lookup=lookup(Reason.SERVFAIL), names_near=True), "broken 0 resolve:servfail -"),
        (Findings(OK, None, lookup=lookup(Reason.LIE)), "broken 0 resolve:lie provider"),
        # a modem in the device: no router of the site is there to be blamed, only the device itself
        (Findings(OK, LOCAL, address=False, direct=True), "ipv4_only 0 device:no_address -"),
        (
            Findings(OK, LOCAL, address=False, direct=True, device=Failure(Stage.DEVICE, Reason.NO_ADDRESS)),
            "ipv4_only 0 device:no_address lan",
        ),
        # the least of all symptoms decides
        (replace(HEALTHY, slower=True, resolvers=lookup(Reason.TIMEOUT)), "dual_stack 7 - -"),
        (replace(HEALTHY, stall=STALL, tunnelled=True), "dual_stack 1 transfer:timeout -"),
        # a peer that closes or speaks something else says nothing of the path MTU
        (replace(HEALTHY, stall=Failure(Stage.TRANSFER, Reason.CLOSED)), "dual_stack 10 - -"),
        (replace(HEALTHY, resolvers=lookup(Reason.REFUSED), resolvers_near=True), "dual_stack 9 resolve:refused lan"),
        # a portal that lets the peer through is a doubt and no more
        (replace(HEALTHY, portal=True, genuine4=True, genuine6=True), "dual_stack 10 - -"),
        (replace(HEALTHY, portal=True, genuine6=True), "ipv6_only - peer:captive_portal lan"),
        (replace(HEALTHY, portal=True), "none - peer:captive_portal lan"),
    ],
)  # fmt: skip
def test_what_the_table_leaves_open(findings: Findings, expected: str) -> None:
    assert line(judge(findings)) == expected


@pytest.mark.parametrize(
    ("findings", "check"),
    [
        (Findings(OK, LOCAL, address=False), "address_ipv6"),
        (Findings(OK, LOCAL, route=False), "default_route_ipv6"),
        (Findings(OK, LOCAL, route=False, other_route=True), "route_ipv6"),
        (Findings(OK, LOCAL, address=False, device=Failure(Stage.DEVICE, Reason.NO_ADDRESS)), "device_ipv6"),
        (Findings(OK, LOCAL, route=False, device=Failure(Stage.ROUTE, Reason.NO_ROUTE)), "device_ipv6"),
        (Findings(OK, LOCAL, route_lost=True), "route_kept"),
        (Findings(OK, DEAD), "connect_ipv6"),
        (Findings(OK, None, lookup=lookup(Reason.NODATA)), "resolve_ipv6"),
        (replace(HEALTHY, stall=STALL), "transfer_ipv6"),
        (replace(HEALTHY, resolvers=lookup(Reason.TIMEOUT)), "dns_aaaa_over_ipv6"),
        (replace(HEALTHY, portal=True), "captive_portal"),
        (HEALTHY, None),
    ],
)
def test_the_check_that_decided_is_named(findings: Findings, check: str | None) -> None:
    assert judge(findings).decided_by == check


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        (Findings(OK, OK, address=False, route=False), "dual_stack"),
        (Findings(DEAD, OK), "ipv6_only"),
        (Findings(OK, DEAD), "broken"),
        (Findings(OK, DEAD, address=False), "ipv4_only"),
        (Findings(OK, DEAD, route=False), "ipv4_only"),
        (Findings(OK, None, lookup=lookup(Reason.TIMEOUT)), "broken"),
        (Findings(OK, None, lookup=lookup(Reason.TIMEOUT), address=False), "ipv4_only"),
        (Findings(DEAD, failed(Reason.REFUSED)), "none"),
    ],
)
def test_status(findings: Findings, expected: str) -> None:
    assert status(findings) == expected
