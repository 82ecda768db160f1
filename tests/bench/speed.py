"""The speed goals, measured: our client and others over emulated links, row by row of the table.

    python -m tests.bench.speed                     everything, 3 repeats; what is stored already is not run again
    python -m tests.bench.speed --quick             the starred cells once, from nothing (at most 5 minutes)
    python -m tests.bench.speed --only clean --cells 'clean/102/*' --repeats 1
    python -m tests.bench.speed --report            print and write the table from what is stored

Needs root; iperf3 and speedtest-cli for the comparison. Each run is stored when it is finished: stop it with Ctrl-C,
and start it again to go on. Exit code 1 if a goal is missed, 2 for wrong arguments, 130 if it was stopped.
"""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console

from tests.bench.cells import CASES, PEERS, Job, cells, plan
from tests.bench.machine import versions
from tests.bench.store import FOLDER, Store
from tests.bench.table import Origin, lines, markdown
from tests.bench.verdicts import rows
from tests.bench.work import Work

STOPPED: Final = 130
MINUTE: Final = 60


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what is asked for and not stored, then print and write the table."""
    words = sys.argv[1:] if argv is None else list(argv)
    args = _parser().parse_args(words)
    console = Console(highlight=False, soft_wrap=True)
    try:
        jobs = _jobs(args)
    except ValueError as error:
        console.print(f"speed: {error}", style="red")
        return 2
    if args.list:
        return _list(jobs, console)
    path = args.results or FOLDER / ("quick.jsonl" if args.quick else "speed.jsonl")
    store = Store.opened(path, fresh=(args.fresh or args.quick) and not args.report)
    if not args.report and not _measured(store, jobs, args, console):
        return STOPPED
    return _report(store, words, console)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.speed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="the starred cells once, from nothing")
    parser.add_argument("--only", metavar="CASES", help=f"of {','.join(CASES)}, and peers for the comparison alone")
    parser.add_argument(
        "--cells", metavar="PATTERN", default="*", help="cells like this, for example 'clean/102/*/ipv4'"
    )
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="runs of ours per cell (default 3)")
    parser.add_argument("--no-peers", action="store_true", help="leave the other programs out")
    parser.add_argument(
        "--lanes", type=int, choices=(1, 2), default=1, help="2: two labs at once for the others, ≤ 200"
    )
    parser.add_argument("--fresh", action="store_true", help="put aside what is stored")
    parser.add_argument("--report", action="store_true", help="measure nothing")
    parser.add_argument("--list", action="store_true", help="name the cells and the time they take, and end")
    parser.add_argument(
        "--results", type=Path, metavar="FILE", help=f"where runs are stored (default in {FOLDER.name}/)"
    )
    return parser


def _jobs(args: argparse.Namespace) -> list[Job]:
    only = args.only.split(",") if args.only else list(CASES)
    unknown = set(only) - {*CASES, "peers"}
    if unknown or args.repeats < 1:
        raise ValueError(f"no case {', '.join(sorted(unknown))}" if unknown else "--repeats must be 1 or more")
    cases = [*only, "clean"] if "peers" in only else only
    jobs = plan(cases=cases, pattern=args.cells, repeats=args.repeats, quick=args.quick, peers=not args.no_peers)
    if "peers" in only and "clean" not in only:
        jobs = [job for job in jobs if job.cell.case != "clean" or job.tool in PEERS]
    return jobs


def _list(jobs: Sequence[Job], console: Console) -> int:
    for cell in cells():
        mine = [job for job in jobs if job.cell == cell]
        if mine:
            tools = ", ".join(f"{tool} x {sum(job.tool == tool for job in mine)}" for tool in cell.tools)
            console.print(f"{cell.name:<26} {'*' if cell.starred else ' '} {tools}")
    console.print(f"{len(jobs)} runs, about {_minutes(jobs)} minutes")
    return 0


def _minutes(jobs: Sequence[Job]) -> int:
    return round(sum(job.seconds for job in jobs) / MINUTE) or 1


def _measured(store: Store, jobs: Sequence[Job], args: argparse.Namespace, console: Console) -> bool:
    """Run what is left; False if somebody stopped it."""
    left = store.left(jobs)
    console.print(f"{len(jobs)} runs, {len(jobs) - len(left)} stored, about {_minutes(left)} minutes to go")
    if not left:
        return True
    if os.geteuid() != 0:
        console.print("speed: the test networks need root", style="red")
        return False
    stopping = threading.Event()
    before = {number: signal.signal(number, lambda *_: stopping.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        done = Work(store, console, stopping).done(left, lanes=args.lanes)
        if not done:
            console.print(f"stopped; {len(store.left(jobs))} runs are left, the same command goes on with them")
        return done
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _report(store: Store, words: Sequence[str], console: Console) -> int:
    found = rows(store.runs.values())
    for line in lines(found):
        console.print(line, markup=False)
    command = " ".join(["python -m tests.bench.speed", *(word for word in words if word != "--report")])
    origin = Origin(command, datetime.now(UTC).date().isoformat(), versions())
    path = store.path.with_suffix(".md")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(markdown(found, list(store.runs.values()), origin), "utf-8")
    missed = [row for row in found if row.met is False]
    console.print(f"{len(missed)} goals missed" if missed else "no goal missed", f"- written to {path}", markup=False)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
