"""How long it takes to judge a fleet: every site by every question that it is asked, and again after a batch.

Computing only, in seconds of processor time: samples are in memory, as the live judge keeps them; reading them from the
store is timed elsewhere (`tests.bench.year`). Run: `python -m tests.bench.judging [--save]`.
"""

import argparse
import gc
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from collector.judge.judge import judge_site
from collector.judge.sample import Evidence, Sample
from collector.judge.verdict import Verdict
from collector.plans.binding import Binding, bindings_for
from collector.plans.load import load_plans
from collector.plans.reference import Point, Series
from collector.plans.types import Plan
from collector.registry.site import Access, Area, Site, SiteKind
from tests.bench.machine import commit, machine

SITES: Final = 2_000
DAYS: Final = 90
NOW: Final = datetime(2026, 11, 22, tzinfo=UTC)
ALL_S: Final = 5.0
BATCH_S: Final = 0.05
BATCHES: Final = (100, 500)
ROUNDS: Final = 20
RESULTS: Final = Path(__file__).parent / "results" / "judging.md"
PLANS: Final = load_plans()
PACE: Final = {"download_mbps": 3.5, "upload_mbps": 3.5, "ipv6": 3.9}
MOBILE: Final = "ispeed_mobile_download_mbps"
REFERENCES: Final = {
    MOBILE: Series(MOBILE, "Mbps", (Point("2026-10", date(2026, 10, 1), date(2026, 11, 1), 60.0, "bench"),))
}


