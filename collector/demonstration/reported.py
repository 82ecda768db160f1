"""What made-up provinces report of themselves: figures under each plan, the nation's series, villages. Pure."""

from collections.abc import Iterable, Iterator
from datetime import date
from random import Random
from typing import Final

from collector.demonstration.country import HAMLETS, PROVINCES
from collector.figures.figure import Figure
from collector.places.unit import Unit, path_of
from collector.plans.period import Period, period
from collector.plans.types import Plan
from collector.registry.codes import nearest_code

_SOURCE: Final = "Số liệu minh họa, không có thật"
_HOW: Final = ("reported", "derived")
_QUARTERS: Final = 6
_SINCE: Final = date(2025, 7, 1)
_TODAY: Final = {"bac-giang": "bac-ninh", "binh-phuoc": "dong-nai"}
"""Provinces in which an area of a plan lies since 1 July 2025; others are their own."""
_NATION: Final = {"ispeed_fixed_download_mbps": (190.0, 6.0), "ispeed_mobile_download_mbps": (98.0, 4.5)}


def figures(plans: Iterable[Plan], today: date, seed: int) -> list[Figure]:
    """The reported indicators of each plan by quarter, most near their target and some short of it."""
    found: dict[tuple[str, str, str, str], Figure] = {}
    quarters = list(_quarters(today))
    for plan in plans:
        for target in plan.targets:
            if target.how not in _HOW or target.value is None or target.unit == "done":
                continue
            chance = Random(f"{seed} {plan.id} {target.indicator}")  # noqa: S311 - made up
            share = chance.uniform(0.82, 1.04)
            most = 100.0 if target.unit == "percent" else float("inf")
            for place, quarter in enumerate(quarters):
                value = round(min(most, target.value * share * (0.93 + 0.07 * (place + 1) / len(quarters))), 1)
                figure = Figure(plan.id, target.indicator, "", quarter, value, target.unit, _SOURCE)
                found[figure.key] = figure
    return list(found.values())


def nation(today: date) -> list[Figure]:
    """The nation's monthly averages as a reference series."""
    months = [period(f"{year}-{month:02d}") for year, month in _months(today)]
    return [
        Figure("", name, "", month, round(first + step * place, 1), "Mbps", _SOURCE)
        for name, (first, step) in _NATION.items()
        for place, month in enumerate(months)
    ]


def villages() -> list[Unit]:
    """Ten villages in each commune, about where it lies, with people and households."""
    found: list[Unit] = []
    for province in PROVINCES:
        for commune in province.communes:
            for name in HAMLETS[province.short]:
                chance = Random(f"{commune.code} {name}")  # noqa: S311 - made up
                households = chance.randrange(35, 210)
                found.append(
                    Unit(
                        path_of(_TODAY.get(province.code, province.code), commune.code, nearest_code(name)),
                        "village",
                        name,
                        "thôn",
                        valid_from=_SINCE,
                        latitude=round(commune.latitude + chance.uniform(-commune.reach, commune.reach), 5),
                        longitude=round(commune.longitude + chance.uniform(-commune.reach, commune.reach), 5),
                        population=round(households * chance.uniform(3.4, 4.6)),
                        households=households,
                        source=_SOURCE,
                    )
                )
    return found


def _quarters(today: date) -> Iterator[Period]:
    """The last whole quarters before a day, the oldest first."""
    number = today.year * 4 + (today.month - 1) // 3
    for back in range(_QUARTERS, 0, -1):
        year, quarter = divmod(number - back, 4)
        yield period(f"{year}-Q{quarter + 1}")


def _months(today: date) -> Iterator[tuple[int, int]]:
    number = today.year * 12 + today.month - 1
    for back in range(6, 0, -1):
        year, month = divmod(number - back, 12)
        yield year, month + 1
