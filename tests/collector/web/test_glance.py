"""The live list's digest: what changed, from memory, and what is not believed."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
from msgspec.structs import replace as changed

from agent.wire.control import Status
from collector.errors import RegistryUnavailable
from collector.events import Event
from collector.incidents.incident import Finding, Incident, Subject, begun
from collector.plans.types import Text
from collector.registry.site import Snapshot
from collector.web.overview.glance import Cells, Known, news, opened, touched
from collector.web.overview.listing import LiveList
from collector.web.pages import Contact
from tests.collector.web.house import NOW, SITES, judged, province

BY_ID = {site.id: site for site in SITES}
SPEEDS = {"th-huu-lung": [150.0] * 10, "tyt-yen-the": [50.0] * 10}
REPORT: dict[str, object] = {
    "kind": "throughput",
    "started": "2026-11-22T07:59:00Z",
    "download_mbps": 98.7,
    "doubts": [],
    "failure": None,
}


def incident(site: str | None = "th-huu-lung") -> Incident:
    return begun(Subject(site), "outage", NOW - timedelta(days=1), Finding("critical", Text(vi="Mất", en="Lost"), {}))


def known(*incidents: Incident, contact: Mapping[str, Contact] | None = None) -> Known:
    verdicts = {site: judged(BY_ID[site], speeds) for site, speeds in SPEEDS.items()}
    return Known(BY_ID, verdicts, contact or {}, opened(list(incidents), {}))


def report(site: str = "th-huu-lung", **data: object) -> Event:
    return Event("report", site, NOW, REPORT | data)


def only(events: list[Event], it: Known) -> Cells:
    (cells,) = news(events, it).rows
    return cells


def test_a_report_tells_its_result_and_the_counts_of_all() -> None:
    seen = {"th-huu-lung": Contact(seen=NOW)}
    told = news([report()], known(contact=seen))
    assert told.rows == [
        Cells(site="th-huu-lung", state="met", reported=True, last_mbps=98.7, last_at="2026-11-22T07:59:00Z", seen=NOW)
    ]
    assert told.counts == {"below": 1, "silent": 0, "inconclusive": 0, "unjudged": 2, "met": 1}
    assert told.incidents == 0


def test_of_several_reports_the_newest_counts_whichever_came_first() -> None:
    old = report(started="2026-11-22T06:00:00Z", download_mbps=1.0)
    assert only([report(), old], known()).last_mbps == 98.7
    assert only([old, report()], known()).last_mbps == 98.7


def test_a_failure_and_a_doubt_are_told_as_such() -> None:
    failed = only([report(download_mbps=None, failure="connect:timeout")], known())
    assert (failed.last_mbps, failed.failure) == (None, "connect:timeout")
    assert only([report(doubts=["cpu_bound"])], known()).doubted
    assert only([report(peer="rehearsal")], known()).rehearsed


def test_another_kind_changes_no_speed() -> None:
    ping = only([Event("report", "th-huu-lung", NOW, {"kind": "latency", "started": "2026-11-22T07:59:00Z"})], known())
    assert not ping.reported
    assert ping.last_at is None


def test_what_an_event_says_is_not_believed_beyond_its_form() -> None:
    strange = only([report(download_mbps="fast", failure=[1], started=7, doubts="x")], known())
    assert (strange.last_mbps, strange.failure, strange.last_at, strange.doubted) == (None, None, None, False)
    assert only([report(download_mbps=True)], known()).last_mbps is None
    assert news([report("nobody"), Event("status", None, NOW, {})], known()).rows == []


def test_trouble_is_told_of_the_site_and_of_every_child_of_a_group() -> None:
    group = changed(incident(None), children=["th-moi", "tyt-yen-the"])
    events = [Event("incident", None, NOW, msgspec.to_builtins(group))]
    assert touched(events) == {"th-moi", "tyt-yen-the"}
    told = news(events, known(group))
    assert [(row.site, row.trouble, row.since) for row in told.rows] == [
        ("th-moi", ("outage",), NOW - timedelta(days=1)),
        ("tyt-yen-the", ("outage",), NOW - timedelta(days=1)),
    ]
    assert told.incidents == 2
    assert told.wrong != news(events, known()).wrong


def test_what_its_state_says_already_is_no_trouble_beside_it() -> None:
    below = begun(Subject("tyt-yen-the"), "below_target", NOW, Finding("warning", Text(vi="x", en="x"), {}))
    row = only([Event("verdict", "tyt-yen-the", NOW, {})], known(below))
    assert (row.state, row.trouble, row.incident, row.since) == ("below", (), True, NOW)


def test_nothing_that_is_empty_costs_bytes() -> None:
    text = msgspec.json.encode(news([Event("status", "th-moi", NOW, {})], known()))
    assert b'"rows":[{"site":"th-moi","state":"unjudged"}]' in text


async def test_the_digest_reads_no_series_and_learns_of_incidents_and_sites(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        object.__setattr__(it.sources, "store", None)
        live = LiveList(it.sources)
        it.sources.fleet.heard("a-th-moi", Status(state="online"), NOW)
        first = msgspec.json.decode(await live.digest([report("th-moi"), report("new-site")]) or b"")
        assert [(row["site"], row["last_mbps"], row["seen"]) for row in first["rows"]] == [
            ("th-moi", 98.7, "2026-11-22T08:00:00Z")
        ]
        assert first["incidents"] == 1
        it.registry.import_sites([replace(SITES[0], id="new-site")], now=NOW)
        (open_one,) = it.sources.casebook.search(active=True)
        again = await live.digest([report("new-site"), Event("incident", open_one.site, NOW, {"id": open_one.id})])
        second = msgspec.json.decode(again or b"")
        assert [row["site"] for row in second["rows"]] == ["new-site", "tyt-yen-the"]
        assert sum(second["counts"].values()) == 5


async def test_a_registry_that_is_away_tells_nothing_and_ends_nothing(tmp_path: Path) -> None:
    class Away:
        def snapshot(self) -> Snapshot:
            raise RegistryUnavailable("away")

    async with province(tmp_path) as it:
        object.__setattr__(it.sources, "places", Away())
        assert await LiveList(it.sources).digest([report()]) is None
