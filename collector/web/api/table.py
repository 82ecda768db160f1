"""The table of operations: every address under /api/v1, with what it takes and gives. Data only."""

from typing import Any, Final

from collector.explain.account import Account
from collector.incidents.acts import Action
from collector.incidents.incident import Incident
from collector.incidents.maintenance import Window
from collector.judge.verdict import Verdict
from collector.plans.types import Plan, Text
from collector.web import incidents as acts
from collector.web import quarantine
from collector.web.api import incidents, plans, reports, running, shapes, sites, verdicts
from collector.web.api.asked import Paged
from collector.web.api.elsewhere import ASK, LIVE, OUTLINES, RUN
from collector.web.api.operation import Example, Operation, Shape

_SITE: Final = {"site": "th-huu-lung"}
_PLAN: Final = {"plan": "lang-son-2025"}
_INCIDENT: Final = {"incident": "th-huu-lung.below_target.20261120T030000000000Z"}

SITES: Final = (
    Operation(
        name="listSites",
        tag="sites",
        path="/api/v1/sites",
        summary=Text(vi="Các điểm đo, theo mã", en="Sites, by their ids"),
        answer=Shape(Text(vi="Các điểm đo", en="Sites"), (shapes.Listing[shapes.Site],)),
        does=sites.sites,
        asks=sites.Sites,
        example=Example({"state": "below", "limit": "50"}),
    ),
    Operation(
        name="mapSites",
        tag="sites",
        path="/api/v1/sites.geojson",
        summary=Text(vi="Các điểm đo cho bản đồ và GIS", en="Sites for maps and GIS"),
        more=Text(
            vi="Mọi điểm đo có tọa độ, trong một câu trả lời (RFC 7946, WGS 84).",
            en="All sites that have a position, in one answer (RFC 7946, WGS 84).",
        ),
        answer=Shape(Text(vi="Lớp điểm", en="A layer of points"), (shapes.FeatureCollection,), sites.GEOJSON),
        does=sites.geojson,
        asks=sites.Choice,
        example=Example({"plan": "lang-son-2025"}),
    ),
    OUTLINES,
    Operation(
        name="getSite",
        tag="sites",
        path="/api/v1/sites/{site}",
        summary=Text(vi="Một điểm đo", en="One site"),
        answer=Shape(Text(vi="Điểm đo với kết quả mới nhất", en="The site with its last results"), (shapes.WholeSite,)),
        does=sites.site,
        asks=sites.OneSite,
        example=Example(_SITE),
    ),
    Operation(
        name="explainSite",
        tag="sites",
        path="/api/v1/sites/{site}/explain",
        summary=Text(
            vi="Từ từng kết quả đến kết luận và sự cố, kèm mọi con số",
            en="From samples to verdict to incident, with the numbers",
        ),
        answer=Shape(Text(vi="Cách kết luận", en="How it was judged"), (Account,)),
        does=sites.explained,
        asks=sites.Explained,
        example=Example(_SITE),
    ),
)
MEASUREMENTS: Final = (
    Operation(
        name="listReports",
        tag="measurements",
        path="/api/v1/sites/{site}/reports",
        summary=Text(vi="Báo cáo của một điểm đo, mới nhất trước", en="A site's reports, newest first"),
        answer=Shape(Text(vi="Các báo cáo", en="Reports"), (shapes.Listing[shapes.Report],)),
        does=reports.reports,
        asks=reports.Reports,
        example=Example({**_SITE, "kind": "throughput", "period": "2026-10", "limit": "100"}),
    ),
    Operation(
        name="getReport",
        tag="measurements",
        path="/api/v1/reports/{report}",
        summary=Text(vi="Đúng từng byte thiết bị đã gửi", en="The exact bytes that the device sent"),
        answer=Shape(Text(vi="Báo cáo gốc", en="The original report"), (dict[str, Any],)),
        does=reports.report,
        asks=reports.OneReport,
        example=Example({"report": "01936f0e-7d1c-7a3e-8a51-0d6c2f1b9e44"}),
    ),
    ASK,
    RUN,
    LIVE,
)
VERDICTS: Final = (
    Operation(
        name="listVerdicts",
        tag="verdicts",
        path="/api/v1/verdicts",
        summary=Text(vi="Kết luận hiện nay, hoặc của một kỳ", en="What is said of sites now, or was said of a period"),
        more=Text(
            vi="Không có period: mọi câu hỏi, như hiện nay. Có period: lời cuối cùng trong kỳ của mỗi câu hỏi; với "
            "site, mọi lời trong kỳ.",
            en="Without a period: every question, as of now. With one: what was said last in it of each question; "
            "with a site, all that was said.",
        ),
        answer=Shape(
            Text(vi="Các kết luận", en="Verdicts"), (shapes.Listing[Verdict], shapes.Listing[shapes.PastVerdict])
        ),
        does=verdicts.verdicts,
        asks=verdicts.Verdicts,
        example=Example({**_PLAN, "period": "2026-10"}),
    ),
)
PLANS: Final = (
    Operation(
        name="listPlans",
        tag="plans",
        path="/api/v1/plans",
        summary=Text(vi="Các kế hoạch", en="Plans"),
        answer=Shape(Text(vi="Các kế hoạch", en="Plans"), (shapes.Listing[Plan],)),
        does=plans.plans,
        asks=Paged,
    ),
    Operation(
        name="getPlan",
        tag="plans",
        path="/api/v1/plans/{plan}",
        summary=Text(vi="Một kế hoạch với mọi chỉ tiêu và nguyên văn", en="One plan with all its targets and quotes"),
        answer=Shape(Text(vi="Kế hoạch", en="The plan"), (Plan,)),
        does=plans.plan,
        asks=plans.OnePlan,
        example=Example(_PLAN),
    ),
    Operation(
        name="getScoreboard",
        tag="plans",
        path="/api/v1/plans/{plan}/scoreboard",
        summary=Text(vi="Bảng chỉ tiêu của một kỳ", en="The scoreboard of a period"),
        more=Text(
            vi="Không có period: tháng đã hết gần nhất. Với format=csv là bảng tính.",
            en="Without a period: the last month that is over. With format=csv a table for spreadsheets.",
        ),
        answer=Shape(Text(vi="Bảng chỉ tiêu", en="The scoreboard"), (shapes.Scoreboard,), also=("text/csv",)),
        does=plans.board,
        asks=plans.Scored,
        example=Example({**_PLAN, "period": "2026-10"}),
    ),
)
_WORDS: Final[dict[Action, Text]] = {
    "acknowledge": Text(vi="Tiếp nhận một sự cố", en="Acknowledge an incident"),
    "silence": Text(vi="Tạm không báo về một sự cố", en="Silence an incident"),
    "unsilence": Text(vi="Báo trở lại về một sự cố", en="End the silence of an incident"),
    "resolve": Text(vi="Kết thúc một sự cố", en="Resolve an incident"),
    "note": Text(vi="Ghi chú vào một sự cố", en="Note something with an incident"),
}
_BODIES: Final[dict[Action, dict[str, object]]] = {
    "acknowledge": {"who": "Nguyễn Thị Lan", "note": "đã gọi nhà mạng"},
    "silence": {"who": "Nguyễn Thị Lan", "note": "đang thi công", "hours": 8},
    "unsilence": {"who": "Nguyễn Thị Lan", "note": "đã thi công xong"},
    "resolve": {"who": "Nguyễn Thị Lan", "note": "đã thay bộ chuyển đổi quang"},
    "note": {"who": "Nguyễn Thị Lan", "note": "nhà mạng hẹn thứ Hai"},
}
INCIDENTS: Final = (
    Operation(
        name="listIncidents",
        tag="incidents",
        path="/api/v1/incidents",
        summary=Text(vi="Các sự cố, mới thay đổi trước", en="Incidents, the last changed first"),
        answer=Shape(Text(vi="Các sự cố", en="Incidents"), (shapes.Listing[Incident],)),
        does=incidents.some,
        asks=incidents.Incidents,
        example=Example({"state": "open"}),
    ),
    Operation(
        name="getIncident",
        tag="incidents",
        path="/api/v1/incidents/{incident}",
        summary=Text(vi="Một sự cố với toàn bộ diễn biến", en="One incident with its history"),
        answer=Shape(Text(vi="Sự cố", en="The incident"), (Incident,)),
        does=incidents.one,
        asks=incidents.OneIncident,
        example=Example(_INCIDENT),
    ),
    *(
        Operation(
            name=f"{action}Incident",
            tag="incidents",
            path=f"/api/v1/incidents/{{incident}}/{action}",
            summary=words,
            answer=Shape(Text(vi="Sự cố sau đó", en="The incident after it"), (Incident,)),
            does=incidents.act(action),
            asks=incidents.OneIncident,
            body=acts.Body,
            example=Example(_INCIDENT, _BODIES[action]),
        )
        for action, words in _WORDS.items()
    ),
    Operation(
        name="listMaintenance",
        tag="incidents",
        path="/api/v1/maintenance",
        summary=Text(vi="Lịch bảo trì", en="Planned maintenance, by its start"),
        answer=Shape(Text(vi="Các đợt bảo trì", en="Maintenance windows"), (shapes.Listing[Window],)),
        does=incidents.windows,
        asks=Paged,
    ),
    Operation(
        name="planMaintenance",
        tag="incidents",
        path="/api/v1/maintenance",
        summary=Text(vi="Đặt lịch bảo trì", en="Plan maintenance"),
        answer=Shape(Text(vi="Đợt bảo trì", en="The window"), (Window,)),
        does=incidents.plan,
        body=acts.Work,
        example=Example(
            body={
                "extent": "commune",
                "name": "Hữu Lũng",
                "starts": "2026-11-22T13:00:00Z",
                "ends": "2026-11-22T15:00:00Z",
                "who": "Trần Văn Minh",
                "note": "đổi cáp",
            }
        ),
    ),
    Operation(
        name="endMaintenance",
        tag="incidents",
        path=r"/api/v1/maintenance/{number:\d{1,9}}/end",
        summary=Text(vi="Kết thúc sớm một đợt bảo trì", en="End maintenance early"),
        answer=Shape(Text(vi="Đợt bảo trì", en="The window"), (Window,)),
        does=incidents.end,
        asks=incidents.OneWindow,
        body=acts.End,
        example=Example({"number": "7"}, {"who": "Trần Văn Minh"}),
    ),
)
RUNNING: Final = (
    Operation(
        name="getFleet",
        tag="running",
        path="/api/v1/fleet",
        summary=Text(vi="Các thiết bị, theo mã", en="Devices, by their ids"),
        answer=Shape(Text(vi="Các thiết bị", en="Devices"), (shapes.Fleet,)),
        does=running.fleet,
        asks=Paged,
    ),
    Operation(
        name="getCompleteness",
        tag="running",
        path="/api/v1/completeness",
        summary=Text(
            vi="Kế hoạch đo đã thực hiện đến đâu, kém nhất trước",
            en="What became of what was planned, the least complete sites first",
        ),
        more=Text(vi="Không có period: 30 ngày gần nhất.", en="Without a period: the last 30 days."),
        answer=Shape(Text(vi="Độ đầy đủ", en="Completeness"), (shapes.Completeness,)),
        does=running.complete,
        asks=running.Complete,
        example=Example({"period": "2026-10"}),
    ),
    Operation(
        name="getPipe",
        tag="running",
        path="/api/v1/pipe",
        summary=Text(vi="Luồng dữ liệu, từng khâu", en="How reports flow, stage by stage"),
        answer=Shape(Text(vi="Các khâu", en="The stages"), (shapes.Pipe,)),
        does=running.stages,
    ),
    Operation(
        name="listQuarantine",
        tag="running",
        path="/api/v1/quarantine",
        summary=Text(vi="Dữ liệu bị từ chối, mới nhất trước", en="What was rejected, the newest first"),
        answer=Shape(Text(vi="Dữ liệu bị từ chối", en="What was rejected"), (shapes.Listing[shapes.Held],)),
        does=running.detained,
        asks=running.Detained,
        example=Example({"reason": "malformed"}),
    ),
    Operation(
        name="getQuarantined",
        tag="running",
        path=r"/api/v1/quarantine/{number:\d{1,18}}",
        summary=Text(vi="Nguyên văn một dữ liệu bị từ chối", en="The bytes of one payload in quarantine"),
        answer=Shape(Text(vi="Đúng từng byte đã nhận", en="The bytes as they came"), (), "application/octet-stream"),
        does=running.payload,
        asks=running.OneHeld,
        example=Example({"number": "17"}),
    ),
    Operation(
        name="replayQuarantined",
        tag="running",
        path="/api/v1/quarantine/replay",
        summary=Text(vi="Cho xét lại dữ liệu bị từ chối", en="Have payloads judged again"),
        answer=Shape(Text(vi="Những gì được xét lại", en="What is judged again"), (shapes.Asked,)),
        does=running.replay,
        body=quarantine.Order,
        example=Example(body={"who": "Nguyễn Thị Lan", "numbers": [17, 18]}),
    ),
)
OPERATIONS: Final[tuple[Operation, ...]] = (*SITES, *MEASUREMENTS, *VERDICTS, *PLANS, *INCIDENTS, *RUNNING)
