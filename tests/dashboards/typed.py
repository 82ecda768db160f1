"""Dashboards as TypeScript: each part of one, declared to be of the type that a Grafana's own package has."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]


def source(dashboards: Mapping[str, Json], grafana: str) -> str:
    """A module that compiles only if every part of the dashboards is of its type in `grafana-9` or `grafana-12`.

    Every constant is named after what it is: `province_vi__p3_options`.
    """
    lines = [f'import type {{ Annotation, Board, Field, Frame, Panels, Row, Variable }} from "./{grafana}";']
    for name, dashboard in dashboards.items():
        lines += _board(name, dashboard)
    return "\n".join(lines) + "\n"


def _board(name: str, dashboard: Json) -> Iterator[str]:
    parts = ("panels", "templating", "annotations")
    yield _constant(f"{name}__board", "Board", {key: value for key, value in dashboard.items() if key not in parts})
    for place, variable in enumerate(dashboard.get("templating", {}).get("list", ())):
        yield _constant(f"{name}__v{place}", "Variable", variable)
    for place, annotation in enumerate(dashboard.get("annotations", {}).get("list", ())):
        yield _constant(f"{name}__a{place}", "Annotation", annotation)
    for panel in _panels(dashboard):
        yield from _panel(f"{name}__p{panel['id']}", panel)


def _panels(dashboard: Json) -> Iterator[Json]:
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", ())


def _panel(name: str, panel: Json) -> Iterator[str]:
    if panel["type"] == "row":
        yield _constant(name, "Row", {key: value for key, value in panel.items() if key != "panels"})
        return
    parts = ("options", "fieldConfig")
    yield _constant(name, "Frame", {key: value for key, value in panel.items() if key not in parts})
    kind = f"Panels[{json.dumps(panel['type'])}]"
    yield _constant(f"{name}_options", f'{kind}["options"]', panel.get("options", {}))
    fields = panel.get("fieldConfig", {})
    yield from _field(f"{name}_field", kind, fields.get("defaults", {}))
    for place, override in enumerate(fields.get("overrides", ())):
        yield from _field(f"{name}_o{place}", kind, _nested(override["properties"]))


def _field(name: str, kind: str, field: Json) -> Iterator[str]:
    yield _constant(name, "Field", {key: value for key, value in field.items() if key != "custom"})
    yield _constant(f"{name}_custom", f'{kind}["custom"]', field.get("custom", {}))


def _nested(properties: list[Json]) -> Json:
    """What an override says, as the field's own configuration says it: `custom.lineWidth` is a member of `custom`."""
    field: Json = {}
    for each in properties:
        first, _, rest = each["id"].partition(".")
        if rest:
            field.setdefault(first, {})[rest] = each["value"]
        else:
            field[first] = each["value"]
    return field


def _constant(name: str, kind: str, value: Any) -> str:  # noqa: ANN401 - JSON of any shape
    return f"export const {name}: {kind} = {json.dumps(value, ensure_ascii=False)};"
