"""What a run means, where no real network is needed to say it."""

from dataclasses import replace
from typing import Any

import pytest

from agent.net.interfaces import Route
from agent.net.traceroute import Answer, Hop, Trace
from agent.path.judgement import Sample, Seen, judged, reach, walked
from agent.path.ways import Way
from agent.wire.failure import Reason

TARGET = "198.51.100.2"
NEW = Way(name="ipv4 udp 198.51.100.2")
KNOWN = Way(name=NEW.name, provider="203.0.113.1", before="203.0.113.9")


def answer(address: str, reason: Reason | None = None) -> Answer:
    return Answer(address, 1_500_000, reason, reached=address == TARGET)


def seen(*answers: Answer | str | None, **more: Any) -> Seen:  # noqa: ANN401 - fields of Seen
    """A run of one round; a text is a router whose packets ran out of hops."""
    hops = []
    for place, said in enumerate(answers):
        found = answer(said) if isinstance(said, str) else said
        hops.append(Hop(place + 1, 1, [] if found is None else [found]))
    trace = Trace("udp", hops, "192.168.1.2", 61_000, stuck=more.pop("stuck", False))
    return Seen(TARGET, trace, Route("eth0", "192.168.1.1", "192.168.1.2"), **more)


@pytest.mark.parametrize(
    ("found", "way", "whose"),
    [
        pytest.param(seen("192.168.1.1", "203.0.113.1", TARGET), NEW, None, id="reached"),
        pytest.param(seen("192.168.1.1", None, peer_ms=3.0), NEW, None, id="the peer answers at its own port"),
        pytest.param(seen(None, stuck=True), NEW, "lan", id="nobody at the next link address"),
        pytest.param(seen(None, neighbour=False), NEW, "lan", id="the neighbour table says so later"),
        pytest.param(seen(None, neighbour=True, others=False), NEW, "access", id="silent, but there: it forwards"),
        pytest.param(seen(None), NEW, None, id="nothing at all is known"),
        pytest.param(
            seen(None, gateway=Sample(3, [0.5]), others=False),
            NEW,
            "access",
            id="the first router answers echoes alone",
        ),
        pytest.param(seen("192.168.1.1", None, others=False), NEW, "access", id="no destination answers"),
        pytest.param(seen("192.168.1.1", None), NEW, None, id="it may be the peer"),
        pytest.param(seen("192.168.1.1", None), KNOWN, "access", id="the provider's router answered before"),
        pytest.param(
            seen("192.168.1.1", "10.0.0.1", None), KNOWN, "access", id="a second box at the site, then nothing of old"
        ),
        pytest.param(seen("192.168.1.1", "10.0.0.1", None), NEW, None, id="two boxes at the site, or a carrier's"),
        pytest.param(
            seen("192.168.1.1", "10.0.0.1", None, others=False), NEW, "access", id="the same, and nobody answers at all"
        ),
        pytest.param(
            seen("192.168.1.1", "10.0.0.1", None, known="10.0.0.1"),
            Way(name=NEW.name, provider="10.0.0.1"),
            "provider",
            id="a private router that is known to be the provider's",
        ),
        pytest.param(
            seen("192.168.1.1", None, provider=Sample(3, [4.0]), known="203.0.113.1"),
            KNOWN,
            "provider",
            id="what a trace sends is dropped at the site, but the provider's router answers an echo",
        ),
        pytest.param(
            seen("10.9.0.1", None, line="own"), NEW, "provider", id="a modem's first router is the provider's"
        ),
        pytest.param(
            seen("10.9.0.1", answer("10.9.0.1", Reason.PROHIBITED), line="own"), NEW, "provider", id="its block"
        ),
        pytest.param(seen(None, line="own", others=False), NEW, "access", id="a modem without any answer"),
        pytest.param(
            seen(None, line="tunnel", stuck=True, others=False), NEW, None, id="a dead tunnel: whose, who knows"
        ),
        pytest.param(
            seen("10.8.0.1", None, line="tunnel", others=False),
            NEW,
            "provider",
            id="the tunnel works, nothing behind it",
        ),
        pytest.param(
            seen("192.168.1.1", answer("192.168.1.1", Reason.REFUSED), silent=True, others=True),
            NEW,
            "destination",
            id="the site filters a trace, not what it needs",
        ),
        pytest.param(
            seen(None, answer("192.168.1.1", Reason.REFUSED), others=True),
            NEW,
            "lan",
            id="it filters the peer's port too",
        ),
        pytest.param(
            seen("192.168.1.1", "203.0.113.1", answer("203.0.113.7", Reason.UNREACHABLE), others=False),
            NEW,
            "provider",
            id="a router of the provider's has no route, and says no such host",
        ),
        pytest.param(seen("192.168.1.1", "203.0.113.1", None), KNOWN, "provider", id="behind the provider's router"),
        pytest.param(
            seen("192.168.1.1", "203.0.113.1", None, others=True), KNOWN, "destination", id="others beyond it answer"
        ),
        pytest.param(
            seen("192.168.1.1", "203.0.113.1", "203.0.113.9", None), KNOWN, "destination", id="the last one of before"
        ),
        pytest.param(
            seen("192.168.1.1", "203.0.113.1", "198.51.100.1", None),
            NEW,
            "destination",
            id="one of the target's network",
        ),
        pytest.param(
            seen("192.168.1.1", "203.0.113.1", answer("203.0.113.7", Reason.UNREACHABLE)),
            NEW,
            "destination",
            id="a router beyond it finds no such host",
        ),
        pytest.param(
            seen("192.168.1.1", "203.0.113.1", answer("203.0.113.1", Reason.UNREACHABLE)),
            NEW,
            "provider",
            id="the provider's first router finds no such host",
        ),
        pytest.param(
            seen("192.168.1.1", answer("192.168.1.1", Reason.PROHIBITED), others=True),
            KNOWN,
            "lan",
            id="a school's filter",
        ),
        pytest.param(seen(None, answer("192.168.1.1", Reason.NO_ROUTE)), NEW, "access", id="the same, silent at first"),
        pytest.param(
            seen("192.168.1.1", answer("192.168.1.1", Reason.NO_ROUTE)), NEW, "access", id="the router lost its line"
        ),
        pytest.param(
            seen("192.168.1.1", "203.0.113.1", answer("203.0.113.1", Reason.REFUSED)), NEW, "provider", id="its filter"
        ),
        pytest.param(
            seen("192.168.1.1", None, answer("203.0.113.1", Reason.PROHIBITED)), NEW, "provider", id="only its refusal"
        ),
        pytest.param(
            seen("192.168.1.1", "203.0.113.1", answer("203.0.113.9", Reason.PROHIBITED)),
            KNOWN,
            "destination",
            id="the filter in front of the target",
        ),
    ],
)
def test_whose_part_it_is(found: Seen, way: Way, whose: str | None) -> None:
    result = judged(found, way)
    assert result.domain == whose
    assert (result.failure is None) is result.reached


