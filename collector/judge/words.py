"""A verdict in one sentence, in both languages: what was found, of how many, how sure, and what is missing. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from collector.judge.bounds import Bounds
from collector.judge.presets import Preset
from collector.judge.reasons import BLOCKING, WORDS, Reason
from collector.judge.units import mbps_en, mbps_vi, percent_en, percent_vi
from collector.judge.verdict import Outcome
from collector.plans.binding import PLAN_ZONE, Binding
from collector.plans.types import Text

_OUTCOME: Final[dict[Outcome, Text]] = {
    "met": Text(vi="Đạt", en="Met"),
    "below": Text(vi="Chưa đạt", en="Below"),
    "inconclusive": Text(vi="Chưa kết luận", en="Inconclusive"),
}
_STATISTIC: Final = {
    "median": Text(vi="trung vị", en="median"),
    "mean": Text(vi="trung bình", en="mean"),
    "share": Text(vi="tỷ lệ", en="share"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What there is to say of one verdict; `mark`, `k` and `target` are None without anything to compare with."""

    outcome: Outcome
    reasons: list[Reason]
    preset: Preset
    binding: Binding
    n: int
    k: int | None
    mark: float | None
    target: float | None
    bounds: Bounds | None
    median: float | None
    since: datetime
    needed: int | None
    needed_more: bool
    needed_by: datetime | None


def sentence(found: Finding) -> Text:
    """The whole of it."""
    parts = [_head(found)]
    if found.bounds is not None:
        parts.append(_value(found, found.bounds))
    if found.needed is not None:
        parts.append(_wanting(found))
    parts += [WORDS[reason] for reason in found.reasons if reason not in BLOCKING]
    return Text(vi=f"{'; '.join(part.vi for part in parts)}.", en=f"{'; '.join(part.en for part in parts)}.")


def _head(found: Finding) -> Text:
    """The outcome, and the count behind it."""
    outcome = _OUTCOME[found.outcome]
    if found.mark is None or found.k is None:
        why = WORDS[found.reasons[0]]
        return Text(vi=f"{outcome.vi}: {why.vi}", en=f"{outcome.en}: {why.en}")
    day = found.since.astimezone(PLAN_ZONE)
    n, below = found.n, found.outcome == "below"
    count = n - found.k if below else found.k
    what = _short_of(found, found.mark) if below else _reached(found, found.mark)
    vi = f"{outcome.vi}: {count}/{n} kết quả từ {day:%d/%m/%Y} {what.vi}"
    en = f"{outcome.en}: {count} of {n} results since {day:%Y-%m-%d} {what.en}"
    if "too_few" in found.reasons:
        least = found.preset.least_site
        vi += f", cần ít nhất {least}"
        en += f", and it takes at least {least}"
    return Text(vi=vi, en=en)


def _reached(found: Finding, mark: float) -> Text:
    if found.binding.unit == "share":
        return Text(vi="cho thấy IPv6 hoạt động", en="found it working")
    words = _mark(found, mark)
    return Text(vi=f"đạt {words.vi}", en=f"reach {words.en}")


def _short_of(found: Finding, mark: float) -> Text:
    if found.binding.unit == "share":
        return Text(vi="cho thấy IPv6 không hoạt động", en="did not find it working")
    words = _mark(found, mark)
    return Text(vi=f"dưới {words.vi}", en=f"are under {words.en}")


def _mark(found: Finding, mark: float) -> Text:
    """What one result is compared with, with the factor that a rule puts before it."""
    bound, factor = found.binding.mark or mark, found.preset.factor
    of = Text(vi="tốc độ hợp đồng", en="the contracted")
    if found.binding.question == "plan":
        of = Text(vi="chỉ tiêu", en="the target of")
    if factor == 1:
        return Text(vi=f"{of.vi} {mbps_vi(bound)}", en=f"{of.en} {mbps_en(bound)}")
    return Text(
        vi=f"{percent_vi(factor)} {of.vi} {mbps_vi(bound)} ({mbps_vi(mark)})",
        en=f"{percent_en(factor)} of {of.en} {mbps_en(bound)} ({mbps_en(mark)})",
    )


def _value(found: Finding, bounds: Bounds) -> Text:
    """The statistic with its interval; the median too where it is another one."""
    name, target = _STATISTIC[found.preset.statistic], found.target
    write_vi, write_en = (percent_vi, percent_en) if found.preset.statistic == "share" else (mbps_vi, mbps_en)
    vi, en = f"{name.vi} {write_vi(bounds.value, beside=target)}", f"{name.en} {write_en(bounds.value, beside=target)}"
    if bounds.low is not None and bounds.high is not None:
        sure = found.preset.confidence
        low, high = bounds.low, bounds.high
        vi += (
            f" (khoảng tin cậy {percent_vi(sure)}: {write_vi(low, beside=target)} đến {write_vi(high, beside=target)})"
        )
        en += f" ({percent_en(sure)} interval {write_en(low, beside=target)} to {write_en(high, beside=target)})"
    if found.preset.statistic == "share" and target is not None:
        vi += f", cần {percent_vi(target)}"
        en += f", {percent_en(target)} are wanted"
    if found.preset.statistic != "median" and found.binding.unit == "Mbps" and found.median is not None:
        vi += f"; trung vị {mbps_vi(found.median)}"
        en += f"; median {mbps_en(found.median)}"
    return Text(vi=vi, en=en)


def _wanting(found: Finding) -> Text:
    """How many more results would decide, and when they will be there."""
    spans = "interval_spans_target" in found.reasons
    vi = f"{'cả hai phía còn có thể, ' if spans else ''}cần thêm {_about(found, 'khoảng ', 'hơn ')} kết quả"
    en = f"{'either is still possible, and ' if spans else ''}{_about(found, 'about ', 'more than ')} more would do"
    if found.needed_by is not None:
        day = found.needed_by.astimezone(PLAN_ZONE)
        vi += f", dự kiến có vào {day:%d/%m/%Y}"
        en += f", expected by {day:%Y-%m-%d}"
    return Text(vi=vi, en=en)


def _about(found: Finding, about: str, over: str) -> str:
    if found.needed_more:
        return f"{over}{found.needed}"
    return f"{about if 'interval_spans_target' in found.reasons else ''}{found.needed}"
