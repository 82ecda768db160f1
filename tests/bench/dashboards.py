"""How long each query of the dashboards and alert rules takes with a fleet's history in a real InfluxDB.

The province of `tests/dashboards/seeded.py` for so many days; a part of the sites is simulated, the others are copies
of them under other ids and communes, so that the engine has as many series and rows as a real one. Every dashboard is
asked for its own first range and for the whole time. Run: `python -m tests.bench.dashboards [--save]`; 2,000 sites and
90 days are nine million points, which take a quarter of an hour to write where nothing else runs, and 4 GB. With
`--keep FOLDER` the filled database stays there, and is asked again without filling: beside the wall time each query's
processor time is told, which says what it costs on a machine that is busy too.
"""

import argparse
import os
import re
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
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
from tests.dashboards.seeded import DATABASE, MOBILE, NOW, SEED, Shape, chosen, place, points

RESULTS: Final = Path(__file__).parent / "results" / "dashboards.md"
GOAL_S: Final = 1.0
SIMULATED: Final = 40
EVERY_H: Final = {
    "throughput": 6.0, "latency": 4.0, "ipv6": 6.0, "dns": 6.0, "web": 6.0, "path": 12.0, "radio": 1.0,
}  # fmt: skip
_LINES: Final = 1_000
"""Lines of one write, for each copy."""
_TRIES: Final = 20
_PATIENCE_S: Final = 600.0
_AGAIN_S: Final = 5.0
_GOES: Final = 3
_PATIENT: Final = {
    "INFLUXDB_COORDINATOR_WRITE_TIMEOUT": "10m",
    "INFLUXDB_DATA_CACHE_SNAPSHOT_MEMORY_SIZE": "268435456",
    "INFLUXDB_DATA_CACHE_MAX_MEMORY_SIZE": "6442450944",
}
"""The server's settings while it is filled: fewer and larger files, and time to write them."""
_FIRST: Final = re.compile(r"now-(\d+)d")


@dataclass(frozen=True, slots=True)
class Timed:
    """One query: where it stands, over which range, its best time of several, the processor's, and its rows."""

    where: str
    days: int
    seconds: float
    processor_s: float
    rows: int


def fill(server: Influxd, sites: int, days: float) -> int:
    """Write the fleet, oldest first as it would have come in; gives the number of points."""
    server.query(f'CREATE DATABASE "{DATABASE}"')
    simulated = [chosen(site_of(SEED, number)) for number in range(min(SIMULATED, sites))]
    shape = Shape(sites=len(simulated), days=days, silent=20, fine_days=8, every_h=EVERY_H)
    copies = max(1, sites // len(simulated))
    made = [line_of(point) for point in points(simulated, [place(one) for one in simulated], shape)]
    made.sort(key=lambda line: int(line[line.rindex(b" ") :]))
    for first in range(0, len(made), _LINES):
        some = made[first : first + _LINES]
        _write(server, b"\n".join(line for copy in range(copies) for line in _copied(some, copy)))
        sys.stderr.write(f"\r{(first + len(some)) * copies:,} of {len(made) * copies:,} points")
    sys.stderr.write("\n")
    return len(made) * copies


def _write(server: Influxd, body: bytes) -> None:
    """Lines into the database; where it cannot keep up (it says 500 then, or nothing), again a little later."""
    request = urllib.request.Request(f"{server.url}/write?db={DATABASE}", data=body)  # noqa: S310 - our own server, http
    for _ in range(_TRIES):
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE_S):  # noqa: S310 - our own server, http
                return
        except urllib.error.HTTPError as error:
            said = error.read().decode()
            if error.code < 500:
                raise ValueError(said) from error
        except OSError as error:
            said = str(error)
        sys.stderr.write(f"\n{said.strip()}\n")
        time.sleep(_AGAIN_S)
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
    spent, answers = [_spent_s(server)], []
    for _ in range(_GOES):
        answers.append(ask(server, statement))
        spent.append(_spent_s(server))
    least = min(later - earlier for earlier, later in pairwise(spent))
    return Timed(where, days, min(one.seconds for one in answers), least, answers[0].rows)


def _spent_s(server: Influxd) -> float:
    """The processor time that the server has had so far, in seconds."""
    fields = Path(f"/proc/{server.pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def markdown(found: Sequence[Timed], sites: int, days: int, filled: int) -> str:
    """The table: each place's slowest, and all that are over the goal."""
    over = [one for one in found if one.seconds > GOAL_S]
    said = [
        "# Dashboards: how long each query takes",
        "",
        f"- written {datetime.now(UTC).date()} by `python -m tests.bench.dashboards --save`, commit {commit()}",
        f"- {machine()}",
        f"- InfluxDB 1.x, {sites:,} sites, {days} days, {filled:,} points",
        f"- the best of {_GOES} goes, at a load of {os.getloadavg()[0]:.1f}",
        f"- {len(found)} queries, {len(over)} of them over {GOAL_S:g} s",
        "",
        "| dashboard or rule | days | queries | slowest, s | of the processor, s | which |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    groups: dict[tuple[str, int], list[Timed]] = {}
    for one in found:
        groups.setdefault((one.where.split("/")[0], one.days), []).append(one)
    for (name, span), some in groups.items():
        worst = max(some, key=lambda one: one.seconds)
        said.append(
            f"| {name} | {span} | {len(some)} | {worst.seconds:.2f} | {worst.processor_s:.2f}"
            f" | {worst.where.partition('/')[2]} |"
        )
    said += ["", "Over the goal:", ""] if over else []
    said += [
        f"- {one.where}, {one.days} days: {one.seconds:.2f} s ({one.processor_s:.2f} s of the processor),"
        f" {one.rows:,} rows"
        for one in over
    ]
    return "\n".join([*said, ""])


def main() -> int:
    """Print the table, and keep it where it is asked for; 1 when a query is over the goal."""
    asking = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asking.add_argument("--sites", type=int, default=2_000)
    asking.add_argument("--days", type=int, default=90)
    asking.add_argument("--save", action="store_true", help=f"write {RESULTS.name}")
    asking.add_argument("--keep", type=Path, help="a folder for the database; one that is filled is only asked")
    said = asking.parse_args()
    os.environ |= _PATIENT
    with tempfile.TemporaryDirectory() as folder:
        home = said.keep or Path(folder)
        note = home / "points"
        with running_influxd(home, max_body=200_000_000, start_s=_PATIENCE_S) as server:
            if not note.exists():
                start = time.monotonic()
                note.write_text(str(fill(server, said.sites, said.days)), "ascii")
                sys.stderr.write(f"filled in {time.monotonic() - start:.0f} s\n")
            filled = int(note.read_text("ascii"))
            found = list(asked(server, said.days))
    table = markdown(found, said.sites, said.days, filled)
    sys.stdout.write(table)
    if said.save:
        RESULTS.write_text(table, "utf-8")
    return int(any(one.seconds > GOAL_S for one in found))


if __name__ == "__main__":
    sys.exit(main())
