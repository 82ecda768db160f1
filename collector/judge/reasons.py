"""Why a verdict is what it is, and what must be known beside it: a closed list of codes, each in words. Data only."""

from collections.abc import Mapping
from typing import Final, Literal

from collector.plans.types import Text

Reason = Literal[
    "no_target",
    "no_reference",
    "no_contract",
    "too_few",
    "interval_spans_target",
    "subscription_below_target",
    "target_changed",
    "line_changed",
    "one_day",
    "many_doubted",
    "many_failed",
    "silent",
]

BLOCKING: Final[tuple[Reason, ...]] = (
    "no_target",
    "no_reference",
    "no_contract",
    "too_few",
    "interval_spans_target",
)
"""Each of these, and nothing else, makes a verdict inconclusive; there is never more than one of them."""

WORDS: Final[Mapping[Reason, Text]] = {
    "no_target": Text(
        vi="không có chỉ tiêu nào áp dụng cho điểm này",
        en="no target applies to this site",
    ),
    "no_reference": Text(
        vi="chưa nhập số liệu tham chiếu mà chỉ tiêu dựa vào",
        en="the published figure that the target refers to is not known here",
    ),
    "no_contract": Text(
        vi="chưa biết tốc độ theo hợp đồng",
        en="the contracted rate is not known",
    ),
    "too_few": Text(
        vi="chưa đủ kết quả hợp lệ",
        en="there are too few conclusive results",
    ),
    "interval_spans_target": Text(
        vi="khoảng tin cậy còn chứa mức so sánh, nên cả đạt lẫn chưa đạt đều có thể",
        en="the interval still spans the mark, so both met and below are possible",
    ),
    "subscription_below_target": Text(
        vi="gói cước thấp hơn chỉ tiêu, riêng điều này không phải lỗi đường truyền",
        en="the subscription is below the target, which by itself is no fault of the line",
    ),
    "target_changed": Text(
        vi="chỉ tiêu mới có hiệu lực trong kỳ; chỉ tính kết quả từ ngày đó",
        en="the target came into force within the window; only results since then count",
    ),
    "line_changed": Text(
        vi="đường truyền hoặc gói cước đã thay đổi trong kỳ; chỉ tính kết quả từ lúc đó",
        en="the line or its contract changed within the window; only results since then count",
    ),
    "one_day": Text(
        vi="mọi kết quả đều trong vòng 24 giờ, chưa nói lên các ngày khác",
        en="all results are from within 24 hours, and say nothing of other days",
    ),
    "many_doubted": Text(
        vi="nhiều kết quả bị loại vì còn nghi vấn",
        en="many results were set aside for doubts",
    ),
    "many_failed": Text(
        vi="nhiều lần đo không thành công",
        en="many runs failed",
    ),
    "silent": Text(
        vi="hiện không nhận được kết quả nào từ điểm này",
        en="no results are coming from the site now",
    ),
}
