"""The ways of earlier runs: what a small file keeps, and whether today's way is another one. Pure.

Equal ways side by side are normal: a balancer in the network may send us over another one when an address translation
before it chose another port. So all addresses of the last runs are kept for each distance, and a way has changed only
if somebody answers where we know others and never saw this one. The first run over a new equal way says so once; where
`MANY` routers were seen, one more is no news.
"""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

KEPT: Final = 16
ADDRESSES: Final = 8
MANY: Final = 4
RUNS: Final = 60
"""So many runs after it was last seen an address is forgotten: ten days at six runs a day."""
_HOPS: Final = 64

Address = Annotated[str, msgspec.Meta(max_length=64)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Way(msgspec.Struct, frozen=True):
    """One way: who answered at each distance, with the number of the run that last saw it.

    `host`: what led to this address. `source_port`: what we used (ICMP: the identifier), so that the next run looks
    alike. `provider`: the provider's first router; `before`: the router right before the target, the last time that it
    was reached and this one answered.
    """

    name: Annotated[str, msgspec.Meta(max_length=200)]
    host: Annotated[str, msgspec.Meta(max_length=253)] = ""
    source_port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 0
    runs: Count = 0
    seen: Annotated[list[dict[Address, Count]], msgspec.Meta(max_length=_HOPS)] = []
    provider: Address | None = None
    before: Address | None = None


_DECODER: Final = msgspec.json.Decoder(list[Way])


def read(content: bytes | None) -> list[Way]:
    """Read the file; a missing, torn or foreign one holds no ways."""
    try:
        return _DECODER.decode(content or b"[]")[-KEPT:]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []


def write(ways: Sequence[Way], way: Way) -> bytes:
    """Give the file with this way put in, as the newest; the oldest go."""
    return msgspec.json.encode([*(old for old in ways if old.name != way.name), way][-KEPT:])


def find(ways: Sequence[Way], name: str) -> Way | None:
    """Find a way by its name."""
    return next((way for way in ways if way.name == name), None)


def last_address(ways: Sequence[Way], host: str, kind: str) -> str | None:
    """Give the address that a host had last; `kind` is what names of its ways begin with."""
    names = [way.name for way in ways if way.host == host and way.name.startswith(kind)]
    return names[-1].rpartition(" ")[2] if host and names else None


def changed(way: Way | None, hops: Sequence[Sequence[str]]) -> bool | None:
    """Tell whether `hops`, the addresses at each distance, are another way; None without one to compare with."""
    known = [(set(seen), set(now)) for seen, now in zip(way.seen, hops, strict=False) if seen and now] if way else []
    return any(now.isdisjoint(seen) and len(seen) < MANY for seen, now in known) if known else None


def walked(way: Way, hops: Sequence[Sequence[str]]) -> Way:
    """Add one run to what is known of a way."""
    run = way.runs + 1
    seen = []
    for place in range(min(_HOPS, max(len(way.seen), len(hops)))):
        old = way.seen[place] if place < len(way.seen) else {}
        now = dict.fromkeys(hops[place] if place < len(hops) else [], run)
        fresh = {address: last for address, last in (old | now).items() if last > run - RUNS}
        newest = sorted(fresh, key=lambda address: -fresh[address])[:ADDRESSES]
        seen.append({address: fresh[address] for address in newest})
    return msgspec.structs.replace(way, runs=run, seen=seen)
