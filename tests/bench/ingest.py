"""How much one ingest process takes, at what cost: the table of README's goals for ingest, measured on this machine.

The real service, a real Mosquitto, a real InfluxDB 1.x or SQLite, and a raw publisher of pre-encoded reports, each in
processes of its own on the same cores. A cell is only shown when every report has its receipt and stands exactly once
in the series and in the archive.
"""

import argparse
import itertools
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench.ingest_ground import Ground, StoreName, ground, publishing
from tests.bench.machine import commit, machine
from tests.bench.raw_publisher import Order

ARRAY = 50
LINE_BYTES = 420
PARTS = ("sustained", "steady", "throttled", "killed")
NAMES = {"influx": "InfluxDB 1.6", "sqlite": "SQLite"}
FORMS = {1: "one per message", ARRAY: f"arrays of {ARRAY}"}
RATE_GOALS = {1: 8000.0, ARRAY: 12_000.0}
CPU_GOALS = {1: 60.0, ARRAY: 40.0}


@dataclass(frozen=True, slots=True)
class Row:
    """One figure against its goal; `least`: the goal is a least, not a most."""

    what: str
    value: float
    unit: str
    goal: float | None = None
    least: bool = False
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the goal is met; true without one."""
        return self.goal is None or (self.value >= self.goal if self.least else self.value <= self.goal)

    @property
    def goal_text(self) -> str:
        """The goal as the table shows it."""
        return "" if self.goal is None else f"{'≥' if self.least else '≤'} {self.goal:,g}"

    def __str__(self) -> str:
        verdict = "" if self.goal is None else "met" if self.met else "MISSED"
        figure = f"{self.value:>10,.1f} {self.unit:<14}"
        return f"{self.what:<58} {figure} {self.goal_text:<10} {verdict:<7} {self.note}".rstrip()


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run told."""

    rate: float
    cpu_us: float
    cpu_share: float
    p50_ms: float
    p99_ms: float
    rss_mb: float
    produced: int
    again: int
    drained_s: float
    trouble: str
    archive_bytes: float


def measure(made: Ground, order: Order) -> Measured:
    """Have reports published and look at the collector meanwhile."""
    with publishing(made.broker.port, order) as publisher:
        publisher.heard("begun")
        cpu, since = made.cpu_s(), time.monotonic()
        ended = publisher.heard("ended")
        spent, seconds = made.cpu_s() - cpu, time.monotonic() - since
        done = publisher.heard("done")
    count = max(1, ended["receipted"])
    return Measured(
        rate=ended["receipted"] / ended["seconds"],
        cpu_us=spent / count * 1e6,
        cpu_share=spent / seconds,
        p50_ms=(done["p50"] or 0.0) * 1000,
        p99_ms=(done["p99"] or 0.0) * 1000,
        rss_mb=made.peak_kb / 1024,
        produced=done["produced"],
        again=done["again"],
        drained_s=done["drained_s"],
        trouble="" if done["whole"] else "reports without receipt",
        archive_bytes=made.archive_bytes() / max(1, done["produced"]),
    )


def checked(made: Ground, order: Order, measured: Measured) -> str:
    """What is wrong with the ids in series and archive; empty when each stands there exactly once."""
    assert order.ids is not None
    produced = Counter(Path(order.ids).read_text().split())
    troubles = [measured.trouble] if measured.trouble else []
    for name, ids in (("series", made.ids_stored()), ("archive", made.ids_archived())):
        found = Counter(ids)
        lost, extra = (produced - found).total(), (found - produced).total()
        if lost or extra:
            troubles.append(f"{name}: {lost} lost, {extra} too many")
    return "; ".join(troubles)


def sustained(store: StoreName, array: int, seconds: float) -> Iterator[Row]:
    """As fast as it goes."""
    order = Order(seconds=seconds, array=array, window=100, ids=_ids())
    with ground(store, order) as made:
        got = measure(made, order)
        trouble = checked(made, order, got)
    name = f"{NAMES[store]}, {FORMS[array]}"
    note = trouble or f"{got.produced:,} reports, each once; {got.archive_bytes:.0f} B each in the archive"
    yield Row(f"sustained, {name}", 0.0 if trouble else got.rate, "reports/s", RATE_GOALS[array], least=True, note=note)
    note = f"{got.cpu_share:.0%} of a core, RSS {got.rss_mb:.0f} MB"
    yield Row(f"collector CPU, {name}", got.cpu_us, "µs/report", CPU_GOALS[array], note=note)


