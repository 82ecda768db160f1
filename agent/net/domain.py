"""Whose part of the way fails: the site's own network, the access line, the provider, or the destination. Pure.

The rule, in three sentences. What answers farther out proves all that lies before it, so a router that forwards and
never answers itself is no fault. The part that fails is the first one that nothing proves. But one destination that is
silent says nothing about the parts before it where nobody was heard: then nothing is named.

Loss at a router in the middle is no loss of the way (`line_loss`): routers answer for others last of all, and slowly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Domain = Literal["lan", "access", "provider", "destination"]


@dataclass(frozen=True, slots=True)
class Reach:
    """What answered along the way, in its order; None: nobody asked, or it could not be told.

    `device`: it has an address and a route; `gateway`: the router of the site's own network; `provider`: the first
    router beyond the access line; `others`: any other destination beyond the provider; `edge`: the network in which the
    target is, without the target itself (its last router, a neighbour); `target`: the one it is about. `filtered`: the
    part whose router said itself that it does not let this pass.
    """

    device: bool | None = None
    gateway: bool | None = None
    provider: bool | None = None
    others: bool | None = None
    target: bool | None = None
    edge: bool | None = None
    filtered: Domain | None = None


def domain(reach: Reach) -> Domain | None:
    """Name the first part of the way that fails; None if the target answers, or if nothing says where it ends.

    A router that admits to a filter settles it. Behind the provider's first router it may be the provider's fault or
    the destination's: what is known to lie beyond, `others` or the destination's `edge`, decides for the destination;
    without it the provider is named, whose network had the packet last. Likewise "access" is named only if the
    provider's router is known to be silent now, or if no destination at all answers.
    """
    if reach.target:
        return None
    if reach.filtered is not None:
        return reach.filtered
    missed = reach.target is False
    if reach.others or reach.edge:
        return "destination" if missed else None
    if reach.provider:
        return "provider" if missed or reach.others is False else None
    return _near(reach)


def _near(reach: Reach) -> Domain | None:
    """The part that fails where nobody beyond the access line was heard."""
    if reach.gateway:
        return "access" if reach.provider is False or reach.others is False else None
    return "lan" if reach.device is False or reach.gateway is False else None


def line_loss(samples: Sequence[tuple[int, int]]) -> float | None:
    """Bound the loss of the way up to the first of some places, each (sent, answered), in the order of the way.

    What came back from farther out has passed here twice, so the smallest loss of this place and those beyond bounds
    what the way itself loses; the rest is a router that does not answer every packet. A place that was asked less often
    proves nothing about one that was asked more often. None if the first place never answered and nothing beyond did.
    """
    if not samples or not samples[0][0]:
        return None
    least = samples[0][0]
    losses = [1 - min(answered, sent) / sent for sent, answered in samples if sent >= least and answered]
    return round(min(losses), 6) if losses else None
