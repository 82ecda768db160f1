"""What a run over the way means: the result, and what the next run should know. Pure."""

from dataclasses import dataclass, field
from statistics import median_low
from typing import Final, Literal

from agent.net import traceroute
from agent.net.domain import Domain, Reach, domain, line_loss
from agent.net.interfaces import Route
from agent.net.traceroute import Trace
from agent.path import parts, ways
from agent.wire.failure import Failure, Reason, Stage
from agent.wire.path import Hop, Path

Line = Literal["lan", "own", "tunnel"]
"""What the device sends into: a network of the site's, an access line that it holds itself (a modem, PPP), a tunnel."""
_FEW: Final = 3
_FILTERS: Final = (Reason.PROHIBITED, Reason.REFUSED)
_LOST: Final = (Reason.NO_ROUTE, Reason.UNREACHABLE)


@dataclass(slots=True)
class Sample:
    """How often one router was asked for itself, and how long its answers took, in ms."""

    asked: int = 0
    times_ms: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one run found. `gateway` and `provider`: the first router and the provider's, asked for themselves.

    `peer_ms`: the peer's answer at its own port (`silent`: neither it nor any router answered there); `others`: whether
    any other destination answered; `neighbour`: whether the first router, or a peer on the link, answers for its link
    address. None: not asked, or no telling; of `peer_ms` no answer as well. `known`: the provider's first router, as
    earlier runs found it; `remembered`: the peer's address is that of an earlier run.
    """

    address: str
    trace: Trace
    route: Route
    gateway: Sample = field(default_factory=Sample)
    provider: Sample = field(default_factory=Sample)
    peer_ms: float | None = None
    silent: bool = False
    others: bool | None = None
    neighbour: bool | None = None
    line: Line = "lan"
    known: str | None = None
    remembered: bool = False

    @property
    def reached(self) -> bool:
        """Whether the peer itself answered, in whatever way."""
        return self.trace.reached or self.peer_ms is not None

    @property
    def ends(self) -> parts.Ends:
        """Both ends of the way."""
        source = self.route.source or self.trace.source
        return parts.Ends(self.address, source, direct=self.line != "lan", known=self.known)

    @property
    def addresses(self) -> list[str | None]:
        """Who is at each distance. A router that refuses what it should pass on stands one nearer than it speaks."""
        found: list[str | None] = []
        for hop in self.trace.hops:
            refuses = hop.end is not None and not hop.end.reached
            if refuses and hop.ttl > 1 and self._is_first(hop):
                found[0] = hop.address  # it may have been silent there
            found.append(None if refuses and hop.address in found else hop.address)
        return found

    def _is_first(self, hop: traceroute.Hop) -> bool:
        """Whether the first router speaks: over IPv6 not from the address that it is addressed by."""
        inside = hop.address is not None and ":" in hop.address and not parts.is_outside(hop.address, self.route.source)
        return hop.address == self.route.gateway or (inside and hop.ttl == 2 and not self.trace.hops[0].answers)  # noqa: PLR2004 - one beyond the first

    @property
    def begin(self) -> int | None:
        """Where the provider begins, as a place in the list of hops."""
        return parts.provider_at(self.addresses, self.ends)

    @property
    def nearest(self) -> str | None:
        """The provider's first router, as this run found it."""
        return self.addresses[self.begin] if self.begin is not None else None

    @property
    def near(self) -> int:
        """So many routers may be the site's own: who answers within these hops is not beyond the line."""
        if self.line != "lan" or self.route.gateway is None:
            return 0
        if self.begin is not None:
            return self.begin
        heard = [place for place, who in enumerate(self.addresses) if who not in {None, self.address}]
        return max(heard, default=0) + 1


def judged(seen: Seen, way: ways.Way) -> Path:
    """Say what was found; `way` is what earlier runs know."""
    trace, begin, last = seen.trace, seen.begin, seen.trace.last
    beside = not trace.hops or trace.hops[0].address == seen.address  # no router between us and the target
    first = traceroute.Hop(1) if beside else trace.hops[0]
    nearest = trace.hops[begin] if begin is not None else None
    time_ms = last.rtt_ms if last is not None and trace.reached else seen.peer_ms
    return Path(
        method=trace.method,
        reached=seen.reached,
        hops_count=last.ttl if last is not None and trace.reached else None,
        ends_at=last.ttl if last is not None else None,
        rtt_ms=None if time_ms is None else round(time_ms, 3),
        first_hop_rtt_ms=_median(seen.gateway, first.rtt_ms),
        first_hop_loss_ratio=line_loss([_counts(seen.gateway, first), *_from(1, seen)]),
        provider_hop_rtt_ms=_median(seen.provider, nearest.rtt_ms if nearest else None),
        provider_hop_loss_ratio=line_loss(_from(begin, seen) if begin is not None else [_counts(seen.provider)]),
        domain=_whose(seen, way),
        changed=ways.changed(way, _by_distance(trace)),
        failure=None if seen.reached else _failure(seen),
        remembered=seen.remembered or None,
        hops=_hops(seen),
    )


def walked(seen: Seen, way: ways.Way) -> ways.Way:
    """Say what the next run should know."""
    last = seen.trace.last
    # Behind a silent one others may stand, so who was heard before it is not known to be the last.
    before = seen.addresses[last.ttl - 2] if last is not None and seen.trace.reached and last.ttl > 1 else None
    now = ways.walked(way, _by_distance(seen.trace))
    return ways.Way(
        name=now.name,
        host=now.host,
        source_port=seen.trace.source_port or now.source_port,
        runs=now.runs,
        seen=now.seen,
        # Of a way that breaks, the first private router may be taken for the provider's.
        provider=seen.nearest if seen.nearest and (seen.reached or not way.provider) else way.provider,
        before=before or way.before,
    )


