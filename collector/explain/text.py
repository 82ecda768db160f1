"""An explanation as text for a terminal of 100 columns. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from textwrap import wrap
from typing import Final

from collector.detect.episode import Episode
from collector.explain.account import Account, Course, Judgement, Replay, Run, Step
from collector.incidents.incident import Incident

WIDTH: Final = 100
_STEPS: Final = 40
_LOST: Final = 20
_PER_LINE: Final = 9


def lines(account: Account, *, everything: bool = False) -> Iterator[str]:
    """The chain, link by link. `everything`: also the detectors' older steps."""
    yield f"{account.site} · {account.name}"
    yield f"as of {_at(account.at)}, plan {account.plan or 'none'}"
    yield from _headed("WHAT THE REGISTRY SAYS", _facts(account))
    for judgement in account.judgements:
        bound = judgement.bound
        title = f"QUESTION {bound.question}: {bound.indicator} {bound.scope}"
        yield from _headed(title, _judgement(judgement))
    for course in account.courses:
        yield from _headed(
            f"DETECTOR {course.detector} (incidents: {course.cause})", _course(course, everything=everything)
        )
    yield from _headed("INCIDENTS", _incidents(account.incidents))
    yield from _headed("REPLAY", _replay(account))


def _headed(title: str, body: Iterator[str]) -> Iterator[str]:
    yield ""
    yield title
    for line in body:
        yield from wrap(line, WIDTH, subsequent_indent=" " * 14, break_long_words=True) or [""]


def _facts(account: Account) -> Iterator[str]:
    for fact in account.facts:
        since = "from the start" if fact.since is None else _at(fact.since)
        said = ", ".join(f"{name} {value}" for name, value in fact.site.items() if name not in ("id", "name"))
        yield f"  {since}: {said}"


def _judgement(one: Judgement) -> Iterator[str]:
    bound, rule, verdict = one.bound, one.rule, one.verdict
    mark = "no target" if bound.mark is None else f"{bound.mark:g} {bound.unit}"
    yield f"  held against  {mark}: {bound.reason.en}"
    if bound.target:
        yield f"  source        plan {bound.plan}, target {bound.target}, from {bound.valid_from}: {bound.section}"
        yield f'                "{bound.quote}"'
    share = "" if rule.share is None else f", share {rule.share:g}"
    yield f"  rule          {rule.id}: {rule.name.en}; {rule.document}, {rule.clause}"
    yield (
        f"                {rule.statistic} of the conclusive results of {rule.window_days} days, "
        f"at least {rule.least}, mark x {rule.factor:g}{share}, confidence {rule.confidence:g}"
    )
    yield f"  window        {_at(one.start)} to {_at(one.end)}"
    if one.line_since:
        yield f"  line          the present one began {_at(one.line_since)}"
    yield from _runs(one.runs, bound.unit)
    yield from _sums(one)
    yield f"  verdict       {verdict.verdict.upper()} {' '.join(verdict.reasons)}"
    yield f"                {verdict.sentence.en}"


def _runs(runs: Sequence[Run], unit: str) -> Iterator[str]:
    count = {fate: sum(run.fate == fate for run in runs) for fate in ("counts", "doubted", "failed")}
    yield (
        f"  runs          {len(runs)} in the window: {count['counts']} count, {count['doubted']} doubted, "
        f"{count['failed']} failed"
    )
    for run in runs:
        value = "-" if run.value is None else f"{run.value:.3f}"
        why = run.failure or ",".join(run.doubts)
        yield f"    {_at(run.at)}  {value:>12} {unit}  {run.fate:8} {why}".rstrip()


def _sums(one: Judgement) -> Iterator[str]:
    verdict, n = one.verdict, len(one.ordered)
    if not n:
        return
    yield f"  sorted        the {n} that count, from the least up (place: value)"
    for first in range(0, n, _PER_LINE):
        some = one.ordered[first : first + _PER_LINE]
        yield "    " + " ".join(f"{place}:{value:.2f}" for place, value in enumerate(some, first + 1))
    yield f"  {verdict.statistic:13} {_how(one)}"
    if verdict.mark is not None:
        yield f"  k of n        {verdict.k} of {n} are at or above {verdict.mark:g} {verdict.mark_unit}"
    if verdict.target is not None and verdict.low is not None and verdict.high is not None:
        side = ">=" if verdict.low >= verdict.target else "<"
        other = "<" if verdict.high < verdict.target else ">="
        target = f"{verdict.target:g}"
        yield f"  compared      low {verdict.low:.4g} {side} {target}; high {verdict.high:.4g} {other} {target}"
    if verdict.needed is not None:
        by = f", by {_at(verdict.needed_by)}" if verdict.needed_by else ""
        pace = f" at {one.per_day:.2f} a day" if one.per_day else ""
        yield f"  needed        {verdict.needed}{' or more' if verdict.needed_more else ''} further results{by}{pace}"


