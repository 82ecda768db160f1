"""When an incident opens and resolves. Pure: a state and what is known now go in, the next state comes out.

1. One incident per site and cause is active at a time; every change is a transition in its history.
2. `below_target` opens when at least 9 of the newest 10 conclusive results are below the target, and resolves when at
   least 9 of the newest 10 are at or above 105 % of it. In between it stays as it is.
3. Only fresh news moves `below_target`: the newest sample must be newer than every sample judged before (else late
   data has come in), and no older than a report that comes in time (else a backlog is draining, oldest first). So late
   data is never announced; it may be among the ten, once a fresh one is the newest. What a judge who was away finds
   only later than that waits for the next sample, too: the series does not say when a sample came in.
4. After a person has resolved it, only samples that started later can open it again.
5. `silent` opens when none of a site's agents is heard (no status for 10 minutes), or when none that is heard has
   delivered a throughput report for 3 of its announced times. It resolves when one is heard again and, if it opened
   for want of reports, one has come since.
6. Silence is no news of speed: it never resolves `below_target`.
7. Times are those of the data where data decides (the newest sample), so the same data gives the same incidents.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from collector.incidents.acts import Action as Action  # noqa: PLC0414 - who uses these rules names it here
from collector.incidents.incident import RULES, Incident, moved, opened
from collector.incidents.reconcile import LATE as LATE  # noqa: PLC0414 - likewise
from collector.incidents.silence import Heard as Heard  # noqa: PLC0414 - likewise
from collector.incidents.silence import Patience as Patience  # noqa: PLC0414 - likewise
from collector.incidents.silence import is_silent as is_silent  # noqa: PLC0414 - likewise
from collector.incidents.silence import missing, returned
from collector.judge.sample import Sample
from collector.judge.units import mbps_en, mbps_vi
from collector.plans.types import Target, Text
from collector.statistics.order import median_of
from collector.statistics.share import share_at_least

RESOLVE_RATIO: Final = 1.05
CRITICAL_RATIO: Final = 0.5
LOOK: Final = 10
AGREE: Final = 9
_WINDOW: Final = timedelta(days=30)
_SLACK: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known of one site's speed now.

    `judged`: the newest sample that was judged before, if any. `late`: what comes later than that after its start came
    late; the ledger's measure.
    """

    site: str
    target: Target | None
    samples: Sequence[Sample]
    judged: datetime | None
    at: datetime
    late: timedelta = LATE


def below_step(last: Incident | None, sight: Sight) -> Incident | None:
    """The `below_target` incident after this sight, or None when nothing changes. `last`: the newest, also resolved."""
    mark = sight.target.value if sight.target else None
    active = last is not None and last.active
    samples = _newest(sight.samples if active else _counting(last, sight.samples), sight.at)
    if mark is None or len(samples) < LOOK or not _is_fresh(samples[-1], sight):
        return None
    speeds = [sample.value for sample in samples]
    if last is not None and last.active:
        clear = share_at_least(speeds, mark * RESOLVE_RATIO).k
        if clear < AGREE:
            return None
        note = f"{clear} of the last {LOOK} results are at least {mbps_en(mark * RESOLVE_RATIO)}"
        return moved(last, "resolved", samples[-1].started, who=RULES, note=note)
    below = LOOK - share_at_least(speeds, mark).k
    return _below(sight, samples, mark) if below >= AGREE else None


def _newest(samples: Sequence[Sample], at: datetime) -> list[Sample]:
    recent = sorted((s for s in samples if at - _WINDOW < s.started <= at + _SLACK), key=lambda sample: sample.started)
    return recent[-LOOK:]


def _counting(last: Incident | None, samples: Sequence[Sample]) -> Sequence[Sample]:
    """The samples that may open an incident: all, or those since a person said that it was resolved."""
    if last is None or last.resolved is None or last.history[-1].who == RULES:
        return samples
    return [sample for sample in samples if sample.started > last.resolved]


def _is_fresh(newest: Sample, sight: Sight) -> bool:
    return (sight.judged is None or newest.started > sight.judged) and newest.started >= sight.at - sight.late


def _below(sight: Sight, samples: Sequence[Sample], mark: float) -> Incident:
    speeds = [sample.value for sample in samples]
    median = median_of(speeds)
    value = median.value if median else 0.0
    below = LOOK - share_at_least(speeds, mark).k
    evidence = {
        "target": mark,
        "target_id": sight.target.id if sight.target else None,
        "unit": "Mbps",
        "median": value,
        "below": below,
        "n": LOOK,
        "samples": [{"started": sample.started, "mbps": sample.value} for sample in samples],
    }
    summary = Text(
        vi=f"{sight.site}: {below}/{LOOK} kết quả gần nhất dưới chỉ tiêu {mbps_vi(mark)} (trung vị {mbps_vi(value)})",
        en=f"{sight.site}: {below} of the last {LOOK} results are under the target of {mbps_en(mark)} "
        f"(median {mbps_en(value)})",
    )
    severity: Literal["warning", "critical"] = "critical" if value < mark * CRITICAL_RATIO else "warning"
    return opened(
        sight.site, "below_target", samples[-1].started, severity=severity, summary=summary, evidence=evidence
    )


def silent_step(
    last: Incident | None, site: str, agents: Sequence[Heard], *, patience: Patience, at: datetime
) -> Incident | None:
    """The `silent` incident after this moment, or None when nothing changes. `last`: the newest, also resolved."""
    silent = is_silent(agents, patience, at)
    if last is None or not last.active:
        dismissed = last is not None and last.history[-1].who != RULES and not returned(last, agents, last.updated)
        return _silence(site, agents, patience, at) if silent and not dismissed else None
    back = returned(last, [heard for heard in agents if missing(heard, patience, at) is None], last.opened)
    return moved(last, "resolved", at, who=RULES, note=f"{back} is heard again") if back else None


def _silence(site: str, agents: Sequence[Heard], patience: Patience, at: datetime) -> Incident:
    why = {heard.agent: missing(heard, patience, at) for heard in agents}
    newest = max(heard.since for heard in agents)
    minutes = int(patience.status.total_seconds() // 60)
    if "reports" in why.values():
        summary = Text(
            vi=f"{site}: thiết bị đo vẫn kết nối nhưng đã lỡ {patience.reports} lần đo tốc độ đã báo trước",
            en=f"{site}: the agent is connected, but {patience.reports} announced throughput runs brought no report",
        )
    else:
        summary = Text(
            vi=f"{site}: không nhận được tín hiệu quá {minutes} phút (lần cuối {newest:%d/%m/%Y %H:%M:%S} UTC)",
            en=f"{site}: nothing heard for more than {minutes} min (last at {newest:%Y-%m-%d %H:%M:%S} UTC)",
        )
    evidence = {
        "why": why,
        "seen": {heard.agent: heard.seen for heard in agents},
        "missed": {heard.agent: heard.missed for heard in agents},
        "reported": {heard.agent: heard.reported for heard in agents},
    }
    return opened(site, "silent", at, severity="warning", summary=summary, evidence=evidence)
