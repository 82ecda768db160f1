"""Whose part of the way fails: the site's own network, the access line, the provider, or the destination. Pure."""

from dataclasses import dataclass
from typing import Literal

Domain = Literal["lan", "access", "provider", "destination"]


@dataclass(frozen=True, slots=True)
class Reach:
    """What answered along the way, in its order; None: nobody asked, or it could not be told.

    `device`: it has an address and a route; `gateway`: the router of the site's own network; `provider`: the first
    router beyond the access line; `others`: any other destination beyond the provider; `target`: the one it is about.
    """

    device: bool | None = None
    gateway: bool | None = None
    provider: bool | None = None
    others: bool | None = None
    target: bool | None = None


def domain(reach: Reach) -> Domain | None:
    """Name the first part of the way that fails; None if the target answers, or if nothing says where it ends.

    What answers farther out proves what lies before it: many routers forward and never answer themselves.
    """
    if reach.target:
        return None
    if reach.others:
        return "destination"
    if reach.provider:
        return "provider"
    if reach.device is False or reach.gateway is False:
        return "lan"
    return "access" if reach.gateway and reach.provider is False else None
