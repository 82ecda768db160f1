import pytest

from agent.ipv6.way import reach_of
from agent.net.domain import Reach
from agent.net.traceroute import Answer, Hop, Trace
from agent.wire.failure import Reason

LAN, ISP, FAR, TARGET = "2001:db8:1::1", "2001:db8:a::1", "2001:db8:b::1", "2001:db8:5::2"


def trace(*answers: str | Answer | None, stuck: bool = False) -> Trace:
    """One router a distance: its address, an answer of its own, or None for silence."""
    found = Trace("udp", stuck=stuck)
    for number, answer in enumerate(answers, 1):
        given = Answer(answer, 1000) if isinstance(answer, str) else answer
        found.hops.append(Hop(number, 1, [given] if given else []))
    return found


def refusing(address: str, reason: Reason) -> Answer:
    return Answer(address, 1000, reason)


@pytest.mark.parametrize(
    ("found", "reach"),
    [
        (None, Reach()),
        (trace(), Reach()),
        (trace(LAN, None, None), Reach(gateway=True, provider=False, target=False)),
        (trace(LAN, ISP, None), Reach(gateway=True, provider=True, target=False)),
        (trace(None, ISP, None), Reach(gateway=None, provider=True, target=False)),
        (trace(LAN, ISP, Answer(TARGET, 1, reached=True)), Reach(gateway=True, provider=True, target=True)),
        (trace(LAN, Answer(TARGET, 1, reached=True)), Reach(gateway=True, provider=True, target=True)),
        (trace(LAN, None, refusing(ISP, Reason.PROHIBITED)), Reach(gateway=True, provider=True, target=False)),
        # the site's own router forbids it, or has itself no way out
        (trace(LAN, refusing(LAN, Reason.PROHIBITED)), Reach(gateway=True, filtered="lan")),
        (trace(LAN, refusing(LAN, Reason.NO_ROUTE)), Reach(gateway=True, provider=False, target=False)),
        # a second router of the site, with an address of which only it knows
        (trace(LAN, "fd77::1", None), Reach(gateway=True, provider=False, target=False)),
        (trace(None, None), Reach(gateway=None, provider=False, target=False)),
        (trace(stuck=True), Reach()),
        (trace(None, stuck=True), Reach(gateway=False)),
        (trace(None, refusing("2001:db8:1::99", Reason.UNREACHABLE)), Reach(gateway=False)),
    ],
)
def test_what_a_trace_proves(found: Trace | None, reach: Reach) -> None:
    assert reach_of(found, {"2001:db8:1::99"}) == reach
