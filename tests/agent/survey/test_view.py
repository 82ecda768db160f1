"""The live view: nothing is wider or longer than the terminal, and what matters is on the smallest one."""

import pytest

from agent.survey.map import Segment
from agent.survey.route import Route, Stop
from agent.survey.view import Pane, clock_time, cut, fitted, frame, sample_line, width
from agent.survey.walk import Walk
from agent.survey_screen import STYLES
from agent.wire.failure import Failure
from agent.wire.results import Radio
from agent.words import Language
from tests.agent.delivery import START
from tests.agent.survey.test_track import HERE, moved

LTE = Radio(
    operator="Viettel",
    technology="lte",
    band="b3",
    cell="2A1F03",
    rsrp_dbm=-97.0,
    rsrq_db=-11.0,
    sinr_db=8.2,
    registration="home",
    state="connected",
    position_source="gpsd",
    accuracy_m=4.6,
)


def placed(radio: Radio, east_m: float, north_m: float) -> Radio:
    place = moved(east_m, north_m)
    fields = {name: getattr(radio, name) for name in radio.__struct_fields__}
    return Radio(**fields | {"latitude": place.latitude, "longitude": place.longitude})


def walked(samples: int = 20) -> Walk:
    walk = Walk("20261122_0102_beef", "bg-1", "walking")
    for at in range(samples):
        walk.take(placed(LTE, 10 * at, 3 * at), at=3.0 * at)
    return walk


def shown(walk: Walk, columns: int = 40, rows: int = 20, tongue: Language = "en", *, unicode: bool = True) -> list[str]:
    lines = frame(walk, Pane(columns, rows, tongue, unicode), elapsed_s=3725)
    return ["".join(segment.text for segment in line) for line in lines]


def test_a_phone_shows_level_network_place_counts_and_a_map_with_the_way() -> None:
    lines = shown(walked())
    assert len(lines) == 20
    assert lines[0] == "Survey 1:02:05 walking  20261122_0102_be"
    assert lines[1].startswith("4G -97 dBm █")
    assert lines[1].endswith(" fair")
    assert lines[2] == "Viettel 4G b3 cell 2A1F03"
    assert lines[3] == "RSRQ -11 dB  SINR 8.2 dB"
    assert lines[4] == "21.27361 106.19643 ±5 m gpsd"
    assert lines[5] == "20 samples, 20 with position  198 m"
    assert "".join(lines[6:-2]).count("▲") > 8
    assert "".join(lines[6:-2]).count("@") == 1
    assert lines[-2] == "● excellent ◆ good ▲ fair ▽ weak × none "  # noqa: RUF001 - a cross, and no letter
    assert shown(walked(), tongue="vi")[-2] == "● rất tốt ◆ tốt ▲ vừa ▽ yếu × mất sóng @"  # noqa: RUF001 - likewise
    assert lines[-1] == "q: end"


@pytest.mark.parametrize("tongue", ["en", "vi"])
@pytest.mark.parametrize(("columns", "rows"), [(1, 1), (10, 3), (40, 20), (30, 12), (80, 24), (200, 60), (40, 8)])
def test_no_line_is_wider_and_there_are_no_more_than_fit(columns: int, rows: int, tongue: Language) -> None:
    walk = walked()
    walk.route = Route((Stop("Trường tiểu học số 1 Hữu Lũng", moved(900, 900)),))
    walk.trouble = Failure("device", "no_hardware", "ModemManager runs and has found no modem: is it plugged in?")
    walk.disk = "the disk is full: no room for another report; free some space"
    walk.tests = walk.testing = True
    for radio in (None, LTE, placed(LTE, 0, 0)):
        walk.radio = radio
        lines = frame(walk, Pane(columns, rows, tongue), elapsed_s=12)
        assert len(lines) <= rows
        assert all(sum(width(segment.text) for segment in line) <= columns for line in lines)
        assert all(segment.look in STYLES for line in lines for segment in line)


def test_it_speaks_vietnamese() -> None:
    walk = walked()
    walk.route = Route((Stop("Trường TH", moved(190, 557)),))
    text = "\n".join(shown(walk, tongue="vi"))
    for words in (
        "Khảo sát sóng 1:02:05 đi bộ",
        " vừa",
        "ô 2A1F03",
        "20 mẫu, 20 có vị trí",
        "tiếp theo: Trường TH, 500 m bắc",
    ):
        assert words in text
    assert "{" not in text


