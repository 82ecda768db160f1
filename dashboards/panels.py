"""Panels as plain dictionaries, with types and options that Grafana 9.4 knows and 12 still reads. Pure.

House rules that are kept here, not in each dashboard: y from 0, points always shown, gaps never bridged, a colour never
without a word, grey for what cannot be concluded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from dashboards.variables import SOURCE
from dashboards.words import Say

Json = dict[str, Any]

GREEN: Final = "green"
RED: Final = "red"
GREY: Final = "#8e8e8e"
AMBER: Final = "orange"
BLUE: Final = "blue"
COLOURS: Final = {"met": GREEN, "below": RED, "inconclusive": GREY, "silent": AMBER}
_HIDDEN: Final[Json] = {"legend": False, "tooltip": False, "viz": False}


@dataclass(frozen=True, slots=True)
class Target:
    """A query. `alias` names its series, which makes it one for a time series; without it it is a table."""

    query: str
    alias: str | None = None

    def json(self, letter: str) -> Json:
        """As a panel has it."""
        shape = (
            {"resultFormat": "table"} if self.alias is None else {"resultFormat": "time_series", "alias": self.alias}
        )
        return {"refId": letter, "datasource": SOURCE, "query": self.query, "rawQuery": True, **shape}


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel, before it has an id and a place. `size`: width (of 24) and height; `about`: what is counted.

    `step`: the least of its steps; `span`: the last so long of the range instead of all of it.
    """

    kind: str
    title: str
    about: str
    targets: Sequence[Target]
    size: tuple[int, int]
    options: Json = field(default_factory=dict)
    defaults: Json = field(default_factory=dict)
    overrides: Sequence[Json] = ()
    transformations: Sequence[Json] = ()
    step: str | None = None
    span: str | None = None

    def json(self, number: int, x: int, y: int) -> Json:
        """As a dashboard has it."""
        width, height = self.size
        made: Json = {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.about,
            "gridPos": {"h": height, "w": width, "x": x, "y": y},
            "options": self.options,
            "transparent": False,
        }
        letters = (chr(ord("A") + place) for place in range(len(self.targets)))
        made |= {
            "datasource": SOURCE,
            "targets": [target.json(letter) for target, letter in zip(self.targets, letters, strict=True)],
            "fieldConfig": {"defaults": self.defaults, "overrides": list(self.overrides)},
        }
        if self.transformations:
            made["transformations"] = list(self.transformations)
        made |= {"timeFrom": self.span} if self.span else {}
        return made | ({"interval": self.step} if self.step else {})


# --- words and colours


def words(mapped: Mapping[str, tuple[str, str]]) -> list[Json]:
    """Value → text and colour, as one mapping."""
    options = {value: {"text": said[0], "color": said[1], "index": n} for n, (value, said) in enumerate(mapped.items())}
    return [{"type": "value", "options": options}]


def states(say: Say) -> list[Json]:
    """A verdict's words, each with a sign of its own."""
    return words(
        {
            "met": (say("● Đạt", "● Met"), GREEN),
            "below": (say("▲ Chưa đạt", "▲ Below"), RED),
            "inconclusive": (say("■ Chưa kết luận", "■ Inconclusive"), GREY),
            "silent": (say("✕ Mất liên lạc", "✕ Silent"), AMBER),
        }
    )


def steps(*bounds: tuple[float | None, str]) -> Json:
    """Colours from a value on; the first from the beginning (None)."""
    return {"mode": "absolute", "steps": [{"value": value, "color": colour} for value, colour in bounds]}


def plain(colour: str) -> Json:
    """One colour, whatever the value."""
    return {"color": {"mode": "fixed", "fixedColor": colour}, "thresholds": steps((None, colour))}


def by_value(*bounds: tuple[float | None, str]) -> Json:
    """Colours by value."""
    return {"color": {"mode": "thresholds"}, "thresholds": steps(*bounds)}


def link(title: str, url: str, *, elsewhere: bool = False) -> Json:
    """A way on from a value."""
    return {"title": title, "url": url, "targetBlank": elsewhere}


