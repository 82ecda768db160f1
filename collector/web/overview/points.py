"""The map's points: all sites that the filters let through, as small as they can be told. Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

from collector.web.overview.line import Line
from collector.web.overview.selection import worst_first


class Points(msgspec.Struct, frozen=True):
    """`sites`: of each [id, name, state, longitude, latitude, troubles, median, target, place]; null: not known.

    `place`: its number in `places`, each [commune, province]. Sites without coordinates are there too (null): tiles
    count them.
    """

    places: list[tuple[str, str]]
    sites: list[list[Any]]


def points(lines: Sequence[Line]) -> Points:
    """Every line's point, the worst first."""
    places: dict[tuple[str, str], int] = {}
    told = []
    for line in sorted(lines, key=lambda line: worst_first(line.row)):
        row, site = line.row, line.row.site
        place = places.setdefault((line.commune, line.province), len(places))
        known = site.latitude is not None and site.longitude is not None
        where = [round(site.longitude or 0.0, 5), round(site.latitude or 0.0, 5)] if known else [None, None]
        told.append(
            [
                site.id,
                site.name,
                row.state,
                *where,
                int(line.troubled),
                _short(row.median_mbps),
                _short(row.target_mbps),
                place,
            ]
        )
    return Points(list(places), told)


def unplaced(lines: Sequence[Line]) -> int:
    """How many sites have no coordinates, and so no point."""
    return sum(line.row.site.latitude is None or line.row.site.longitude is None for line in lines)


def block(found: Points) -> str:
    """As JSON that may stand in a page: it cannot end the element that it stands in."""
    return msgspec.json.encode(found).decode().replace("<", "\\u003c")


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
