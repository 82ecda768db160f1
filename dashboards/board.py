"""A dashboard: panels in rows of 24 columns, variables, links to the others, incidents as annotations. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dashboards.panels import RED, Panel
from dashboards.queries import lasting, select
from dashboards.variables import SOURCE
from dashboards.words import Language, speaker, uid

Json = dict[str, Any]
SCHEMA_VERSION: Final = 38
"""Grafana 9.4's own; every later one brings it up to date as it loads it."""
_WIDTH: Final = 24


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Head:
    """What stands above the panels. `incidents`: which are annotated, as a condition; `since`: the range at first."""

    name: str
    title: str
    about: str
    variables: Sequence[Json]
    incidents: str
    since: str = "now-30d"


def dashboard(head: Head, language: Language, rows: Sequence[Row]) -> Json:
    """The dashboard as Grafana imports it."""
    return {
        "uid": uid(head.name, language),
        "title": head.title,
        "description": head.about,
        "tags": ["linkgauge", f"linkgauge-{language}"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "liveNow": False,
        "refresh": "5m",
        "style": "dark",
        "time": {"from": head.since, "to": "now"},
        "timepicker": {"refresh_intervals": ["1m", "5m", "15m", "1h"]},
        "timezone": "browser",
        "weekStart": "monday",
        "links": _links(language),
        "annotations": {"list": [_own(), _incidents(language, head.incidents)]},
        "templating": {"list": list(head.variables)},
        "panels": [_with_words(panel, language) for panel in _placed(rows)],
    }


def _placed(rows: Sequence[Row]) -> Iterator[Json]:
    """Panels from left to right, each row as high as its highest; ids in order."""
    number, y = 0, 0
    for row in rows:
        number += 1
        heading = {"h": 1, "w": _WIDTH, "x": 0, "y": y}
        yield {"id": number, "type": "row", "title": row.title, "collapsed": False, "panels": [], "gridPos": heading}
        x, height, y = 0, 0, y + 1
        for panel in row.panels:
            number += 1
            if x + panel.size[0] > _WIDTH:
                x, height, y = 0, 0, y + height
            yield panel.json(number, x, y)
            x, height = x + panel.size[0], max(height, panel.size[1])
        y += height


def _with_words(panel: Json, language: Language) -> Json:
    """A panel of one number says that there is none in the reader's language; a table would fill its cells with it."""
    if panel["type"] in {"stat", "gauge"}:
        panel["fieldConfig"]["defaults"].setdefault("noValue", speaker(language)("chưa có dữ liệu", "no data yet"))
    return panel


def _links(language: Language) -> list[Json]:
    say = speaker(language)
    others = {
        "type": "dashboards", "tags": [f"linkgauge-{language}"], "title": "linkgauge", "asDropdown": True,
        "includeVars": True, "keepTime": True, "targetBlank": False, "icon": "external link", "tooltip": "", "url": "",
    }  # fmt: skip
    page = {
        "type": "link", "title": say("Trang linkgauge", "linkgauge's page"), "url": "${page:raw}", "icon": "dashboard",
        "tags": [], "asDropdown": False, "includeVars": False, "keepTime": False, "targetBlank": True,
        "tooltip": say("Trang trực tiếp, nơi tiếp nhận sự cố", "The live page, where incidents are acknowledged"),
    }  # fmt: skip
    return [others, page]


def _own() -> Json:
    """What every dashboard of Grafana has: what people write into it by hand."""
    return {
        "builtIn": 1, "datasource": {"type": "grafana", "uid": "-- Grafana --"}, "enable": True, "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)", "name": "Annotations & Alerts", "type": "dashboard",
        "target": {"limit": 100, "matchAny": False, "tags": [], "type": "dashboard"},
    }  # fmt: skip


def _incidents(language: Language, condition: str) -> Json:
    """Incidents, when they opened and each time that they changed: Grafana 9.4 reads the outer form, 12 the target."""
    text = f"summary_{language}"
    query = select(
        f'"{text}", "severity", "cause", "state", "site"', lasting("incident"), f"{condition} AND $timeFilter"
    )
    form = {
        "query": query,
        "textColumn": text,
        "tagsColumn": "cause,state,site",
        "titleColumn": "",
        "timeEndColumn": "",
    }
    return {
        "name": speaker(language)("Sự cố", "Incidents"),
        "datasource": SOURCE,
        "enable": True,
        "hide": False,
        "iconColor": RED,
        **form,
        "target": {"refId": "incidents", "fromAnnotations": True, "rawQuery": True, "name": "incidents", **form},
    }
