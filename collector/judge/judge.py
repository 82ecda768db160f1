"""From samples to verdicts: one for each question that a site is asked. Pure.

1. A rule (`presets.toml`) says which statistic of the conclusive samples of which window is compared with what.
2. `met` when the statistic's interval lies wholly at or above the target, `below` when it lies wholly under it. While
   it spans the target nobody is accused and nobody praised: `inconclusive`, with how many more samples it would take.
3. Fewer samples than the rule asks for: `inconclusive`, whatever they say.
4. Only conclusive samples count. How many runs failed and how many results were set aside is told beside them.
5. Numbers are compared as they were measured. The only factor is the rule's own, and it is shown.
6. Two questions are kept apart. The line against its *contract*: is less delivered than was bought? The site against
   the *plan*: does it get what was promised? Who bought less than the target has no fault of the line to look for:
   `subscription_below_target` says so wherever such a site is not found to meet its target. It excuses nothing else:
   whether the line gives what was bought is the other question.
7. The intervals hold for samples that do not depend on each other. A line that is slow for a week is slow in all of
   that week's samples; thirty days of them even that out, one day does not: hence `one_day`. Shortfalls that come and
   go are what incidents are for (`collector.detect`); a verdict is about the window as a whole.
8. What else must be known to read a verdict stands among its reasons (`collector.judge.reasons`) and blocks nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from collector.judge.bounds import Bounds, mean_bounds, median_bounds, share_bounds
from collector.judge.looked import CLOCK_SLACK, Looked, Span, look, span_of
from collector.judge.needs import Needed, arrival, for_mean, for_median, for_share
from collector.judge.presets import Preset, preset_of
from collector.judge.reasons import Reason
from collector.judge.sample import Evidence
from collector.judge.verdict import Outcome, Verdict, Window
from collector.judge.words import Finding, sentence
from collector.plans.binding import Binding
from collector.registry.site import Site

__all__ = ["CLOCK_SLACK", "judge", "judge_site"]
ONE_DAY: Final = timedelta(days=1)
MANY: Final = 0.25
"""From this part of all runs on, failed ones or doubted ones are many: one in four can no longer be left unsaid."""
MANY_RUNS: Final = 3
"""Fewer than these are never many."""


class _Case(msgspec.Struct, frozen=True, gc=False):
    """All that one verdict rests on."""

    site: Site
    binding: Binding
    preset: Preset
    evidence: Evidence
    span: Span
    looked: Looked
    at: datetime
    silent: bool
    per_day: float | None


def judge(
    site: Site,
    binding: Binding,
    evidence: Evidence,
    *,
    at: datetime,
    silent: bool = False,
    per_day: float | None = None,
) -> Verdict:
    """Judge one question about a site.

    `silent`: its agents are not heard, or bring no results. That is said, and changes nothing about what was measured.
    `per_day`: how many conclusive samples a day the present schedule brings, as far as it is known.
    """
    pace = {} if per_day is None else {binding.indicator: per_day}
    (verdict,) = judge_site(site, [binding], {binding.indicator: evidence}, at=at, silent=silent, per_day=pace)
    return verdict


def judge_site(
    site: Site,
    bindings: Sequence[Binding],
    evidence: Mapping[str, Evidence],
    *,
    at: datetime,
    silent: bool = False,
    per_day: Mapping[str, float] | None = None,
) -> list[Verdict]:
    """Judge all questions about a site, in their order; `evidence` and `per_day` are by indicator.

    Samples that several questions look at are sorted once.
    """
    sorted_once: dict[tuple[str, int, int], Looked] = {}
    verdicts: list[Verdict] = []
    for binding in bindings:
        preset = preset_of(binding.rule)
        known = evidence.get(binding.indicator) or Evidence()
        span = span_of(known, binding, at, preset.window_days)
        key = (binding.indicator, span.first, span.end)
        looked = sorted_once.get(key)
        if looked is None:
            looked = sorted_once[key] = look(known, span)
        pace = per_day.get(binding.indicator) if per_day else None
        verdicts.append(_verdict(_Case(site, binding, preset, known, span, looked, at, silent, pace)))
    return verdicts


def _verdict(case: _Case) -> Verdict:
    binding, preset, looked = case.binding, case.preset, case.looked
    mark = None if binding.mark is None else preset.mark_of(binding.mark)
    target = mark if preset.statistic != "share" or mark is None else preset.share
    k = None if mark is None else looked.reaching(mark)
    bounds = _bounds(preset, looked, k)
    outcome, blocking = _outcome(preset, binding, bounds, target=target, n=looked.n)
    needed = _needed(case, blocking, bounds, target=target, k=k)
    needed_by = _arrival(case, needed)
    reasons = ([blocking] if blocking else []) + _beside(case, outcome, mark)
    window = Window(case.span.start, case.at)
    if looked.samples:
        window = Window(looked.samples[0].started, looked.samples[-1].started)
    found = Finding(
        outcome=outcome,
        reasons=reasons,
        preset=preset,
        binding=binding,
        n=looked.n,
        k=k,
        mark=mark,
        target=target,
        bounds=bounds,
        median=looked.median,
        since=window.start,
        needed=needed.more if needed else None,
        needed_more=needed is not None and needed.over,
        needed_by=needed_by,
        is_paced=case.per_day is not None and not case.silent,
    )
    return _said(case, found, window)


def _said(case: _Case, found: Finding, window: Window) -> Verdict:
    """The verdict as everybody reads it."""
    binding, looked, bounds = case.binding, case.looked, found.bounds
    is_contract, is_speed = binding.question == "contract", binding.unit == "Mbps"
    return Verdict(
        site=case.site.id,
        plan=binding.plan,
        question=binding.question,
        indicator=binding.indicator,
        scope=f"contract-{binding.scope}" if is_contract else binding.scope,
        verdict=found.outcome,
        value=bounds.value if bounds else None,
        target=found.target,
        unit="share" if case.preset.statistic == "share" else binding.unit,
        statistic=case.preset.statistic,
        low=bounds.low if bounds else None,
        high=bounds.high if bounds else None,
        confidence=case.preset.confidence,
        n=looked.n,
        k=found.k,
        mark=found.mark,
        mark_unit=binding.unit,
        mean=looked.mean,
        median=looked.median if is_speed else None,
        p5=looked.p5 if is_speed else None,
        p95=looked.p95 if is_speed else None,
        failed=case.evidence.failed,
        doubted=dict(case.evidence.doubted),
        window=window,
        rule=case.preset.id,
        reasons=found.reasons,
        needed=found.needed,
        needed_more=found.needed_more,
        needed_by=found.needed_by,
        contract=_contracted(case.site, binding.indicator),
        target_id=binding.target.id if binding.target else None,
        basis=binding.reason,
        sentence=sentence(found),
    )


def _bounds(preset: Preset, looked: Looked, k: int | None) -> Bounds | None:
    """The statistic with its interval; None without samples, and of a share without a mark."""
    if preset.statistic == "median":
        known = looked.median
        return None if known is None else median_bounds(looked.ordered, known, preset.confidence)
    if preset.statistic == "mean":
        known = looked.mean
        return None if known is None else mean_bounds(looked.ordered, known, preset.confidence)
    return None if k is None else share_bounds(k, looked.n, preset.confidence)


def _outcome(
    preset: Preset, binding: Binding, bounds: Bounds | None, *, target: float | None, n: int
) -> tuple[Outcome, Reason | None]:
    """The verdict, and what stands in the way of one."""
    if target is None:
        return "inconclusive", _unmarked(binding)
    if bounds is None or n < preset.least_site:
        return "inconclusive", "too_few"
    side = bounds.side(target)
    if side == 0:
        return "inconclusive", "interval_spans_target"
    return ("met" if side > 0 else "below"), None


def _unmarked(binding: Binding) -> Reason:
    """Why nothing is there to compare with."""
    if binding.question == "contract":
        return "no_contract"
    return "no_target" if binding.target is None else "no_reference"


def _needed(
    case: _Case, blocking: Reason | None, bounds: Bounds | None, *, target: float | None, k: int | None
) -> Needed | None:
    """How many more samples it takes; None where no number of them would change anything, or none is wanted."""
    n, preset = case.looked.n, case.preset
    if blocking == "too_few":
        return Needed(preset.least_site - n)
    if blocking != "interval_spans_target" or bounds is None or target is None or k is None:
        return None
    if preset.statistic == "median":
        return for_median(n, k, preset.confidence)
    if preset.statistic == "mean":
        return for_mean(n, bounds, target)
    return for_share(n, k, target, preset.confidence)


def _arrival(case: _Case, needed: Needed | None) -> datetime | None:
    """When they come; not known of a site that is silent, whatever its pace was before."""
    if needed is None or needed.over or case.per_day is None or case.silent:
        return None
    times = [sample.started for sample in case.looked.samples]
    return arrival(times, needed.more, at=case.at, days=case.preset.window_days, per_day=case.per_day)


def _beside(case: _Case, outcome: Outcome, mark: float | None) -> list[Reason]:
    """What must be known to read the verdict, and blocks nothing."""
    looked, evidence, binding = case.looked, case.evidence, case.binding
    runs = looked.n + evidence.failed + evidence.set_aside
    contracted = _contracted(case.site, binding.indicator)
    is_short = mark is not None and contracted is not None and contracted < mark
    found: list[Reason] = []
    if is_short and binding.question == "plan" and outcome != "met":
        found.append("subscription_below_target")
    found += case.span.cut
    if looked.n >= case.preset.least_site and looked.samples[-1].started - looked.samples[0].started <= ONE_DAY:
        found.append("one_day")
    if _many(evidence.set_aside, runs):
        found.append("many_doubted")
    if _many(evidence.failed, runs):
        found.append("many_failed")
    if case.silent:
        found.append("silent")
    return found


def _many(some: int, runs: int) -> bool:
    return some >= MANY_RUNS and some >= MANY * runs


def _contracted(site: Site, indicator: str) -> float | None:
    """The contracted rate that an indicator is about."""
    match indicator:
        case "download_mbps":
            return site.contract_down_mbps
        case "upload_mbps":
            return site.contract_up_mbps
        case _:
            return None