def test_a_router_that_refuses_stands_one_nearer_than_it_speaks() -> None:
    result = judged(seen("192.168.1.1", answer("192.168.1.1", Reason.PROHIBITED)), NEW)
    assert [(hop.ttl, hop.part, hop.said) for hop in result.hops or []] == [(1, "lan", None), (2, "lan", "prohibited")]
    assert result.provider_hop_rtt_ms is None


def test_a_silent_first_router_that_refuses_over_ipv6_is_the_sites() -> None:
    found = seen(None, answer("2001:db8:a:1::1", Reason.PROHIBITED))
    route = Route("eth0", "fe80::1%eth0", "2001:db8:a:1::2")
    six = replace(found, address="2001:db8:9::2", route=route)
    assert judged(six, NEW).domain == "lan"
    assert six.near == 1


@pytest.mark.parametrize(
    ("found", "near"),
    [
        pytest.param(seen("192.168.1.1", "203.0.113.1", None), 1, id="a home router"),
        pytest.param(seen("192.168.1.1", "10.0.0.1", None), 2, id="two boxes"),
        pytest.param(seen(None), 1, id="a silent router"),
        pytest.param(seen("10.9.0.1", None, line="own"), 0, id="a modem"),
        pytest.param(replace(seen(None), route=Route("eth0", None, "192.168.1.2")), 0, id="the same link"),
    ],
)
def test_how_far_the_site_goes(found: Seen, near: int) -> None:
    assert found.near == near


