"""What a scoreboard's row says, in sentences. Pure."""

from datetime import date
from typing import Final

from collector.plans.types import Text, Unit
from collector.plans.words import wide
from collector.scoreboard.board import Course, Finding, Reason, Row, Sites

REASONS: Final[dict[Reason, Text]] = {
    "ended": Text(vi="chỉ tiêu đã hết hiệu lực trước khi kỳ kết thúc", en="the target ended before the period did"),
    "figure_older": Text(
        vi="chưa có số liệu của kỳ này, số liệu mới nhất là của kỳ trước",
        en="there is no figure of this period; the newest is of an earlier one",
    ),
    "future": Text(vi="kỳ này chưa bắt đầu", en="the period has not begun"),
    "interval_spans_target": Text(
        vi="khoảng tin cậy chứa mức chỉ tiêu, chưa đủ bằng chứng về một phía",
        en="the interval holds the target: neither side is proven",
    ),
    "no_data": Text(vi="các điểm không có kết quả nào trong kỳ", en="the sites brought no result in the period"),
    "no_figure": Text(
        vi="chưa có số liệu báo cáo; nhập bằng lệnh linkgauge-collector figure import FILE",
        en="nothing was reported; linkgauge-collector figure import FILE brings it",
    ),
    "no_number": Text(
        vi="kế hoạch không nêu con số nào mà phép đo có thể so sánh",
        en="the plan gives no number that a measurement could be compared with",
    ),
    "no_reference": Text(
        vi="chưa có số liệu cả nước để so sánh; nhập bằng lệnh linkgauge-collector figure import FILE",
        en="no national figure is known to compare with; linkgauge-collector figure import FILE brings it",
    ),
    "no_sites": Text(
        vi="chưa có điểm nào thuộc đối tượng của chỉ tiêu này", en="no site is of the kind that this is about"
    ),
    "not_begun": Text(vi="chỉ tiêu chưa có hiệu lực", en="the target does not hold yet"),
    "not_measured_yet": Text(
        vi="chưa tính được từ dữ liệu đo; có thể nhập số liệu báo cáo (figure import)",
        en="not derived from measurements yet; a reported figure can stand in (figure import)",
    ),
    "too_few": Text(vi="quá ít kết quả đo", en="too few results"),
    "too_few_sites": Text(vi="quá ít điểm đo để khẳng định", en="too few sites to say so"),
}

STATISTICS: Final = {
    "pooled_median": Text(vi="trung vị của mọi kết quả", en="median of all results"),
    "pooled_mean": Text(vi="trung bình của mọi kết quả", en="mean of all results"),
    "site_median": Text(vi="trung vị của trung vị các điểm", en="median of the sites' medians"),
    "share_of_sites": Text(vi="tỷ lệ điểm đạt rõ ràng", en="share of sites that clearly reach it"),
    "reported": Text(vi="số liệu báo cáo", en="reported figure"),
}


def amount(value: float, unit: Unit) -> Text:
    """A figure with its unit, to a hundredth."""
    return wide(round(value, 2) + 0.0, unit)


def unit_of(row: Row) -> Unit:
    """In which unit the figure is told: a share of sites in percent, everything else as the plan counts it."""
    sites = row.finding.sites
    return "percent" if sites is not None and sites.reached is not None else row.unit


def basis(row: Row) -> Text:
    """What the figure is of: which statistic, of how many."""
    finding = row.finding
    if finding.statistic is None:
        return Text(vi="-", en="-")
    name = STATISTICS[finding.statistic]
    if finding.statistic == "reported":
        return name
    if finding.statistic == "share_of_sites":
        return Text(vi=f"{name.vi}: {finding.k}/{finding.n}", en=f"{name.en}: {finding.k} of {finding.n}")
    seen = finding.sites.seen if finding.sites else 0
    return Text(vi=f"{name.vi}: n = {finding.n}, {seen} điểm", en=f"{name.en}: n = {finding.n}, {seen} sites")


def sites_said(sites: Sites) -> Text:
    """How many sites the promise is about, and what is known of each."""
    vi, en = [f"{sites.seen}/{sites.aimed} điểm có kết quả"], [f"{sites.seen} of {sites.aimed} sites have results"]
    if sites.reached is not None:
        vi.append(f"{sites.reached} đạt rõ ràng, {sites.missed} rõ ràng chưa đạt, {sites.open} chưa rõ")
        en.append(f"{sites.reached} clearly reach it, {sites.missed} clearly do not, {sites.open} are open")
    if sites.short:
        vi.append(f"{sites.short} có quá ít kết quả")
        en.append(f"{sites.short} have too few results")
    return Text(vi="; ".join(vi), en="; ".join(en))


def reasons_said(finding: Finding) -> list[Text]:
    """Why there is no verdict."""
    found = [REASONS[reason] for reason in finding.reasons]
    if finding.needed and "too_few" in finding.reasons:
        found.append(Text(vi=f"còn thiếu {finding.needed} kết quả", en=f"{finding.needed} more are needed"))
    return found


def course_said(course: Course, unit: Unit) -> Text:
    """The pace, and when the target is reached at it."""
    pace = amount(course.slope, unit)
    low, high = amount(course.low, "count"), amount(course.high, unit)
    vi = f"{pace.vi} mỗi tháng ({low.vi} đến {high.vi}, {course.months} tháng)"
    en = f"{pace.en} a month ({low.en} to {high.en}, {course.months} months)"
    when = _when(course)
    return Text(vi=f"{when.vi}; {vi}", en=f"{when.en}; {en}")


def _when(course: Course) -> Text:
    match course.pace:
        case "reached":
            return Text(vi="xu hướng đã ở mức chỉ tiêu", en="the trend is at the target")
        case "no_trend":
            return Text(vi="không có xu hướng", en="no trend")
        case "away":
            return Text(vi="đang giảm, ra xa chỉ tiêu", en="falling, away from the target")
        case "far":
            return Text(vi="theo đà này không đạt trong 10 năm", en="not within ten years at this pace")
        case "approaching":
            return _reached_in(course)


def _reached_in(course: Course) -> Text:
    if course.month is None or course.earliest is None:
        return Text(vi="đang tăng", en="rising")
    until_vi = f"đến {_month_vi(course.latest)}" if course.latest else "hoặc rất lâu sau"
    until_en = f"to {_month_en(course.latest)}" if course.latest else "or much later"
    about_vi, about_en = f" (từ {_month_vi(course.earliest)} {until_vi})", f" ({_month_en(course.earliest)} {until_en})"
    if course.earliest == course.latest:
        about_vi = about_en = ""
    return Text(
        vi=f"theo đà này sẽ đạt chỉ tiêu vào tháng {_month_vi(course.month)}{about_vi}",
        en=f"reaches the target in {_month_en(course.month)} at this pace{about_en}",
    )


def _month_vi(month: date) -> str:
    return f"{month.month}/{month.year}"


_NAMES: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def _month_en(month: date) -> str:
    return f"{_NAMES[month.month - 1]} {month.year}"
