"""Sites that moved, changed their provider, have two agents or names full of signs: counted once, and found."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import pytest

from agent.wire.control import Status
from agent.wire.failure import Doubt
from agent.wire.report import Report
from agent.wire.results import Direction, Ipv6, Latency, Result, Spread, Throughput
from collector.incidents.incident import Finding, Group, Subject, begun, moved
from collector.judge.verdict import Outcome, Verdict, Window
from collector.judging.standings import Standings
from collector.plans.types import Text
from collector.registry.site import Site
from collector.store.line import tag_text
from collector.store.points import incident_point, line_of, points_of, status_point
from collector.store.store import Point
from collector.verdicts import Present
from dashboards.catalogue import DASHBOARDS
from tests.collector.influxd import Influxd, running_influxd
from tests.dashboards.asking import ask, questions, view_of
from tests.dashboards.seeded import DATABASE, NOW, write

pytestmark = pytest.mark.program("influxd")
ODD: Final = 'FPT "Tele\'com" (A/B) [x] $1 \\ Đà Nẵng'
HOUR: Final = timedelta(hours=1)
BEFORE: Final = Site(
    id="moved", name="Trường A", kind="school", area="rural", province="bac-giang", commune="tan-son",
    latitude=21.3, longitude=106.6, access="fibre", provider="VNPT", plan="p-1",
)  # fmt: skip
AFTER: Final = replace(BEFORE, commune="hoa-binh", provider=ODD)
NAMESAKE: Final = replace(
    BEFORE, id="other", province="lang-son", plan="p-2", commune="hoa-binh", provider="Viettel (4G/5G)"
)
WORDS: Final = Text(vi="Mất mạng", en="Down")
FINDING: Final = Finding("warning", WORDS, {})
Columns = Mapping[str, Sequence[Any]]


def report(site: Site, agent: str, at: datetime, result: Result, doubt: str = "") -> list[Point]:
    kind = type(result).__name__.lower()
    return points_of(
        Report(
            id=f"00000000-0000-0000-0000-{at:%Y%m%d%H%M}", agent=agent, kind=kind, started=at, duration_s=1.0,
            family="ipv6" if agent == "a-2" else "ipv4", result=result, doubts=[doubt] if doubt else [], epoch="e1",
            seq=1,
        ),
        site,
    )  # fmt: skip


def present(site: Site, outcome: Outcome) -> Present:
    verdict = Verdict(
        site=site.id, plan=site.plan, scope="fixed", verdict=outcome, value=50.0, target=100.0, low=40.0, high=60.0,
        n=20, window=Window(NOW - 24 * HOUR, NOW), rule="r", basis=WORDS, sentence=WORDS,
    )  # fmt: skip
    return Present([verdict])


def points() -> Iterator[Point]:
    """One site that moved four hours ago, and one where a commune of the new one's name lies in another province."""
    standings = Standings()
    yield from standings.told(BEFORE, present(BEFORE, "below"), NOW - 20 * HOUR)
    yield from standings.told(AFTER, present(AFTER, "below"), NOW - 4 * HOUR)
    yield from standings.told(NAMESAKE, present(NAMESAKE, "met"), NOW - 5 * HOUR)
    for site, hours in ((BEFORE, 9), (AFTER, 2), (NAMESAKE, 3)):
        at = NOW - hours * HOUR
        yield from report(site, f"a-{site.id}", at, Ipv6(status="broken", score=3.0, stage="connect"))
        yield from report(site, f"a-{site.id}", at, Throughput(engine="tcp", download=Direction(mbps=50.0)))
    # Through a tunnel it says nothing of the line.
    yield from report(AFTER, "a-moved", NOW - HOUR, Ipv6(status="dual_stack", score=10.0), Doubt.TUNNEL)
    for agent, rtt in (("a-moved", 10.0), ("a-2", 90.0)):
        result = Latency(
            method="stamp", sent=9, received=9, rtt_ms=Spread(min=rtt, median=rtt, p95=rtt), loss_ratio=0.0
        )
        yield from report(AFTER, agent, NOW - HOUR, result)
        yield status_point(agent, Status(state="online"), BEFORE, NOW - 9 * HOUR)
        yield status_point(agent, Status(state="online"), AFTER, NOW - HOUR)
    yield from incidents()


