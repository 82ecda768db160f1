"""How often alarms are false and how soon true ones come, on simulated fleets, beside other systems' rules.

`python -m tests.bench.alarms`: 2,000 sites and a year for each of three seeds; ends with 1 if a goal is missed.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from tests.bench.alarms_fleet import Drawn, Kind, drawn
from tests.bench.alarms_outage import Found, Lines, false_openings, found
from tests.bench.alarms_peer import LASTS_S, peer_failure
from tests.bench.alarms_rules import RULES, Collapse, Cusum, Ours, Rule
from tests.bench.alarms_runs import AFTER_DAYS, STEADY_DAYS, Delays, Openings, delays, openings
from tests.bench.alarms_storm import STORM_DAYS, TESTS, stormed
from tests.bench.machine import commit, machine

SEEDS: Final = (101, 102, 103)
"""Not those that the constants were searched on (1 to 31); NEEDS was settled after a look at these, and 301 to 303 were
looked at once, after REF had been settled."""
PARTS: Final = ("goals", "fleets", "storm", "collapse", "outage", "peer")
GOAL: Final = Kind("as in the goals", noise="gamma", swing=0.10)
EVENINGS: Final = Kind("log-normal noise, evenings a fifth lower")
FLEETS: Final = (
    EVENINGS,
    Kind("no dips", dip=0.0, weekend=0.0),
    Kind("dips of 40 %", dip=0.40),
    Kind("CV 0.15", cv=0.15),
    Kind("CV 0.40", cv=0.40),
    Kind("six tests a day", a_day=6),
    Kind("hourly tests", a_day=24),
    Kind("each like the one before (AR 0.3)", memory=0.3),
    Kind("gamma noise", noise="gamma"),
    Kind("normal noise, leans to the weak side", noise="normal"),
    Kind("every 12th result broken (30 to 80 %)", noise="broken"),
)
LINES: Final = (
    Lines("0.2 % lose all, every fifth minute", 0.002, ("latency",), even=True),
    Lines("0.2 % lose all, all kinds as the agent runs them", 0.002),
    Lines("2 % lose all, all kinds, latency every fifth minute", 0.02, even=True),
    Lines("2 % lose all, all kinds as the agent runs them", 0.02),
    Lines("2 % lose all, every fifth minute, nothing else", 0.02, ("latency",), even=True),
)
HEAD: Final = (
    "| {} | false a year at 1.15 | openings a year at 1.0 | open at 1.0 | 0.7 within 3 d | median, p95 "
    "| 0.85 within 8 d | median, p95 | over at 1.15: median, p95 |\n"
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
)


@dataclass(slots=True)
class Sheet:
    """What is printed and kept, and which goals were missed."""

    lines: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        """Print a line, and keep it for the file."""
        self.lines.append(line)
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    def goal(self, what: str, *, met: bool) -> None:
        """Say of one goal whether it is met."""
        self.say(f"- {what}: {'met' if met else '**missed**'}")
        if not met:
            self.missed.append(what)


@dataclass(frozen=True, slots=True)
class Size:
    """How much is simulated."""

    sites: int
    seeds: Sequence[int]

    def years(self, kind: Kind) -> Iterator[Drawn]:
        """A year of the fleet for each seed."""
        return (drawn(kind, self.sites, 365, seed) for seed in self.seeds)

    def changes(self, kind: Kind) -> Iterator[Drawn]:
        """A steady state and what follows a change, for each seed."""
        return (drawn(kind, self.sites, STEADY_DAYS + 7 + AFTER_DAYS, seed) for seed in self.seeds)


@dataclass(frozen=True, slots=True)
class Measured:
    """One rule on one kind of fleet."""

    false: Openings
    at_mark: Openings
    deep: Delays
    shallow: Delays
    over: Delays

    def row(self, name: str) -> str:
        """A line of the table."""
        return (
            f"| {name} | {_rate(self.false)} | {_rate(self.at_mark)} | {self.at_mark.open_share:.0%} "
            f"| {self.deep.within(3):.1%} | {_days(self.deep)} | {self.shallow.within(8):.1%} | {_days(self.shallow)} "
            f"| {_days(self.over)} |"
        )


def measured(make: Callable[[], Rule], kind: Kind, size: Size) -> Measured:
    """Run a rule on a kind of fleet."""
    return Measured(
        openings(make, size.years(kind), 1.15),
        openings(make, size.years(kind), 1.0),
        delays(make, size.changes(kind), 1.15, 0.7),
        delays(make, size.changes(kind), 1.15, 0.85),
        delays(make, size.changes(kind), 0.7, 1.15, opens=False),
    )


def goals(sheet: Sheet, size: Size) -> None:
    """The goals of the project, and the rules beside them."""
    sheet.say(
        "\n## Goals\n\nThe goals (0.08, 2.7, 97.5 %, 95 %) are what a plain CUSUM just reaches on the fleet that they "
        "were set on, of which only the CV, daily dips and the unusable tests are known. Of some 100 fleets tried this "
        "one comes nearest to it: gamma noise of CV 0.25, 10 % more and less by a cosine over the day, tests at 0, 6, "
        "12 and 18 h; the median is that of the noise.\n"
    )
    sheet.say(HEAD.format("rule"))
    own: Measured | None = None
    for name, make in RULES.items():
        one = measured(make, GOAL, size)
        own = own or one
        sheet.say(one.row(name))
    if own is None:
        return
    sheet.say("")
    sheet.goal("false openings at 1.15 at most 0.08 a site and year", met=own.false.rate <= 0.08)
    sheet.goal("openings at exactly the target at most 2.7 a site and year", met=own.at_mark.rate <= 2.7)
    sheet.goal("0.7 found within 3 days in at least 97.5 %", met=own.deep.within(3) >= 0.975)
    sheet.goal("0.85 found within 8 days in at least 95 %", met=own.shallow.within(8) >= 0.95)


def fleets(sheet: Sheet, size: Size) -> None:
    """Other fleets than that of the goals: what is assumed is not always so."""
    sheet.say("\n## Other fleets\n\nBoth rules as they are; nothing is tuned to these.\n")
    sheet.say(HEAD.format("fleet and rule"))
    few = Size(max(size.sites // 4, 50), size.seeds)
    for kind in FLEETS:
        sheet.say(measured(Ours, kind, few).row(f"{kind.name}: linkgauge"))
        sheet.say(measured(Cusum, kind, few).row(f"{kind.name}: plain CUSUM"))
    as_quick = measured(partial(Cusum, 1.25), EVENINGS, few)
    sheet.say(as_quick.row(f"{EVENINGS.name}: plain CUSUM with threshold 1.25"))


def storm(sheet: Sheet, size: Size) -> None:
    """Many tests at one moment are one."""
    sheet.say(
        f"\n## Storm\n\n{TESTS} tests within two minutes at half of the median, at a true median of 1.15. Open then"
    )
    sheet.say("or in the day after it:\n")
    one, many, plain = (
        stormed(drawn(GOAL, size.sites, STORM_DAYS, size.seeds[0]), make, tests)
        for make, tests in ((Ours, 1), (Ours, TESTS), (Cusum, TESTS))
    )
    sheet.say(f"- plain CUSUM: {plain:.1%} of the sites")
    sheet.say(f"- linkgauge after one such test: {one:.1%}")
    sheet.goal(f"linkgauge after {TESTS}: {many:.1%}, at most half a point more", met=many <= one + 0.005)


def collapse(sheet: Sheet, size: Size) -> None:
    """Hours: lines that break."""
    at_mark, fine = openings(Collapse, size.years(GOAL), 1.0), openings(Collapse, size.years(GOAL), 1.15)
    fallen = delays(Collapse, size.changes(GOAL), 1.15, 0.3)
    sheet.say("\n## Collapse\n")
    sheet.say(f"- false openings a site and year: {_rate(fine)} at 1.15, {_rate(at_mark)} at 1.0")
    sheet.say(
        f"- from 1.15 to 0.3: found within 24 h in {fallen.within(1):.1%}, median {fallen.quantile(0.5) * 24:.0f} h, "
        f"p95 {fallen.quantile(0.95) * 24:.0f} h"
    )


def outage(sheet: Sheet, size: Size) -> None:
    """Minutes: nothing gets through."""
    sheet.say("\n## Outage\n")
    sheet.say("| line | false a year | three in a row | within 15 min | median | p95 | longest |")
    sheet.say("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    years, sites = max(size.sites // 20, 2), max(size.sites // 4, 50)
    delayed: list[Found] = []
    for lines in LINES:
        ours, rows = false_openings(lines, years, size.seeds[0])
        delay = found(lines, sites, size.seeds[0])
        delayed.append(delay)
        sheet.say(
            f"| {lines.name} | {ours / years:.2f} | {rows / years:.2f} | {delay.within(15):.1%} "
            f"| {delay.quantile(0.5):.1f} | {delay.quantile(0.95):.1f} | {max(delay.minutes):.1f} |"
        )
    sheet.say("")
    sheet.goal("an outage within 15 min with latency every 5 min", met=delayed[0].within(15) == 1.0)


def peer(sheet: Sheet, size: Size) -> None:
    """A peer that a whole province measures against."""
    one = peer_failure(size.sites, size.seeds[0])
    sheet.say(f"\n## A peer fails for {LASTS_S // 60} minutes\n")
    sheet.say(
        f"{one.failing} of {size.sites} sites measure against it: {len(one.parents)} parent(s) after {one.minutes:.0f} "
        f"min, {sum(len(parent.children) for parent in one.parents)} sites in it, {len(one.alone)} incident(s) of "
        "single sites.\n"
    )
    is_one = len(one.parents) == 1 and one.parents[0].group is not None and one.parents[0].group.by == "peer"
    sheet.goal("one parent, that of the peer, and no site's incident", met=is_one and not one.alone)


def _rate(found: Openings) -> str:
    digits = 3 if found.rate < 1 else 2 if found.rate < 10 else 0
    return f"{found.rate:.{digits}f} ± {found.half:.{digits}f}"


def _days(found: Delays) -> str:
    return f"{_short(found.quantile(0.5))}, {_short(found.quantile(0.95))} d"


def _short(days: float) -> str:
    return f"{days:.1f}" if days < AFTER_DAYS else f"> {AFTER_DAYS - 7}"


def main() -> int:
    """Run the parts that are asked for; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--sites", type=int, default=2000)
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    sheet, size = Sheet(), Size(options.sites, options.seeds)
    sheet.say("# Alarms: how often false, how soon true\n")
    sheet.say(f"{machine()}; commit {commit()}; {size.sites} sites, seeds {', '.join(map(str, size.seeds))}.")
    sheet.say(
        "True medians are shares of the target, over the whole week with its dips; delays count from a change at a "
        f"random moment after {STEADY_DAYS} days at 1.15 (of what is over: at 0.7). 4 tests a day; 2 % fail and 10 % "
        "are doubted, which no rule sees. If not said otherwise: tests at random moments of six-hour slots, log-normal "
        "noise of CV 0.25, 18 to 23 h 20 % less, weekends 5 % less. ± is a 95 % interval over sites."
    )
    parts = {
        "goals": goals,
        "fleets": fleets,
        "storm": storm,
        "collapse": collapse,
        "outage": outage,
        "peer": peer,
    }
    for name in options.part:
        parts[name](sheet, size)
    if options.markdown is not None:
        options.markdown.write_text("\n".join(sheet.lines) + "\n", encoding="utf-8")
    return 1 if sheet.missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
