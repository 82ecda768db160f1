"""Which tags a point may have: few values each, as deploy/collector/README says, and the contract before it."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.wire import codec
from agent.wire.control import Status
from agent.wire.results import RESULTS
from collector.registry.site import Site
from collector.rollups.fields import FIELDS
from collector.store.points import (
    EXTRA_TAGS,
    TAGS,
    completeness_point,
    incident_point,
    place_tags,
    points_of,
    status_point,
    verdict_point,
)
from collector.store.store import Point

REPO = Path(__file__).parents[2]
SAMPLES = Path(__file__).parent / "samples" / "v1"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
SITE = Site(
    "s1", "School 1", "school", "rural", "lang-son", "huu-lung", access="fibre", provider="vnpt", plan="lang-son-2025"
)
PLACE = {"site", "province", "commune", "site_kind", "area", "access", "provider"}
LEVELS = ("hour", "day", "month")


def documented() -> dict[str, tuple[set[str], int]]:
    """The table: each measurement's tags beside the place, and its series at a usual site."""
    text = (REPO / "deploy/collector/README.md").read_text("utf-8")
    section = text[text.index("## Tags and how many series") :].partition("\n## ")[0]
    rows = re.findall(r"^\| (`\w+`|roll-ups)[^|]*\| ([^|]*)\| (\d+) \|$", section, re.MULTILINE)
    return {name.strip("`"): (set(tags.strip("` ").split()), int(series)) for name, tags, series in rows}


def made() -> list[Point]:
    """A point of everything that is written."""
    points: list[Point] = []
    for path in sorted(SAMPLES.glob("report*.json")):
        points += [
            point
            for one in codec.decode_reports(path.read_bytes())
            if isinstance(one, codec.Accepted)
            for point in points_of(one.report, SITE)
        ]
    incident: dict[str, Any] = {"id": "x", "cause": "silent", "state": "open", "severity": "warning"}
    verdict = {"verdict": "met", "plan": "p", "indicator": "download_mbps", "scope": "fixed"}
    window = {"from": "2026-11-22T00:00:00Z", "to": "2026-11-22T00:00:00Z"}
    return [
        *points,
        status_point("a1", Status(state="online"), SITE, NOW),
        verdict_point(verdict | {"window": window}, SITE),
        incident_point(incident | {"updated": "2026-11-22T00:00:00Z"}, SITE),
        completeness_point(SITE, {"ratio": 1.0}, NOW),
    ]


def test_every_measurement_has_the_tags_that_are_documented_and_no_others() -> None:
    table = documented()
    seen: dict[str, set[str]] = {}
    for point in made():
        seen.setdefault(point.measurement, set()).update(name for name, _ in point.tags)
    assert seen.keys() == table.keys() - {"roll-ups"}
    for measurement, tags in seen.items():
        assert tags >= PLACE, measurement
        assert tags - PLACE <= table[measurement][0], measurement
    assert {name for name, _ in place_tags(SITE)} == PLACE
    assert table["roll-ups"][0] == set()
    assert set(RESULTS) <= seen.keys()


def test_the_tags_are_those_of_the_contract() -> None:
    contract = "site agent province commune site_kind area access provider family engine peer"
    assert set(TAGS) == set(contract.split())
    assert set(EXTRA_TAGS) == {"plan", "indicator", "scope", "cause"}
    assert {tag for tags, _ in documented().values() for tag in tags} <= set(TAGS) | set(EXTRA_TAGS)


def test_a_province_stays_within_its_budget() -> None:
    table = documented()
    rollups = table["roll-ups"][1]
    assert rollups == len(LEVELS) * len(FIELDS.keys() - {"radio"})
    assert 2000 * sum(series for name, (_, series) in table.items() if name != "roll-ups") == 24_000


@pytest.mark.parametrize("word", ["id", "epoch", "seq", "address", "cell", "tac", "software", "started"])
def test_what_takes_new_values_for_ever_is_no_tag(word: str) -> None:
    assert all(word not in dict(point.tags) for point in made())
