"""Other programs and ourselves in the same cells. Pure."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tests.bench.findings import errors
from tests.bench.store import Run

PEER_NAMES: Final = {"iperf3": "iperf3 -P4 10 s", "speedtest": "speedtest-cli", "fixed": "fixed 10 s mean"}


@dataclass(frozen=True, slots=True)
class Rivalry:
    """A peer and ourselves in the same cells. Errors are means of |error|; bytes are both directions of a run."""

    tool: str
    cells: int
    error: float
    own_error: float
    worst: float
    megabytes: float
    own_megabytes: float
    took_s: float


def rivalries(runs: Iterable[Run]) -> list[Rivalry]:
    """Compare with each peer over the cells that both measured."""
    every = [run for run in runs if run.case == "clean"]
    return [found for tool in PEER_NAMES if (found := _rivalry(tool, every)) is not None]


def _rivalry(tool: str, every: Sequence[Run]) -> Rivalry | None:
    theirs = [run for run in every if run.tool == tool and errors([run])]
    cells = {run.cell for run in theirs}
    ours = [run for run in every if run.tool == "own" and run.cell in cells and errors([run])]
    theirs = [run for run in theirs if run.cell in {run.cell for run in ours}]
    if not ours or not theirs:
        return None
    found, own = ([value for value, _ in errors(runs)] for runs in (theirs, ours))
    return Rivalry(
        tool=tool,
        cells=len({run.cell for run in theirs}),
        error=statistics.mean(found),
        own_error=statistics.mean(own),
        worst=max(found),
        megabytes=_megabytes(theirs),
        own_megabytes=_megabytes(ours),
        took_s=statistics.mean(run.took_s for run in theirs),
    )


def _megabytes(runs: Sequence[Run]) -> float:
    """The mean over cells of a run's bytes, so that a cell with more repeats weighs no more."""
    cells: dict[str, list[float]] = {}
    for run in runs:
        cells.setdefault(run.cell, []).append(sum(side.link_bytes for side in run.sides.values()) / 1e6)
    return statistics.mean(statistics.mean(values) for values in cells.values())
