"""A modem that only speaks AT: its answers as samples, and its port as ports behave."""

import asyncio
import fcntl
import os
import termios
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Failed
from agent.probes.probe import Task
from agent.probes.radio import probe
from agent.radio.at_answers import COMMANDS, cesq, csq_dbm, radio_of
from agent.radio.at_port import serial_modem
from agent.wire.results import Radio
from tests.agent.radio.fake_modem import (
    PLAIN_GSM,
    PLAIN_LTE,
    QUECTEL_LTE,
    QUECTEL_NSA,
    QUECTEL_SA,
    QUECTEL_WCDMA,
    FakeModem,
    Table,
    plugged,
)


def answers(table: Table) -> dict[str, list[str]]:
    return {command: table[command].splitlines() if command in table else ["ERROR"] for command in COMMANDS}


SAMPLES = {
    "quectel_lte": (
        QUECTEL_LTE,
        Radio(
            operator="Viettel",
            mcc_mnc="45204",
            technology="lte",
            band="b3",
            cell="19A358C",
            tac="774E",
            rsrp_dbm=-108.0,
            rsrq_db=-5.0,
            sinr_db=-4.8,
            rssi_dbm=-83.0,
            registration="home",
            roaming=False,
            method="at",
            state="registered",
            modem="Quectel EC25",
        ),
    ),
    "quectel_nsa": (
        QUECTEL_NSA,
        Radio(
            operator="VINAPHONE",
            mcc_mnc="45202",
            technology="nr_nsa",
            band="b3",
            nr_band="n78",
            cell="1929500",
            tac="34BA",
            rsrp_dbm=-75.0,
            rsrq_db=-8.0,
            sinr_db=14.0,
            rssi_dbm=-50.0,
            nr_rsrp_dbm=-82.0,
            nr_rsrq_db=-11.0,
            nr_sinr_db=30.0,
            registration="home",
            roaming=False,
            method="at",
            state="registered",
            modem="Quectel RG520N-EU",
        ),
    ),
    "quectel_sa": (
        QUECTEL_SA,
        Radio(
            mcc_mnc="45201",
            technology="nr_sa",
            band="n41",
            cell="1F2C3A4B5",
            tac="A1B2",
            nr_rsrp_dbm=-88.0,
            nr_rsrq_db=-11.0,
            nr_sinr_db=17.0,
            registration="home",
            roaming=False,
            method="at",
            state="registered",
            modem="Quectel RG520N-EU",
        ),
    ),
    "quectel_wcdma": (
        QUECTEL_WCDMA,
        Radio(
            operator="Viettel",
            mcc_mnc="45204",
            technology="umts",
            cell="1CEAD8F",
            lac="77CD",
            rscp_dbm=-94.0,
            ecio_db=-7.0,
            rssi_dbm=-85.0,
            registration="home",
            roaming=False,
            method="at",
            state="registered",
            modem="Quectel EC25",
        ),
    ),
    "plain_lte": (
        PLAIN_LTE,
        Radio(
            mcc_mnc="46001",
            technology="lte",
            cell="2A1F03",
            tac="1F2C",
            rsrp_dbm=-97.0,
            rsrq_db=-11.0,
            rssi_dbm=-73.0,
            registration="roaming",
            roaming=True,
            method="at",
            state="registered",
            modem="SIMCOM INCORPORATED SIM7600E",
        ),
    ),
    "plain_gsm": (
        PLAIN_GSM,
        Radio(
            operator="VN, Vinaphone",
            cell="1A2B",
            registration="home",
            roaming=False,
            method="at",
            state="registered",
            modem="SIMCOM SIM800",
        ),
    ),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_answers_become_exactly_this_sample(name: str) -> None:
    table, expected = SAMPLES[name]
    assert radio_of(answers(table)) == expected


def test_a_gsm_modem_that_names_its_technology_gives_its_power_and_place() -> None:
    radio = radio_of(answers(PLAIN_GSM | {"AT+COPS?": '+COPS: 0,0,"Vinaphone",0'}))
    assert (radio.technology, radio.rssi_dbm, radio.lac, radio.cell) == ("gsm", -89.0, "2EE", "1A2B")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"AT+CPIN?": "+CME ERROR: 10"}, ("failed", "sim_missing", None)),
        ({"AT+CPIN?": "+CME ERROR: SIM not inserted"}, ("failed", "sim_missing", None)),
        ({"AT+CPIN?": "+CPIN: SIM PIN"}, ("locked", "sim_pin", None)),
        ({"AT+CPIN?": "+CPIN: SIM PIN2", "AT+CREG?": "+CREG: 0,1"}, ("registered", None, "home")),
        ({"AT+CPIN?": "+CPIN: SIM PUK"}, ("locked", "sim_puk", None)),
        ({"AT+CPIN?": "+CME ERROR: 100"}, ("registered", None, "home")),
        ({"AT+CFUN?": "+CFUN: 4", "AT+CREG?": "+CREG: 0,0"}, ("disabled", None, "idle")),
        ({"AT+CREG?": "+CREG: 0,2"}, ("searching", None, "searching")),
        ({"AT+CREG?": "+CREG: 0,3"}, ("enabled", None, "denied")),
        ({"AT+CREG?": "+CREG: 0,8"}, ("registered", None, "emergency_only")),
        ({"AT+CREG?": "+CREG: 0,99"}, ("enabled", None, None)),
        ({"AT+CREG?": "+CREG: 0,\u00b2"}, ("enabled", None, None)),
        ({"AT+CREG?": "+CREG: 0," + "1" * 5000}, ("enabled", None, None)),
        ({"AT+CREG?": '+CREG: 5,"1F2C","2A"\n+CREG: 0,1'}, ("registered", None, "home")),
    ],
)
def test_a_modem_without_network_says_its_state_and_no_levels(
    changed: Table, expected: tuple[str, str | None, str | None]
) -> None:
    table = {name: text for name, text in QUECTEL_LTE.items() if name != "AT+CEREG?"} | changed
    if expected[0] == "failed" or expected[0] == "locked":
        table["AT+CREG?"] = "ERROR"
    radio = radio_of(answers(table))
    assert (radio.state, radio.state_reason, radio.registration) == expected
    known = (radio.technology, radio.rsrp_dbm, radio.cell, radio.band, radio.operator)
    assert (known == (None,) * 5) == (expected[2] not in {"home", "emergency_only"})


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("99,99,255,255,255,255", {}),
        ("0,0,0,0,0,0", {"rxlev": -111, "rscp": -121, "ecno": -24.5, "rsrq": -20, "rsrp": -141}),
        ("63,7,96,49,34,97", {"rxlev": -48, "rscp": -25, "ecno": 0, "rsrq": -3, "rsrp": -44}),
        ("64,9,97,50,35,98", {}),
        ("99,99,255,255,255,255,0,1,127", {"ss_rsrq": -43.5, "ss_rsrp": -156, "ss_sinr": 40}),
        ("99,99,255,255,20,80,x,,", {"rsrq": -10, "rsrp": -61}),
    ],
)
def test_cesq_is_3gpp_s_table(line: str, expected: dict[str, float]) -> None:
    assert cesq(line.split(",")) == expected