def override(name: str, **properties: object) -> Json:
    """What is different for the field of a name; `custom__x` stands for `custom.x`."""
    return {"matcher": {"id": "byName", "options": name}, "properties": _properties(properties)}


def of_query(letter: str, **properties: object) -> Json:
    """What is different for all that a query gives."""
    return {"matcher": {"id": "byFrameRefID", "options": letter}, "properties": _properties(properties)}


def target_line(letter: str) -> Json:
    """A target as the data has it: a dashed line that steps where it changes."""
    dashed = {"fill": "dash", "dash": [8, 6]}
    return of_query(
        letter,
        custom__drawStyle="line",
        custom__lineStyle=dashed,
        custom__lineInterpolation="stepAfter",
        custom__pointSize=3,
        color={"mode": "fixed", "fixedColor": "semi-dark-orange"},
    )


def without(*names: str, order: Sequence[str] = (), called: Mapping[str, str] | None = None) -> Json:
    """A transformation: fields left out, in an order, under names for people."""
    return {
        "id": "organize",
        "options": {
            "excludeByName": dict.fromkeys(names, True),
            "indexByName": {name: place for place, name in enumerate(order)},
            "renameByName": dict(called or {}),
        },
    }


def _properties(given: Mapping[str, object]) -> list[Json]:
    return [{"id": name.replace("__", "."), "value": value} for name, value in given.items()]


# --- kinds of panels


def stat(title: str, about: str, target: Target, *, size: tuple[int, int] = (4, 4), **defaults: object) -> Panel:
    """One number, large. `field` among the defaults: which one, if it is a word."""
    shown = defaults.pop("field", "")
    options: Json = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": f"/^{shown}$/" if shown else "", "values": False},
        "orientation": "auto",
        "textMode": "value",
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
    }
    return Panel("stat", title, about, [target], size, options, {"mappings": [], **defaults})


def gauge(title: str, about: str, target: Target, *, size: tuple[int, int] = (4, 4), **defaults: object) -> Panel:
    """One number on a scale."""
    options: Json = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "orientation": "auto",
        "showThresholdLabels": False,
        "showThresholdMarkers": True,
    }
    return Panel("gauge", title, about, [target], size, options, {"mappings": [], **defaults})


