"""The stream of events as the document describes it; `collector.web.live` answers it."""

from typing import Annotated, Final

import msgspec

from collector.plans.types import Text
from collector.web.api.asked import SiteId
from collector.web.api.asking import says
from collector.web.api.operation import Example, Operation, Shape


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which events are wanted."""

    site: SiteId | None = None
    topics: (
        Annotated[
            str,
            says(
                "Loại sự kiện, cách nhau bằng dấu phẩy",
                "Kinds of events, with commas between",
                examples=["report,incident"],
            ),
        ]
        | None
    ) = None


LIVE: Final = Operation(
    name="live",
    tag="measurements",
    path="/api/v1/live",
    summary=Text(vi="Mọi việc ngay khi xảy ra", en="What happens, as it happens"),
    more=Text(
        vi="Server-sent events, không bao giờ kết thúc: event là report, verdict, incident hoặc status; data là JSON "
        "với site, at và dữ kiện của sự kiện. Mất kết nối: nối lại, rồi đọc lại danh sách, vì sự kiện không được giữ.",
        en="Server-sent events without end: event is report, verdict, incident or status; data is JSON with site, at "
        "and the facts of the event. After a lost connection connect again, and read the lists again: no event is "
        "kept for later.",
    ),
    answer=Shape(Text(vi="Dòng sự kiện", en="A stream of events"), (), "text/event-stream"),
    does=None,
    asks=Wanted,
    example=Example({"site": "th-huu-lung", "topics": "report,verdict"}),
    tagged=False,
)
