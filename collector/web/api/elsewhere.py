"""What other modules answer under /api/v1, as the document describes it: events, outlines, tests now."""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

from collector.plans.types import Text
from collector.web.api.asked import PLAIN, SiteId
from collector.web.api.asking import says
from collector.web.api.operation import Example, Operation, Shape
from collector.web.api.reports import Kind
from collector.web.incidents import Who


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
                pattern=r"^(report|verdict|incident|status)(,(report|verdict|incident|status))*$",
            ),
        ]
        | None
    ) = None


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who wants which probe to run now; of a site with several agents, which one is to run it."""

    who: Who
    kind: Kind = "throughput"
    agent: Annotated[str, msgspec.Meta(max_length=63, pattern=PLAIN)] | None = None


class Running(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a test that was asked for is; once it has `arrived`, `report` is its id."""

    request: str
    kind: str
    asked: Annotated[datetime, msgspec.Meta(tz=True)]
    expires: Annotated[datetime, msgspec.Meta(tz=True)]
    state: Literal["waiting", "arrived", "expired"]
    report: str | None = None


class OfSite(msgspec.Struct, frozen=True, kw_only=True):
    """At which site."""

    site: SiteId


class OneRun(OfSite, frozen=True, kw_only=True):
    """One test that was asked for."""

    request: Annotated[
        str,
        says("Tên do câu trả lời trước đưa ra", "The name that the answer before gave", max_length=80, pattern=PLAIN),
    ]


OUTLINES: Final = Operation(
    name="mapOutlines",
    tag="sites",
    path="/api/v1/outlines.geojson",
    summary=Text(vi="Ranh giới xã, tỉnh do đơn vị vận hành cung cấp", en="Outlines that the operator supplied"),
    answer=Shape(Text(vi="Lớp ranh giới", en="A layer of outlines"), (), "application/geo+json"),
    does=None,
    errors=(404,),
)
ASK: Final = Operation(
    name="testNow",
    tag="measurements",
    path="/api/v1/sites/{site}/test",
    summary=Text(vi="Cho đo ngay tại một điểm", en="Have a probe run now"),
    more=Text(
        vi="Trả lời 202 với địa chỉ để theo dõi (Location).", en="Answered 202, with the address to follow (Location)."
    ),
    answer=Shape(Text(vi="Đã gửi yêu cầu", en="It is asked for"), (Running,)),
    status=202,
    does=None,
    asks=OfSite,
    body=Ask,
    errors=(429,),
    example=Example({"site": "th-huu-lung"}, {"who": "Nguyễn Thị Lan", "kind": "throughput"}),
)
RUN: Final = Operation(
    name="getTest",
    tag="measurements",
    path="/api/v1/sites/{site}/test/{request}",
    summary=Text(vi="Lần đo theo yêu cầu đã đến đâu", en="How far a test that was asked for is"),
    answer=Shape(Text(vi="Tiến độ", en="How far it is"), (Running,)),
    does=None,
    asks=OneRun,
    example=Example({"site": "th-huu-lung", "request": "throughput-019aa9f3b2c4-0123456789abcdef"}),
    tagged=False,
)
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