def series(
    title: str,
    about: str,
    targets: Sequence[Target],
    *,
    size: tuple[int, int] = (12, 8),
    **rest: Any,  # noqa: ANN401
) -> Panel:
    """Values over time. `unit`, `draw` (line, points, bars), `stack`, `least`, `step`, `span`, `overrides`."""
    custom: Json = {
        "drawStyle": rest.get("draw", "line"),
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "fillOpacity": 60 if rest.get("stack") else 0,
        "gradientMode": "none",
        "showPoints": "always",
        "pointSize": 5,
        "spanNulls": False,
        "stacking": {"group": "A", "mode": "normal" if rest.get("stack") else "none"},
        "axisPlacement": "auto",
        "axisLabel": "",
        "axisColorMode": "text",
        "scaleDistribution": {"type": "linear"},
        "barAlignment": 0,
        "thresholdsStyle": {"mode": "off"},
        "hideFrom": _HIDDEN,
    }
    defaults: Json = {
        "custom": custom,
        "color": {"mode": "palette-classic"},
        "mappings": [],
        "thresholds": steps((None, GREEN)),
    }
    if rest.get("least", 0) is not None:
        defaults["min"] = rest.get("least", 0)
    for name in ("unit", "max", "decimals"):
        if name in rest:
            defaults[name] = rest[name]
    options: Json = {
        "legend": {"displayMode": "list", "placement": "bottom", "calcs": [], "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "none"},
    }
    overrides = tuple(rest.get("overrides", ()))
    step, span = rest.get("step"), rest.get("span")
    return Panel("timeseries", title, about, targets, size, options, defaults, overrides, step=step, span=span)


def table(
    title: str,
    about: str,
    target: Target,
    *,
    size: tuple[int, int] = (12, 9),
    **rest: Any,  # noqa: ANN401
) -> Panel:
    """Rows. `columns`: field → name for people, in order; `drop`; `sort` (name, descending); `overrides`."""
    columns: Mapping[str, str] = rest.get("columns", {})
    sort = rest.get("sort")
    options: Json = {
        "showHeader": True,
        "footer": {"show": False, "reducer": ["sum"], "countRows": False},
        "sortBy": [{"displayName": sort[0], "desc": sort[1]}] if sort else [],
    }
    custom = {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False, "filterable": True}
    defaults: Json = {"custom": custom, "mappings": rest.get("mappings", []), "color": {"mode": "thresholds"}}
    defaults["thresholds"] = steps((None, "text"))
    shaped = [without(*rest.get("drop", ("Time",)), order=tuple(columns), called=columns)]
    return Panel("table", title, about, [target], size, options, defaults, tuple(rest.get("overrides", ())), shaped)


def timeline(
    title: str,
    about: str,
    *targets: Target,
    mapped: list[Json],
    size: tuple[int, int] = (24, 4),
    **rest: Any,  # noqa: ANN401
) -> Panel:
    """States over time, each with its word; a row for each field. `step`, `overrides`."""
    options: Json = {
        "mergeValues": True,
        "showValue": "auto",
        "alignValue": "left",
        "rowHeight": 0.9,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    defaults: Json = {
        "custom": {"lineWidth": 0, "fillOpacity": 80, "hideFrom": _HIDDEN},
        "mappings": mapped,
        **by_value((None, GREY)),
    }
    overrides, step = tuple(rest.get("overrides", ())), rest.get("step")
    return Panel("state-timeline", title, about, targets, size, options, defaults, overrides, step=step)


def bars(
    title: str,
    about: str,
    target: Target,
    *,
    across: str,
    size: tuple[int, int] = (12, 8),
    **rest: Any,  # noqa: ANN401
) -> Panel:
    """A bar for each row; `across` is the field that names them. `stack`, `unit`, `overrides`, `most`, `called`."""
    options: Json = {
        "orientation": "auto",
        "xField": across,
        "xTickLabelRotation": 0,
        "xTickLabelMaxLength": 20,
        "xTickLabelSpacing": 0,
        "showValue": "auto",
        "stacking": "normal" if rest.get("stack") else "none",
        "groupWidth": 0.7,
        "barWidth": 0.9,
        "barRadius": 0,
        "fullHighlight": False,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "none"},
        "text": {},
    }
    custom: Json = {
        "lineWidth": 1,
        "fillOpacity": 80,
        "gradientMode": "none",
        "axisPlacement": "auto",
        "axisLabel": "",
        "axisColorMode": "text",
        "scaleDistribution": {"type": "linear"},
        "hideFrom": _HIDDEN,
    }
    defaults: Json = {"custom": custom, "min": 0, "mappings": [], "color": {"mode": "palette-classic"}}
    defaults["thresholds"] = steps((None, GREEN))
    for name in ("unit", "max", "decimals"):
        if name in rest:
            defaults[name] = rest[name]
    shaped = [without("Time", called=rest.get("called"))]
    return Panel("barchart", title, about, [target], size, options, defaults, tuple(rest.get("overrides", ())), shaped)


def histogram(title: str, about: str, target: Target, *, size: tuple[int, int] = (12, 8), **rest: Any) -> Panel:  # noqa: ANN401
    """How values are spread. `unit`, `bucket` (its width)."""
    options: Json = {
        "bucketOffset": 0,
        "combine": True,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    if "bucket" in rest:
        options["bucketSize"] = rest["bucket"]
    custom: Json = {"lineWidth": 1, "fillOpacity": 80, "gradientMode": "none", "hideFrom": _HIDDEN}
    defaults: Json = {"custom": custom, "mappings": [], "color": {"mode": "palette-classic"}}
    defaults["thresholds"] = steps((None, GREEN))
    if "unit" in rest:
        defaults["unit"] = rest["unit"]
    return Panel("histogram", title, about, [target], size, options, defaults, transformations=[without("Time")])