def incidents() -> Iterator[Point]:
    """One that began before the site moved and ended after; and two of groups, of which one has ended."""
    opened = begun(Subject(BEFORE.id), "silent", NOW - 9 * HOUR, FINDING)
    yield incident_point(msgspec.to_builtins(opened), BEFORE)
    yield incident_point(msgspec.to_builtins(moved(opened, "resolved", NOW - HOUR, who="rules")), AFTER)
    for province in (BEFORE.province, NAMESAKE.province):
        about = {"province": province, "commune": NAMESAKE.commune}
        group = begun(Subject(None, about, Group("commune", province)), "outage", NOW - 5 * HOUR, FINDING)
        yield incident_point(msgspec.to_builtins(group), None)
        if province == BEFORE.province:
            over = moved(group, "resolved", NOW - HOUR, who="rules")
            yield incident_point(msgspec.to_builtins(over), None)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    with running_influxd(tmp_path_factory.mktemp("influx")) as started:
        started.query(f'CREATE DATABASE "{DATABASE}"')
        write(started, b"\n".join(map(line_of, points())))
        yield started


def shown(server: Influxd, uid: str, **given: str | list[str]) -> dict[str, Columns]:
    """What a dashboard's panels get, by title and letter."""
    board = DASHBOARDS[uid]()
    view = view_of(server, board, NOW - 24 * HOUR, NOW, **given)
    return {
        f"{one.panel['title']}/{one.where[-1]}": ask(server, one.statement).columns
        for one in questions(board, view)
        if one.panel is not None
    }


def test_a_site_that_moved_is_counted_and_shown_once(server: Influxd) -> None:
    panels = shown(server, "linkgauge-province-en")
    assert panels["Sites/A"]["n"] == [2]
    assert panels["▲ Below/A"]["n"] == [1]
    assert sorted(panels["Map/A"]["site"]) == ["moved", "other"]
    assert panels["Map/B"]["site"] == ["moved"]
    worst = panels["Worst sites/A"]
    assert dict(zip(worst["site"], worst["commune"], strict=True)) == {"moved": "hoa-binh", "other": "hoa-binh"}
    assert set(worst["provider"]) == {tag_text(ODD), NAMESAKE.provider}


def test_where_a_site_was_it_is_no_more(server: Influxd) -> None:
    panels = shown(server, "linkgauge-province-en", commune=["tan-son"])
    assert panels["Sites/A"] == panels["Map/A"] == panels["Worst sites/A"] == {}


def test_an_incident_that_ended_elsewhere_is_not_open(server: Influxd) -> None:
    found = shown(server, "linkgauge-province-en")["Open incidents/A"]
    assert (found["cause"], found["group"]) == (["outage"], [NAMESAKE.province])


def test_a_commune_of_the_same_name_in_another_province_is_another(server: Influxd) -> None:
    for given in ({"plan": ["p-2"]}, {"province": ["lang-son"]}):
        panels = shown(server, "linkgauge-ipv6-en", commune=["hoa-binh"], **given)
        assert panels["Sites below the full score/A"]["site"] == ["other"]
        assert panels["▲ IPv6 broken/A"]["n"] == [1]


def test_a_name_full_of_signs_can_be_chosen(server: Influxd) -> None:
    panels = shown(server, "linkgauge-ipv6-en", provider=[tag_text(ODD), "Viettel (4G/5G)"])
    broken = panels["Sites below the full score/A"]
    assert set(broken["site"]) == {"moved", "other"}
    panels = shown(server, "linkgauge-province-en", provider=[tag_text(ODD)])
    assert panels["Sites/A"]["n"] == [1]


def test_a_check_in_doubt_is_no_newest_check(server: Influxd) -> None:
    panels = shown(server, "linkgauge-ipv6-en")
    assert panels["▲ IPv6 broken/A"]["n"] == [2]
    assert panels["● both/A"] == {}
    assert sorted(panels["Sites below the full score/A"]["site"]) == ["moved", "other"]


def test_two_agents_of_a_site_are_two_boxes_wherever_they_were(server: Influxd) -> None:
    panels = shown(server, "linkgauge-fleet-en")
    boxes = panels["Boxes/A"]
    assert dict(zip(boxes["agent"], boxes["site"], strict=True)) == {"a-moved": "moved", "a-2": "moved"}
    latency = shown(server, "linkgauge-site-en", site="moved")["Latency at rest/B"]
    assert {(family, value) for family, value in zip(latency["family"], latency["value"], strict=True) if value} == {
        ("ipv4", 10.0),
        ("ipv6", 90.0),
    }
