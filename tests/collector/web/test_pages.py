"""View models: what a site is filed under, and in which order a list is read."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from collector.incidents.incident import Finding, Subject, begun
from collector.plans.binding import binding_for
from collector.plans.load import load_plans
from collector.plans.types import Text
from collector.registry.site import Site
from collector.store.store import Row, Summary
from collector.web.pages import (
    Contact,
    SiteRow,
    State,
    measured,
    site_row,
    state_of,
    troubles,
    with_trouble,
)
from tests.collector.web.house import NOW, SITES, judged

SCHOOL = SITES[0]
HIGH, LOW, MIXED = [150.0] * 10, [50.0] * 10, [150.0, 50.0] * 5


def row(site: Site, speeds: list[float], *, silent: bool = False, median: float | None = None) -> SiteRow:
    verdict = judged(site, speeds, silent=silent)
    summary = Summary(10, median) if median else None
    return site_row(site, verdict, [], summary, Contact(silent=silent))


@pytest.mark.parametrize(
    ("speeds", "heard", "state"),
    [
        pytest.param(HIGH, "heard", "met", id="met"),
        pytest.param(LOW, "heard", "below", id="below"),
        pytest.param(MIXED, "heard", "inconclusive", id="mixed"),
        pytest.param([], "heard", "inconclusive", id="too few"),
        pytest.param(HIGH, "silent", "silent", id="silence hides an old met"),
        pytest.param(LOW, "silent", "below", id="silence never hides a below"),
    ],
)
def test_a_site_is_filed_under_what_an_engineer_must_know_first(speeds: list[float], heard: str, state: State) -> None:
    assert row(SCHOOL, speeds, silent=heard == "silent").state == state


def test_a_site_without_a_target_is_not_judged() -> None:
    bare = SITES[3]
    assert binding_for(load_plans().get(""), bare, NOW).target is None
    assert state_of(judged(bare, HIGH), Contact()) == "unjudged"
    assert state_of(None, Contact()) == "unjudged"


def test_what_broke_down_yesterday_shows_beside_a_median_of_thirty_days() -> None:
    words = Finding("critical", Text(vi="Sụt", en="Collapsed"), {})
    broken, grave = begun(Subject("th-huu-lung"), "collapse", NOW, words), row(SITES[1], LOW, median=100)
    group = replace(broken, site=None, cause="outage", children=["th-huu-lung", "th-moi"])
    minor, over = replace(broken, severity="notice", cause="silent"), replace(broken, state="resolved", cause="silent")
    found = troubles([broken, group, minor, over])
    assert found == {"th-huu-lung": {"collapse", "outage"}, "th-moi": {"outage"}}
    troubled = with_trouble(row(SCHOOL, HIGH, median=150), found["th-huu-lung"])
    assert troubled.trouble == ("collapse", "outage")
    assert with_trouble(grave, ["below_target", "below_contract"]).trouble == ("below_contract",)


def test_an_agent_that_has_gone_was_last_seen_when_it_last_reported() -> None:
    at = datetime(2026, 11, 22, 7, 59, 59, 123456, tzinfo=UTC)
    ns = (int(at.timestamp()) * 1_000_000 + 123456) * 1000
    last = Row(ns, {"family": "ipv4"}, {"download_mbps": 88.0, "conclusive": True, "id": "x"})
    assert site_row(SCHOOL, None, [last], None, Contact()).contact.seen == at
    later = at + timedelta(minutes=1)
    assert site_row(SCHOOL, None, [last], None, Contact(seen=later)).contact.seen == later


def test_a_failure_of_one_direction_is_shown() -> None:
    read = measured("throughput", Row(0, {}, {"download_mbps": 5.0, "upload_failure": "transfer:reset", "doubts": ""}))
    assert read.failure == "transfer:reset"
    assert read.doubts == ()
    assert read.look(read.upload_mbps) == "failed"
    assert read.look(read.download_mbps) == "doubted"


@pytest.mark.parametrize(
    ("fields", "stops"),
    [
        ({}, ()),
        ({"download_stop": "time", "upload_stop": "time"}, ("time",)),
        ({"download_stop": "time", "upload_stop": "converged"}, ("time", "converged")),
        ({"upload_stop": "time"}, (None, "time")),
    ],
)
def test_how_it_ended_is_told_of_each_direction(fields: dict[str, str], stops: tuple[str | None, ...]) -> None:
    assert measured("throughput", Row(0, {}, dict(fields))).stops == stops
