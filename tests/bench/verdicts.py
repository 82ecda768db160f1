"""From runs to the rows of the table, each with its goal and whether it is met. Pure."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tests.bench.cells import BUDGET_BYTES
from tests.bench.comparison import PEER_NAMES, rivalries
from tests.bench.findings import (
    contains,
    errors,
    failures,
    number,
    percent,
    place,
    seconds,
    shares,
    sides,
    worst_places,
)
from tests.bench.store import Run

TIME_MOST_S: Final = 10.5
BUDGET_MOST: Final = BUDGET_BYTES * 1.15
HARD_ERROR: Final = 0.03
# What counts as honest where the number cannot be right
HONEST: Final = frozenset({"not_converged", "peer_bound"})
BUSY: Final = "peer:busy"
NOTHING: Final = "-"
CONTAINED: Final = "truth in low…high, or a doubt"


@dataclass(frozen=True, slots=True)
class Row:
    """One goal. `met` None: nothing was measured. `misses`: which runs are to blame, worst first."""

    case: str
    what: str
    goal: str
    found: str
    met: bool | None
    runs: int = 0
    misses: tuple[str, ...] = ()


def rows(runs: Iterable[Run]) -> list[Row]:
    """Give every row of the table, in its order."""
    every = list(runs)
    own = [run for run in every if run.tool == "own"]
    return [
        *_clean([run for run in own if run.case == "clean"]),
        *_impaired([run for run in own if run.case == "impaired"]),
        *_doubtful([run for run in own if run.case == "doubt"]),
        *_unsteady("lte", every),
        *_unsteady("rival", every),
        *_peers(every),
        *_costs([run for run in every if run.tool == "cost"]),
        _deadline(own),
        _budget([run for run in own if run.case == "budget"]),
    ]


# --- what several rows need


def _most(
    case: str, what: str, values: Sequence[float], *, most: float, show: Callable[[float], str], of: Sequence[Run]
) -> Row:
    """One row about the mean of some values, which may not be above a limit."""
    if not values:
        return Row(case, what, f"≤ {show(most)}", NOTHING, None, len(of))
    mean = statistics.mean(values)
    return Row(case, what, f"≤ {show(most)}", show(mean), mean <= most, len(of))


def _worst_row(case: str, what: str, found: Sequence[tuple[float, str]], most: float, count: int) -> Row:
    if not found:
        return Row(case, what, f"≤ {percent(most)}", NOTHING, None, count)
    worst = max(found)[0]
    return Row(case, what, f"≤ {percent(most)}", percent(worst), worst <= most, count, worst_places(found, most))


# --- the rows


def _clean(runs: Sequence[Run]) -> list[Row]:
    found = errors(runs)
    middle = statistics.median([value for value, _ in found]) if found else None
    shown = NOTHING if middle is None else percent(middle)
    wrong = (*failures(runs), *(f"{run.cell} #{run.repeat}: {', '.join(run.doubts)}" for run in runs if run.doubts))
    return [
        _worst_row("clean", "worst error", found, 0.01, len(runs)),
        Row("clean", "median error", "≤ 0.2 %", shown, None if middle is None else middle <= 0.002, len(runs)),
        *_thrift("clean", runs, data=0.2),
        _most("clean", "mean time a direction", _durations(runs), most=2.5, show=seconds, of=runs),
        Row("clean", "doubts and failures", "none", f"{len(wrong)}", not wrong if runs else None, len(runs), wrong),
    ]


def _thrift(case: str, runs: Sequence[Run], *, data: float) -> list[Row]:
    used = [side.share for _, _, side in sides(runs) if side.share is not None]
    return [_most(case, "mean data, of a 10 s run", used, most=data, show=percent, of=runs)]


def _durations(runs: Sequence[Run]) -> list[float]:
    return [side.duration_s for _, _, side in sides(runs) if side.duration_s is not None]


def _impaired(runs: Sequence[Run]) -> list[Row]:
    doubted = [run for run in runs if run.doubts]
    sure = [run for run in runs if not run.doubts]
    ratio = len(doubted) / len(runs) if runs else 0.0
    told = tuple(f"{run.cell} #{run.repeat}: {', '.join(run.doubts)}" for run in doubted)
    wrong = failures(runs)
    few = None if not runs else ratio <= 0.15
    return [
        _worst_row("impaired", "worst error without a doubt", errors(sure), HARD_ERROR, len(runs)),
        Row("impaired", "runs with a doubt", "≤ 15 %", percent(ratio) if runs else NOTHING, few, len(runs), told),
        *_thrift("impaired", runs, data=0.5),
        Row("impaired", "failures", "none", f"{len(wrong)}", not wrong if runs else None, len(runs), tuple(wrong)),
    ]


def _doubtful(runs: Sequence[Run]) -> list[Row]:
    found = []
    for cell in dict.fromkeys(run.cell for run in runs):
        mine = [run for run in runs if run.cell == cell]
        words = sorted({outcome(run) for run in mine})
        bad = tuple(_wrong(run) for run in mine if outcome(run) == "wrong")
        found.append(Row("must doubt", cell, "a doubt, or ≤ 3 %", ", ".join(words), not bad, len(mine), bad))
    return found or [Row("must doubt", "all", "a doubt, or ≤ 3 %", NOTHING, None)]


def outcome(run: Run) -> str:
    """Say in a word what a run made of a line that cannot be measured: "wrong" is the one thing it must not."""
    honest = sorted(HONEST & set(run.doubts))
    if honest:
        return " ".join(honest)
    if run.failure is not None:
        return run.failure if run.failure == BUSY else "wrong"
    for side in run.sides.values():
        if side.failure not in {None, BUSY}:
            return "wrong"
        if side.failure is None and (side.error is None or abs(side.error) > HARD_ERROR):
            return "wrong"
    refused = any(side.failure for side in run.sides.values())
    return BUSY if refused else "right"


def _wrong(run: Run) -> str:
    sides = ", ".join(place(run, way, side) for way, side in run.sides.items())
    return f"{run.failure or sides}"


def _unsteady(case: str, every: Sequence[Run]) -> list[Row]:
    """Judge the lines without one true number, each on its own."""
    found = [run for run in every if run.case == case and run.tool == "own"]
    names = list(dict.fromkeys(run.cell for run in found))
    rows_ = [_contained(name, [run for run in found if run.cell == name], shares(every, name)) for name in names]
    return rows_ or [Row(case, CONTAINED, "≥ 90 %", NOTHING, None)]


def _contained(name: str, runs: Sequence[Run], truths: dict[str, float]) -> Row:
    inside, doubted, missed = 0, 0, []
    for run, way, side in sides(runs):
        truth = truths.get(way, side.truth_mbps)
        if contains(side, truth):
            inside += 1
        elif run.doubts:
            doubted += 1
        else:
            bounds = f"{number(side.low_mbps)}…{number(side.high_mbps)}, truth {number(truth)}"
            missed.append(f"{run.cell} #{run.repeat} {way}: {side.failure or bounds}")
    missed += [f"{run.cell} #{run.repeat}: {run.failure}" for run in runs if not run.sides]
    count = inside + doubted + len(missed)
    if not count:
        return Row(name, CONTAINED, "≥ 90 %", NOTHING, None)
    good = (inside + doubted) / count
    found = f"{percent(good)} ({inside} inside, {doubted} doubted, {len(missed)} wrong)"
    return Row(name, CONTAINED, "≥ 90 %", found, good >= 0.9, len(runs), tuple(missed))


def _peers(every: Sequence[Run]) -> list[Row]:
    found = {rivalry.tool: rivalry for rivalry in rivalries(every)}
    rows_ = []
    for tool, name in PEER_NAMES.items():
        one = found.get(tool)
        failed = tuple(failures([run for run in every if run.tool == tool]))
        if one is None:
            rows_.append(Row("peers", name, "smaller error, at least 4 times less data", NOTHING, None, 0, failed))
            continue
        error = f"{percent(one.own_error)} : {percent(one.error)}"
        less = one.megabytes / one.own_megabytes if one.own_megabytes else 0.0
        data = f"{one.own_megabytes:.0f} : {one.megabytes:.0f} MB, {less:.1f} times"
        rows_ += [
            Row("peers", f"mean error, ours : {name}", "smaller", error, one.own_error < one.error, one.cells, failed),
            Row("peers", f"data, ours : {name}", "at least 4 times less", data, less >= 4, one.cells),
        ]
    return rows_


def _costs(runs: Sequence[Run]) -> list[Row]:
    found = [
        Row("cost", name, f"≤ {one.goal:g} {one.unit}", f"{one.value:.2f} {one.unit}", one.value <= one.goal, 1)
        for run in runs
        for name, one in run.figures.items()
        if one.goal is not None
    ]
    failed = tuple(f"{run.cell}: {run.failure}" for run in runs if run.failure)
    return found or [Row("cost", "client CPU and memory", "see data_path.py", NOTHING, None, 0, failed)]


def _deadline(runs: Sequence[Run]) -> Row:
    found = [(side.duration_s, place(run, way, side)) for run, way, side in sides(runs) if side.duration_s]
    row = _worst_row("deadline", "longest direction", found, TIME_MOST_S, len(runs))
    shown = seconds(max(found)[0]) if found else NOTHING
    return Row(row.case, row.what, f"≤ {TIME_MOST_S} s", shown, row.met, row.runs, row.misses)


def _budget(runs: Sequence[Run]) -> Row:
    found = [
        (side.link_bytes, f"{place(run, way, side)}: {side.link_bytes / 1e6:.2f} MB") for run, way, side in sides(runs)
    ]
    failed = tuple(failures(runs))
    goal, what = f"≤ {BUDGET_MOST / 1e6:.1f} MB", "bytes on the link a direction"
    if not found:
        return Row("budget", what, goal, NOTHING, None, len(runs), failed)
    most = max(found)[0]
    met = most <= BUDGET_MOST and not failed
    return Row(
        "budget", what, goal, f"{most / 1e6:.2f} MB", met, len(runs), (*failed, *worst_places(found, BUDGET_MOST))
    )
