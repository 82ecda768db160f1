"""The list of devices: versions compared as numbers, filters, order, and yesterday's runs."""

from datetime import date, timedelta

from collector.ledger.accounts import SiteDay
from collector.web.fleet import Device
from collector.web.fleet_listing import Filters, account, chosen, ordered, troubles, versions
from tests.collector.web.house import NOW, SITES

DEVICES = [
    Device("a", SITES[0], NOW, "online", "linkgauge-agent/0.10.0", waiting=3, doubted=1),
    Device("b", SITES[1], NOW - timedelta(days=1), "offline", "linkgauge-agent/0.9.2", waiting=900, clock=False),
    Device("c", None, None, None, "nightly"),
    Device("d", SITES[2], NOW, "online", None, dropped=4, disk_free_bytes=10),
]
PLACES = {SITES[0].id: ("Hữu Lũng", "Lạng Sơn"), SITES[1].id: ("Yên Thế", "Bắc Giang")}


def names(filters: Filters) -> list[str]:
    return [device.agent for device in chosen(DEVICES, filters, versions(DEVICES), PLACES)]


def test_the_newest_version_is_the_greatest_number_and_others_are_outdated() -> None:
    found = versions(DEVICES)
    assert (found.newest, found.outdated, found.unknown) == ("0.10.0", 2, 1)
    assert [version for version, _ in found.counts] == ["0.10.0", "0.9.2", "nightly"]
    assert names(Filters(version="outdated")) == ["b", "c"]
    assert versions([]).newest is None


def test_filters_and_order() -> None:
    assert names(Filters(text="yen the")) == ["b"]
    assert names(Filters(state="unknown")) == ["c"]
    assert names(Filters(province="Lạng Sơn")) == ["a"]
    assert {name: names(Filters(trouble=name)) for name in troubles(DEVICES)} == {
        "clock": ["b"], "dropped": ["d"], "waiting": ["b"], "disk": ["d"], "doubted": ["a"],
    }  # fmt: skip
    assert [device.agent for device in ordered(DEVICES, "-waiting")] == ["b", "a", "c", "d"]
    assert [device.agent for device in ordered(DEVICES, "version")] == ["b", "a", "c", "d"]


def test_a_days_runs_are_added_up_by_reason() -> None:
    days = [
        SiteDay("x", date(2026, 11, 21), 6, 4, {"late": 1, "budget": 1}, 4, 4, 1, 0, 0, 0, 0, 0.7, accounted=True),
        SiteDay("y", date(2026, 11, 21), 6, 5, {"late": 1}, 5, 4, 0, 0, 0, 1, 0, 0.7, accounted=True),
    ]
    found = account(days)
    assert (found.planned, found.run, found.received, found.missing) == (12, 9, 8, 1)
    assert found.skipped == (("late", 2), ("budget", 1))
