"""The pure parts of a reading: what is no level, which band a channel is, what a properties' value may be."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.radio.bands import band_name, lte_band, nr_band, only_band
from agent.radio.classes import CLASSES, class_of
from agent.radio.levels import level, sinr_beside
from agent.radio.reading import Snapshot, levels_of, modem_name, operator_code, operator_name, radio_of, text_of
from agent.radio.states import roaming_of, technology_of
from agent.wire.results import Radio

NOTHING = [-32768, -3276.8, 0, 255, 2147483647, float("nan"), float("inf"), -float("inf"), None, "-97", True, -500]


@pytest.mark.parametrize("value", NOTHING)
@pytest.mark.parametrize("name", ["rsrp", "rsrq", "rssi", "rscp", "ecio"])
def test_what_modems_say_for_unknown_is_no_level(name: str, value: object) -> None:
    assert level(name, value) is None


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("rsrp", -140, -140.0),
        ("rsrp", -44.04, -44.0),
        ("rsrq", -19.5, -19.5),
        ("sinr", -20, -20.0),
        ("sinr", 0, 0.0),
        ("sinr", 41, None),
        ("rssi", -113, -113.0),
        ("rscp", -120, -120.0),
        ("ecio", -24, -24.0),
    ],
)
def test_levels_at_the_ends_of_what_can_be_reported(name: str, value: float, expected: float | None) -> None:
    assert level(name, value) == expected


def test_a_sinr_of_zero_counts_beside_a_known_cell_only() -> None:
    assert (sinr_beside(-101.0, 0), sinr_beside(None, 0), sinr_beside(None, 3.5)) == (0.0, None, 3.5)


def test_levels_of_one_technology_never_stand_for_another_s() -> None:
    signal = {
        "Lte": {"rsrp": -90.0, "rsrq": -10.0, "snr": 9.0, "rssi": -60.0},
        "Nr5g": {"rsrp": -80.0, "rsrq": -11.0, "snr": 19.0},
        "Umts": {"rscp": -70.0, "ecio": -5.0, "rssi": -61.0},
        "Gsm": {"rssi": -62.0},
    }
    lte = {"rsrp_dbm": -90.0, "rsrq_db": -10.0, "sinr_db": 9.0, "rssi_dbm": -60.0}
    nr = {"nr_rsrp_dbm": -80.0, "nr_rsrq_db": -11.0, "nr_sinr_db": 19.0}
    assert levels_of(signal, "lte") == lte
    assert levels_of(signal, "nr_sa") == nr
    assert levels_of(signal, "nr_nsa") == lte | nr
    assert levels_of(signal, "umts") == {"rscp_dbm": -70.0, "ecio_db": -5.0, "rssi_dbm": -61.0}
    assert levels_of(signal, "gsm") == {"rssi_dbm": -62.0}
    assert levels_of(signal, None) == {}


@pytest.mark.parametrize(
    ("mask", "technology"),
    [
        (0, None),
        (0xFFFFFFFF, None),
        (1 << 1, "gsm"),
        (1 << 3 | 1 << 4, "gsm"),
        (1 << 5, "umts"),
        (1 << 9 | 1 << 4, "umts"),
        (1 << 14, "lte"),
        (1 << 14 | 1 << 5, "lte"),
        (1 << 17, "lte"),
        (1 << 15 | 1 << 14, "nr_nsa"),
        (1 << 15, "nr_sa"),
        (1 << 11, None),
    ],
)
def test_the_mask_names_one_technology(mask: int, technology: str | None) -> None:
    assert technology_of(mask) == technology


@pytest.mark.parametrize(
    ("registration", "roaming"),
    [("home", False), ("home_sms_only", False), ("roaming", True), ("emergency_only", None), ("searching", None)],
)
def test_roaming_is_known_on_a_network_only(registration: str, roaming: bool | None) -> None:  # noqa: FBT001 - a table's column
    assert roaming_of(registration) is roaming


@pytest.mark.parametrize(
    ("earfcn", "band"),
    [(0, "b1"), (599, "b1"), (1300, "b3"), (3749, "b8"), (38950, "b40"), (66435, "b65"), (4999, None), (-1, None)],
)
def test_an_earfcn_is_of_one_band(earfcn: int, band: str | None) -> None:
    assert lte_band(earfcn) == band


def test_an_nr_channel_is_told_only_if_one_band_can_be_meant() -> None:
    assert nr_band(693334) == "n79"
    assert nr_band(640000) is None
    assert nr_band(640000, ["n1", "n78"]) == "n78"
    assert nr_band(640000, ["n77", "n78"]) is None
    assert nr_band(None, ["n78"]) is None


def test_modemmanager_s_bands_have_the_field_s_names() -> None:
    assert [band_name(number) for number in (1, 5, 9, 33, 101, 219, 301, 378, 558)] == [
        "egsm", "u1", "u5", "b3", "b71", "u19", "n1", "n78", "n258",
    ]  # fmt: skip
    assert [band_name(number) for number in (0, 128, 256, 1000)] == [None] * 4
    assert (only_band([33], "lte"), only_band([33, 378], "nr_sa"), only_band([33, 31], "lte")) == ("b3", "n78", None)
    assert (only_band([256], "lte"), only_band([5], "umts"), only_band([2, 33], "gsm")) == (None, "u1", "dcs")


def test_names_are_shown_once_and_clean() -> None:
    assert modem_name("Quectel", "RM520N-GL") == "Quectel RM520N-GL"
    assert modem_name("Quectel", "Quectel RM520N-GL") == "Quectel RM520N-GL"
    assert modem_name(None, "  ") is None
    assert text_of("Viet\x00tel\x1b[2J ") == "Viettel[2J"
    assert (operator_name("45204"), operator_name("Viettel"), operator_code("4520"), operator_code("310260")) == (
        None, "Viettel", None, "310260",
    )  # fmt: skip


def test_a_cell_that_networks_use_for_none_is_none() -> None:
    def cell(text: str) -> Radio:
        modem = {"State": 8, "AccessTechnologies": 1 << 14}
        return radio_of(Snapshot(modem, {"RegistrationState": 1}, location={1: text}))

    assert (cell("452,04,FFFE,0002A1F03,01F2C").cell, cell("452,04,FFFE,2A1F03,01F2C").tac) == ("2A1F03", "1F2C")
    for text in ("", "452,04", "452,04,FFFE,FFFFFFF,FFFE", "452,04,0,0,0", "452,04,x,y,z"):
        radio = cell(text)
        assert (radio.cell, radio.tac) == (None, None), text
    assert cell("452,04,FFFE,2A1F03,01F2C").mcc_mnc == "45204"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    ["State", "AccessTechnologies", "SignalQuality", "CurrentBands", "Manufacturer", "Model", "UnlockRequired"]
)


@given(
    modem=st.dictionaries(KEYS, VALUES),
    network=st.dictionaries(st.sampled_from(["OperatorName", "OperatorCode"]), VALUES),
    signal=st.dictionaries(st.sampled_from(["Lte", "Nr5g", "Gsm", "Umts"]), VALUES),
    place=VALUES,
    cells=st.lists(st.dictionaries(st.sampled_from(["cell-type", "serving", "earfcn", "nrarfcn"]), VALUES), max_size=3),
)
def test_whatever_a_modem_says_becomes_a_sample_that_can_be_sent(
    modem: dict[str, Any], network: dict[str, Any], signal: dict[str, Any], place: object, cells: list[dict[str, Any]]
) -> None:
    radio = radio_of(Snapshot(modem, network | {"RegistrationState": 1}, signal, {1: place}, cells))
    assert msgspec.json.decode(msgspec.json.encode(radio), type=Radio) == radio


def test_4g_and_5g_have_tables_of_their_own() -> None:
    assert (class_of("rsrp_dbm", -80), class_of("rsrp_dbm", -80.1), class_of("rsrp_dbm", -101)) == (
        "excellent", "good", "none",
    )  # fmt: skip
    assert (class_of("rsrp_dbm", -103), class_of("nr_rsrp_dbm", -103)) == ("none", "fair")
    assert class_of("cell", 3) is None
    assert all(high > middle > low for high, middle, low in CLASSES.values())
