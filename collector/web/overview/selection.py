"""What the list shows: the filters that live in the URL, which lines they let through, and in which order. Pure."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final
from unicodedata import combining, normalize

from collector.web.overview.line import Line
from collector.web.pages import ORDER, SiteRow, State

Box = tuple[float, float, float, float]
"""West, south, east, north, in degrees."""
_TEXT: Final = 100
_EDGES: Final = 4


@dataclass(frozen=True, slots=True)
class Filters:
    """What is wanted; empty: all. Codes are those of the sites table, `network` is `fixed` or `mobile`."""

    text: str = ""
    state: State | None = None
    incident: bool = False
    province: str = ""
    commune: str = ""
    kind: str = ""
    area: str = ""
    provider: str = ""
    access: str = ""
    network: str = ""
    plan: str = ""
    box: Box | None = None

    @property
    def place(self) -> "Filters":
        """The same without state, incidents and the map's frame: what tiles count and the map shows."""
        return replace(self, state=None, incident=False, box=None)

    @property
    def is_of_some(self) -> bool:
        """Whether tiles count some of the sites only."""
        return self.place != Filters()


FACETS: Final[Mapping[str, Callable[[Line], str]]] = {
    "province": lambda line: line.row.site.province,
    "commune": lambda line: line.row.site.commune,
    "kind": lambda line: line.row.site.kind,
    "area": lambda line: line.row.site.area,
    "provider": lambda line: line.row.site.provider or "",
    "access": lambda line: line.row.site.access or "",
    "network": lambda line: line.network or "",
    "plan": lambda line: line.row.site.plan or "",
}
"""Each filter that is one of a few values, and a line's value; empty where it is not known."""


def filters_of(query: Mapping[str, str]) -> Filters:
    """What a page's address asks for; what makes no sense asks for nothing."""
    return Filters(
        text=query.get("q", "").strip()[:_TEXT],
        state=next((state for state in ORDER if state == query.get("state")), None),
        incident=query.get("incident") == "1",
        box=box_of(query.get("box", "")),
        **{name: query.get(name, "")[:_TEXT] for name in FACETS},
    )


def box_of(text: str) -> Box | None:
    """A frame as the address writes it: west,south,east,north; None for what is none."""
    try:
        edges = [float(part) for part in text.split(",")]
    except ValueError:
        return None
    if len(edges) != _EDGES or not all(map(math.isfinite, edges)):
        return None
    west, south, east, north = edges
    return (west, south, east, north) if west < east and south < north else None


def chosen(lines: Iterable[Line], filters: Filters) -> list[Line]:
    """The lines that fit, in the order in which they came."""
    wanted = {name: value for name in FACETS if (value := getattr(filters, name))}
    needles = folded(filters.text).split()
    return [
        line
        for line in lines
        if (filters.state is None or line.row.state == filters.state)
        and (line.troubled or not filters.incident)
        and all(FACETS[name](line) == value for name, value in wanted.items())
        and (not needles or _sought(line, needles))
        and (filters.box is None or _within(line, filters.box))
    ]


def _sought(line: Line, needles: Sequence[str]) -> bool:
    site = line.row.site
    words = f"{site.id} {site.name} {site.commune} {site.village or ''} {line.commune} {line.province} {line.names}"
    plain = folded(words)
    return all(needle in plain for needle in needles)


@lru_cache(maxsize=65_536)
def folded(text: str) -> str:
    """The text as people type it in haste: small letters without marks, `d` for `đ`."""
    plain = normalize("NFD", text.casefold().replace("đ", "d"))
    return "".join(letter for letter in plain if not combining(letter))


def _within(line: Line, box: Box) -> bool:
    site, (west, south, east, north) = line.row.site, box
    if site.latitude is None or site.longitude is None:
        return False
    return west <= site.longitude <= east and south <= site.latitude <= north


def worst_first(row: SiteRow) -> tuple[int, int, float, str]:
    """Where a line stands: the worst state first, the furthest below its target on top."""
    open_there = 0 if row.state == "below" else len(row.trouble)
    return ORDER.index(row.state), -open_there, row.ratio if row.ratio is not None else 2.0, row.site.name


COLUMNS: Final[Mapping[str, Callable[[Line], str | float | None]]] = {
    "site": lambda line: folded(line.row.site.name),
    "place": lambda line: folded(f"{line.province} {line.commune}"),
    "last": lambda line: line.row.last_mbps,
    "median": lambda line: line.row.median_mbps,
    "share": lambda line: line.row.ratio,
    "since": lambda line: line.since.timestamp() if line.since else None,
    "seen": lambda line: line.row.contact.seen.timestamp() if line.row.contact.seen else None,
}
"""The columns that one can sort by, and what is compared."""


def sort_of(query: Mapping[str, str]) -> str:
    """The order that an address asks for: a column's name, after a minus from the greatest down; else `worst`."""
    asked = query.get("sort", "")
    return asked if asked.removeprefix("-") in COLUMNS else "worst"


def ordered(lines: Iterable[Line], sort: str = "worst") -> list[Line]:
    """The lines in that order; those of which the column is not known come last either way."""
    worst = sorted(lines, key=lambda line: worst_first(line.row))
    if sort == "worst":
        return worst
    value = COLUMNS[sort.removeprefix("-")]
    known = [line for line in worst if value(line) is not None]
    known.sort(key=lambda line: value(line) or 0, reverse=sort.startswith("-"))  # stable: the worse of equals first
    return known + [line for line in worst if value(line) is None]


def counts(lines: Iterable[Line]) -> Mapping[State, int]:
    """How many sites are in each state."""
    found: dict[State, int] = dict.fromkeys(ORDER, 0)
    for line in lines:
        found[line.row.state] += 1
    return found


def choices(lines: Sequence[Line], filters: Filters) -> Mapping[str, Sequence[str]]:
    """By filter the values to choose from: only where there are several, or one is chosen already.

    Communes are those of the chosen province.
    """
    found: dict[str, Sequence[str]] = {}
    for name, value in FACETS.items():
        among = (
            lines if name != "commune" or not filters.province else chosen(lines, Filters(province=filters.province))
        )
        values = sorted({value(line) for line in among} - {""}, key=folded)
        asked: str = getattr(filters, name)
        if asked and asked not in values:
            values.append(asked)
        if len(values) > 1 or asked:
            found[name] = values
    return found
