"""What is wrong right now: the gravest incidents, each in a line that is read in a second. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from collector.incidents.incident import Incident, Severity

MOST: Final = 5
_RANK: Final[Mapping[Severity, int]] = {"critical": 0, "warning": 1, "notice": 2}


@dataclass(frozen=True, slots=True)
class Wrong:
    """One incident of the short list. `where`: a site's name or what a group's sites share; `sites`: how many."""

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
    """The short list; `more` incidents beside it need somebody too; `affected` sites in all."""

    first: Sequence[Wrong]
    more: int
    affected: int

    @property
    def mark(self) -> str:
        """Changes whenever the short list would read otherwise."""
        said = [
            (one.incident.id, one.incident.state, one.incident.severity, one.incident.summary.en, one.sites)
            for one in self.first
        ]
        return sha256(repr((said, self.more, self.affected)).encode()).hexdigest()[:12]


def wrongs(incidents: Iterable[Incident], names: Mapping[str, str], *, most: int = MOST) -> Wrongs:
    """What needs somebody now: not what somebody has silenced, what is planned work, or what a parent tells of.

    `names`: by site.
    """
    active = [one for one in incidents if one.active and one.severity != "notice"]
    parents = {one.id for one in active}
    found = [_wrong(one, names) for one in active if one.parent not in parents and _is_open(one)]
    found.sort(key=_gravest_first)
    affected = {site for one in found for site in ([one.incident.site] if one.incident.site else one.incident.children)}
    return Wrongs(found[:most], len(found[most:]), len(affected))


def _is_open(one: Incident) -> bool:
    return one.state != "silenced" and not one.maintenance


def _wrong(one: Incident, names: Mapping[str, str]) -> Wrong:
    where = one.group.name if one.group is not None else names.get(one.site or "", one.site or "")
    return Wrong(one, where, len(one.children) or 1, one.since)


def _gravest_first(one: Wrong) -> tuple[int, bool, int, float]:
    return _RANK[one.incident.severity], one.incident.state != "open", -one.sites, -one.since.timestamp()
