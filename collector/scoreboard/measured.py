"""What sites' samples say of a promise: a speed of all, or the share of sites that reach one. Pure.

A speed of all is judged as i-Speed does it, with its least number of samples: the median of all samples of all sites,
its interval from drawing sites again; below 20 sites, where that interval does not hold what it says, the median of
the sites' medians with its exact one, from 6 sites up.

A share of sites is counted by what is sure of each: a site reaches the mark when its own interval is clear of it, and
misses it when that lies below. The interval of the share runs from Clopper and Pearson's lower bound for the sure ones
to their upper bound when all open ones are added. A promise to all can be shown broken by one site, but not be proven
by a sample: it counts as kept when every site measured reaches the mark and at least 95 % surely do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from collector.judge.presets import preset_of
from collector.judge.verdict import Outcome
from collector.plans.types import Comparison, Target
from collector.scoreboard.board import Beside, Finding, Reason, Sites
from collector.scoreboard.spread import HALF, P95, SiteFigure
from collector.statistics.bootstrap import Area, pooled_median_of, ratio_of
from collector.statistics.order import median_of
from collector.statistics.share import clopper_pearson

AREA_RULE: Final = "i-speed-like"
LEAST_OF_SITE: Final = 10
"""Samples below which a site is on no side of a mark."""
ALL: Final = 1.0
NEARLY_ALL: Final = 0.95
WORKS: Final = 7.0
"""The IPv6 score from which IPv6 works; below are none, and full-size packets that vanish."""
RUNS: Final = 0.95
"""Part of a site's runs that have to find IPv6 working."""

Side = Literal["reached", "missed", "open"]


@dataclass(frozen=True, slots=True)
class Seen:
    """The sites that a promise is about: how many, and the figures of those that have samples."""

    aimed: int
    figures: Sequence[SiteFigure]


def compared(low: float | None, high: float | None, mark: float, comparison: Comparison) -> Outcome:
    """On which side of a mark an interval lies. `about` is at least: the band below is in the mark already."""
    if low is None or high is None:
        return "inconclusive"
    match comparison:
        case "at_most":
            return "met" if high <= mark else "below" if low > mark else "inconclusive"
        case "more_than":
            return "met" if low > mark else "below" if high <= mark else "inconclusive"
        case _:
            return "met" if low >= mark else "below" if high < mark else "inconclusive"


def speed_of_all(target: Target, mark: float | None, seen: Seen) -> Finding:
    """The sites' samples together against a mark; None as the mark tells the figure without a verdict."""
    sites = Sites(aimed=seen.aimed, seen=len(seen.figures))
    if not seen.figures:
        return Finding(reasons=["no_data" if seen.aimed else "no_sites"], sites=sites)
    n = sum(figure.n for figure in seen.figures)
    pooled = pooled_median_of([figure.points for figure in seen.figures])
    mean = ratio_of([(figure.mean * figure.n, float(figure.n)) for figure in seen.figures])
    middle = median_of([figure.median for figure in seen.figures])
    of_sites = Area(len(seen.figures), middle.value, middle.low, middle.high) if middle else None
    by_samples = pooled is not None and pooled.low is not None
    chosen = pooled if by_samples else of_sites
    told: dict[str, Area | None] = {"pooled_mean": mean, "pooled_median": pooled, "site_median": of_sites}
    told.pop("pooled_median" if by_samples else "site_median")
    needed = preset_of(AREA_RULE).least_area - n
    outcome, reasons = _judged(chosen, mark, target.comparison, few=needed > 0)
    return Finding(
        verdict=outcome,
        reasons=reasons,
        statistic="pooled_median" if by_samples else "site_median",
        value=chosen.value if chosen else None,
        low=chosen.low if chosen else None,
        high=chosen.high if chosen else None,
        n=n,
        needed=max(needed, 0) or None,
        beside=[_beside(name, area) for name, area in told.items() if area is not None],
        sites=sites,
    )


