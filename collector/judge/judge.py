"""From samples to a verdict. Pure, and the simplest honest rule: what nine of the last ten results say.

The rule `last-10`: of the conclusive download results of the last 30 days the newest 10 are looked at. At least 9
below the target: `below`. At least 9 at or above it: `met`. Everything else is `inconclusive`, with the reasons.
Numbers are compared as they were measured, without any factor.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from collector.judge.reasons import Reason
from collector.judge.sample import Sample
from collector.judge.units import mbps_en, mbps_vi
from collector.judge.verdict import Outcome, Verdict, Window
from collector.plans.binding import Binding, network_of
from collector.plans.types import Text
from collector.registry.site import Site
from collector.statistics.order import median_of
from collector.statistics.share import share_at_least

LOOK: Final = 10
AGREE: Final = 9
WINDOW: Final = timedelta(days=30)
CLOCK_SLACK: Final = timedelta(minutes=5)


def looked_at(samples: Sequence[Sample], at: datetime) -> list[Sample]:
    """The samples that the rule looks at, oldest first.

    One from a clock that runs ahead counts when its time has come: until then it would stand as the newest.
    """
    start, end = at - WINDOW, at + CLOCK_SLACK
    recent = sorted((s for s in samples if start < s.started <= end), key=lambda sample: sample.started)
    return recent[-LOOK:]


def judge(site: Site, binding: Binding, samples: Sequence[Sample], *, at: datetime, silent: bool = False) -> Verdict:
    """Judge one site's conclusive download results against the target that binds it.

    `silent`: its agents are not heard, or bring no results. That is said, and changes nothing about what was measured.
    """
    recent = looked_at(samples, at)
    speeds = [sample.value for sample in recent]
    median = median_of(speeds)
    mark = binding.target.value if binding.target else None
    k = share_at_least(speeds, mark).k if mark is not None else None
    outcome, reasons = _outcome(len(speeds), k)
    if silent:
        reasons.append("silent")
    network = network_of(site)
    return Verdict(
        site=site.id,
        plan=site.plan,
        scope=binding.target.scope if binding.target else network or "unknown",
        verdict=outcome,
        value=median.value if median else None,
        target=mark,
        low=median.low if median else None,
        high=median.high if median else None,
        n=len(speeds),
        k=k,
        window=Window(recent[0].started, recent[-1].started) if recent else Window(at - WINDOW, at),
        reasons=reasons,
        needed=LOOK if "too_few" in reasons else None,
        target_id=binding.target.id if binding.target else None,
        basis=binding.reason,
        sentence=_sentence(outcome, reasons, k=k, n=len(speeds), mark=mark, value=median.value if median else None),
    )


def _outcome(n: int, k: int | None) -> tuple[Outcome, list[Reason | Literal["mixed"]]]:
    if k is None:
        return "inconclusive", ["no_target"]
    if n < LOOK:
        return "inconclusive", ["too_few"]
    if k >= AGREE:
        return "met", []
    if n - k >= AGREE:
        return "below", []
    return "inconclusive", ["mixed"]


def _sentence(
    outcome: Outcome, reasons: Sequence[str], *, k: int | None, n: int, mark: float | None, value: float | None
) -> Text:
    vi, en = _finding(outcome, reasons, k=k, n=n, mark=mark)
    if value is not None:
        vi += f"; trung vị {mbps_vi(value)}"
        en += f"; median {mbps_en(value)}"
    if "silent" in reasons:
        vi += "; hiện không nhận được kết quả đo tốc độ nào từ điểm"
        en += "; no speed results are coming from the site now"
    return Text(vi=f"{vi}.", en=f"{en}.")


def _finding(outcome: Outcome, reasons: Sequence[str], *, k: int | None, n: int, mark: float | None) -> tuple[str, str]:
    if k is None or mark is None:
        return "Chưa kết luận: không có chỉ tiêu áp dụng", "Inconclusive: no target applies"
    if outcome == "met":
        return (
            f"Đạt: {k}/{n} kết quả gần nhất đạt chỉ tiêu {mbps_vi(mark)}",
            f"Met: {k} of the last {n} results reach the target of {mbps_en(mark)}",
        )
    if outcome == "below":
        return (
            f"Chưa đạt: {n - k}/{n} kết quả gần nhất dưới chỉ tiêu {mbps_vi(mark)}",
            f"Below: {n - k} of the last {n} results are under the target of {mbps_en(mark)}",
        )
    if "mixed" in reasons:
        return (
            f"Chưa kết luận: {k}/{n} kết quả gần nhất đạt chỉ tiêu {mbps_vi(mark)}, cần ít nhất {AGREE} cùng phía",
            f"Inconclusive: {k} of the last {n} results reach the target of {mbps_en(mark)}; {AGREE} must agree",
        )
    return (
        f"Chưa kết luận: mới có {n} kết quả hợp lệ trong {WINDOW.days} ngày, cần {LOOK}",
        f"Inconclusive: {n} conclusive results in {WINDOW.days} days, {LOOK} are needed",
    )
