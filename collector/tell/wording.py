"""The words of messages, in both languages. Pure."""

from datetime import datetime, tzinfo
from typing import Any, Final

import msgspec

from collector.plans.types import Text
from collector.tell.route import Language

CAUSES: Final = {
    "below_target": Text(vi="tốc độ dưới chỉ tiêu", en="speed below target"),
    "below_contract": Text(vi="tốc độ dưới mức hợp đồng", en="speed below contract"),
    "collapse": Text(vi="tốc độ sụt mạnh", en="speed collapsed"),
    "outage": Text(vi="mất kết nối", en="connection lost"),
    "silent": Text(vi="không có tín hiệu", en="silent"),
}
STATES: Final = {
    "open": Text(vi="đang mở", en="open"),
    "acknowledged": Text(vi="đã tiếp nhận", en="acknowledged"),
    "silenced": Text(vi="tạm không báo", en="silenced"),
    "resolved": Text(vi="đã kết thúc", en="resolved"),
}
SEVERITIES: Final = {
    "critical": Text(vi="nghiêm trọng", en="critical"),
    "warning": Text(vi="cảnh báo", en="warning"),
    "notice": Text(vi="lưu ý", en="notice"),
}
GROUPS: Final = {
    "peer": Text(vi="máy chủ đo", en="measurement peer"),
    "provider": Text(vi="nhà cung cấp", en="provider"),
    "provider_commune": Text(vi="nhà cung cấp và xã", en="provider and commune"),
    "commune": Text(vi="xã", en="commune"),
    "province": Text(vi="tỉnh", en="province"),
}
SITE: Final = Text(vi="Điểm", en="Site")
GROUP: Final = Text(vi="Nhóm", en="Group")
PLACE: Final = Text(vi="Địa bàn", en="Place")
PROVIDER: Final = Text(vi="Nhà cung cấp", en="Provider")
TARGET: Final = Text(vi="Chỉ tiêu", en="Target")
CONTRACT: Final = Text(vi="Mức hợp đồng", en="Contract")
RESULTS: Final = Text(vi="Kết quả", en="Results")
MEDIAN: Final = Text(vi="Trung vị", en="Median")
SINCE: Final = Text(vi="Từ lúc", en="Since")
ENDED: Final = Text(vi="Kết thúc", en="Ended")
BY: Final = Text(vi="Người xử lý", en="By")
NOTE: Final = Text(vi="Ghi chú", en="Note")
ACTION: Final = Text(vi="Việc nên làm trước", en="First action")
SITES: Final = Text(vi="Các điểm", en="Sites")
PAGE: Final = Text(vi="Trang", en="Page")
REMINDER: Final = Text(vi="nhắc lại", en="reminder")
MORE: Final = Text(vi="và {n} nữa", en="and {n} more")
BELOW: Final = Text(vi="{k}/{n} kết quả dưới mức này", en="{k} of {n} results below it")
HALVED: Final = Text(vi="{k}/{n} kết quả dưới một nửa mức này", en="{k} of {n} results below half of it")
FAILED: Final = Text(vi="{k}/{n} lần đo không kết nối được", en="{k} of {n} runs reached nothing")
TOGETHER: Final = Text(vi="{k}/{n} điểm cùng có sự cố", en="{k} of {n} sites fail together")
INTERVAL: Final = Text(vi="khoảng 95 %: {low} đến {high}", en="95 % interval: {low} to {high}")
TEST: Final = Text(
    vi="Tin thử của linkgauge: nếu đọc được, đường báo này hoạt động.",
    en="A test message of linkgauge: whoever reads it is told of incidents by this route.",
)
TEST_TITLE: Final = Text(vi="linkgauge: tin thử", en="linkgauge: test message")
SUMMARY: Final = Text(vi="linkgauge: {n} tin gộp lại", en="linkgauge: {n} messages in one")
DIGEST: Final = Text(vi="linkgauge: tổng hợp ngày {day}", en="linkgauge: daily digest of {day}")
COUNTS: Final = Text(
    vi="{active} sự cố đang mở, {opened} mới mở, {resolved} đã kết thúc",
    en="{active} open, {opened} new, {resolved} ended",
)
ALL_WELL: Final = Text(
    vi="Mọi việc đều ổn: không có sự cố nào đang mở, cũng không có gì mới từ {since}.",
    en="All is well: nothing is open, and nothing has happened since {since}.",
)
NOTHING_TO_DO: Final = Text(
    vi="Không có việc gì cần xử lý: {known}; không có gì mới từ {since}.",
    en="Nothing to act on: {known}; nothing new since {since}.",
)
KNOWN_QUIETLY: Final = Text(vi="{n} sự cố đã ghi nhận nhưng chưa báo", en="{n} known quietly")
IN_MAINTENANCE: Final = Text(vi="{n} sự cố đang trong thời gian bảo trì", en="{n} in maintenance")
OPEN_NOW: Final = Text(vi="Đang mở, {severity}", en="Open now, {severity}")
SILENT_NOW: Final = Text(vi="Không có tín hiệu", en="Silent")
OPENED: Final = Text(vi="Mới mở từ {since}", en="Opened since {since}")
RESOLVED: Final = Text(vi="Đã kết thúc từ {since}", en="Ended since {since}")
WATCHED: Final = Text(
    vi="Đang theo dõi (kết quả yếu gần đây, chưa phải sự cố)", en="Watched (weak of late, no incident)"
)
SCORE: Final = Text(
    vi="{plan}: {met}/{n} điểm đạt chỉ tiêu tốc độ tải xuống, {below} chưa đạt, {open} chưa kết luận",
    en="{plan}: {met} of {n} sites meet the download target, {below} are below, {open} undecided",
)
SCOREBOARD: Final = Text(vi="Theo kế hoạch", en="By plan")
_UNITS: Final = {"Mbps": "Mbit/s", "share": "%"}
_LENGTH: Final = 120


def say(text: Text, language: Language, **values: object) -> str:
    """Words in one language, with values in their places."""
    words = text.vi if language == "vi" else text.en
    return words.format(**values) if values else words


def named(words: dict[str, Text], key: str, language: Language) -> str:
    """A word's name; the word itself, where it is a newer one."""
    return say(words[key], language) if key in words else one_line(key)


def one_line(text: str, length: int = _LENGTH) -> str:
    """Text of a person or a machine on one line: nothing in it can begin another line, a header or a command."""
    shown = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return shown if len(shown) <= length else shown[: length - 1] + "…"


def number(value: Any, language: Language) -> str:  # noqa: ANN401 - evidence is any JSON
    """A number as the language writes it, one decimal at most; anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return one_line(str(value))
    shown = f"{value:.1f}".removesuffix(".0")
    return shown.replace(".", ",") if language == "vi" else shown


def amount(value: Any, unit: Any, language: Language) -> str:  # noqa: ANN401 - evidence is any JSON
    """A number with its unit; a share in percent."""
    if unit == "share" and isinstance(value, int | float):
        value = 100 * value
    return f"{number(value, language)} {_UNITS.get(str(unit), one_line(str(unit or '')))}".strip()


def moment(value: Any, zone: tzinfo, language: Language) -> str:  # noqa: ANN401 - evidence is any JSON
    """A time in the province's zone; text that is none as it is."""
    try:
        at = value if isinstance(value, datetime) else msgspec.convert(value, datetime, strict=False)
    except msgspec.ValidationError:
        return one_line(str(value))
    local = at.astimezone(zone)
    return f"{local:%H:%M %d/%m/%Y}" if language == "vi" else f"{local:%Y-%m-%d %H:%M}"