def test_a_refusal_is_not_another_way() -> None:
    way = walked(seen("192.168.1.1", "203.0.113.1", "203.0.113.9", TARGET), NEW)
    refused = seen("192.168.1.1", "203.0.113.1", answer("203.0.113.1", Reason.PROHIBITED))
    assert judged(refused, way).changed is False
    assert judged(seen("192.168.1.1", "203.0.113.2", TARGET), way).changed is True


def test_what_the_next_run_knows() -> None:
    whole = walked(seen("192.168.1.1", "10.0.0.1", "203.0.113.1", "203.0.113.9", TARGET), NEW)
    assert (whole.provider, whole.before, whole.source_port, whole.runs) == ("203.0.113.1", "203.0.113.9", 61_000, 1)
    gap = walked(seen("192.168.1.1", "203.0.113.1", None, TARGET), NEW)
    assert (gap.provider, gap.before) == ("203.0.113.1", None)  # more may stand between, so a break there is not told
    broken = walked(seen("192.168.1.1", "10.0.0.1", None), whole)
    assert (broken.provider, broken.before, broken.runs) == ("203.0.113.1", "203.0.113.9", 2)
    first = walked(seen("192.168.1.1", "10.0.0.1", None), NEW)
    assert (first.provider, first.before) == (None, None)


def test_the_nearest_routers_are_asked_for_themselves() -> None:
    found = seen(
        "192.168.1.1", None, "203.0.113.9", TARGET, gateway=Sample(20, [0.4] * 6), provider=Sample(20, [5.0] * 19)
    )
    result = judged(found, NEW)
    assert result.first_hop_rtt_ms == 0.4
    assert result.first_hop_loss_ratio == 0.05  # the rest is the router's own limit
    assert result.provider_hop_rtt_ms == 5.0
    assert result.provider_hop_loss_ratio == 0.05
    lazy = seen("192.168.1.1", *[f"203.0.113.{host}" for host in range(7)], gateway=Sample(20, [0.4] * 6))
    assert judged(lazy, NEW).first_hop_loss_ratio == 0.7  # of places that were asked once, only those that answer count
    for hop in lazy.trace.hops:
        hop.sent, hop.answers = 3, hop.answers * 3
    assert judged(lazy, NEW).first_hop_loss_ratio == 0.0  # 21 packets came by, to seven places
    hidden = judged(seen("192.168.1.1", None, TARGET, provider=Sample(20, [5.0] * 19), known="203.0.113.1"), KNOWN)
    assert (hidden.provider_hop_rtt_ms, hidden.provider_hop_loss_ratio) == (5.0, 0.05)
    alone = judged(seen("192.168.1.1", None), NEW)
    assert (alone.first_hop_rtt_ms, alone.first_hop_loss_ratio) == (1.5, 0.0)
    assert alone.provider_hop_loss_ratio is None


def test_a_peer_on_the_same_link_is_no_router() -> None:
    result = judged(seen(TARGET), NEW)
    assert (result.reached, result.hops_count, result.rtt_ms) == (True, 1, 1.5)
    assert (result.first_hop_rtt_ms, result.first_hop_loss_ratio) == (None, None)


def test_a_trace_that_was_cut_at_once_says_nothing() -> None:
    result = judged(seen(), NEW)
    assert (result.reached, result.ends_at, result.domain, result.changed, result.hops) == (False, None, None, None, [])
    assert reach(seen(), NEW).gateway is None
