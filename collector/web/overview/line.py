"""One line of the list: a site's facts with what its place is called and since when something goes on there. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from collector.incidents.incident import Cause, Incident
from collector.plans.binding import network_of
from collector.web.pages import SiteRow

SAYS: Final[Mapping[str, Cause]] = {"below": "below_target", "silent": "silent"}
"""The cause that a state says already."""


@dataclass(frozen=True, slots=True)
class Since:
    """By site and cause, from when on something has been wrong there; its groups' troubles included."""

    found: Mapping[str, Mapping[Cause, datetime]]

    def of(self, site: str, cause: Cause | None = None) -> datetime | None:
        """From when on: of one cause, or of whatever began first; None where nothing is wrong."""
        known = self.found.get(site, {})
        return min(known.values(), default=None) if cause is None else known.get(cause)


def since(incidents: Iterable[Incident]) -> Since:
    """From what is open; what is told in a digest only is no trouble."""
    found: dict[str, dict[Cause, datetime]] = {}
    for each in incidents:
        if each.active and each.severity != "notice":
            for site in [each.site] if each.site is not None else each.children:
                known = found.setdefault(site, {})
                known[each.cause] = min(each.since, known.get(each.cause, each.since))
    return Since(found)


@dataclass(frozen=True, slots=True)
class Line:
    """A line. `commune`, `province`: as people call them. `names`: what else its places are called, for the search.

    `since`: when what its state says began, or else the oldest of what goes on there.
    """

    row: SiteRow
    commune: str
    province: str
    names: str = ""
    since: datetime | None = None
    troubled: bool = False

    @property
    def network(self) -> str | None:
        """`mobile` or `fixed`, by its access line; None where nobody said what line it has."""
        return network_of(self.row.site)


def lines(
    rows: Iterable[SiteRow], called: Mapping[str, tuple[str, str]], names: Mapping[str, str], known: Since
) -> Sequence[Line]:
    """All lines, in the order of the rows."""
    found = []
    for row in rows:
        site = row.site.id
        began = known.of(site)
        own = known.of(site, SAYS[row.state]) if row.state in SAYS else None
        found.append(Line(row, *called[site], names.get(site, ""), own or began, began is not None))
    return found