def share_of_sites(target: Target, mark: float | None, seen: Seen) -> Finding:
    """How many sites reach a mark, against the share that is promised; both in percent."""
    sides: list[Side] = []
    short = 0
    side_of = _ipv6_side if target.indicator == "ipv6" else _side_of(target, mark)
    for figure in seen.figures if mark is not None else ():
        if figure.n < LEAST_OF_SITE:
            short += 1
        else:
            sides.append(side_of(figure))
    n, reached, missed = len(sides), sides.count("reached"), sides.count("missed")
    undecided = n - reached - missed
    sites = Sites(aimed=seen.aimed, seen=len(seen.figures), short=short, reached=reached, missed=missed, open=undecided)
    if not n:
        return Finding(reasons=[_why_none(seen, short, mark)], sites=sites)
    low, high = clopper_pearson(reached, n).low, clopper_pearson(reached + undecided, n).high
    promised = (target.share or 100.0) / 100
    outcome = _of_share(low, high, promised, all_reached=reached == n)
    reasons: list[Reason] = []
    if outcome == "inconclusive":
        reasons = [
            "too_few_sites" if clopper_pearson(n, n).low < min(promised, NEARLY_ALL) else "interval_spans_target"
        ]
    return Finding(
        verdict=outcome,
        reasons=reasons,
        statistic="share_of_sites",
        value=100 * reached / n,
        low=100 * low,
        high=100 * high,
        n=n,
        k=reached,
        sites=sites,
    )


def _of_share(low: float, high: float, promised: float, *, all_reached: bool) -> Outcome:
    if high < promised:
        return "below"
    if promised < ALL:
        return "met" if low >= promised else "inconclusive"
    return "met" if all_reached and low >= NEARLY_ALL else "inconclusive"


def _judged(
    chosen: Area | None, mark: float | None, comparison: Comparison, *, few: bool
) -> tuple[Outcome, list[Reason]]:
    if mark is None:
        return "inconclusive", ["no_reference"]
    if few:
        return "inconclusive", ["too_few"]
    if chosen is None or chosen.low is None:
        return "inconclusive", ["too_few_sites"]
    outcome = compared(chosen.low, chosen.high, mark, comparison)
    return outcome, ["interval_spans_target"] if outcome == "inconclusive" else []


def _side_of(target: Target, mark: float | None) -> Callable[[SiteFigure], Side]:
    """What a line can reach is its 95 % quantile, an average its mean, everything else its median."""

    def side(figure: SiteFigure) -> Side:
        if target.promise == "average":
            bounds = figure.mean_bounds()
        else:
            bounds = figure.bounds(P95 if can_reach(target) else HALF)
        if bounds is None or mark is None:
            return "open"
        outcome = compared(*bounds, mark, target.comparison)
        return "reached" if outcome == "met" else "missed" if outcome == "below" else "open"

    return side


def can_reach(target: Target) -> bool:
    """Whether a promise is about what lines can reach, and not about what a site has to deliver."""
    return target.promise == "reach" and target.binds is None


def _ipv6_side(figure: SiteFigure) -> Side:
    """Whether IPv6 works at a site: in 95 % of its runs; it does not when even the upper bound is below that."""
    works = min(round(sum(weight for score, weight in figure.points if score >= WORKS)), figure.n)
    if works >= RUNS * figure.n:
        return "reached"
    return "missed" if clopper_pearson(works, figure.n).high < RUNS else "open"


def _why_none(seen: Seen, short: int, mark: float | None) -> Reason:
    if not seen.aimed:
        return "no_sites"
    if mark is None:
        return "no_reference"
    return "too_few" if short else "no_data"


def _beside(name: str, area: Area) -> Beside:
    statistic: Literal["pooled_mean", "pooled_median", "site_median"] = (
        "pooled_mean" if name == "pooled_mean" else "pooled_median" if name == "pooled_median" else "site_median"
    )
    return Beside(statistic=statistic, value=area.value, low=area.low, high=area.high)