def test_a_terminal_without_unicode_gets_none() -> None:
    assert "\n".join(shown(walked(), unicode=False)).isascii()


def test_what_is_wrong_is_said_whole() -> None:
    walk = walked()
    walk.trouble = Failure("device", "no_hardware", "the modem went away: unplugged, reset, or out of power")
    walk.radio = None
    text = " ".join(shown(walk))
    assert "waiting for the modem" in text
    assert "the modem went away: unplugged, reset, or out of power" in text


@pytest.mark.parametrize(
    ("radio", "says"),
    [
        (Radio(registration="searching", state="searching"), "searching for a network"),
        (Radio(state="failed", state_reason="sim_missing"), "the modem does not work (no SIM)"),
        (Radio(state="locked", state_reason="sim_pin"), "the SIM is locked (PIN asked for)"),
        (Radio(registration="denied", state="enabled"), "the network refuses this SIM"),
    ],
)
def test_a_modem_without_network_says_why(radio: Radio, says: str) -> None:
    walk = walked()
    walk.radio = radio
    lines = shown(walk)
    assert says in lines
    assert lines[1].startswith("no level")


def test_no_position_an_old_one_and_a_frozen_one_are_told_apart() -> None:
    walk = walked()
    missing = {"position": Failure("device", "nodata", "gpsd at localhost:2947: it has no receiver")}
    walk.take(Radio(rsrp_dbm=-90.0, missing=missing), at=0)
    assert "no position: gpsd at localhost:2947: it has no receiver" in " ".join(shown(walk))
    refused = {"levels": Failure("device", "no_permission", "Setup: not for you")}
    walk.radio = Radio(registration="home", state="registered", missing=refused)
    assert {"Setup: not for you", "no position"} <= set(shown(walk))
    old = placed(LTE, 0, 0)
    fields = {name: getattr(old, name) for name in old.__struct_fields__}
    walk.take(Radio(**fields | {"position_age_s": 9.0}), at=0)
    assert "the position is 9 s old" in shown(walk)
    for _ in range(25):
        walk.take(placed(LTE, 0, 0), at=0)
    assert "the position has not changed for" in " ".join(shown(walk))


def test_5g_on_4g_shows_both_levels() -> None:
    walk = walked()
    walk.radio = Radio(technology="nr_nsa", rsrp_dbm=-86.0, nr_rsrp_dbm=-92.0, nr_sinr_db=11.0, sinr_db=3.0)
    lines = shown(walk)
    assert lines[1].startswith("5G -92 dBm")
    assert lines[3] == "SINR 11 dB  4G -86 dBm", "after the 4G there is nothing that is 5G's"


def test_the_next_place_its_distance_and_where_it_lies() -> None:
    walk = Walk("w", "a", route=Route((Stop("A", moved(0, -300)), Stop("B", moved(4000, 0)))))
    walk.take(placed(LTE, 0, 0), at=0)
    assert "next: A, 300 m south  0/2" in shown(walk)
    walk.stop = walk.route.at(moved(0, -295))
    assert "here: A  1/2" in shown(walk)


def test_one_line_says_one_sample() -> None:
    walk = walked(3)
    assert sample_line(walk, placed(LTE, 0, 0), START, "en") == (
        f"3  2026-10-22T01:02:03Z  {HERE.latitude:.6f},{HERE.longitude:.6f} ±5 m  Viettel 4G  RSRP -97 dBm  fair"
    )
    assert sample_line(walk, Radio(place_number=7), None, "vi") == "7  không có vị trí  không có mức sóng  chưa rõ"


def test_texts_are_cut_by_what_they_take_on_a_screen() -> None:
    assert cut("Trường TH", 6) == "Trường"
    assert width("e\u0302\u0323") == 1
    assert cut("中国联通", 5) == "中国"
    assert fitted([Segment("abc", "bold"), Segment("中", "dim"), Segment("x")], 4) == [Segment("abc", "bold")]
    assert clock_time(3725.9) == "1:02:05"
