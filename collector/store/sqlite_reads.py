"""Questions to the embedded store that look at many sites at once. Each runs in the reader's thread.

Every one goes site by site along the primary key (site, time): one run of the disk each, whatever the others hold.
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import Final

from collector.store.line import tag_text
from collector.store.sqlite_schema import NAME, Layout
from collector.store.store import Values

_TIME: Final = itemgetter(0)
SITES_AT_ONCE: Final = 500
"""Sites named in one statement; SQLite allows 32,766 parameters."""


def values(
    layout: Layout, measurement: str, fields: Sequence[str], sites: Sequence[str] | None, window: tuple[int, int]
) -> dict[str, list[Values]]:
    """Each site's rows in a window as (time, *fields), oldest first; `sites` None: of all."""
    known = layout.columns(measurement) if NAME.fullmatch(measurement) else {}
    if not any(field in known for field in fields):
        return {}
    chosen = ", ".join(f'point."{field}"' if field in known else "NULL" for field in fields)
    there = " OR ".join(f'point."{field}" IS NOT NULL' for field in fields if field in known)
    statement = (
        f"SELECT site.name, point._time, {chosen} FROM _site AS site"  # noqa: S608 - names are columns
        f' CROSS JOIN "_{measurement}" AS point ON point._site = site.id'
        f" WHERE {{which}} AND point._time >= ? AND point._time < ? AND ({there})"
    )
    flags = [place for place, field in enumerate(fields, 1) if known.get(field) is bool]
    found: dict[str, list[Values]] = {}
    for which, names in _groups(sites):
        for site, *row in layout.connection.execute(statement.format(which=which), (*names, *window)):
            for place in flags:
                if row[place] is not None:
                    row[place] = bool(row[place])
            found.setdefault(site, []).append(tuple(row))
    for rows in found.values():
        rows.sort(key=_TIME)  # mostly they are: the key begins with site and time
    return found


def _groups(sites: Sequence[str] | None) -> list[tuple[str, list[str]]]:
    """Conditions that name the sites, with their parameters."""
    if sites is None:
        return [("site.name != ''", [])]
    names = [tag_text(site) for site in sites]
    parts = [names[first : first + SITES_AT_ONCE] for first in range(0, len(names), SITES_AT_ONCE)]
    return [(f"site.name IN ({', '.join('?' * len(part))})", part) for part in parts]
