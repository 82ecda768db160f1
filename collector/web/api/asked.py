"""Parameters that several operations share, each with what it is in both languages."""

from typing import Annotated, Final

import msgspec

from collector.ledger.period import period
from collector.web.api.asking import says

MOST: Final = 2000
USUAL: Final = 500

Limit = Annotated[
    int, says("Số mục tối đa trong một câu trả lời", "The most items that one answer holds", ge=1, le=MOST)
]
Cursor = Annotated[
    str,
    says("Giá trị next của câu trả lời trước", "What the answer before gave as next", min_length=1, max_length=600),
]
Period = Annotated[
    str,
    says(
        "Kỳ: năm, tháng, ngày hoặc từ ngày..đến ngày, tối đa 400 ngày",
        "A period: a year, a month, a day, or day..day, at most 400 days",
        check=period,
        pattern=r"^20[0-9]{2}(-[0-9]{2}){0,2}(\.\.20[0-9]{2}(-[0-9]{2}){0,2})?$",
        examples=["2026", "2026-10", "2026-10-22", "2026-10-01..2026-10-31"],
    ),
]
PLAIN: Final = r"^[^\x00-\x1f\x7f]*$"
"""Words without control characters."""
Id = r"^[a-z0-9][a-z0-9-]{0,62}$"
SiteId = Annotated[str, says("Mã điểm đo", "The site's id", pattern=Id, examples=["th-huu-lung"])]
PlanId = Annotated[str, says("Mã kế hoạch", "The plan's id", pattern=Id, examples=["lang-son-2025"])]


class Paged(msgspec.Struct, frozen=True, kw_only=True):
    """A list that comes in pages."""

    limit: Limit = USUAL
    cursor: Cursor | None = None
