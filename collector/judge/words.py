"""A verdict in one sentence, in both languages: what was found, of how many, how sure, and what is missing. Pure."""

from datetime import date, datetime
from functools import lru_cache
from typing import Final

import msgspec

from collector.judge.bounds import Bounds
from collector.judge.presets import Preset
from collector.judge.reasons import BLOCKING, WORDS, Reason
from collector.judge.units import comma, mark_en, mbps_en, percent_en, percent_vi
from collector.judge.verdict import Outcome, Statistic
from collector.plans.binding import PLAN_ZONE, Binding
from collector.plans.types import Text

_OUTCOME: Final[dict[Outcome, Text]] = {
    "met": Text(vi="Đạt", en="Met"),
    "below": Text(vi="Chưa đạt", en="Below"),
    "inconclusive": Text(vi="Chưa kết luận", en="Inconclusive"),
}
_STATISTIC: Final[dict[Statistic, Text]] = {
    "median": Text(vi="trung vị", en="median"),
    "mean": Text(vi="trung bình", en="mean"),
    "share": Text(vi="tỷ lệ", en="share"),
}
_WORKED: Final = Text(vi="cho thấy IPv6 hoạt động", en="found IPv6 working")
_DID_NOT: Final = Text(vi="cho thấy IPv6 không hoạt động", en="did not find IPv6 working")


class Finding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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
    is_paced: bool
    """Whether it is known how fast samples come."""


def sentence(found: Finding) -> Text:
    """The whole of it."""
    parts = [_head(found)]
    if found.bounds is not None:
        parts.append(_value(found, found.bounds))
    if found.needed is not None:
        parts.append(_wanting(found))
    parts += [WORDS[reason] for reason in found.reasons if reason not in BLOCKING]
    return Text(vi="; ".join([part.vi for part in parts]) + ".", en="; ".join([part.en for part in parts]) + ".")


def _head(found: Finding) -> Text:
    """The outcome, and the count behind it."""
    outcome = _OUTCOME[found.outcome]
    if found.mark is None or found.k is None:
        why = WORDS[found.reasons[0]]
        return Text(vi=f"{outcome.vi}: {why.vi}", en=f"{outcome.en}: {why.en}")
    day = _day(found.since.astimezone(PLAN_ZONE).date())
    n, is_below = found.n, found.outcome == "below"
    count = n - found.k if is_below else found.k
    what = _compared(found, found.mark, is_below=is_below)
    vi = f"{outcome.vi}: {count}/{n} kết quả từ {day.vi} {what.vi}"
    en = f"{outcome.en}: {count} of {n} results since {day.en} {what.en}"
    if n == 0:
        vi = f"{outcome.vi}: chưa có kết quả hợp lệ nào từ {day.vi}"
        en = f"{outcome.en}: no conclusive result since {day.en}"
    if "too_few" in found.reasons:
        least = found.preset.least_site
        vi += f", cần ít nhất {least}"
        en += f", and it takes at least {least}"
    return Text(vi=vi, en=en)


def _compared(found: Finding, mark: float, *, is_below: bool) -> Text:
    """On which side of the mark the counted results lie."""
    if found.binding.unit == "share":
        return _DID_NOT if is_below else _WORKED
    words = _mark(found.binding.mark or mark, mark, found.preset.factor, found.binding.question == "contract")
    if is_below:
        return Text(vi=f"dưới {words.vi}", en=f"are under {words.en}")
    return Text(vi=f"đạt {words.vi}", en=f"reach {words.en}")


@lru_cache(maxsize=4096)
def _mark(bound: float, mark: float, factor: float, is_contract: bool) -> Text:  # noqa: FBT001 - a cache's key
    """What one result is compared with, with the factor that a rule puts before it."""
    whole, part, times = mark_en(bound), mark_en(mark), percent_en(factor)
    of = Text(vi="tốc độ hợp đồng", en="the contracted") if is_contract else Text(vi="chỉ tiêu", en="the target of")
    if factor == 1:
        return Text(vi=f"{of.vi} {comma(whole)}", en=f"{of.en} {whole}")
    return Text(
        vi=f"{comma(times)} {of.vi} {comma(whole)} ({comma(part)})",
        en=f"{times} of {of.en} {whole} ({part})",
    )


def _value(found: Finding, bounds: Bounds) -> Text:
    """The statistic with its interval; the median too where it is another one."""
    statistic, target = found.preset.statistic, found.target
    name, write = _STATISTIC[statistic], percent_en if statistic == "share" else mbps_en
    value = write(bounds.value, beside=target)
    vi, en = f"{name.vi} {comma(value)}", f"{name.en} {value}"
    if bounds.low is not None and bounds.high is not None:
        low, high = write(bounds.low, beside=target), write(bounds.high, beside=target)
        sure = _sure(found.preset.confidence)
        vi += f" (khoảng tin cậy {sure.vi}: {comma(low)} đến {comma(high)})"
        en += f" ({sure.en} interval {low} to {high})"
    if statistic == "share" and target is not None:
        wanted = percent_en(target)
        vi += f", cần {comma(wanted)}"
        en += f", {wanted} are wanted"
    if statistic != "median" and found.binding.unit == "Mbps" and found.median is not None:
        median = mbps_en(found.median, beside=found.mark)
        vi += f"; trung vị {comma(median)}"
        en += f"; median {median}"
    return Text(vi=vi, en=en)


def _wanting(found: Finding) -> Text:
    """How many more results would decide, and when they will be there."""
    if "too_few" in found.reasons:
        vi, en = f"cần thêm {found.needed} kết quả", f"{found.needed} more are needed"
    else:
        about = Text(vi="hơn", en="more than") if found.needed_more else Text(vi="khoảng", en="about")
        vi = f"chưa đủ cơ sở để nói đạt hay chưa đạt, cần thêm {about.vi} {found.needed} kết quả"
        en = f"either is still possible, and it would take {about.en} {found.needed} more"
    if found.needed_by is not None:
        day = _day(found.needed_by.astimezone(PLAN_ZONE).date())
        vi += f", dự kiến có vào {day.vi}"
        en += f", expected by {day.en}"
    elif found.is_paced and not found.needed_more:
        days = found.preset.window_days
        vi += f", nhiều hơn số kết quả có được trong {days} ngày với nhịp đo hiện tại"
        en += f", which is more than {days} days bring at the present pace"
    return Text(vi=vi, en=en)


@lru_cache(maxsize=64)
def _sure(confidence: float) -> Text:
    return Text(vi=percent_vi(confidence), en=percent_en(confidence))


@lru_cache(maxsize=4096)
def _day(day: date) -> Text:
    return Text(vi=f"{day:%d/%m/%Y}", en=day.isoformat())
