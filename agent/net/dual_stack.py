"""What two connects, one a family, say about IPv6 at a site: status, who wins the race, score. Pure."""

from dataclasses import dataclass
from typing import Final, Literal

from agent.wire.failure import Failure, Reason

Status = Literal["dual_stack", "ipv4_only", "ipv6_only", "broken", "none"]

ATTEMPT_DELAY_MS: Final = 250.0  # RFC 8305, "Connection Attempt Delay"
# A name that has no address of this family is an answer; anything else is a resolver that keeps the user waiting.
_ANSWERED: Final = (Reason.NODATA, Reason.NXDOMAIN, Reason.NO_ADDRESS)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One connect: how long until it succeeded or failed, and how it failed."""

    ms: float
    failure: Failure | None = None

    @property
    def ok(self) -> bool:
        """Whether it connected."""
        return self.failure is None


@dataclass(frozen=True, slots=True)
class Findings:
    """What was seen. An attempt is None if there was no address to try; `lookup` is then why AAAA gave none.

    `offered`: the device itself has an address and a route by which IPv6 should work.
    """

    ipv4: Attempt | None
    ipv6: Attempt | None
    offered: bool = False
    lookup: Reason | None = None
    tunnelled: bool = False
    dns_over_ipv6: bool | None = None


@dataclass(frozen=True, slots=True)
class Race:
    """Who wins Happy Eyeballs v2 and, if IPv4 wins because IPv6 does not, how much later than without IPv6."""

    winner: Literal["ipv4", "ipv6"] | None
    fallback_ms: float | None = None


def status(findings: Findings) -> Status:
    """Name the state of IPv6. Broken: the device and the peer offer it and it does not work, while IPv4 does."""
    ipv4 = findings.ipv4 is not None and findings.ipv4.ok
    ipv6 = findings.ipv6 is not None and findings.ipv6.ok
    if ipv6:
        return "dual_stack" if ipv4 else "ipv6_only"
    if not ipv4:
        return "none"
    promised = findings.ipv6 is not None or (findings.lookup is not None and findings.lookup not in _ANSWERED)
    return "broken" if findings.offered and promised else "ipv4_only"


def race(ipv4: Attempt | None, ipv6: Attempt | None) -> Race:
    """Work out what a browser would see: IPv6 starts, IPv4 follows after 250 ms or as soon as IPv6 has failed."""
    ready4 = ipv4 is not None and ipv4.ok
    if ipv6 is None:
        return Race("ipv4" if ready4 else None)
    if ipv4 is None or not ready4:
        return Race("ipv6" if ipv6.ok else None)
    if ipv6.ok and ipv6.ms <= ATTEMPT_DELAY_MS + ipv4.ms:
        return Race("ipv6")
    return Race("ipv4", round(ATTEMPT_DELAY_MS if ipv6.ok else min(ATTEMPT_DELAY_MS, ipv6.ms), 3))


def score(findings: Findings) -> float:
    """Rate how the site would do if IPv4 were switched off, 0 to 10, as test-ipv6.com does: the worst symptom counts.

    No working IPv6: 0. Slower than IPv4 by more than the attempt delay, or through 6to4 or Teredo: 7. IPv6 resolvers
    that do not answer: 9. Nothing wrong: 10.
    """
    if status(findings) not in {"dual_stack", "ipv6_only"}:
        return 0.0
    symptoms = [10.0]
    if race(findings.ipv4, findings.ipv6).winner == "ipv4":
        symptoms.append(7.0)
    if findings.tunnelled:
        symptoms.append(7.0)
    if findings.dns_over_ipv6 is False:
        symptoms.append(9.0)
    return min(symptoms)
