"""What charts carry: every test with its look, families apart, levels as steps, gaps left open, what happened."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from msgspec.structs import replace as with_

from collector.chain.marks import World, steps
from collector.incidents.incident import Finding, Subject, begun
from collector.incidents.maintenance import Window
from collector.plans.load import load_plans
from collector.plans.types import Text
from collector.registry.site import Site, Version
from collector.store.store import FieldValue, Row
from collector.web import pages
from collector.web.plot import Band, Plot, Points, Steps, payload, runs, second
from collector.web.site import course, speed
from collector.web.site.notes import Change, notes, places
from collector.web.words import Words
from tests.collector.web.house import NOW, SITES

WORDS = Words("en", ZoneInfo("Asia/Ho_Chi_Minh"))
HOUR = timedelta(hours=1)


def row(hours: float, family: str | None = "ipv4", **fields: FieldValue) -> Row:
    tags = {"agent": "a", "engine": "msak", "peer": "langson-dc"} | ({"family": family} if family else {})
    own: dict[str, FieldValue] = {"id": f"r-{hours}", "conclusive": True, **fields}
    return Row(int((NOW - hours * HOUR).timestamp()) * 10**9, tags, own)


def measured(*rows: Row) -> list[pages.Measured]:
    return [pages.measured("throughput", each) for each in rows]


def test_families_are_apart_and_each_test_says_what_it_was() -> None:
    found = speed.tests(
        measured(
            row(1, "ipv6", download_mbps=90.0, download_stop="converged", upload_stop="time"),
            row(2, download_mbps=100.0),
            row(3, conclusive=False, failure="connect:timeout"),
            row(4, download_mbps=30.0, conclusive=False, doubts="wifi_bound"),
            row(5, upload_mbps=9.0),
        ),
        "download",
    )
    old, new = speed.points(found, WORDS, agents=True)
    assert isinstance(old, Points)
    assert isinstance(new, Points)
    assert (old.name, new.name, old.shape != new.shape, old.tone != new.tone) == ("IPv4", "IPv6", True, True)
    assert old.values == [30.0, None, 100.0], "oldest first; a direction that was not tried is no failure"
    assert old.looks == ["doubted", "failed", "conclusive"]
    assert "connect:timeout" in old.said[1]
    assert "Wi-Fi" in old.said[0]
    assert new.said == ["IPv6 · msak · langson-dc\na\nEnded: settled"]
    assert new.hrefs == ["/api/v1/reports/r-1"]
    table = speed.test_table(found, WORDS)
    assert [cells[1] for cells in table.rows] == [90.0, 100.0, None, 30.0]
    assert table.hrefs[0] == "/api/v1/reports/r-1"


def test_an_upload_is_judged_by_its_own_flag() -> None:
    (found,) = speed.tests(measured(row(1, upload_mbps=9.0, upload_conclusive=False)), "upload")
    (drawn,) = speed.points([found], WORDS)
    assert isinstance(drawn, Points)
    assert drawn.looks == ["doubted"]


def test_levels_are_steps_where_the_contract_or_the_target_changed() -> None:
    school = SITES[0]
    other = Site(**{name: getattr(school, name) for name in Site.__slots__} | {"contract_down_mbps": 300.0})
    versions = [Version(None, school), Version(NOW - 10 * HOUR, other)]
    found = steps(versions, World(load_plans(), {}), start=NOW - 20 * HOUR, end=NOW)
    target, contract = speed.levels(found, "download_mbps", WORDS)
    assert isinstance(target, Steps)
    assert isinstance(contract, Steps)
    assert (contract.values, contract.at) == ([150.0, 300.0], [second(NOW - 20 * HOUR), second(NOW - 10 * HOUR)])
    assert set(target.values) == {102.0}
    assert speed.levels(found, "upload_mbps", WORDS) == []
    (note,) = places(versions, WORDS)
    assert note.said.endswith("Contract down, Mbit/s: 150.0 → 300.0")


def test_what_nobody_measured_is_no_series_and_no_column() -> None:
    sheet = course.SHEETS[0]
    rows = [row(2, rtt_ms_min=9.0, rtt_ms_median=10.0), row(1, rtt_ms_median=12.0)]
    least, median = course.series(sheet, rows, "raw", WORDS)
    assert isinstance(least, Points)
    assert isinstance(median, Points)
    assert (least.values, median.values) == ([9.0], [10.0, 12.0])
    assert median.joins_s is not None
    assert median.joins_s < HOUR.total_seconds(), "an hour without any is a gap"
    table = course.table(sheet, rows, "raw")
    assert [column.code for column in table.columns] == ["time", "rtt_ms_min", "rtt_ms_median"]
    assert table.rows[0][1:] == (None, 12.0)


def test_of_roll_ups_the_spread_is_drawn() -> None:
    fields: dict[str, FieldValue] = {}
    for name, value in (("rtt_ms_median", 10.0), ("rtt_ms_p95", 20.0)):
        fields |= {f"{name}_median": value, f"{name}_p5": value - 1, f"{name}_p95": value + 5}
    band, p95 = course.series(course.SHEETS[0], [row(3, "ipv4", **fields)], "hour", WORDS)
    assert isinstance(band, Band)
    assert isinstance(p95, Points)
    assert (band.low, band.middle, band.high, band.end[0] - band.start[0]) == ([9.0], [10.0], [15.0], 3600)
    assert p95.values == [20.0]


def test_loss_is_in_percent_and_radio_names_its_technology() -> None:
    loss = next(sheet for sheet in course.SHEETS if sheet.id == "loss")
    (drawn,) = course.series(loss, [row(1, loss_ratio=0.015)], "raw", WORDS)
    assert isinstance(drawn, Points)
    assert drawn.values == [1.5]
    signal = next(sheet for sheet in course.SHEETS if sheet.id == "signal")
    rows = [row(1, rsrp_dbm=-95.0, operator="Viettel", technology="nr_nsa", band="b3")]
    (drawn,) = course.series(signal, rows, "raw", WORDS)
    assert isinstance(drawn, Points)
    assert drawn.said[0].endswith("Viettel · nr nsa · b3")
    assert course.table(signal, rows, "raw").rows[0][-1] == "nr_nsa"


def test_what_happened_stands_on_every_chart() -> None:
    finding = Finding("critical", Text(vi="Sụt", en="Collapsed"), {})
    gone = with_(begun(Subject("x"), "collapse", NOW - 5 * HOUR, finding), state="resolved", resolved=NOW - 2 * HOUR)
    work = Window(extent="all", starts=NOW - 9 * HOUR, ends=NOW, ended=NOW - 8 * HOUR, who="Lan", note="fibre")
    change = Change(NOW - 3 * HOUR, "a", "software", "linkgauge-agent/0.1.0", "linkgauge-agent/0.2.0")
    found = notes([gone], [work], [change], WORDS, now=NOW)
    assert [(each.kind, each.end) for each in found] == [
        ("maintenance", second(NOW - 8 * HOUR)), ("incident", second(NOW - 2 * HOUR)), ("software", None),
    ]  # fmt: skip
    assert "Collapsed" in found[1].said
    assert "0.1.0 → linkgauge-agent/0.2.0" in found[2].said


def test_an_axis_begins_at_nothing_unless_it_cannot() -> None:
    assert payload(Plot(start=1.0, end=2.0, zone="UTC"))["floor"] == 0.0
    assert payload(Plot(start=1.0, end=2.0, zone="UTC", floor=None))["floor"] is None


def test_runs_of_equal_neighbours() -> None:
    assert runs([1, 1, 2, 1]) == [(0, 2), (2, 3), (3, 4)]
    assert runs([]) == []