def reach(seen: Seen, way: ways.Way) -> Reach:
    """Put the evidence in the words of the rule."""
    return Reach(
        device=True,
        gateway=_gateway(seen),
        provider=_provider(seen, way),
        others=seen.others,
        target=seen.reached,
        edge=_edge(seen, way),
        filtered=_filtered(seen, way),
    )


def _whose(seen: Seen, way: ways.Way) -> Domain | None:
    """Whose part fails. What carries a tunnel is not seen from inside, so neither part of the site is named."""
    named = domain(reach(seen, way))
    return None if seen.line == "tunnel" and named in {"lan", "access"} else named


def _gateway(seen: Seen) -> bool | None:
    if seen.line == "own":
        return True
    if seen.trace.stuck:
        return False
    if seen.gateway.times_ms or (seen.begin != 0 and any(seen.addresses[:1])):
        return True
    return seen.neighbour


def _provider(seen: Seen, way: ways.Way) -> bool | None:
    """Whether the provider's first router was heard.

    It was not, if an earlier run knows it and only private ones were heard now, or if the first router has no route.
    """
    nearest = seen.nearest
    if seen.provider.times_ms or (nearest is not None and seen.line != "lan"):
        return True
    if nearest is not None and (parts.is_outside(nearest, seen.ends.source) or way.provider in {None, nearest}):
        return True
    lost = seen.trace.reason in _LOST and _place(seen) == 0
    return False if way.provider is not None or lost else None


def _filtered(seen: Seen, way: ways.Way) -> Domain | None:
    """The part whose router says that it does not let this pass.

    Not if it may have meant a trace's packets alone: the peer's own port is silent, and other destinations answer.
    """
    if seen.silent and seen.others:
        return None
    last, place = seen.trace.last, _place(seen)
    if last is None or place is None or last.address is None or seen.trace.reason not in _FILTERS:
        return None
    if last.address == way.before or parts.is_near(last.address, seen.address):
        return "destination"
    named = parts.parts(seen.addresses, seen.ends)[place]
    return named or "provider"


def _place(seen: Seen) -> int | None:
    """Where the last router that answered stands."""
    last = seen.trace.last
    return None if last is None else next((at for at, who in enumerate(seen.addresses) if who == last.address), None)


def _edge(seen: Seen, way: ways.Way) -> bool | None:
    """Whether the last router that answered stands in front of the target: by memory, its address, or its word."""
    last = seen.trace.last
    if last is None or last.address is None:
        return None
    place = _place(seen)
    beyond = seen.begin is not None and place is not None and place > seen.begin
    # RFC 1812, 5.2.7.1: "host unreachable" comes from the router that is on the target's own network.
    # But some that have no route at all say so too, and then no other destination answers either.
    unknown = seen.trace.reason is Reason.UNREACHABLE and seen.others is not False
    near = parts.is_near(last.address, seen.address) or unknown
    return last.address == way.before or (beyond and near) or None


def _failure(seen: Seen) -> Failure:
    last = seen.trace.last
    if seen.trace.stuck or seen.neighbour is False:
        who = f"the first router {seen.route.gateway}" if seen.route.gateway else seen.address
        return Failure(Stage.CONNECT, Reason.UNREACHABLE, f"{who} does not answer on the link")
    if last is None:
        return Failure(Stage.CONNECT, Reason.TIMEOUT, "no router on the way answered, nor did the peer")
    where = f"{last.address} at distance {last.ttl}"
    if seen.trace.reason is not None:
        return Failure(Stage.CONNECT, seen.trace.reason, f"{where} says that it goes no further")
    return Failure(Stage.CONNECT, Reason.TIMEOUT, f"nobody answered beyond {where}")


def _hops(seen: Seen) -> list[Hop]:
    """The distances up to where the way ends, and the first silent one behind it."""
    last = seen.trace.last
    until = (last.ttl if last else 0) + (0 if seen.trace.reached else 1)
    named = dict(zip(seen.addresses, parts.parts(seen.addresses, seen.ends), strict=True))
    return [
        Hop(
            ttl=hop.ttl,
            address=hop.address,
            rtt_ms=hop.rtt_ms,
            loss_ratio=hop.loss_ratio,
            part=named.get(hop.address),
            said=next((str(answer.reason) for answer in hop.answers if answer.reason), None),
        )
        for hop in seen.trace.hops[:until]
    ]


def _from(place: int, seen: Seen) -> list[tuple[int, int]]:
    """How often each distance from `place` on was asked, and answered; the provider's first router also for itself.

    At last all behind `place` as one, since all of it came by there; but not whoever never answers, which is told from
    loss only by asking a few times.
    """
    begin, hops = seen.begin, seen.trace.hops
    found = [_counts(seen.provider if at == begin else Sample(), hops[at]) for at in range(place, len(hops))]
    heard = [_counts(Sample(), hop) for hop in hops[place:] if hop.answers and hop.sent >= _FEW]
    return [*found, (sum(asked for asked, _ in heard), sum(told for _, told in heard))]


def _counts(sample: Sample, hop: traceroute.Hop | None = None) -> tuple[int, int]:
    if sample.times_ms or hop is None:
        return sample.asked, len(sample.times_ms)
    return hop.sent, len(hop.answers)


def _median(sample: Sample, otherwise: float | None) -> float | None:
    return round(median_low(sample.times_ms), 3) if sample.times_ms else otherwise


def _by_distance(trace: Trace) -> list[list[str]]:
    """Who is at each distance; who only says that it goes no further is not another way."""
    until = trace.last.ttl if trace.last is not None else 0
    return [
        list(dict.fromkeys(answer.address for answer in hop.answers if answer.reached or answer.reason is None))
        for hop in trace.hops[:until]
    ]
