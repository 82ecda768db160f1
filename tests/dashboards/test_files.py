"""The generated JSON as it lies in the tree: what Grafana and people must be able to rely on without looking."""

import json
import re
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest

from dashboards.__main__ import main
from dashboards.catalogue import DASHBOARDS, DATASOURCE
from dashboards.files import GENERATED, drift, files, write
from dashboards.words import LANGUAGES

Json = dict[str, Any]
BOARDS = {path.relative_to(GENERATED).as_posix(): path for path in sorted(GENERATED.glob("*/*.json"))}
PANELS = {"barchart", "gauge", "geomap", "histogram", "row", "stat", "state-timeline", "table", "text", "timeseries"}
OWN = {"datasource", "page", "raw"}
"""Variables that need not stand in a query: links and sources use them."""
GLOBALS = {"__from", "__to", "__interval", "timeFilter", "__url_time_range", "__data"}


def boards() -> Iterator[Json]:
    for path in BOARDS.values():
        found = json.loads(path.read_text("utf-8"))
        if "panels" in found:
            yield found


ALL = list(boards())
IDS = [board["uid"] for board in ALL]


def everything(value: object) -> Iterator[tuple[str, object]]:
    """All keys and values, however deep."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from everything(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from everything(inner)


def test_the_files_are_what_the_code_makes() -> None:
    assert drift(GENERATED) == []
    assert main(["--check"]) == 0


def test_drift_is_noticed_and_mended(tmp_path: Path) -> None:
    assert write(tmp_path) == [f"{name}: is not there" for name in sorted(files())]
    assert drift(tmp_path) == []
    first, second = sorted(files())[:2]
    (tmp_path / first).write_text("edited by hand")
    (tmp_path / second).unlink()
    (tmp_path / "vi" / "old.json").write_text("{}")
    found = [f"{second}: is not there", "vi/old.json: nothing makes it any more", f"{first}: differs"]
    assert drift(tmp_path) == found
    assert write(tmp_path) == found
    assert drift(tmp_path) == []


def test_every_dashboard_exists_in_both_languages_and_no_uid_twice() -> None:
    assert sorted(IDS) == sorted(DASHBOARDS)
    assert len(IDS) == len(set(IDS)) == 6 * len(LANGUAGES)
    assert len({board["title"] for board in ALL}) >= len(IDS) - 2  # "IPv6" is called the same in both
    assert all(len(uid) <= 40 and re.fullmatch(r"[a-z0-9-]+", uid) for uid in IDS)
    by_uid = {board["uid"]: board for board in ALL}
    for uid, board in by_uid.items():
        if uid.endswith("-en"):
            assert [one["type"] for one in board["panels"]] == [one["type"] for one in by_uid[uid[:-3]]["panels"]]


@pytest.mark.parametrize("board", ALL, ids=IDS)
class TestBoard:
    def test_ids_are_unique_and_types_are_those_of_grafana_9(self, board: Json) -> None:
        ids = [panel["id"] for panel in board["panels"]]
        assert len(ids) == len(set(ids))
        assert {panel["type"] for panel in board["panels"]} <= PANELS
        assert board["schemaVersion"] == 38
        assert "id" not in board
        for panel in board["panels"]:
            letters = [target["refId"] for target in panel.get("targets", ())]
            assert len(letters) == len(set(letters))

    def test_no_panel_lies_over_another_or_outside(self, board: Json) -> None:
        places = [panel["gridPos"] for panel in board["panels"]]
        assert all(at["x"] >= 0 and at["x"] + at["w"] <= 24 and at["w"] > 0 and at["h"] > 0 for at in places)
        for one, other in combinations(places, 2):
            apart = (
                one["x"] + one["w"] <= other["x"]
                or other["x"] + other["w"] <= one["x"]
                or one["y"] + one["h"] <= other["y"]
                or other["y"] + other["h"] <= one["y"]
            )
            assert apart, (one, other)
        assert all(first["y"] <= second["y"] for first, second in pairwise(places))

    def test_sources_are_named_by_uid_through_the_variable(self, board: Json) -> None:
        found = [value for key, value in everything(board) if key == "datasource"]
        assert found
        for source in found:
            assert source in ({"type": "influxdb", "uid": "${datasource}"}, {"type": "grafana", "uid": "-- Grafana --"})
        (variable,) = [one for one in board["templating"]["list"] if one["type"] == "datasource"]
        assert variable["current"]["value"] == DATASOURCE

    def test_every_panel_says_what_it_counts(self, board: Json) -> None:
        for panel in board["panels"]:
            if panel["type"] != "row":
                assert panel["title"]
                assert panel["description"]
        assert board["description"]

    def test_every_variable_is_used_and_every_one_used_is_there(self, board: Json) -> None:
        names = [one["name"] for one in board["templating"]["list"]]
        text = json.dumps({key: value for key, value in board.items() if key != "templating"})
        chained = "".join(one["query"] for one in board["templating"]["list"])
        for name in set(names) - OWN:
            assert f"${{{name}" in text + chained, name
        used = {found[0] or found[1] for found in re.findall(r"\$(\w+)|\$\{(\w+)", text + chained)}
        assert {name for name in used if not name.startswith("tag_")} <= {*names, *GLOBALS}
        assert names[0] == "datasource"
        for place, variable in enumerate(board["templating"]["list"]):
            asked = set(re.findall(r"\$\{(\w+)", str(variable["query"])))
            assert asked <= set(names[:place]), "a variable asks for one that comes after it"

    def test_every_link_leads_somewhere(self, board: Json) -> None:
        urls = [value for key, value in everything(board) if key == "url" and value]
        assert urls
        for url in map(str, urls):
            uid = re.match(r"/d/([^?]+)", url)
            assert uid is None or uid[1] in IDS, url
            assert uid is not None or url.startswith("${page:raw}"), url
            assert uid is None or uid[1].endswith("-en") == board["uid"].endswith("-en"), "another language"

    def test_graphs_tell_no_lies(self, board: Json) -> None:
        for panel in board["panels"]:
            if panel["type"] != "timeseries":
                continue
            defaults = panel["fieldConfig"]["defaults"]
            assert defaults["custom"]["showPoints"] == "always"
            assert defaults["custom"]["spanNulls"] is False
            assert defaults["min"] == (-140 if defaults.get("unit") == "dBm" else 0), panel["title"]
            for target in panel["targets"]:
                if "time($__interval" in target["query"] and defaults["custom"]["drawStyle"] == "line":
                    assert target["query"].endswith("fill(null)"), "a step without values would be bridged"
                assert "-- " not in target["query"]
            if "interval" not in panel:
                assert defaults["custom"]["drawStyle"] == "points", "raw values in lines bridge every gap"

    def test_a_colour_never_stands_without_a_word(self, board: Json) -> None:
        for key, value in everything(board):
            if key == "mappings":
                assert isinstance(value, list)
                for mapping in value:
                    said = [one["text"] for one in mapping["options"].values()]
                    assert all(said)
                    assert len(set(said)) == len(said)

    def test_nothing_is_of_this_machine_or_needs_another(self, board: Json) -> None:
        text = json.dumps(board, ensure_ascii=False)
        assert not re.search(r"/(?:home|work|root|usr|var|tmp|etc)/", text)
        hosts = set(re.findall(r"https?://([^/\"]+)", text))
        assert hosts <= {"127.0.0.1:8600"}
        for layer in [one for panel in board["panels"] for one in [panel.get("options", {}).get("basemap")] if one]:
            assert layer["type"] == "geojson"
            assert layer["config"]["src"].startswith("public/")
