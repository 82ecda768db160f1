"""InfluxQL, as Grafana's data source takes it: our tags as filters, its macros inside. Pure.

Only what InfluxDB 1.x, 2.x (its v1 API) and 3.x all answer. Names and tags are those of the contract, "Time series".

Three kinds of look at time:
- `$timeFilter`, the dashboard's own range, for what happened in it;
- `RECENTLY`, for how things stand at the range's end: standings are written once a day and when they change, so that
  two days hold the newest of every site, however short the range is;
- days begin in Viet Nam, seven hours before UTC (`DAILY`): it has no summer time.
"""

from collections.abc import Iterable
from typing import Final

PLAN: Final = '"plan" =~ /^${plan:regex}$/'
PLACE: Final = (
    '"province" =~ /^${province:regex}$/ AND "commune" =~ /^${commune:regex}$/ AND "site_kind" =~ /^${kind:regex}$/'
    ' AND "provider" =~ /^${provider:regex}$/ AND "site" =~ /^${sites:regex}$/'
)
"""The filters that every measurement has the tags for. Communes of two provinces may have the same name."""
INCIDENTS: Final = f'({PLACE} OR "commune" = \'\' AND "province" =~ /^(${{province:regex}})?$/)'
"""Incidents of the chosen sites, and those that sites of several communes (or provinces) share: these have none."""
SITE: Final = '"site" =~ /^${site:regex}$/'
"""One site, where the dashboard is about one."""
RECENTLY: Final = "time > ${__to}ms - 2d AND time <= ${__to}ms"
LAST_YEAR: Final = "time > ${__to}ms - 400d AND time <= ${__to}ms"
LAST_WEEK: Final = "time > ${__to}ms - 7d AND $timeFilter"
LAST_MONTH: Final = "time > ${__to}ms - 31d AND $timeFilter"
"""Of the range no more than its end: where single reports are read, which for a fleet are many."""
LAST_HOUR: Final = "time > ${__to}ms - 1h AND time <= ${__to}ms"
DAILY: Final = "time($__interval, -7h)"
DOWNLOAD: Final = '"indicator" = \'download_mbps\' AND "scope" !~ /^contract-/'
"""The verdicts on what a plan promises of the download, and not on what a contract does."""
MOBILE: Final = '"access" =~ /^cellular/'
FIXED: Final = '"access" !~ /^cellular/'
"""The networks that a plan's targets tell apart."""
STATES: Final = ("met", "below", "inconclusive", "silent")


def raw(measurement: str) -> str:
    """A measurement of single reports: it may lie in a retention policy of its own (the variable `raw`)."""
    return '${raw:raw}"' + measurement + '"'


def lasting(measurement: str) -> str:
    """A measurement of what is kept for ever: verdicts, standings, incidents, completeness, roll-ups."""
    return f'"{measurement}"'


def where(*conditions: str) -> str:
    """Conditions that all hold."""
    return " AND ".join(conditions)


def select(what: str, source: str, condition: str, *, by: str = "", fill: str = "") -> str:
    """One statement."""
    return (
        f"SELECT {what} FROM {source} WHERE {condition}"  # noqa: S608 - our own words, for a dashboard
        f"{f' GROUP BY {by}' if by else ''}{f' fill({fill})' if fill else ''}"
    )


def of(inner: str) -> str:
    """A statement as the source of another."""
    return f"({inner})"


def tags(*names: str) -> str:
    """Names as a list of identifiers."""
    return ", ".join(f'"{name}"' for name in names)


def lasts(fields: Iterable[str]) -> str:
    """The newest value of each field, under its own name. Every row must have all of them."""
    return ", ".join(f'last("{field}") AS "{field}"' for field in fields)


def newest(what: str, source: str, condition: str) -> str:
    """Of each site the newest row of the condition, whatever its other tags have become: those are columns here.

    A site that has moved, or has another provider now, has two series; by these tags it would be counted twice.
    """
    return select(what, source, condition, by=tags("site"))


def standings(*group: str, states: Iterable[str] = STATES) -> str:
    """How each chosen site stands at the end of the range: states as numbers, each a reading, by these tags and it."""
    return select(lasts(states), lasting("standing"), where(PLAN, PLACE, RECENTLY), by=tags("site", *group))


def middle(field: str, measurement: str, when: str, *, by: str = "") -> str:
    """The median of a field's conclusive values per step, straight from the reports, with empty steps left empty."""
    steps = f"time($__interval), {by}" if by else "time($__interval)"
    held = where(PLACE, '"conclusive" = true', when)
    return select(f'median("{field}") AS "value"', raw(measurement), held, by=steps, fill="null")


def rolled(kind: str) -> str:
    """The roll-ups of a kind, by hours or by days as the variable `level` says: raw ones are too many for a fleet."""
    return f'"{kind}_${{level}}"'


def typical(field: str, kind: str, *, by: str = "", figure: str = "median") -> str:
    """Of a field's medians (or `figure`) in each site's hours or days, the median per step, empty steps left empty."""
    steps = f"time($__interval), {by}" if by else "time($__interval)"
    what = f'median("{field}_{figure}") AS "value"'
    return select(what, rolled(kind), where(PLACE, "$timeFilter"), by=steps, fill="null")


def number_of(field: str, value: str, inner: str) -> str:
    """How many rows of a statement have a field with this value (InfluxQL, quoted where it is text)."""
    return select(f'count("{field}") AS "n"', of(inner), f'"{field}" = {value}')
