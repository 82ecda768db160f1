"""Asking a real InfluxDB what a dashboard or an alert rule asks it. Shared by tests and bench."""

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from tests.collector.influxd import Influxd
from tests.dashboards.macros import ALL, View, chosen, expand
from tests.dashboards.seeded import DATABASE

Json = Mapping[str, Any]
_STEPS: Final = {"10m": 600, "1h": 3_600, "2h": 7_200, "6h": 21_600, "1d": 86_400}
_SPANS: Final = {"6h": 21_600, "7d": 604_800}
_PIXELS: Final = 800


@dataclass(frozen=True)
class Question:
    """One query of one place, as it is sent."""

    where: str
    statement: str
    panel: Json | None = None
    is_form: str = "table"


@dataclass(frozen=True)
class Answer:
    """Its rows by column (tags are columns too, as Grafana's tables have them), how many, and how long it took."""

    columns: Mapping[str, Sequence[Any]]
    rows: int
    seconds: float


def ask(server: Influxd, statement: str) -> Answer:
    """The answer to one statement; raises what the server says is wrong with it."""
    body = urllib.parse.urlencode({"q": statement, "db": DATABASE, "epoch": "ms"}).encode()
    request = urllib.request.Request(f"{server.url}/query", data=body)  # noqa: S310 - our own server, http
    start = time.perf_counter()
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own server, http
        said = json.loads(answer.read())
    seconds = time.perf_counter() - start
    (result,) = said["results"]
    if "error" in result:
        raise ValueError(f"{result['error']}: {statement}")
    columns: dict[str, list[Any]] = {}
    rows = 0
    for one in result.get("series", ()):
        rows += len(one["values"])
        for place, name in enumerate(one["columns"]):
            columns.setdefault(name, []).extend(row[place] for row in one["values"])
        for name, value in one.get("tags", {}).items():
            columns.setdefault(name, []).extend([value] * len(one["values"]))
    return Answer(columns, rows, seconds)


def view_of(server: Influxd, board: Json, start: datetime, end: datetime, **given: str | list[str]) -> View:
    """A dashboard opened for a range: its variables asked in order, each as it is at first unless given."""
    view = View(start, end)
    for variable in board["templating"]["list"]:
        name = variable["name"]
        options: list[str] = []
        if variable["type"] == "query":
            options = [str(one) for one in ask(server, expand(variable["query"], view)).columns.get("value", ())]
            assert options, f"{board['uid']}: nothing to choose for {name}"
        value = given.get(name) or chosen(variable) or (options[0] if options else "")
        every = {name: variable["allValue"]} if variable.get("allValue") else {}
        view = View(
            start, end, {**view.values, name: value}, {**view.options, name: options}, {**view.all_values, **every}
        )
        several = [value] if isinstance(value, str) else value
        assert not options or several == [ALL] or set(several) <= set(options), f"{name}: {several}"
    return view


def questions(board: Json, view: View) -> Iterator[Question]:
    """Every query of a dashboard's panels and annotations."""
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            where = f"{board['uid']}/{panel['id']} {panel['title']}/{target['refId']}"
            seen = view
            if "timeFrom" in panel:
                seen = replace(view, start=view.end - timedelta(seconds=_SPANS[panel["timeFrom"]]))
            statement = expand(target["query"], seen, step=step_of(panel, seen))
            yield Question(where, statement, panel, target["resultFormat"])
    for annotation in board["annotations"]["list"]:
        if "query" in annotation:
            where = f"{board['uid']}/annotation {annotation['name']}"
            yield Question(where, expand(annotation["query"], view, once=True))


def step_of(panel: Json, view: View) -> timedelta:
    """The step that Grafana would choose: a point a pixel or so, but no less than the panel's least."""
    least = _STEPS[panel["interval"]] if "interval" in panel else 1
    wanted = (view.end - view.start).total_seconds() / _PIXELS
    return timedelta(seconds=next((size for size in sorted(_STEPS.values()) if size >= max(wanted, least)), 86_400))
