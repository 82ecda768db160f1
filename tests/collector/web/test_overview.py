"""The first page's view models: filters, order, tiles, what is wrong, the map's points."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec.structs import replace as changed

from collector.incidents.incident import Cause, Finding, Group, Incident, Severity, Subject, begun
from collector.plans.types import Text
from collector.registry.site import Site
from collector.store.store import Summary
from collector.web.overview.line import Line, lines, since
from collector.web.overview.points import block, points, unplaced
from collector.web.overview.selection import Filters, box_of, choices, chosen, filters_of, folded, ordered, sort_of
from collector.web.overview.tiles import tiles
from collector.web.overview.wrongs import wrongs
from collector.web.pages import Contact, site_row, troubles, with_trouble
from tests.collector.web.house import NOW, SITES, judged

SCHOOL, CLINIC, OFFICE, NEW = SITES
HIGH, LOW = [150.0] * 10, [50.0] * 10
DAY = timedelta(days=1)
SAID = Text(vi="Dưới", en="Below")


def line(site: Site, speeds: list[float], *, median: float | None = None, silent: bool = False) -> Line:
    summary = Summary(10, median) if median else None
    return Line(site_row(site, judged(site, speeds, silent=silent), [], summary, Contact(silent=silent)), *places(site))


def places(site: Site) -> tuple[str, str]:
    return site.commune, site.province


def found(some: list[Line], **query: str) -> list[str]:
    return [each.row.site.id for each in chosen(some, filters_of(query))]


def incident(site: str, cause: Cause, severity: Severity = "warning", *, days: int = 1) -> Incident:
    return begun(Subject(site, {"provider": "VNPT"}), cause, NOW - days * DAY, Finding(severity, SAID, {}))


ALL = [
    line(SCHOOL, HIGH, median=150),
    line(CLINIC, LOW, median=100),
    line(OFFICE, [10.0] * 10, median=10),
    line(NEW, []),
]


def test_worst_comes_first_and_the_furthest_below_on_top() -> None:
    assert [each.row.site.id for each in ordered(ALL)] == ["ub-loc-ninh", "tyt-yen-the", "th-moi", "th-huu-lung"]
    assert tiles(ALL).counts == {"below": 2, "silent": 0, "inconclusive": 0, "unjudged": 1, "met": 1}
    assert tiles(ALL).judged == 3
    assert tiles(ALL).share == pytest.approx(1 / 3)
    assert tiles([ALL[3]]).share is None


def test_the_share_is_of_sites_with_a_target_and_silent_ones_count_as_not_shown() -> None:
    silent = line(SCHOOL, HIGH, median=150, silent=True)
    told = tiles([ALL[0], silent, line(OFFICE, [50.0, 150.0])])
    assert (told.met, told.judged) == (1, 3)
    assert told.share == pytest.approx(1 / 3)
    untargeted = replace(silent, row=replace(silent.row, target_mbps=None))
    assert tiles([ALL[0], untargeted]).share == 1, "a silent site without a target is none of them"


def test_what_broke_down_comes_before_what_only_reaches_its_median() -> None:
    grave = replace(ALL[0], row=with_trouble(ALL[0].row, ["collapse"]))
    assert ordered([line(OFFICE, HIGH, median=110), grave])[0] == grave


@pytest.mark.parametrize(
    ("sort", "first", "last"),
    [
        ("median", "ub-loc-ninh", "th-moi"),
        ("-median", "th-huu-lung", "th-moi"),
        ("site", "tyt-yen-the", "ub-loc-ninh"),
        ("place", "tyt-yen-the", "th-huu-lung"),
    ],
)
def test_what_is_not_known_comes_last_whichever_way_one_sorts(sort: str, first: str, last: str) -> None:
    order = [each.row.site.id for each in ordered(ALL, sort)]
    assert (order[0], order[-1]) == (first, last)


def test_an_order_that_there_is_not_is_worst_first() -> None:
    assert [sort_of({"sort": asked}) for asked in ("-seen", "nonsense", "--seen", "")] == ["-seen"] + ["worst"] * 3


@pytest.mark.parametrize("typed", ["huu lung", "HỮU LŨNG", "Hữu", "lung huu", "th-huu"])
def test_people_type_without_marks(typed: str) -> None:
    assert found(ALL, q=typed) == ["th-huu-lung"]


def test_folding_knows_the_letter_that_has_no_mark_to_lose() -> None:
    assert folded("Đồng Đăng ở Ủy ban") == "dong dang o uy ban"
    assert found(ALL, q="dong dang") == ["th-moi"]
    assert found(ALL, q="đông") == ["th-moi"]


@pytest.mark.parametrize(
    ("query", "sites"),
    [
        ({"state": "met"}, ["th-huu-lung"]),
        ({"state": "nonsense"}, ["th-huu-lung", "tyt-yen-the", "ub-loc-ninh", "th-moi"]),
        ({"province": "Bắc Giang"}, ["tyt-yen-the"]),
        ({"network": "mobile"}, ["ub-loc-ninh"]),
        ({"access": "fibre", "kind": "clinic"}, ["tyt-yen-the"]),
        ({"provider": "VNPT"}, ["th-huu-lung"]),
        ({"plan": "lang-son-2025", "area": "rural"}, ["th-huu-lung"]),
        ({"incident": "1"}, []),
        ({"q": "nowhere"}, []),
        ({"box": "105,20,110,23"}, []),
    ],
)
def test_filters_let_through_what_they_say(query: dict[str, str], sites: list[str]) -> None:
    assert found(ALL, **query) == sites


def test_the_maps_frame_lets_through_what_lies_in_it() -> None:
    here = line(replace(SCHOOL, latitude=21.5, longitude=106.5), HIGH)
    assert found([here, ALL[1]], box="106,21,107,22") == ["th-huu-lung"]
    assert [box_of(text) for text in ("1,2,3", "nan,1,2,3", "3,1,2,4", "a,b,c,d", "")] == [None] * 5


def test_one_chooses_among_what_there_is() -> None:
    offered = choices(ALL, Filters(province="Lạng Sơn", plan="gone"))
    assert offered["commune"] == ["Đồng Đăng", "Hữu Lũng"], "those of the province"
    assert offered["plan"][-1] == "gone", "what is asked for can be taken back"
    assert "provider" not in offered, "one value is no choice"


def test_a_line_says_since_when_its_state_holds_and_else_since_when_anything_goes_on() -> None:
    rows = [ALL[1].row, ALL[0].row]
    called = {row.site.id: places(row.site) for row in rows}
    slow, old = incident("tyt-yen-the", "below_target", days=3), incident("tyt-yen-the", "outage", days=9)
    group = changed(incident("x", "outage", days=2), site=None, children=["th-huu-lung"])
    below, met = lines(rows, called, {}, since([slow, old, group]))
    assert (below.since, met.since) == (NOW - 3 * DAY, NOW - 2 * DAY)
    assert below.troubled
    assert met.troubled
    assert not any(each.troubled for each in lines(rows, called, {}, since([changed(slow, severity="notice")])))


def test_what_is_wrong_is_told_gravest_first_and_once() -> None:
    group = changed(
        begun(
            Subject(None, {"provider": "VNPT"}, Group("provider_commune", "VNPT, Hữu Lũng")), "outage", NOW,
            Finding("critical", SAID, {}),
        ), children=["a", "b", "c"],
    )  # fmt: skip
    child = changed(incident("a", "outage", "critical"), parent=group.id)
    silenced = changed(incident("d", "silent", "critical"), state="silenced")
    planned = changed(incident("e", "silent", "critical"), maintenance=True)
    minor = incident("f", "below_contract", "notice")
    seen = changed(incident("g", "below_target"), state="acknowledged")
    told = wrongs([minor, seen, silenced, planned, child, incident("h", "below_target"), group], {"h": "Trường H"})
    assert [(one.where, one.sites) for one in told.first] == [("VNPT, Hữu Lũng", 3), ("Trường H", 1), ("g", 1)]
    assert [one.provider for one in told.first] == [None, "VNPT", "VNPT"], "a group that names it needs it not again"
    assert (told.more, told.affected) == (0, 5)
    assert wrongs([group], {group.id: "VNPT, xã Hữu Lũng"}).first[0].where == "VNPT, xã Hữu Lũng"
    short = wrongs([incident(str(number), "silent") for number in range(9)], {}, most=5)
    assert (len(short.first), short.more) == (5, 4)


def test_what_is_wrong_is_of_the_sites_that_are_looked_at_and_its_mark_of_all() -> None:
    group = changed(incident("x", "outage"), site=None, children=["a", "b", "c"])
    every = [group, incident("d", "silent", "critical"), incident("e", "below_target")]
    here = wrongs(every, {}, among={"a", "b", "e"})
    assert [(one.incident.cause, one.sites) for one in here.first] == [("outage", 2), ("below_target", 1)]
    assert (here.more, here.affected) == (0, 3)
    assert wrongs(every, {}, among={"a", "b", "e"}, most=1).more == 1
    assert wrongs(every, {}, among=set()).first == []
    assert here.mark == wrongs(every, {}).mark, "live news know no filters"
    last = [*every[:2], changed(every[2], state="acknowledged")]
    assert wrongs(last, {}, most=1).mark != here.mark, "what stands far down for all may be the first of some"


def test_its_mark_changes_only_with_what_it_says() -> None:
    one = incident("h", "below_target")
    mark = wrongs([one], {}).mark
    assert wrongs([changed(one, updated=NOW + DAY)], {}).mark == mark
    assert wrongs([changed(one, state="acknowledged")], {}).mark != mark
    assert wrongs([], {}).mark != mark


def test_points_are_told_short_and_can_end_no_element() -> None:
    sly = line(replace(CLINIC, name="</script><b>", latitude=21.123456789, longitude=106.5), LOW, median=61.44)
    told = points([ALL[0], sly])
    text = block(told)
    assert "<" not in text
    assert json.loads(text)["sites"][0] == [
        "tyt-yen-the", "</script><b>", "below", 106.5, 21.12346, 0, 61.4, 120.0, 0,
    ]  # fmt: skip
    assert json.loads(text)["sites"][1][3:5] == [None, None]
    assert unplaced([ALL[0], sly]) == 1


def test_a_quiet_incident_is_no_trouble_anywhere() -> None:
    notice = incident("th-huu-lung", "below_contract", "notice")
    assert troubles([notice]) == {}
    assert since([notice]).of("th-huu-lung") is None