def steady(store: StoreName, seconds: float) -> Iterator[Row]:
    """At 2,000 reports a second."""
    order = Order(seconds=seconds, rate=2000.0, ids=_ids())
    with ground(store, order) as made:
        got = measure(made, order)
        trouble = checked(made, order, got)
    name = f"at 2,000 reports/s, {NAMES[store]}"
    yield Row(f"receipt latency p99, {name}", got.p99_ms, "ms", 1000.0, note=trouble or f"p50 {got.p50_ms:.0f} ms")
    yield Row(f"collector CPU, {name}", got.cpu_share * 100, "% of a core", 30.0, note=f"{got.cpu_us:.0f} µs a report")
    yield Row(f"collector RSS, {name}", got.rss_mb, "MB", 120.0)


def throttled(seconds: float, rate: float = 3000.0, after_s: float = 15.0) -> Iterator[Row]:
    """The way to the database carries a third of what arrives."""
    order = Order(seconds=seconds + after_s, rate=rate, window=1_000_000, resend_s=15, patience_s=180, ids=_ids())
    slow = {"after_s": after_s / 3, "for_s": seconds, "bytes_s": rate / 3 * LINE_BYTES}
    with ground("influx", order, throttle=json.dumps(slow)) as made:
        got = measure(made, order)
        trouble = checked(made, order, got)
        alive = all(process.alive() for process in made.collectors)
    name = f"store at a third of {rate:,.0f}/s for {seconds:.0f} s"
    yield Row(f"collector RSS, {name}", got.rss_mb, "MB", 200.0)
    note = trouble or f"{got.produced:,} reports, each once; {got.again:,} sent again"
    recovered = f"all receipted {got.drained_s:.0f} s after the last was sent" if alive else "the collector ended"
    yield Row(f"lost or doubled, {name}", float(bool(trouble or not alive)), "", 0.0, note=f"{note}; {recovered}")


def killed(seconds: float, processes: int = 4, every_s: float = 10.0) -> Iterator[Row]:
    """Several processes share the work, and one is killed every ten seconds."""
    order = Order(seconds=seconds, window=100, resend_s=10, patience_s=180, ids=_ids())
    over = threading.Event()
    with ground("influx", order, processes=processes) as made:

        def kill() -> None:
            for number in itertools.count():
                if over.wait(every_s):
                    return
                process = made.collectors[number % processes]
                process.kill()
                process.start()

        killer = threading.Thread(target=kill, name="killer")
        killer.start()
        try:
            got = measure(made, order)
        finally:
            over.set()
            killer.join()
        trouble = checked(made, order, got)
        kills = sum(process.kills for process in made.collectors)
    name = f"{processes} processes, one killed every {every_s:.0f} s"
    yield Row(f"sustained, {name}", got.rate, "reports/s", note=f"{kills} kills, {got.again:,} sent again")
    note = f"{trouble or f'{got.produced:,} reports, each once'}; all receipted after {got.drained_s:.0f} s"
    yield Row(f"lost or doubled, {name}", float(bool(trouble)), "", 0.0, note=note)


def _ids() -> str:
    import tempfile

    return str(Path(tempfile.gettempdir()) / f"linkgauge-bench-ids-{time.monotonic_ns()}")


def _cells(options: argparse.Namespace) -> Iterator[Row]:
    parts = options.part or (PARTS[:3] if options.quick else PARTS)
    seconds = 3.0 if options.quick else 20.0
    if "sustained" in parts:
        for store in options.store:
            for array in (1, ARRAY):
                yield from sustained(store, array, seconds)
    if "steady" in parts:
        yield from steady(options.store[0], 3.0 if options.quick else 30.0)
    if "throttled" in parts:
        yield from throttled(*((6.0, 3000.0, 6.0) if options.quick else (60.0,)))
    if "killed" in parts:
        yield from killed(*((12.0, 2, 4.0) if options.quick else (60.0,)))


def _markdown(rows: Sequence[Row]) -> str:
    lines = ["# Ingest", "", f"{machine()}, commit {commit()}", ""]
    lines += ["| figure | measured | goal | | |", "| --- | ---: | --- | --- | --- |"]
    for row in rows:
        verdict = "" if row.goal is None else "met" if row.met else "**missed**"
        lines.append(f"| {row.what} | {row.value:,.1f} {row.unit} | {row.goal_text} | {verdict} | {row.note} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure what was asked for; 1 if a goal was missed."""
    parser = argparse.ArgumentParser(description="What one ingest process takes, and at what cost.")
    parser.add_argument("--store", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--part", nargs="+", choices=PARTS, help=f"of {', '.join(PARTS)}")
    parser.add_argument(
        "--quick", action="store_true", help="under a minute, without the killed processes; figures are rough"
    )
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    rows = []
    for row in _cells(options):
        rows.append(row)
        sys.stdout.write(f"{row}\n")
        sys.stdout.flush()
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1, ensure_ascii=False) + "\n")
    if options.markdown:
        options.markdown.write_text(_markdown(rows))
    return int(not all(row.met for row in rows))


if __name__ == "__main__":
    sys.exit(main())
