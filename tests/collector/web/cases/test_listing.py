"""The list of incidents: who stands above whom, what is folded, what filters let through, and places by name."""

from datetime import timedelta

import msgspec
import pytest

from collector.incidents.incident import Cause, Finding, Group, Incident, Severity, Subject, begun, moved
from collector.plans.types import Text
from collector.web.cases import evidence
from collector.web.cases.listing import Filters, as_called, cases, choices, chosen, filters_of, listed
from collector.web.cases.naming import Names
from collector.web.words import Words
from tests.collector.web.house import NOW, SITES
from tests.collector.web.test_words import ZONE

HOUR = timedelta(hours=1)
NAMES = Names({site.id: site for site in SITES}, {("lang-son", "mau-son"): ("Lạng Sơn", "Mẫu Sơn")})


def one(site: str, cause: Cause = "outage", severity: Severity = "warning", *, hours: int = 1) -> Incident:
    summary = Text(vi=f"{site}: mất kết nối", en=f"{site}: reaches nothing")
    about = {"name": site, "provider": "VNPT"}
    return begun(Subject(site, about), cause, NOW - hours * HOUR, Finding(severity, summary, {"k": 3, "n": 4}))


def several() -> Incident:
    name = "VNPT, mau-son, lang-son"
    summary = Text(vi=f"2/3 điểm của {name} mất kết nối.", en=f"2 of 3 sites of {name} reach nothing.")
    about = {"name": name, "province": "lang-son", "commune": "mau-son", "provider": "VNPT"}
    subject = Subject(None, about, Group("provider_commune", name))
    made = begun(subject, "outage", NOW - HOUR, Finding("critical", summary, {}))
    return msgspec.structs.replace(made, children=["th-huu-lung", "tyt-yen-the"])


def test_the_gravest_that_nobody_has_taken_on_stands_first_and_what_is_over_last() -> None:
    grave, taken = one("a", severity="critical"), moved(one("b", severity="critical"), "acknowledged", NOW, who="Lan")
    over = moved(one("c", severity="critical"), "resolved", NOW, who="rules")
    found = cases([over, one("d"), taken, one("e", severity="notice"), grave], NAMES)
    assert [case.incident.site for case in found] == ["a", "b", "d", "e", "c"]
    assert [case.by for case in found] == [None, "Lan", None, None, None]
    board = listed(found, Filters(), most=3, most_over=1)
    assert [(name, len(some)) for name, some in board.sections] == [("critical", 2), ("warning", 1), ("resolved", 1)]
    assert (board.shown, board.total, board.counts["active"], board.counts["resolved"]) == (4, 5, 4, 1)


def test_what_an_active_parent_tells_of_is_folded_into_it_and_comes_out_when_it_is_over() -> None:
    parent = several()
    child = msgspec.structs.replace(one("th-huu-lung"), parent=parent.id)
    (case,) = cases([child, parent], NAMES)
    assert [each.incident.site for each in case.folded] == ["th-huu-lung"]
    assert chosen([case], Filters(site="th-huu-lung")) == [case]
    over = moved(parent, "resolved", NOW, who="rules")
    assert [each.incident.site for each in cases([child, over], NAMES)] == ["th-huu-lung", None]


def test_places_are_named_and_no_sentence_repeats_its_site() -> None:
    group, alone = cases([several(), one("th-huu-lung")], NAMES)
    assert group.where.name == "VNPT, Mẫu Sơn, Lạng Sơn"
    assert group.summary.vi == "2/3 điểm của VNPT, Mẫu Sơn, Lạng Sơn mất kết nối."
    assert alone.where.name == "Trường Tiểu học Hữu Lũng"
    assert alone.summary.en == "Reaches nothing"


@pytest.mark.parametrize(
    ("filters", "sites"),
    [
        (Filters(), ["th-huu-lung", "tyt-yen-the"]),
        (Filters(cause="silent"), ["tyt-yen-the"]),
        (Filters(state="active", text="huu lung"), ["th-huu-lung"]),
        (Filters(state="resolved"), []),
        (Filters(province="Bắc Giang"), ["tyt-yen-the"]),
        (Filters(province="bac-giang"), ["tyt-yen-the"]),
        (Filters(provider="FPT"), []),
    ],
)
def test_filters_let_through_what_fits(filters: Filters, sites: list[str]) -> None:
    found = cases([one("th-huu-lung"), one("tyt-yen-the", "silent", hours=2)], NAMES)
    assert [case.incident.site for case in chosen(found, as_called(filters, found))] == sites
    assert list(choices(found, as_called(filters, found))["province"]) == ["Bắc Giang", "Lạng Sơn"]


def test_an_address_that_makes_no_sense_asks_for_all() -> None:
    asked = {"state": "strange", "cause": "<script>", "severity": "9", "q": " x " * 200}
    found = filters_of(asked)
    assert (found.state, found.cause, found.severity, len(found.text)) == ("", "", "", 100)


def test_evidence_is_said_in_words_whatever_an_old_record_holds() -> None:
    words = Words("en", ZONE)
    assert evidence.facts(one("a"), words) == [("Counted", "3 of 4 results")]
    said = {
        "k": 2,
        "n": 5,
        "target": 95.0,
        "median": 31.7,
        "low": 30,
        "high": 33.5,
        "seen": {"x": "2026-11-22T00:00:00Z"},
    }
    odd = msgspec.structs.replace(one("a"), evidence=said | {"why": {"x": "status"}, "reported": {"x": "never"}})
    told = dict(evidence.facts(odd, words))
    assert told["Median"] == "31.7 Mbit/s (30.0 … 33.5)"
    assert told["Last sign of x"] == "22/11/2026 07:00"
    assert "Last report of x" not in told