def _how(one: Judgement) -> str:
    verdict, n = one.verdict, len(one.ordered)
    low = "none" if verdict.low is None else f"{verdict.low:.4g}"
    high = "none" if verdict.high is None else f"{verdict.high:.4g}"
    value = "none" if verdict.value is None else f"{verdict.value:.4g}"
    if verdict.statistic == "median":
        middle = f"place {n // 2 + 1}" if n % 2 else f"mean of places {n // 2} and {n // 2 + 1}"
        if one.low_rank is None:
            return f"{value} ({middle}); so few results bound no median"
        return (
            f"{value} ({middle}); interval place {one.low_rank} to place {one.high_rank}: {low} to {high} "
            f"(the greatest r with 2 P(B({n}, 1/2) <= r-1) <= {1 - verdict.confidence:.3g})"
        )
    if verdict.statistic == "mean":
        spread = "none" if one.deviation is None else f"{one.deviation:.4g}"
        by = "the wider ends of Student's t and Hall's t for skewed samples"
        return f"{value}; standard deviation (n-1) {spread}; interval {low} to {high} ({by})"
    return f"{value} = {verdict.k}/{n}; exact interval (Clopper and Pearson) {low} to {high}"


def _course(one: Course, *, everything: bool) -> Iterator[str]:
    yield f"  rule          {one.rule.en}"
    yield f"  now           watch {one.watch:.2f} (1 opens)"
    if one.contacts is not None:
        yield f"  contacts      {one.contacts.reached} got through, {len(one.contacts.lost)} lost"
        for at, kind, peer in one.contacts.lost[-_LOST:]:
            yield f"    {_at(at)}  {kind} {peer or ''}".rstrip()
    if one.seed is not None:
        yield f"  goes on       from the recorded incident since {_at(one.seed.since)}: it is older than the rows"
    for at in one.anew:
        yield f"  anew          from {_at(at)} on: a person resolved the incident, what came before counts no more"
    yield from _steps(one.steps if everything else one.steps[-_STEPS:], left_out=len(one.steps))
    for episode in one.episodes:
        yield f"  episode       {_episode(episode)}"
    if not one.episodes:
        yield "  episode       none"


def _steps(steps: Sequence[Step], *, left_out: int) -> Iterator[str]:
    if not steps:
        return
    if left_out > len(steps):
        yield f"  steps         the last {len(steps)} of {left_out} (--all shows every one)"
    sums = any(step.evidence is not None for step in steps)
    last = "  added  evidence of needs  watch" if sums else "    usual  watch"
    yield f"    time                            value     mark  ln(v/m)  {last}"
    for step in steps:
        score = "-" if step.score is None else f"{step.score:+.3f}"
        yield f"    {_at(step.at)}  {step.value:>10.2f} {step.mark:>8.2f} {score:>8}  {_decided(step)}"


def _decided(step: Step) -> str:
    sign = "  opens" if step.opens else "  closes" if step.closes else ""
    if step.evidence is None:
        usual = "-" if step.usual is None else f"{step.usual:.2f}"
        return f"{usual:>9}  {step.watch:>5.2f}{sign}"
    weight = "" if step.weight is None else f"  weight {step.weight:.2f}"
    return f"{step.added:>+7.3f} {step.evidence:>9.3f}    {step.needs:>5.2f}  {step.watch:>5.2f}{sign}{weight}"


def _episode(one: Episode) -> str:
    end = "goes on" if one.closed is None else f"closed {_at(one.closed)}"
    return f"since {_at(one.since)}, opened {_at(one.opened)}, {end}; {one.k} of {one.n} weak"


def _incidents(incidents: Sequence[Incident]) -> Iterator[str]:
    if not incidents:
        yield "  none"
    for one in incidents:
        yield f"  {one.id}  {one.state}, {one.severity}{', quiet' if one.quiet else ''}"
        yield f"                {one.summary.en}"
        for step in one.history:
            note = f": {step.note}" if step.note else ""
            yield f"    {_at(step.at)}  {step.what or step.state} by {step.who}{note}"


def _replay(account: Account) -> Iterator[str]:
    if not account.replays:
        yield "  not done: these are the verdicts of another plan"
    for one in account.replays:
        yield f"  {one.cause:14} {_agreed(one)}"
        yield from (f"                {said.en}" for said in one.apart)


def _agreed(one: Replay) -> str:
    rest = f"; {one.untold} began before the rows that are there, so it cannot be said of them" if one.untold else ""
    if not one.same:
        return f"{one.agree} as the data make them, and apart:{rest}"
    return f"the data make what is recorded: {one.agree}{rest}" if one.agree else f"none, and the data make none{rest}"


def _at(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
