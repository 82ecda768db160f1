"""Our questions in InfluxQL, and the answers as rows. Pure; the subset that 1.x, 2.x and 3.x share."""

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

from collector.store.line import LAST_NS, tag_text
from collector.store.points import conclusive_flag
from collector.store.store import FieldValue, Row, Summary, Values

Series = Mapping[str, Any]
SITES_AT_ONCE: Final = 50
"""Sites named in one question: it travels in the address, which servers and proxies cut at some 8 KB."""

_TIME: Final = itemgetter(0)
_FIRST_NS: Final = 0
"""InfluxQL knows no negative times; nothing of ours is older than 2024."""


def samples(measurement: str, site: str, window: tuple[int, int], limit: int | None) -> str:
    """One site's rows, of each series the newest `limit`; `GROUP BY *` tells tags from fields."""
    newest = f" ORDER BY time DESC LIMIT {limit}" if limit is not None else ""
    where = f"{name('site')} = {string(tag_text(site))} AND {_within(window)}"
    return f"SELECT * FROM {name(measurement)} WHERE {where} GROUP BY *{newest}"  # noqa: S608 - all parts are quoted


def recent(measurement: str, start_ns: int, per_site: int, fields: Sequence[str] | None = None) -> str:
    """The newest rows of each series, of those that hold any of the fields (None: any at all)."""
    chosen = "*" if fields is None else ", ".join(name(one) for one in fields)
    return (
        f"SELECT {chosen} FROM {name(measurement)} WHERE {_within((start_ns, LAST_NS))}"  # noqa: S608 - all parts are quoted
        f" GROUP BY * ORDER BY time DESC LIMIT {per_site}"
    )


def summary(measurement: str, field: str, window: tuple[int, int]) -> str:
    """Each site's number and median of a field over its conclusive rows."""
    value, flag = name(field), name(conclusive_flag(measurement, field))
    return (
        f"SELECT median({value}) AS median, count({value}) AS n FROM {name(measurement)}"  # noqa: S608 - all parts are quoted
        f" WHERE {flag} = true AND {_within(window)} GROUP BY {name('site')}"
    )


def having(measurement: str, field: str, beside: Sequence[str], window: tuple[int, int]) -> str:
    """The rows that hold a field. One selected alone is asked for by that; beside others it is compared."""
    there = f" AND ({name(field)} >= 0 OR {name(field)} < 0)" if beside else ""
    chosen = ", ".join(name(one) for one in (field, *beside))
    return f"SELECT {chosen} FROM {name(measurement)} WHERE {_within(window)}{there} GROUP BY *"  # noqa: S608 - all parts are quoted


def values(measurement: str, fields: Sequence[str], sites: Sequence[str] | None, window: tuple[int, int]) -> str:
    """The rows of these sites (None: of all) that hold any of the fields, by site."""
    chosen = ", ".join(name(one) for one in fields)
    where = _within(window)
    if sites is not None:
        names = (f"{name('site')} = {string(tag_text(site))}" for site in sites)
        where += f" AND ({' OR '.join(names)})"
    return f"SELECT {chosen} FROM {name(measurement)} WHERE {where} GROUP BY {name('site')}"  # noqa: S608 - all parts are quoted


def groups(sites: Sequence[str] | None) -> list[Sequence[str] | None]:
    """Sites, so many at a time as one question may name."""
    if sites is None:
        return [None]
    return [sites[first : first + SITES_AT_ONCE] for first in range(0, len(sites), SITES_AT_ONCE)]


def tuples(series: Sequence[Series]) -> dict[str, list[Values]]:
    """Each site's rows as (time, *fields); what has no site is left out."""
    found: dict[str, list[Values]] = {}
    for one in series:
        site = one.get("tags", {}).get("site")
        if site:
            found[site] = sorted(map(tuple, one["values"]), key=_TIME)
    return found


def rows(series: Sequence[Series]) -> list[Row]:
    """Rows of all series, oldest first."""
    found = [row for one in series for row in _rows(one)]
    found.sort(key=lambda row: (row.time_ns, sorted(row.tags.items())))
    return found


def summaries(series: Sequence[Series]) -> dict[str, Summary]:
    """Each site's summary; what has no site is left out."""
    found: dict[str, Summary] = {}
    for one in series:
        site = one.get("tags", {}).get("site")
        values = dict(zip(one["columns"], one["values"][0], strict=True))
        if site and values["n"] and values["median"] is not None:
            found[site] = Summary(int(values["n"]), float(values["median"]))
    return found


def name(text: str) -> str:
    """A measurement, tag or field as an InfluxQL identifier."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'


def string(text: str) -> str:
    """A value as an InfluxQL string."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", " ") + "'"


def _within(window: tuple[int, int]) -> str:
    start, end = (min(max(edge, _FIRST_NS), LAST_NS) for edge in window)
    return f"time >= {start} AND time < {end}"


def _rows(series: Series) -> Iterator[Row]:
    tags = {key: value for key, value in series.get("tags", {}).items() if value}
    columns: list[str] = series["columns"]
    for time, *values in series["values"]:
        fields = {key: _value(value) for key, value in zip(columns[1:], values, strict=True) if value is not None}
        yield Row(int(time), tags, fields)


def _value(value: FieldValue) -> FieldValue:
    """JSON writes 100.0 as 100; every number of ours is a float."""
    return value if isinstance(value, (str, bool)) else float(value)
