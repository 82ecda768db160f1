"""The card of a modem's sample: what a technician reads, in both languages."""

import pytest

from agent.card_radio import bar, rows
from agent.wire.failure import Failure
from agent.wire.results import Radio
from agent.words import Language

NSA = Radio(
    operator="VINAPHONE",
    mcc_mnc="45202",
    technology="nr_nsa",
    band="b1",
    nr_band="n78",
    cell="5B2A10C",
    tac="2EE1",
    rsrp_dbm=-86.0,
    rsrq_db=-9.0,
    sinr_db=14.0,
    rssi_dbm=-58.0,
    nr_rsrp_dbm=-103.0,
    nr_sinr_db=0.0,
    registration="home",
    roaming=False,
    method="modemmanager",
    state="connected",
    modem="Quectel RM520N-GL",
    latitude=21.853051,
    longitude=106.761034,
    accuracy_m=5.0,
    position_source="gpsd",
)


def card(result: Radio, tongue: Language = "en") -> list[str]:
    return [f"{row.label}: {row.value}" if row.label else f"  {row.value}" for row in rows(result, tongue) if row.value]


def test_both_generations_have_a_bar_and_classes_of_their_own() -> None:
    assert card(NSA) == [
        "State: 5G beside 4G (NSA) · connected",
        "4G RSRP: ████████████████░░░░  -86 dBm good",
        "  RSRQ -9 dB excellent · SINR 14 dB good · RSSI -58 dBm",
        "5G SS-RSRP: █████████░░░░░░░░░░░  -103 dBm fair",
        "  SS-SINR 0 dB fair",
        "Operator: VINAPHONE (45202)",
        "Cell: 5B2A10C · TAC 2EE1 · b1 + n78",
        "Position: 21.85305, 106.76103 · ± 5 m · gpsd",
        "Modem: Quectel RM520N-GL · modemmanager",
    ]


def test_the_same_in_vietnamese() -> None:
    assert card(NSA, "vi")[:2] == [
        "Tình trạng: 5G kèm 4G (NSA) · đã kết nối dữ liệu",
        "RSRP 4G: ████████████████░░░░  -86 dBm tốt",
    ]


@pytest.mark.parametrize(
    ("result", "state", "check"),
    [
        (Radio(state="failed", state_reason="sim_missing"), "the modem does not work · no SIM", "is the SIM in"),
        (
            Radio(state="locked", state_reason="sim_pin"),
            "the SIM is locked · PIN asked for",
            "switch the SIM's PIN off",
        ),
        (Radio(state="disabled", registration="idle"), "the modem is switched off", "switch the modem on: mmcli"),
        (Radio(state="searching", registration="searching"), "searching for a network", "antenna connected"),
        (
            Radio(state="enabled", registration="denied"),
            "switched on, on no network · the network refuses this SIM",
            "is the SIM paid for",
        ),
    ],
)
def test_a_modem_that_hears_nothing_says_why_and_what_to_do(result: Radio, state: str, check: str) -> None:
    lines = card(result)
    assert lines[0] == f"State: {state}"
    assert lines[-1].startswith(f"Check: {check}")
    assert len(lines) == 2


def test_what_was_not_read_is_said_with_its_reason() -> None:
    denied = Failure("device", "no_permission", "Setup: not for you")
    lines = card(Radio(state="registered", registration="home", technology="lte", missing={"levels": denied}))
    assert lines[1:4] == ["Not read: levels: not permitted", "  Setup: not for you", lines[3]]
    assert lines[3].startswith("Check: let the service's user ask ModemManager")


def test_3g_and_2g_have_their_own_rows() -> None:
    umts = card(Radio(technology="umts", state="registered", rscp_dbm=-94.0, ecio_db=-7.5, rssi_dbm=-85.0, lac="77CD"))
    assert umts[1:3] == ["3G RSCP: ████████░░░░░░░░░░░░  -94 dBm fair", "  Ec/No -7.5 dB · RSSI -85 dBm"]
    gsm = card(Radio(technology="gsm", state="registered", roaming=True, mcc_mnc="45202", rssi_dbm=-89.0))
    assert gsm[1:] == ["RSSI: ████████░░░░░░░░░░░░  -89 dBm", "Operator: 45202 · roaming"]


def test_a_4g_modem_that_tells_its_rssi_only_is_not_called_2g() -> None:
    lines = card(Radio(technology="lte", state="registered", registration="home", rssi_dbm=-71.0))
    assert lines[1] == "RSSI: ██████████████░░░░░░  -71 dBm"
    assert not [line for line in lines if "2G" in line]


def test_a_bar_stays_within_its_columns() -> None:
    assert [bar("rsrp_dbm", value, columns=4) for value in (-140, -125, -100, -75, -44)] == [
        "░░░░", "░░░░", "██░░", "████", "████",
    ]  # fmt: skip
