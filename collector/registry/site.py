"""What the registry knows of sites and agents, as immutable values. Pure: no database here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Literal, TypeVar

T = TypeVar("T")

SiteKind = Literal["school", "clinic", "office", "other"]
Area = Literal["urban", "rural"]
Access = Literal["fibre", "cable", "copper", "cellular_4g", "cellular_5g", "satellite", "wireless", "other"]


@dataclass(frozen=True, slots=True)
class Site:
    """A school, clinic or communal office as it was during one period: the columns of the sites CSV."""

    id: str
    name: str
    kind: SiteKind
    area: Area
    province: str
    commune: str
    village: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    access: Access | None = None
    provider: str | None = None
    contract_down_mbps: float | None = None
    contract_up_mbps: float | None = None
    plan: str | None = None


@dataclass(frozen=True, slots=True)
class Version(Generic[T]):
    """A value from `since` (None: from the beginning) until the next version's `since`."""

    since: datetime | None
    value: T


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole registry at one moment, for lookups without I/O. `revision` rises with every change.

    `sites` and `agents` (agent id → site id, None when revoked) hold each key's versions, oldest first.
    """

    revision: int = 0
    sites: Mapping[str, tuple[Version[Site], ...]] = field(default_factory=dict)
    agents: Mapping[str, tuple[Version[str | None], ...]] = field(default_factory=dict)

    def site_of(self, agent: str, at: datetime) -> Site | None:
        """The site that an agent stood at then, as that site was then; None for an agent nobody registered."""
        site_id = _as_of(self.agents.get(agent, ()), at)
        return _as_of(self.sites.get(site_id, ()), at) if site_id else None

    def site_at(self, site_id: str, at: datetime) -> Site | None:
        """A site as it was then."""
        return _as_of(self.sites.get(site_id, ()), at)

    def site(self, site_id: str) -> Site | None:
        """A site as it is now."""
        versions = self.sites.get(site_id)
        return versions[-1].value if versions else None


def _as_of(versions: tuple[Version[T], ...], at: datetime) -> T | None:
    for version in reversed(versions):
        if version.since is None or version.since <= at:
            return version.value
    return None