@dataclass(slots=True)
class Judged:
    """A site with all that is asked of it and known of it."""

    site: Site
    bindings: Sequence[Binding]
    evidence: dict[str, Evidence]

    def verdicts(self, at: datetime) -> list[Verdict]:
        """What is said of it."""
        return judge_site(self.site, self.bindings, self.evidence, at=at, per_day=PACE)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure beside its goal in seconds, if it has one."""

    what: str
    seconds: float
    worst: float
    goal: float | None
    note: str


def fleet(sites: int, *, days: int, a_day: int, seed: int = 6) -> list[Judged]:
    """Sites under all plans, on all kinds of lines, with their samples; always the same ones."""
    dice = random.Random(seed)  # noqa: S311 - the same fleet each time
    plans = list(PLANS.values())
    return [
        _judged(number, dice, plans[number % len(plans)], days * a_day, timedelta(days=1) / a_day)
        for number in range(sites)
    ]


def _judged(number: int, dice: random.Random, plan: Plan, count: int, every: timedelta) -> Judged:
    kinds: tuple[SiteKind, ...] = ("school", "clinic", "office")
    areas: tuple[Area, ...] = ("urban", "rural")
    lines: tuple[Access, ...] = ("fibre", "fibre", "cable", "cellular_4g")
    down = dice.choice((100.0, 150.0, 200.0, 300.0))
    site = Site(
        f"s{number}", f"Site {number}", kinds[number % 3], areas[number % 2], "p", "c",
        access=lines[number % 4], provider="VNPT", plan=plan.id, contract_down_mbps=down, contract_up_mbps=down / 2,
    )  # fmt: skip
    share = dice.uniform(0.6, 1.1)  # what the line really gives of what was bought
    times = [NOW - every * (count - turn) for turn in range(count)]
    evidence = {
        "download_mbps": _speeds(times, down * share, dice),
        "upload_mbps": _speeds(times, down * share / 2, dice),
        "ipv6": Evidence([Sample(at, float(dice.random() < share)) for at in times]),
    }
    return Judged(site, bindings_for(PLANS, site, NOW, references=REFERENCES), evidence)


def _speeds(times: Sequence[datetime], rate: float, dice: random.Random) -> Evidence:
    """One in ten is doubted, one in fifty failed."""
    samples, doubted, failed = [], 0, 0
    for at in times:
        fate = dice.random()
        doubted += fate < 0.1
        failed += 0.1 <= fate < 0.12
        if fate >= 0.12:
            samples.append(Sample(at, max(rate * dice.gauss(1, 0.25), 0.1)))
    return Evidence(samples, failed, {"wifi_bound": doubted}, doubted)


def figures(sites: int, days: int, rounds: int) -> Iterator[Figure]:
    """Judge everything, then again and again after batches."""
    for a_day, what in ((4, f"{days} days of 4 a day"), (12, f"{days} days of 12 a day: 360 in each rule's window")):
        houses = fleet(sites, days=days, a_day=a_day)
        seconds, found = _timed(houses, NOW)
        asked = Counter(verdict.verdict for verdict in found)
        told = ", ".join(f"{count:,} {name}" for name, count in sorted(asked.items()))
        goal = ALL_S if a_day == 4 else None
        yield Figure(
            f"all {sites:,} sites, {what}, nothing remembered",
            seconds,
            seconds,
            goal,
            f"{len(found):,} verdicts: {told}",
        )
        if a_day == 4:
            yield from _batches(houses, rounds)


def _batches(houses: Sequence[Judged], rounds: int) -> Iterator[Figure]:
    dice = random.Random(7)  # noqa: S311 - the same batches each time
    for size in BATCHES:
        took, count, at = [], 0, NOW
        for _ in range(rounds):
            at += timedelta(minutes=5)
            some = dice.sample(list(houses), min(size, len(houses)))
            for house in some:
                _report(house, at, dice)
            seconds, found = _timed(some, at)
            took.append(seconds)
            count = len(found)
        yield Figure(
            f"again after {size} reports of as many sites", statistics.median(took), max(took), BATCH_S,
            f"about {count:,} verdicts; {rounds} batches",
        )  # fmt: skip


def _report(house: Judged, at: datetime, dice: random.Random) -> None:
    for name, rate in (("download_mbps", house.site.contract_down_mbps), ("upload_mbps", house.site.contract_up_mbps)):
        known = house.evidence[name]
        value = max((rate or 0) * dice.gauss(0.9, 0.25), 0.1)
        house.evidence[name] = replace(known, samples=[*known.samples, Sample(at, value)])


def _timed(houses: Sequence[Judged], at: datetime) -> tuple[float, list[Verdict]]:
    gc.collect()
    began = time.process_time()
    found = [verdict for house in houses for verdict in house.verdicts(at)]
    return time.process_time() - began, found


def markdown(rows: Sequence[Figure]) -> str:
    """The table, with where it was measured."""
    lines = [
        "# Judging a fleet: seconds of processor time",
        "",
        f"- written {datetime.now(UTC).date()} by `python -m tests.bench.judging --save`, commit {commit()}",
        f"- {machine()}",
        "- one process, one thread; samples in memory; sentences in both languages are part of each verdict",
        "- batches: median, and the longest of all",
        "",
        "| what | s | longest | goal | |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        goal = "" if row.goal is None else f"{row.goal:g} {'met' if row.seconds <= row.goal else '**missed**'}"
        lines.append(f"| {row.what} | {row.seconds:.3f} | {row.worst:.3f} | {goal} | {row.note} |")
    return "\n".join([*lines, ""])


def main() -> int:
    """Print the table, and keep it where it is asked for; 1 when a goal is missed."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--sites", type=int, default=SITES)
    asked.add_argument("--days", type=int, default=DAYS)
    asked.add_argument("--rounds", type=int, default=ROUNDS)
    asked.add_argument("--save", action="store_true", help=f"write {RESULTS.name}")
    said = asked.parse_args()
    rows = list(figures(said.sites, said.days, said.rounds))
    table = markdown(rows)
    sys.stdout.write(table)
    if said.save:
        RESULTS.write_text(table, "utf-8")
    return int(any(row.goal is not None and row.seconds > row.goal for row in rows))


if __name__ == "__main__":
    sys.exit(main())
