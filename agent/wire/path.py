"""What a `path` report says: the routers on the way to the peer, where the way ends, and whose part of it fails.

Units stand in names; absent means not measured and is never written as zero. Rules of change: add optional fields only.
"""

from typing import Annotated

import msgspec

from agent.wire.failure import Failure, Word

Positive = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Ratio = Annotated[float, msgspec.Meta(ge=0, le=1)]
Text = Annotated[str, msgspec.Meta(max_length=200)]


class Hop(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One distance: who answered there (absent: nobody), how fast, and what share of packets got no answer.

    `part`: which part of the way this router belongs to, `lan access provider destination`. `said`: what it answered
    other than "time exceeded", as a reason of the closed vocabulary.
    """

    ttl: Count
    address: Text | None = None
    rtt_ms: Positive | None = None
    loss_ratio: Ratio | None = None
    part: Word | None = None
    said: Word | None = None


class Path(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One way, kept stable for the whole run as Paris traceroute does: every packet looks alike to a load balancer.

    `method`: icmp, udp or tcp; `reached`: the peer itself answered; `ends_at`: the last distance that answered;
    `domain`: whose part of the way fails, by the rule of `agent.net.domain`, absent if none does. `remembered`: nobody
    could look up the name of the peer, so the way to the address of an earlier run was asked.
    """

    method: Word
    reached: bool
    hops_count: Count | None = None
    ends_at: Count | None = None
    rtt_ms: Positive | None = None
    first_hop_rtt_ms: Positive | None = None
    first_hop_loss_ratio: Ratio | None = None
    provider_hop_rtt_ms: Positive | None = None
    provider_hop_loss_ratio: Ratio | None = None
    domain: Word | None = None
    changed: bool | None = None
    remembered: bool | None = None
    failure: Failure | None = None
    hops: Annotated[list[Hop], msgspec.Meta(max_length=64)] | None = None
