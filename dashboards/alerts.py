"""The alert rules, as code: what each asks InfluxDB, when it fires, and what it says. Pure data.

**What vanishes must not resolve.** Grafana resolves an alert whose series has gone, two evaluations later. So no rule
about a site rests on reports or verdicts alone, which a silent site stops writing: the judge writes `standing` for
every registered site, heard or not, at once when it changes and else daily, and the rules look at the last of a
fortnight. That nobody judges any more is a rule of its own (`census` comes every five minutes), and the only one for
which no data is the alarm. For the others that rest on what the judge always writes, also where no site is registered
yet, no data is `NoData`: Grafana tells it as that, not as recovery. What need not be there (a verdict on a plan, a day
that is over, a box that is heard) may be missing without an alarm: `linkgauge-silent` tells when such things vanish.
An error is `Error`, for all.

Conditions are `math` and `reduce` expressions: every Grafana from 9.4 on has them, and `threshold` came in between.
Words stand without `$`: in provisioning files that would begin an environment variable.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from dashboards.catalogue import DATASOURCE

Json = dict[str, Any]
NoData = Literal["NoData", "Alerting", "OK"]

FOLDER: Final = "linkgauge-alerts"
"""Uid of the rules' folder; they need one of their own: a second way to make the dashboards' folder would clash."""
FOLDER_TITLE: Final = "linkgauge alerts"
INTERVAL_S: Final = 300
EXPRESSION: Final = "__expr__"
_DAY_S: Final = 86_400
_STANDING_S: Final = 14 * _DAY_S
_VERDICT_S: Final = 32 * _DAY_S
"""Longer than any window that is judged: while a site stands below its target, its verdict is not older."""
_STANDING: Final = 'SELECT last("FIELD") FROM "standing" WHERE $timeFilter GROUP BY "site", "province", "commune"'
_VERDICT: Final = (
    'SELECT last("below") FROM "verdict" WHERE "indicator" = \'download_mbps\' AND "plan" =~ /./ AND $timeFilter '
    'GROUP BY "site", "province", "commune"'
)
_MISSING: Final = 'SELECT last("missing") FROM "completeness" WHERE $timeFilter GROUP BY "site", "province", "commune"'
_EXPIRING: Final = "status"
"""The only measurement asked here that goes with raw reports where these are kept for a time only."""
_RAW: Final = re.compile(r'FROM ("\w+"\.)"status"')
_SPOOLED: Final = (
    'SELECT last("spooled") FROM "status" WHERE $timeFilter GROUP BY "site", "province", "commune", "agent"'
)


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked (`influxql`, macros inside), as refId `ref`, of the last `back_s` seconds; reduced to `ref`R."""

    ref: str
    influxql: str
    back_s: int


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `when`: a math expression over the reduced queries; `cause` and `severity` are labels to route by."""

    uid: str
    group: str
    title: str
    cause: str
    severity: str
    queries: tuple[Query, ...]
    when: str
    for_s: int
    summary_vi: str
    summary_en: str
    to_do_vi: str
    to_do_en: str
    no_data: NoData = "NoData"
    dashboard: str | None = None


def _of(template: str, field: str) -> str:
    return template.replace("FIELD", field)


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        uid="linkgauge-below",
        group="linkgauge sites",
        title="Chưa đạt chỉ tiêu / Below target",
        cause="below_target",
        severity="warning",
        queries=(
            Query("V", _VERDICT, _VERDICT_S),
            Query("S", _of(_STANDING, "below"), _STANDING_S),
            Query("M", _of(_STANDING, "value"), _STANDING_S),
            Query("T", _of(_STANDING, "target"), _STANDING_S),
        ),
        when="$VR > 0 && $SR > 0",
        for_s=600,
        summary_vi="{{ .Labels.site }} chưa đạt chỉ tiêu: {{ .Values.MR }} so với {{ .Values.TR }} Mbps.",
        summary_en="{{ .Labels.site }} is below its target: {{ .Values.MR }} of {{ .Values.TR }} Mbps.",
        to_do_vi="Mở trang của điểm: trang nêu từ khi nào, so với hợp đồng ra sao và trách nhiệm thuộc về ai.",
        to_do_en="Open the site's page: it says since when, how the line keeps its contract, and whose fault it is.",
        no_data="OK",
        dashboard="linkgauge-site",
    ),
    Rule(
        uid="linkgauge-contract",
        group="linkgauge sites",
        title="Chưa đạt hợp đồng / Less than was bought",
        cause="contract",
        severity="warning",
        queries=(Query("S", _of(_STANDING, "contract_below"), _STANDING_S),),
        when="$SR > 0",
        for_s=600,
        summary_vi="Đường truyền của {{ .Labels.site }} thấp hơn tốc độ đã mua.",
        summary_en="The line of {{ .Labels.site }} gives less than was bought.",
        to_do_vi="Báo nhà cung cấp kèm kết quả đo trên trang của điểm.",
        to_do_en="Tell the provider, with the measurements on the site's page.",
        dashboard="linkgauge-site",
    ),
    Rule(
        uid="linkgauge-silent",
        group="linkgauge sites",
        title="Mất liên lạc / Silent",
        cause="silent",
        severity="warning",
        queries=(Query("S", _of(_STANDING, "silent"), _STANDING_S),),
        when="$SR > 0",
        for_s=0,
        summary_vi="Mất liên lạc với {{ .Labels.site }}: thiết bị không báo về hoặc không gửi kết quả.",
        summary_en="{{ .Labels.site }} is silent: its box is not heard, or brings no results.",
        to_do_vi="Kiểm tra nguồn điện và đường truyền tại điểm; trang Thiết bị đo cho biết lần liên lạc gần nhất.",
        to_do_en="Check power and line at the site; the fleet page says when it was last heard.",
        dashboard="linkgauge-site",
    ),
    Rule(
        uid="linkgauge-judge",
        group="linkgauge pipe",
        title="Ngừng kết luận / Nobody judges",
        cause="judge",
        severity="critical",
        queries=(Query("C", 'SELECT count("sites") FROM "census" WHERE $timeFilter', 1800),),
        when="$CR < 1",
        for_s=0,
        summary_vi="Đã 30 phút không có kết luận nào: dịch vụ thu thập dừng, hoặc không ghi được vào InfluxDB.",
        summary_en="Nothing was judged for 30 minutes: the collector has stopped, or cannot write to InfluxDB.",
        to_do_vi="Xem dịch vụ linkgauge-collector và /readyz; đến khi có lại, các cảnh báo khác giữ nguyên.",
        to_do_en="Look at the service linkgauge-collector and at /readyz; until then other alerts stay as they are.",
        no_data="Alerting",
        dashboard="linkgauge-fleet",
    ),
    Rule(
        uid="linkgauge-pipe-silence",
        group="linkgauge pipe",
        title="Nhiều điểm cùng mất liên lạc / Many sites silent at once",
        cause="pipe",
        severity="critical",
        queries=(
            Query("S", 'SELECT last("silent") FROM "census" WHERE $timeFilter GROUP BY "province"', _DAY_S),
            Query("N", 'SELECT last("sites") FROM "census" WHERE $timeFilter GROUP BY "province"', _DAY_S),
        ),
        when="$SR * 2 > $NR && $NR > 1",
        for_s=300,
        summary_vi="{{ .Values.SR }} trên {{ .Values.NR }} điểm của {{ .Labels.province }} cùng mất liên lạc.",
        summary_en="{{ .Values.SR }} of {{ .Values.NR }} sites of {{ .Labels.province }} are silent at once.",
        to_do_vi="Kiểm tra máy chủ MQTT, tường lửa và chứng chỉ trước khi gọi từng điểm.",
        to_do_en="Check broker, firewall and certificates before you call any single site.",
        dashboard="linkgauge-fleet",
    ),
    Rule(
        uid="linkgauge-pipe-missing",
        group="linkgauge pipe",
        title="Thiếu báo cáo / Reports missing",
        cause="pipe",
        severity="warning",
        queries=(Query("M", _MISSING, 4 * _DAY_S),),
        when="$MR > 0",
        for_s=3600,
        summary_vi="{{ .Values.MR }} báo cáo của {{ .Labels.site }} đã tạo nhưng chưa đến nơi.",
        summary_en="{{ .Values.MR }} reports of {{ .Labels.site }} were made and never arrived.",
        to_do_vi="Trang Luồng dữ liệu cho biết thiếu những báo cáo nào và đã yêu cầu gửi lại chưa.",
        to_do_en="The pipe page says which ones, and whether they were asked for again.",
        no_data="OK",
        dashboard="linkgauge-fleet",
    ),
    Rule(
        uid="linkgauge-pipe-backlog",
        group="linkgauge pipe",
        title="Báo cáo dồn lại / Reports pile up",
        cause="pipe",
        severity="warning",
        queries=(Query("W", _SPOOLED, 7200),),
        when="$WR > 500",
        for_s=1800,
        summary_vi="{{ .Values.WR }} báo cáo đang chờ ở thiết bị {{ .Labels.agent }} tại {{ .Labels.site }}.",
        summary_en="{{ .Values.WR }} reports wait at the box {{ .Labels.agent }} of {{ .Labels.site }}.",
        to_do_vi="Đường truyền quá chậm, hoặc máy chủ thu thập không gửi biên nhận: xem trang Luồng dữ liệu.",
        to_do_en="The line is too slow, or the collector gives no receipts: see the pipe page.",
        no_data="OK",
        dashboard="linkgauge-fleet",
    ),
)


def queries() -> Mapping[str, str]:
    """Every query as it is sent: `rule uid/refId` → InfluxQL with its macros."""
    return {f"{rule.uid}/{query.ref}": query.influxql for rule in RULES for query in rule.queries}


def rule_json(rule: Rule, *, raw: str = "") -> Json:
    """A rule as both the provisioning file and the HTTP API take it; durations are in Prometheus' words.

    `raw`: the retention policy of what is kept for a time only, with its dot (`"raw".`), where there is one.
    """
    data = [part for query in rule.queries for part in (_asked(query, raw), _reduced(query))]
    condition = _expression("Z", {"type": "math", "expression": rule.when})
    labels = {"product": "linkgauge", "cause": rule.cause, "severity": rule.severity}
    return {
        "uid": rule.uid,
        "title": rule.title,
        "condition": "Z",
        "data": [*data, condition],
        "noDataState": rule.no_data,
        "execErrState": "Error",
        "for": duration(rule.for_s),
        "isPaused": False,
        "labels": labels,
        "annotations": _annotations(rule),
    }


def raw_of(rule: Mapping[str, Any]) -> str:
    """The policy that a rule asks for what is kept for a time only; empty for one that does not, or is not there."""
    asked = (str(one.get("model", {}).get("query", "")) for one in rule.get("data") or ())
    return next((found[1] for found in map(_RAW.search, asked) if found), "")


def duration(seconds: int) -> str:
    """`0s`, `10m`, `1h`: as Grafana writes a duration back, so that what is there can be compared."""
    for unit, size in (("d", _DAY_S), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _annotations(rule: Rule) -> dict[str, str]:
    said = {
        "summary": f"{rule.summary_vi} / {rule.summary_en}",
        "description": f"{rule.to_do_vi} / {rule.to_do_en}",
    }
    if rule.dashboard is not None:
        said["dashboard"] = f"/d/{rule.dashboard}"
    return said


def _asked(query: Query, raw: str) -> Json:
    model = {
        "refId": query.ref,
        "datasource": {"type": "influxdb", "uid": DATASOURCE},
        "rawQuery": True,
        "query": query.influxql.replace(f'FROM "{_EXPIRING}"', f'FROM {raw}"{_EXPIRING}"'),
        "resultFormat": "time_series",
        "intervalMs": 60_000,
        "maxDataPoints": 43_200,
    }
    return {
        "refId": query.ref,
        "queryType": "",
        "relativeTimeRange": {"from": query.back_s, "to": 0},
        "datasourceUid": DATASOURCE,
        "model": model,
    }


def _reduced(query: Query) -> Json:
    settings = {"mode": "dropNN"}
    name = f"{query.ref}R"
    return _expression(name, {"type": "reduce", "expression": query.ref, "reducer": "last", "settings": settings})


def _expression(ref: str, what: Json) -> Json:
    return {
        "refId": ref,
        "queryType": "",
        "relativeTimeRange": {"from": 0, "to": 0},
        "datasourceUid": EXPRESSION,
        "model": {"refId": ref, "datasource": {"type": EXPRESSION, "uid": EXPRESSION}, **what},
    }
