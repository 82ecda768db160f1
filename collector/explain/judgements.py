"""From a site's rows to its verdicts, with every sample and every rank on the way. Pure."""

import statistics
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from collector.chain.evidence import KIND_OF, Span, evidence_of, pace_of, told
from collector.chain.rows import Rows
from collector.explain.account import Bound, Judgement, Rule, Run
from collector.judge.bounds import rank_of
from collector.judge.judge import CLOCK_SLACK, judge_site
from collector.judge.line import line_since
from collector.judge.looked import look, span_of
from collector.judge.presets import Preset, preset_of
from collector.judge.sample import Evidence
from collector.judge.verdict import Verdict
from collector.plans.binding import Binding
from collector.registry.site import Site, Version


def judgements(
    versions: Sequence[Version[Site]],
    bindings: Sequence[Binding],
    kinds: Mapping[str, Rows],
    *,
    at: datetime,
    silent: bool = False,
) -> list[Judgement]:
    """One judgement for each question, in their order; `versions`: of the site, at least one."""
    site = next(each.value for each in reversed(versions) if each.since is None or each.since <= at)
    line = line_since(versions, at)
    widest = max((preset_of(binding.rule).window_days for binding in bindings), default=30)
    span = Span(at - timedelta(days=widest), at + CLOCK_SLACK, line)
    evidence = evidence_of(kinds, (binding.indicator for binding in bindings), span)
    pace = {name: pace_of(one, at) for name, one in evidence.items()}
    paces = {name: per_day for name, per_day in pace.items() if per_day is not None}
    verdicts = judge_site(site, bindings, evidence, at=at, silent=silent, per_day=paces)
    return [
        _judgement(binding, verdict, evidence[binding.indicator], kinds, (at, paces.get(binding.indicator)))
        for binding, verdict in zip(bindings, verdicts, strict=True)
    ]


def _judgement(
    binding: Binding,
    verdict: Verdict,
    evidence: Evidence,
    kinds: Mapping[str, Rows],
    moment: tuple[datetime, float | None],
) -> Judgement:
    at, per_day = moment
    preset = preset_of(binding.rule)
    span = span_of(evidence, binding, at, preset.window_days)
    looked = look(evidence, span)
    rank = rank_of(looked.n, preset.confidence) if preset.statistic == "median" else None
    rows = kinds.get(KIND_OF.get(binding.indicator, ""))
    return Judgement(
        bound=_bound(binding, verdict),
        rule=_rule(preset),
        start=span.start,
        end=at,
        line_since=evidence.since,
        runs=[] if rows is None else _runs(rows, binding.indicator, span.start, at),
        ordered=list(looked.ordered),
        low_rank=rank,
        high_rank=None if rank is None else looked.n + 1 - rank,
        deviation=statistics.stdev(looked.ordered) if looked.n > 1 else None,
        per_day=per_day,
        verdict=verdict,
    )


def _runs(rows: Rows, indicator: str, start: datetime, at: datetime) -> list[Run]:
    return [
        Run(one.at, one.value, one.fate, one.failure, one.doubts)
        for one in told(rows, indicator)
        if start < one.at <= at + CLOCK_SLACK
    ]


def _bound(binding: Binding, verdict: Verdict) -> Bound:
    target = binding.target
    return Bound(
        question=binding.question,
        indicator=binding.indicator,
        scope=verdict.scope,
        mark=binding.mark,
        unit=binding.unit,
        reason=binding.reason,
        target=target.id if target else None,
        plan=verdict.plan,
        section=target.section if target else None,
        quote=target.quote if target else None,
        valid_from=target.valid_from.isoformat() if target else None,
    )


def _rule(preset: Preset) -> Rule:
    return Rule(
        id=preset.id,
        name=preset.name,
        statistic=preset.statistic,
        factor=preset.factor,
        share=preset.share,
        least=preset.least_site,
        window_days=preset.window_days,
        confidence=preset.confidence,
        document=preset.source.document,
        clause=preset.source.clause,
    )
