"""What single runs show: errors, failures, places, and how they are written. Pure."""

import statistics
from collections.abc import Iterable

from tests.bench.store import Run, Side


def errors(runs: Iterable[Run]) -> list[tuple[float, str]]:
    """Give |error| and place of every direction that has one."""
    return [(abs(side.error), place(run, way, side)) for run, way, side in sides(runs) if side.error is not None]


def failures(runs: Iterable[Run]) -> list[str]:
    """Give the place and reason of every run or direction that failed, or gave no figure."""
    found = []
    for run in runs:
        if run.failure is not None:
            found.append(f"{run.cell} {run.tool} #{run.repeat}: {run.failure}")
            continue
        found += [
            f"{run.cell} {run.tool} #{run.repeat} {way}: {side.failure or 'no figure'}"
            for way, side in run.sides.items()
            if side.failure or side.mbps is None
        ]
    return found


def shares(runs: Iterable[Run], cell: str) -> dict[str, float]:
    """Give the mean of all looks at this client's steady share of a line, per direction."""
    looks = [run for run in runs if run.tool == "share" and run.cell == cell]
    ways = {way for run in looks for way in run.sides}
    found = {way: [side.mbps for run in looks if (side := run.sides[way]).mbps is not None] for way in sorted(ways)}
    return {way: statistics.mean(values) for way, values in found.items() if values}


def sides(runs: Iterable[Run]) -> list[tuple[Run, str, Side]]:
    """Give every direction of every run."""
    return [(run, way, side) for run in runs for way, side in run.sides.items()]


def place(run: Run, way: str, side: Side) -> str:
    """Name a direction of a run, with its error and its doubts."""
    said = "" if side.error is None else f" {side.error:+.2%}"
    doubts = f" ({', '.join(run.doubts)})" if run.doubts else ""
    return f"{run.cell} #{run.repeat} {way}{said}{doubts}"


def worst_places(found: Iterable[tuple[float, str]], most: float) -> tuple[str, ...]:
    """Give the places whose value is above a limit, worst first."""
    return tuple(place for value, place in sorted(found, reverse=True) if value > most)


def contains(side: Side, truth: float | None) -> bool:
    """Whether the bounds that a direction gives hold the truth."""
    if truth is None or side.low_mbps is None or side.high_mbps is None:
        return False
    return side.low_mbps <= truth <= side.high_mbps


def percent(value: float) -> str:
    """Write a share."""
    return f"{value * 100:.3g} %"


def seconds(value: float) -> str:
    """Write a time."""
    return f"{value:.3g} s"


def number(value: float | None) -> str:
    """Write a rate, or that there is none."""
    return "?" if value is None else f"{value:.1f}"