@pytest.mark.parametrize(
    ("text", "dbm"), [("0", -113.0), ("2", -109.0), ("31", -51.0), ("99", None), ("120", None), ("", None)]
)
def test_csq_is_3gpp_s_table(text: str, dbm: float | None) -> None:
    assert csq_dbm([text, "99"]) == dbm


def test_5g_levels_come_from_the_standard_answer_where_there_is_no_other() -> None:
    table = {name: text for name, text in QUECTEL_NSA.items() if not name.startswith("AT+Q")}
    radio = radio_of(answers(table | {"AT+CESQ": "+CESQ: 99,99,255,255,20,60,64,75,106"}))
    assert (radio.technology, radio.rsrp_dbm, radio.rsrq_db, radio.sinr_db) == ("nr_nsa", -81.0, -10.0, None)
    assert (radio.nr_rsrp_dbm, radio.nr_rsrq_db, radio.nr_sinr_db) == (-82.0, -11.5, 29.5)


def test_a_5g_leg_without_levels_is_no_leg() -> None:
    idle = '+QENG: "LTE","FDD",452,02,1929500,321,1300,3,5,5,34BA,-75,-8,-50,24,12,120,-\n+QENG: "NR5G-NSA",452,02'
    for leg in (idle, idle + ",-,-32768,-32768,-32768,0,0"):
        radio = radio_of(answers(QUECTEL_NSA | {'AT+QENG="servingcell"': leg}))
        assert (radio.technology, radio.rsrp_dbm, radio.nr_rsrp_dbm, radio.nr_band) == ("lte", -75.0, None, None)


@given(st.lists(st.tuples(st.sampled_from(COMMANDS), st.lists(st.text(max_size=40), max_size=4)), max_size=12))
def test_no_answer_breaks_the_parser(said: list[tuple[str, list[str]]]) -> None:
    radio_of(dict(said))


LINES = st.builds(
    lambda name, fields: f"{name}: {','.join(fields)}",
    st.sampled_from(["+CREG", "+CEREG", "+C5GREG", "+COPS", "+CESQ", "+CSQ", "+QENG", "+QCSQ", "+CPIN", "+CFUN"]),
    st.lists(
        st.sampled_from(["0", "1", "7", "13", "-90", "-", '"LTE"', '"servingcell"', '"NR5G-NSA"', '"', "1e999", "²"]),
        max_size=16,
    ),
)


