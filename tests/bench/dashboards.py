"""How long each query of the dashboards and alert rules takes with a fleet's history in a real InfluxDB.

The province of `tests/dashboards/seeded.py` for so many days; a part of the sites is simulated, the others are copies
of them under other ids and communes, so that the engine has as many series and rows as a real one. Every dashboard is
asked for its own first range and for the whole time. Run: `python -m tests.bench.dashboards [--save]`; 2,000 sites and
90 days take some ten minutes to fill, and 3 GB.
"""

import argparse
import re
import sys
import tempfile
import time
import urllib.error
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final

from agent.simulate.site import site_of
from collector.store.points import line_of
from dashboards.alerts import RULES
from dashboards.catalogue import DASHBOARDS
from tests.bench.machine import commit, machine
from tests.collector.influxd import Influxd, running_influxd
from tests.dashboards.asking import ask, questions, view_of
from tests.dashboards.macros import View, expand
from tests.dashboards.seeded import DATABASE, MOBILE, NOW, SEED, Shape, chosen, place, points, write

RESULTS: Final = Path(__file__).parent / "results" / "dashboards.md"
GOAL_S: Final = 1.0
SIMULATED: Final = 40
EVERY_H: Final = {
    "throughput": 6.0, "latency": 4.0, "ipv6": 6.0, "dns": 6.0, "web": 6.0, "path": 12.0, "radio": 1.0,
}  # fmt: skip
_LINES: Final = 10_000
_TRIES: Final = 20
_AGAIN_S: Final = 5.0
_GOES: Final = 3
_FIRST: Final = re.compile(r"now-(\d+)d")


@dataclass(frozen=True, slots=True)
class Timed:
    """One query: where it stands, over which range, its best time of several, and its rows."""

    where: str
    days: int
    seconds: float
    rows: int


def fill(server: Influxd, sites: int, days: float) -> int:
    """Write the fleet; gives the number of points."""
    server.query(f'CREATE DATABASE "{DATABASE}"')
    simulated = [chosen(site_of(SEED, number)) for number in range(min(SIMULATED, sites))]
    shape = Shape(sites=len(simulated), days=days, silent=20, fine_days=8, every_h=EVERY_H)
    copies = max(1, sites // len(simulated))
    made = (line_of(point) for point in points(simulated, [place(one) for one in simulated], shape))
    written = 0
    while some := list(islice(made, _LINES)):
        for copy in range(copies):
            _write(server, b"\n".join(_copied(some, copy)))
        written += len(some) * copies
        sys.stderr.write(f"\r{written:,} points")
    sys.stderr.write("\n")
    return written


def _write(server: Influxd, body: bytes) -> None:
    """Lines into the database; where it cannot keep up (it says 500 then), again a little later."""
    for _ in range(_TRIES):
        try:
            write(server, body)
        except urllib.error.HTTPError as error:
            said = error.read().decode()
            if error.code < 500:
                raise ValueError(said) from error
            sys.stderr.write(f"\n{said.strip()}\n")
            time.sleep(_AGAIN_S)
        else:
            return
    raise TimeoutError("the database takes no more")


def _copied(lines: Sequence[bytes], copy: int) -> Iterator[bytes]:
    """The same lines of other sites, in communes of their own for every fourth copy."""
    site, commune = b"site-%02d" % copy, b"commune=%d-" % (copy // 4)
    for line in lines:
        yield line.replace(b"site-00", site).replace(b"commune=", commune, 1) if copy else line


def asked(server: Influxd, days: int) -> Iterator[Timed]:
    """Every query, over its dashboard's own range and over everything."""
    for uid, build in DASHBOARDS.items():
        if uid.endswith("-en"):
            continue  # the same queries
        board = build()
        found = _FIRST.fullmatch(board["time"]["from"])
        first = int(found[1]) if found else days
        given: dict[str, Any] = {"site": f"site-{MOBILE:04d}"} if uid.endswith("-site") else {}
        for span in sorted({first, days}):
            if any(one["name"] == "level" for one in board["templating"]["list"]):
                given["level"] = "hour" if span <= first else "day"  # as its description says
            view = view_of(server, board, NOW - timedelta(days=span), NOW, **given)
            for question in questions(board, view):
                yield timed(server, question.where, span, question.statement)
    for rule in RULES:
        for query in rule.queries:
            view = View(NOW - timedelta(seconds=query.back_s), NOW)
            statement = expand(query.influxql, view)
            yield timed(server, f"{rule.uid}/{query.ref}", query.back_s // 86_400, statement)


def timed(server: Influxd, where: str, days: int, statement: str) -> Timed:
    """The best of several goes: this machine has other work."""
    answers = [ask(server, statement) for _ in range(_GOES)]
    return Timed(where, days, min(one.seconds for one in answers), answers[0].rows)


def markdown(found: Sequence[Timed], sites: int, days: int, filled: int) -> str:
    """The table: each place's slowest, and all that are over the goal."""
    over = [one for one in found if one.seconds > GOAL_S]
    said = [
        "# Dashboards: how long each query takes",
        "",
        f"- written {datetime.now(UTC).date()} by `python -m tests.bench.dashboards --save`, commit {commit()}",
        f"- {machine()}",
        f"- InfluxDB 1.x, {sites:,} sites, {days} days, {filled:,} points; the best of {_GOES} goes",
        f"- {len(found)} queries, {len(over)} of them over {GOAL_S:g} s",
        "",
        "| dashboard or rule | days | queries | slowest, s | which |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    groups: dict[tuple[str, int], list[Timed]] = {}
    for one in found:
        groups.setdefault((one.where.split("/")[0], one.days), []).append(one)
    for (name, span), some in groups.items():
        worst = max(some, key=lambda one: one.seconds)
        said.append(f"| {name} | {span} | {len(some)} | {worst.seconds:.2f} | {worst.where.partition('/')[2]} |")
    said += ["", "Over the goal:", ""] if over else []
    said += [f"- {one.where}, {one.days} days: {one.seconds:.2f} s, {one.rows:,} rows" for one in over]
    return "\n".join([*said, ""])


def main() -> int:
    """Print the table, and keep it where it is asked for; 1 when a query is over the goal."""
    asking = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asking.add_argument("--sites", type=int, default=2_000)
    asking.add_argument("--days", type=int, default=90)
    asking.add_argument("--save", action="store_true", help=f"write {RESULTS.name}")
    said = asking.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_influxd(Path(folder), max_body=100_000_000) as server:
        start = time.monotonic()
        filled = fill(server, said.sites, said.days)
        sys.stderr.write(f"filled in {time.monotonic() - start:.0f} s\n")
        found = list(asked(server, said.days))
    table = markdown(found, said.sites, said.days, filled)
    sys.stdout.write(table)
    if said.save:
        RESULTS.write_text(table, "utf-8")
    return int(any(one.seconds > GOAL_S for one in found))


if __name__ == "__main__":
    sys.exit(main())
