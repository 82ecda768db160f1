"""The table as Markdown, and as lines for a terminal. Pure."""

import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tests.bench.comparison import PEER_NAMES, rivalries
from tests.bench.findings import errors, percent, seconds, sides
from tests.bench.store import Run
from tests.bench.verdicts import Row

MOST_MISSES = 5
_VERDICT = {True: "met", False: "**missed**", None: "not measured"}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a table comes from."""

    command: str
    date: str
    versions: str


def markdown(rows: Sequence[Row], runs: Sequence[Run], origin: Origin) -> str:
    """Give the whole file: origin, goals, what missed them, and each link on its own."""
    parts = [
        "# Speed: measured against the goals",
        "\n".join(_origin(runs, origin)),
        "\n".join(_goals(rows)),
        *_misses(rows),
        *_details(runs),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def lines(rows: Iterable[Row]) -> Iterator[str]:
    """Give the measured rows for a terminal, each with what missed it."""
    for row in rows:
        if row.met is not None:
            yield f"{row.case:<11} {row.what:<42} {row.goal:<20} {row.found:<44} {'met' if row.met else 'MISSED'}"
        if not row.met:
            yield from (f"{'':<11}   {miss}" for miss in _few(row.misses))


def line(run: Run) -> str:
    """Give one run for a terminal."""
    told = [f"{run.cell:<24} {run.tool:<9} #{run.repeat + 1:<2}"]
    for way, side in run.sides.items():
        figure = side.failure or ("-" if side.mbps is None else f"{side.mbps:8.2f}")
        error = "" if side.error is None else f" {side.error:+.2%}"
        spent = "" if side.duration_s is None else f" {side.duration_s:.2f} s"
        share = "" if side.share is None else f" {side.share:.0%}"
        told.append(f"{way} {figure}{error}{spent}{share}")
    told += [run.failure] if run.failure else []
    told += [f"doubts: {', '.join(run.doubts)}"] if run.doubts else []
    return "  ".join(told)


def _origin(runs: Sequence[Run], origin: Origin) -> list[str]:
    days = sorted({run.at[:10] for run in runs})
    machines = sorted({run.machine for run in runs if run.machine})
    commits = list(dict.fromkeys(run.commit for run in runs if run.commit))
    until = f" to {days[-1]}" if len(days) > 1 else ""
    return [
        f"- measured {days[0] if days else 'never'}{until}, written {origin.date}, {len(runs)} runs",
        *(f"- machine: {machine}" for machine in machines),
        f"- commit: {', '.join(commits) or 'unknown'}" + (" (of more than one state)" if len(commits) > 1 else ""),
        f"- compared with: {origin.versions or 'nothing is installed'}",
        f"- command: `{origin.command}`",
        "- truth: TCP payload that the emulated link can carry (1448 of 1500 bytes, 1428 for IPv6), less its losses",
        "- data: IP bytes past the bottleneck, as a share of what it carries in 10 s",
        "- links: BBR at both ends, a queue of max(50 ms, RTT) where nothing else is said; one client, four streams",
        "- every run of ours is one that stops early (`full_every=0`), so that its cost can be compared",
    ]


def _goals(rows: Iterable[Row]) -> list[str]:
    found = ["| case | what | goal | found | | runs |", "| --- | --- | --- | --- | --- | --- |"]
    return found + [
        f"| {row.case} | {row.what} | {row.goal} | {row.found} | {_VERDICT[row.met]} | {row.runs} |" for row in rows
    ]


def _misses(rows: Iterable[Row]) -> list[str]:
    found = [f"- {row.case}, {row.what}: {miss}" for row in rows if not row.met for miss in _few(row.misses)]
    return ["## What missed a goal", "\n".join(found)] if found else []


def _few(misses: Sequence[str]) -> list[str]:
    more = len(misses) - MOST_MISSES
    return [*misses[:MOST_MISSES], *([f"… and {more} more"] if more > 0 else [])]


def _details(runs: Sequence[Run]) -> list[str]:
    own = [run for run in runs if run.tool == "own"]
    links: dict[str, list[Run]] = {}
    for run in own:
        links.setdefault(run.cell, []).append(run)
    parts = []
    if links:
        head = [
            "| link | runs | median error | worst | data | seconds | doubts | link carried |",
            "| --- |" + " --- |" * 7,
        ]
        parts += ["## Each link", "\n".join(head + [_link(cell, found) for cell, found in links.items()])]
    compared = rivalries(runs)
    if compared:
        head = ["| tool | links | mean error | ours | worst | MB a run | ours | s a run |", "| --- |" + " --- |" * 7]
        body = [
            f"| {PEER_NAMES[one.tool]} | {one.cells} | {percent(one.error)} | {percent(one.own_error)} | "
            f"{percent(one.worst)} | {one.megabytes:.0f} | {one.own_megabytes:.0f} | {one.took_s:.0f} |"
            for one in compared
        ]
        parts += ["## Beside other programs, on the same links", "\n".join(head + body)]
    return parts


def _link(cell: str, runs: Sequence[Run]) -> str:
    found = errors(runs)
    every = [side for _, _, side in sides(runs)]
    shares = [side.share for side in every if side.share is not None]
    spent = [side.duration_s for side in every if side.duration_s is not None]
    carried = [
        side.carried_mbps / side.truth_mbps - 1 for side in every if side.carried_mbps is not None and side.truth_mbps
    ]
    doubts = sorted({doubt for run in runs for doubt in run.doubts})
    cells = (
        cell,
        f"{len(runs)}",
        percent(statistics.median(value for value, _ in found)) if found else "-",
        percent(max(found)[0]) if found else "-",
        percent(statistics.mean(shares)) if shares else "-",
        seconds(statistics.mean(spent)) if spent else "-",
        ", ".join(doubts) or "-",
        f"{statistics.median(carried):+.2%}" if carried else "-",
    )
    return f"| {' | '.join(cells)} |"