@given(st.lists(st.tuples(st.sampled_from(COMMANDS), st.lists(LINES, max_size=3)), max_size=12))
def test_no_line_of_the_right_name_breaks_the_parser(said: list[tuple[str, list[str]]]) -> None:
    radio_of(dict(said))


# --- the port


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_the_probe_asks_a_real_port_and_leaves_it_as_it_was() -> None:
    modem = FakeModem(QUECTEL_NSA)
    async with plugged(modem) as path:
        descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)
        try:
            before = termios.tcgetattr(descriptor)
            descriptors = _descriptors()
            outcome = await probe(Task("", options={"device": path}))
            assert termios.tcgetattr(descriptor) == before
            assert _descriptors() == descriptors
        finally:
            os.close(descriptor)
    assert (outcome.result, outcome.link) == (SAMPLES["quectel_nsa"][1], None)
    assert modem.heard == ["AT", *COMMANDS]


@pytest.mark.parametrize(
    "modem",
    [
        FakeModem(QUECTEL_LTE, echo=False),
        FakeModem(QUECTEL_LTE, error="+CME ERROR: 100"),
        FakeModem(QUECTEL_LTE, error="+CME ERROR: unknown", unasked='+CREG: 5,"1F2C","2A1F03",7'),
        FakeModem(QUECTEL_LTE, unasked="RING"),
        FakeModem(QUECTEL_LTE, unasked="^RSSI: 20"),
        FakeModem(QUECTEL_LTE, unasked="NO CARRIER", pieces=True),
    ],
    ids=["no_echo", "numbers", "words", "ring", "chatter", "hung_up"],
)
async def test_habits_of_modems_do_not_change_the_sample(modem: FakeModem) -> None:
    async with plugged(modem) as path, serial_modem(path) as port:
        assert await port.sample() == SAMPLES["quectel_lte"][1]
        assert await port.sample() == SAMPLES["quectel_lte"][1]


async def test_a_port_that_wakes_late_is_read_and_one_that_never_does_is_named() -> None:
    async with plugged(FakeModem(QUECTEL_LTE, deaf=1)) as path, serial_modem(path, timeout_s=0.3) as port:
        assert (await port.sample()).rsrp_dbm == -108.0
    async with plugged(FakeModem(QUECTEL_LTE, deaf=100)) as path:
        with pytest.raises(Failed, match="does not answer AT: a modem has several ports") as caught:
            async with serial_modem(path, timeout_s=0.2):
                pass
    assert str(caught.value.failure) == "device:timeout"


async def test_a_command_without_answer_ends_the_sample_in_its_time() -> None:
    async with plugged(FakeModem(QUECTEL_LTE, mute=frozenset({"AT+COPS?"}))) as path:
        with pytest.raises(Failed, match=r"did not answer AT\+COPS\? within 0.3 s"):
            async with serial_modem(path, timeout_s=0.3) as port:
                await port.sample()


async def test_a_modem_that_is_pulled_out_is_gone_at_once() -> None:
    async with plugged(FakeModem(QUECTEL_LTE, goes="AT+CSQ")) as path, asyncio.timeout(5):
        with pytest.raises(Failed, match="went away") as caught:
            async with serial_modem(path, timeout_s=10) as port:
                await port.sample()
    assert str(caught.value.failure) == "device:no_hardware"


async def test_a_port_that_talks_without_end_is_left() -> None:
    async with plugged(FakeModem(QUECTEL_LTE, floods="AT+CGMM")) as path, serial_modem(path, timeout_s=10) as port:
        with pytest.raises(Failed, match="talks without end"):
            await port.sample()


async def test_what_is_no_port_of_ours_is_named(tmp_path: Path) -> None:
    async def failure(path: Path) -> str:
        with pytest.raises(Failed) as caught:
            async with serial_modem(str(path)):
                pass
        return f"{caught.value.failure}: {caught.value.failure.detail}"

    plain = tmp_path / "plain"
    plain.write_text("")
    assert "device:no_hardware" in await failure(tmp_path / "ttyUSB9")
    assert "not a serial port" in await failure(plain)
    async with plugged(FakeModem(QUECTEL_LTE)) as path, serial_modem(path):
        assert "device:busy" in await failure(Path(path))


async def test_a_port_that_another_program_has_for_itself_is_left_to_it_by_root_too() -> None:
    modem = FakeModem(QUECTEL_LTE)
    async with plugged(modem) as path:
        other = os.open(path, os.O_RDWR | os.O_NOCTTY)
        try:
            fcntl.ioctl(other, termios.TIOCEXCL)
            with pytest.raises(Failed, match="in use by another program"):
                async with serial_modem(path):
                    pass
            fcntl.ioctl(other, termios.TIOCNXCL)
        finally:
            os.close(other)
    assert modem.heard == []
