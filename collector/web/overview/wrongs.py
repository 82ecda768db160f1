"""What is wrong right now: the gravest incidents, each in a line that is read in a second. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from collector.incidents.incident import Incident, Severity

MOST: Final = 5
_RANK: Final[Mapping[Severity, int]] = {"critical": 0, "warning": 1, "notice": 2}


@dataclass(frozen=True, slots=True)
class Wrong:
    """One incident of the short list. `where`: a site's name or what a group's sites share.

    `sites`: how many it is about, of those looked at.
    """

    incident: Incident
    where: str
    sites: int
    since: datetime

    @property
    def provider(self) -> str | None:
        """Whose line it is, where one is known and the group does not name it already."""
        name = self.incident.about.get("provider")
        return None if self.incident.group is not None and name and name in self.where else name


@dataclass(frozen=True, slots=True)
class Wrongs:
    """The short list; `more` incidents beside it need somebody too; `affected` sites in all.

    `mark` changes whenever any such list, whichever sites it is of, would read otherwise.
    """

    first: Sequence[Wrong]
    more: int
    affected: int
    mark: str


def wrongs(
    incidents: Iterable[Incident],
    names: Mapping[str, str],
    *,
    among: Collection[str] | None = None,
    most: int = MOST,
) -> Wrongs:
    """What needs somebody now: not what somebody has silenced, what is planned work, or what a parent tells of.

    `names`: by site, and of groups by incident. `among`: only what is wrong at these sites, of groups too; None: all.
    """
    active = [one for one in incidents if one.active and one.severity != "notice"]
    parents = {one.id for one in active}
    needy = [one for one in active if one.parent not in parents and _is_open(one)]
    found = [_wrong(one, names, sites) for one in needy if (sites := _sites(one, among)) is not None]
    found.sort(key=_gravest_first)
    affected = {site for one in found for site in _sites(one.incident, among) or ()}
    return Wrongs(found[:most], len(found[most:]), len(affected), _mark(needy))


def _mark(needy: Iterable[Incident]) -> str:
    said = sorted((one.id, one.state, one.severity, one.summary.en, len(one.children)) for one in needy)
    return sha256(repr(said).encode()).hexdigest()[:12]


def _sites(one: Incident, among: Collection[str] | None) -> Sequence[str] | None:
    """The sites that it is about, of those that are looked at; None where it is about none of them."""
    about = [one.site] if one.site is not None else one.children
    if among is None:
        return about
    return [site for site in about if site in among] or None


def _is_open(one: Incident) -> bool:
    return one.state != "silenced" and not one.maintenance


def _wrong(one: Incident, names: Mapping[str, str], sites: Sequence[str]) -> Wrong:
    where = names.get(one.id, one.group.name) if one.group is not None else names.get(one.site or "", one.site or "")
    return Wrong(one, where, len(sites) or 1, one.since)


def _gravest_first(one: Wrong) -> tuple[int, bool, int, float]:
    return _RANK[one.incident.severity], one.incident.state != "open", -one.sites, -one.since.timestamp()
