"""A year of a province in a store: how large it is, and how long each page of it takes.

    python -m tests.bench.year --sites 2000 --folder /var/tmp/year            both engines
    python -m tests.bench.year --sites 2000 --folder /var/tmp/year --engine sqlite --fill     only fill
    python -m tests.bench.year --sites 200 --engine sqlite --folder /var/tmp/year200
    python -m tests.bench.year --sites 200 --folder /var/tmp/year200 --json   what is filled is not filled again

Raw speed tests of the year, four a day; roll-ups by day and month with all fields, by hour (of the kinds that --hours
names) with the four that a chart shows of the kind's first field; raw results of the other kinds of the last 31 days of
every fortieth site, whose pages are asked for (with --work: of all sites, and what it costs to roll them up).
Stop it with Ctrl-C, and start it again to go
on. Nothing else should run beside it. Exit code 1 if a goal is missed.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from rich.console import Console

from collector.registry.registry import Registry
from collector.store.open import store_from_url
from collector.store.store import Store
from tests.bench.year_data import KINDS, parts
from tests.bench.year_fill import filled, influx_fill, sqlite_fill
from tests.bench.year_pages import furnished, province
from tests.bench.year_work import Cost, rolled_up
from tests.collector.influxd import running_influxd

START_S: Final = 600.0
"""InfluxDB reads its whole log before it answers."""
RESULTS: Final = Path(__file__).parent / "results"
REPEATS: Final = 5
ENGINES: Final = ("sqlite", "influxdb1")


@dataclass(frozen=True, slots=True)
class Timed:
    """One question: the first time and the median of the next ones, in seconds; its goal, if it has one."""

    engine: str
    name: str
    first_s: float
    median_s: float
    goal_s: float | None

    @property
    def missed(self) -> bool:
        """Whether the goal was missed."""
        return self.goal_s is not None and self.median_s > self.goal_s


def main(argv: Sequence[str] | None = None) -> int:
    """Fill what is missing, ask every question, print the table."""
    args = _parser().parse_args(argv)
    console = Console(highlight=False, soft_wrap=True, stderr=args.json)
    args.folder.mkdir(parents=True, exist_ok=True)
    timed: list[Timed] = []
    costs: list[Cost] = []
    for engine in args.engine or ENGINES:
        with _url(engine, args.folder) as url:
            asyncio.run(_bench(engine, url, args, console, (timed, costs)))
    if args.json:
        sys.stdout.write(json.dumps({"pages": [asdict(one) for one in timed], "work": [asdict(one) for one in costs]}))
        sys.stdout.write("\n")
    if args.save:
        _save(RESULTS, timed, costs, load=os.getloadavg()[1])
    return int(any(one.missed for one in timed))


def _save(folder: Path, timed: Sequence[Timed], costs: Sequence[Cost], *, load: float) -> None:
    """Put an engine's figures in place of its older ones, and write the table."""
    path = folder / "year.json"
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for engine in dict.fromkeys(one.engine for one in timed):
        known[engine] = {
            "load": round(load, 1),
            "pages": [asdict(one) for one in timed if one.engine == engine],
            "work": [asdict(one) for one in costs if one.engine == engine],
        }
    path.write_text(json.dumps(known, indent=1) + "\n")
    lines = ["# A year of 2,000 sites: seconds per page", "", "Made by `python -m tests.bench.year --save`.", ""]
    for engine, found in known.items():
        lines += [f"## {engine} (two cores; load {found['load']})", ""]
        lines += ["| what | first | median | goal |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {one['name']} | {one['first_s']:.3f} | {one['median_s']:.3f} | {one['goal_s'] or ''} |"
            for one in found["pages"]
        ]
        lines.append("")
    (folder / "year.md").write_text("\n".join(lines))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.year", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True, help="where the stores are kept")
    parser.add_argument("--sites", type=int, default=2000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--engine", action="append", choices=ENGINES, help="default: both")
    parser.add_argument("--hours", default=",".join(KINDS[1:]), help="kinds whose hours are filled")
    parser.add_argument("--fill", action="store_true", help="only fill, and ask nothing")
    parser.add_argument("--ask", action="store_true", help="only ask, of what is filled so far")
    parser.add_argument("--work", action="store_true", help="also fill raw results of a month and roll them up")
    parser.add_argument("--save", action="store_true", help="write the figures to tests/bench/results/year.*")
    parser.add_argument("--json", action="store_true", help="the figures on standard output as JSON")
    return parser


@contextlib.contextmanager
def _url(engine: str, folder: Path) -> Iterator[str]:
    if engine == "sqlite":
        yield f"sqlite://{folder.absolute()}/series.db"
        return
    with running_influxd(folder / "influxd", start_s=START_S) as server:
        yield server.store_url("year")


async def _bench(
    engine: str, url: str, args: argparse.Namespace, console: Console, into: tuple[list[Timed], list[Cost]]
) -> None:
    store = store_from_url(url, timeout_s=600)
    await store.open()
    took = 0.0 if args.ask else await asyncio.to_thread(_fill, engine, url, args, console)
    size = sum(path.stat().st_size for path in _files(engine, args.folder))
    console.print(f"{engine}: {args.sites} sites, {args.days} days: {size / 2**30:.2f} GiB, filled in {took:.0f} s")
    if args.fill:
        await store.close()
        return
    registry = Registry(f"sqlite:///{args.folder.absolute()}/registry-{engine}.db")
    registry.open()
    await asyncio.to_thread(furnished, registry, args.sites, args.days)
    try:
        async for one in _timed(engine, store, registry):
            into[0].append(one)
            mark = "" if one.goal_s is None else f"goal {one.goal_s:g}: {'MISSED' if one.missed else 'met'}"
            console.print(f"  {one.name:<44} first {one.first_s:7.3f} s   median {one.median_s:7.3f} s   {mark}")
        if args.work:
            for cost in await rolled_up(engine, store, registry):
                into[1].append(cost)
                console.print(f"  {cost}")
    finally:
        registry.close()
        await store.close()


def _files(engine: str, folder: Path) -> list[Path]:
    found = folder.glob("series.db*") if engine == "sqlite" else (folder / "influxd").rglob("*")
    return [path for path in found if path.is_file()]


def _fill(engine: str, url: str, args: argparse.Namespace, console: Console) -> float:
    """Write what the note beside the store does not name yet; seconds, of earlier goes too."""
    hours = tuple(kind for kind in args.hours.split(",") if kind in KINDS)
    wanted = parts(args.days, hours, is_work=args.work)
    fill = sqlite_fill(args.folder / "series.db") if engine == "sqlite" else influx_fill(*_server(url))
    return filled(args.folder / f"filled-{engine}.json", wanted, args.sites, fill, console)


def _server(url: str) -> tuple[str, str]:
    """Where an InfluxDB listens, and the database, of a store's URL."""
    found = urlsplit(url)
    return f"http://{found.netloc.rpartition('@')[2]}", found.path.strip("/")


async def _timed(engine: str, store: Store, registry: Registry) -> AsyncIterator[Timed]:
    """Every page as a browser gets it, and the dear questions below them."""
    async with province(store, registry) as it:
        look = await _time(it.look)
        yield Timed(engine, "what pages tell of all sites, anew from raw", look, look, None)
        for name, ask, goal in it.questions():
            try:
                times = [await _time(ask) for _ in range(REPEATS + 1)]
            except LookupError:  # not filled, with --ask
                continue
            yield Timed(engine, name, times[0], statistics.median(times[1:]), goal)


async def _time(ask: Callable[[], Awaitable[Any]]) -> float:
    began = time.perf_counter()
    await ask()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
