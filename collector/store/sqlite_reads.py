"""Questions to the embedded store that look at many sites at once. Each runs in the reader's thread.

Every one goes site by site along the primary key (site, time): one run of the disk each, whatever the others hold.
"""

import statistics
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from operator import itemgetter
from typing import Any, Final

from collector.store.line import tag_text
from collector.store.points import EXTRA_TAGS, TAGS, conclusive_flag
from collector.store.sqlite_schema import NAME, RARE, Layout, index_name, tags_of
from collector.store.store import FieldValue, Row, Summary, Values

_FOR_EVER: Final = 2**63 - 1
_TIME: Final = itemgetter(0)
_ALL_TAGS: Final = frozenset({*TAGS, *EXTRA_TAGS})
SITES_AT_ONCE: Final = 500
"""Sites named in one statement; SQLite allows 32,766 parameters."""


def samples(layout: Layout, measurement: str, site: str, window: tuple[int, int], count: int) -> list[Row]:
    """The newest `count` rows (-1: all) of a site in a window, oldest first."""
    return _Newest(layout, measurement, None).of(tag_text(site), window, count)


def recent(
    layout: Layout, measurement: str, start_ns: int, count: int, fields: Sequence[str] | None
) -> dict[str, list[Row]]:
    """Each site's newest rows that hold any of the fields (None: any at all), oldest first."""
    newest = _Newest(layout, measurement, fields)
    sites = [name for (name,) in layout.connection.execute("SELECT name FROM _site WHERE name != '' ORDER BY name")]
    rows = {site: newest.of(site, (start_ns, _FOR_EVER), count) for site in sites}
    return {site: found for site, found in rows.items() if found}


class _Newest:
    """One statement for the newest rows of any site."""

    def __init__(self, layout: Layout, measurement: str, fields: Sequence[str] | None) -> None:
        known = layout.columns(measurement) if NAME.fullmatch(measurement) else {}
        chosen = known if fields is None else {name: known[name] for name in fields if name in known}
        names = "".join(f', point."{name}"' for name in chosen)
        there = "" if fields is None else _any(chosen)
        self._connection, self._types = layout.connection, tuple(chosen.items())
        self._statement = (
            f'SELECT point._time, series.tags{names} FROM "_{measurement}" AS point'  # noqa: S608 - names are checked
            " JOIN _series AS series ON series.id = point._series"
            " WHERE point._site = (SELECT id FROM _site WHERE name = ?) AND point._time >= ? AND point._time < ?"
            f"{there} ORDER BY point._time DESC, point._series DESC LIMIT ?"
        )

    def of(self, site: str, window: tuple[int, int], count: int) -> list[Row]:
        """A site's newest rows; -1: all."""
        if not self._types:
            return []
        found = self._connection.execute(self._statement, (site, *window, count)).fetchall()
        return [Row(time, tags_of(tags), typed(self._types, values)) for time, tags, *values in reversed(found)]


def values(
    layout: Layout, measurement: str, fields: Sequence[str], sites: Sequence[str] | None, window: tuple[int, int]
) -> dict[str, list[Values]]:
    """Each site's rows in a window as (time, *fields), oldest first; `sites` None: of all."""
    known = layout.columns(measurement) if NAME.fullmatch(measurement) else {}
    if not any(field in known for field in fields):
        return {}
    chosen = ", ".join(_column(field, known) for field in fields)
    there = _any([field for field in fields if field in known])
    statement = (
        f"SELECT site.name, point._time, {chosen} FROM _site AS site"  # noqa: S608 - names are columns
        f' CROSS JOIN "_{measurement}" AS point ON point._site = site.id'
        f" WHERE {{which}} AND point._time >= ? AND point._time < ?{there}"
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


def having(layout: Layout, measurement: str, fields: Sequence[str], window: tuple[int, int]) -> list[Row]:
    """Rows of all sites that hold the first of the fields, oldest first."""
    columns = layout.columns(measurement) if NAME.fullmatch(measurement) else {}
    types = tuple((name, columns[name]) for name in dict.fromkeys(fields) if name in columns)
    if fields[0] not in columns:
        return []
    names = ", ".join(f'point."{name}"' for name, _ in types)
    index = index_name(measurement, fields[0])
    # Left to itself SQLite goes through all rows of the window.
    by = f'INDEXED BY "{index}"' if fields[0] in RARE.get(measurement, ()) else ""
    found = layout.connection.execute(
        f"SELECT point._time, series.tags, {names} FROM _site AS site"  # noqa: S608 - names are columns
        f' CROSS JOIN "_{measurement}" AS point {by} ON point._site = site.id'
        " JOIN _series AS series ON series.id = point._series"
        f" WHERE site.name != '' AND point._time >= ? AND point._time < ? AND point.\"{fields[0]}\" IS NOT NULL",
        window,
    ).fetchall()
    found.sort(key=itemgetter(0, 1))
    return [Row(time, tags_of(tags), typed(types, values)) for time, tags, *values in found]


def summary(layout: Layout, measurement: str, field: str, window: tuple[int, int]) -> dict[str, Summary]:
    """Each site's number and median of a field over its conclusive rows."""
    columns = layout.columns(measurement) if NAME.fullmatch(measurement) else {}
    flag = conclusive_flag(measurement, field)
    if columns.get(field) is not float or flag not in columns:
        return {}
    found = layout.connection.execute(
        f'SELECT site.name, point."{field}" FROM _site AS site'  # noqa: S608 - names are columns
        f' CROSS JOIN "_{measurement}" AS point ON point._site = site.id'
        f" WHERE site.name != '' AND point._time >= ? AND point._time < ? AND point.\"{flag}\""
        f' AND point."{field}" IS NOT NULL',
        window,
    )
    numbers: dict[str, list[float]] = defaultdict(list)
    for site, value in found:
        numbers[site].append(value)
    return {site: Summary(len(some), statistics.median(some)) for site, some in numbers.items()}


def typed(types: tuple[tuple[str, type], ...], values: list[Any]) -> dict[str, FieldValue]:
    """A row's fields in their own types, without those that are not there."""
    return {
        name: bool(value) if kind is bool else value
        for (name, kind), value in zip(types, values, strict=True)
        if value is not None
    }


def _column(field: str, known: Collection[str]) -> str:
    """Where a field, or one of our tags, stands; NULL where nothing has it."""
    if field in known:
        return f'point."{field}"'
    if field in _ALL_TAGS:
        return f"(SELECT tags ->> '{field}' FROM _series WHERE id = point._series)"  # noqa: S608 - a tag of ours
    return "NULL"


def _any(fields: Iterable[str]) -> str:
    """The condition that one of these columns stands, to be put after others."""
    there = (f'point."{name}" IS NOT NULL' for name in fields)
    return f" AND ({' OR '.join(there)})"


def _groups(sites: Sequence[str] | None) -> list[tuple[str, list[str]]]:
    """Conditions that name the sites, with their parameters."""
    if sites is None:
        return [("site.name != ''", [])]
    names = [tag_text(site) for site in sites]
    parts = [names[first : first + SITES_AT_ONCE] for first in range(0, len(names), SITES_AT_ONCE)]
    return [(f"site.name IN ({', '.join('?' * len(part))})", part) for part in parts]
