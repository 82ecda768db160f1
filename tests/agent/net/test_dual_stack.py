import pytest

from agent.net.dual_stack import Attempt, Findings, Race, race, score, status
from agent.wire.failure import Failure, Reason, Stage

OK = Attempt(20.0)
SLOW = Attempt(290.0)
DEAD = Attempt(5000.0, Failure(Stage.CONNECT, Reason.TIMEOUT))
REFUSED = Attempt(3.0, Failure(Stage.CONNECT, Reason.REFUSED))


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        (Findings(OK, OK, offered=True), "dual_stack"),
        (Findings(OK, OK, offered=False), "dual_stack"),
        (Findings(DEAD, OK, offered=True), "ipv6_only"),
        (Findings(None, OK, offered=True), "ipv6_only"),
        (Findings(OK, DEAD, offered=True), "broken"),
        (Findings(OK, DEAD, offered=False), "ipv4_only"),
        (Findings(OK, None, offered=True, lookup=Reason.NODATA), "ipv4_only"),
        (Findings(OK, None, offered=True, lookup=Reason.TIMEOUT), "broken"),
        (Findings(OK, None, offered=True, lookup=Reason.SERVFAIL), "broken"),
        (Findings(OK, None, offered=False, lookup=Reason.TIMEOUT), "ipv4_only"),
        (Findings(OK, None, offered=True), "ipv4_only"),
        (Findings(DEAD, REFUSED, offered=True), "none"),
        (Findings(None, None), "none"),
    ],
)
def test_status(findings: Findings, expected: str) -> None:
    assert status(findings) == expected


@pytest.mark.parametrize(
    ("ipv4", "ipv6", "expected"),
    [
        (OK, OK, Race("ipv6")),
        (OK, Attempt(270.0), Race("ipv6")),
        (OK, Attempt(271.0), Race("ipv4", 250.0)),
        (OK, DEAD, Race("ipv4", 250.0)),
        (OK, REFUSED, Race("ipv4", 3.0)),
        (OK, None, Race("ipv4")),
        (DEAD, OK, Race("ipv6")),
        (None, OK, Race("ipv6")),
        (None, DEAD, Race(None)),
        (DEAD, None, Race(None)),
        (DEAD, DEAD, Race(None)),
        (None, None, Race(None)),
    ],
)
def test_race(ipv4: Attempt | None, ipv6: Attempt | None, expected: Race) -> None:
    assert race(ipv4, ipv6) == expected


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        (Findings(OK, OK), 10),
        (Findings(None, OK), 10),
        (Findings(OK, SLOW), 7),
        (Findings(OK, OK, tunnelled=True), 7),
        (Findings(OK, OK, dns_over_ipv6=True), 10),
        (Findings(OK, OK, dns_over_ipv6=False), 9),
        (Findings(OK, SLOW, tunnelled=True, dns_over_ipv6=False), 7),
        (Findings(OK, DEAD, offered=True), 0),
        (Findings(OK, None), 0),
        (Findings(None, None), 0),
    ],
)
def test_score(findings: Findings, expected: float) -> None:
    assert score(findings) == expected
