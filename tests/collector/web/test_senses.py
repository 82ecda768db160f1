from typing import Any
from zoneinfo import ZoneInfo

import pytest

from collector.store.store import Row
from collector.web.senses import facts
from collector.web.words import Words

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")


@pytest.mark.parametrize(
    ("kind", "fields", "english", "vietnamese"),
    [
        ("latency", {"method": "icmp", "mos": 4.1}, ["method: icmp", "call quality 4.1 of 5"], "phương pháp: icmp"),
        ("latency", {"method": "stamp", "rtt_ms_median": 9.0}, [], None),
        ("ipv6", {"score": 0.0, "domain": "access"}, ["score 0.0 of 10", "fault on the access line"], "điểm 0,0/10"),
        (
            "dns",
            {"median_ms": 8.25, "lies": True, "resolved": 0.0},
            ["names in 8.2 ms", "no name was found", "names are not answered as the world knows them"],
            "phân giải tên miền 8,2 ms",
        ),
        ("dns", {"rewrites_nxdomain": True, "lies": False}, ["answers for names that do not exist"], None),
        ("web", {"ok": 3.0, "failed": 1.0, "captive_portal": False}, ["3 of 4 pages came"], "mở được 3/4 trang"),
        ("web", {"captive_portal": True}, ["a captive portal stands in between"], None),
        ("path", {"reached": False, "ends_at": 2.0, "domain": "lan"}, ["the way ends at router 2"], None),
        ("path", {"reached": True, "ends_at": 4.0}, [], None),
        (
            "radio",
            {"operator": "Viettel", "technology": "nr_sa", "nr_rsrp_dbm": -97.0},
            ["Viettel nr sa"],
            "Viettel nr sa",
        ),
        ("throughput", {"download_mbps": 4.0}, [], None),
    ],
)
def test_each_kind_says_what_it_found(
    kind: str, fields: dict[str, Any], english: list[str], vietnamese: str | None
) -> None:
    found = facts(kind, Row(0, {}, fields))
    said = [Words("en", VIETNAM).fact(fact) for fact in found]
    assert said[: len(english)] == english
    if vietnamese is not None:
        assert Words("vi", VIETNAM).fact(found[0]) == vietnamese


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("ipv6", {"score": 0.0}),
        ("dns", {"lies": True}),
        ("web", {"ok": 1.0, "failed": 1.0}),
        ("path", {"reached": False, "ends_at": 1.0}),
        ("path", {"reached": True, "domain": "destination"}),
    ],
)
def test_trouble_is_marked(kind: str, fields: dict[str, Any]) -> None:
    assert any(fact.trouble for fact in facts(kind, Row(0, {}, fields)))


@pytest.mark.parametrize(
    ("kind", "fields"), [("ipv6", {"score": 7.0}), ("web", {"ok": 2.0, "failed": 0.0}), ("dns", {"median_ms": 1.0})]
)
def test_what_is_well_is_not(kind: str, fields: dict[str, Any]) -> None:
    assert not any(fact.trouble for fact in facts(kind, Row(0, {}, fields)))
