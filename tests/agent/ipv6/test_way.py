import pytest

from agent.ipv6.way import reach_of, refusing_at
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
        # the target itself says that it forbids it
        (
            trace(LAN, ISP, Answer(TARGET, 1, Reason.PROHIBITED, reached=True)),
            Reach(gateway=True, provider=True, target=False, filtered="destination"),
        ),
        # the site's own router forbids it, or has itself no way out
        (trace(LAN, refusing(LAN, Reason.PROHIBITED)), Reach(gateway=True, filtered="lan")),
        (trace(LAN, refusing(LAN, Reason.NO_ROUTE)), Reach(gateway=True, provider=False, target=False)),
        # a second router of the site, with an address of which only it knows
        (trace(LAN, "fd77::1", None), Reach(gateway=True, provider=False, target=False)),
        # a router of the site with a public address: of the same /56 as ours
        (trace(LAN, "2001:db8:1:2::1", None), Reach(gateway=True, provider=False, target=False)),
        # IPv4, to a silent resolver: a carrier's shared addresses are the provider's
        (trace("192.168.1.1", "100.64.0.1", None), Reach(gateway=True, provider=True, target=False)),
        (trace("192.168.1.1", "10.9.8.7", None), Reach(gateway=True, provider=False, target=False)),
        (trace(None, None), Reach(gateway=None, provider=False, target=False)),
        (trace(stuck=True), Reach()),
        (trace(None, stuck=True), Reach(gateway=False)),
        (trace(None, refusing("2001:db8:1::99", Reason.UNREACHABLE)), Reach(gateway=False)),
    ],
)
def test_what_a_trace_proves(found: Trace | None, reach: Reach) -> None:
    assert reach_of(found, {"2001:db8:1::99"}) == reach


RST = Answer(TARGET, 1, reached=True)


@pytest.mark.parametrize(
    ("tcp", "udp", "distance"),
    [
        (None, None, None),
        (trace(None, None), None, None),
        # the target refuses itself: UDP meets it at the same distance, or nothing more
        (trace(LAN, ISP, RST), trace(LAN, ISP, Answer(TARGET, 1, reached=True)), None),
        (trace(LAN, ISP, RST), trace(LAN, ISP, None), None),
        (trace(LAN, ISP, RST), None, None),
        # somebody sends a reset in its name: UDP goes on past there
        (trace(LAN, RST), trace(LAN, ISP, FAR), 1),
        (trace(LAN, ISP, RST), trace(LAN, ISP, FAR, None), 2),
        (trace(RST), trace(LAN, ISP), 1),
        # a router refuses in its own name
        (trace(LAN, refusing(LAN, Reason.REFUSED)), None, 1),
        (trace(LAN, None, refusing(ISP, Reason.REFUSED)), trace(LAN, ISP, FAR), 3),
        (trace(LAN, None, refusing(ISP, Reason.NO_ROUTE)), None, None),
    ],
)
def test_who_refuses_in_the_targets_place(tcp: Trace | None, udp: Trace | None, distance: int | None) -> None:
    assert refusing_at(tcp, udp) == distance
