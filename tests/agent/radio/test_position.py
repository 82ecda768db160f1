"""Where a sample was taken: NMEA as receivers write it, fixes that are old, and a gpsd that may be none."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

import pytest

from agent.errors import Failed
from agent.radio.gpsd import Gpsd, fix_of
from agent.radio.nmea import fix_of as nmea_fix_of
from agent.radio.nmea import raw_fix
from agent.radio.position import Fix, Position, moment, placed, position_of
from agent.wire.results import Radio

NOW = datetime(2026, 11, 22, 0, 0, 5, tzinfo=UTC)


def sentence(body: str) -> str:
    return f"${body}*{reduce(lambda check, char: check ^ ord(char), body, 0):02X}"


RMC = "GNRMC,000003.00,A,2151.18307,N,10645.66206,E,2.400,91.2,221126,,,A"
GGA = "GNGGA,000003.00,2151.18307,N,10645.66206,E,1,09,0.9,258.4,M,-27.1,M,,"
GST = "GNGST,000003.00,12.0,3.1,2.0,40.0,3.0,4.0,8.0"


def said(*bodies: str) -> Fix | None:
    return nmea_fix_of("\r\n".join(map(sentence, bodies)), NOW)


def test_the_sentences_of_one_moment_make_one_fix() -> None:
    fix = said("GPGSV,1,1,00", RMC, GGA, GST)
    assert fix is not None
    assert (fix.stamp, round(fix.latitude, 6), round(fix.longitude, 6)) == (
        NOW - timedelta(seconds=2), 21.853051, 106.761034,
    )  # fmt: skip
    assert (fix.accuracy_m, fix.altitude_m, round(fix.speed_mps or 0, 3)) == (5.0, 258.4, 1.235)


def test_south_and_west_are_negative_and_a_fix_needs_no_more_than_gga() -> None:
    fix = said(GGA.replace(",N,", ",S,").replace(",E,", ",W,"))
    assert fix is not None
    assert (round(fix.latitude, 3), round(fix.longitude, 3), fix.accuracy_m, fix.speed_mps) == (
        -21.853, -106.761, None, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    "bodies",
    [
        (),
        (RMC.replace(",A,2151", ",V,2151"), GGA),
        (RMC[:-1] + "E",),
        (RMC[:-1] + "N",),
        (GGA.replace(",1,09,", ",0,00,"),),
        (GGA.replace(",1,09,", ",6,00,"),),
        ("GNRMC,000003.00,A,,,,,,,221126,,,A",),
        ("GNRMC,0000,A,2151.18307,N,10645.66206,E,,,221126,,,A",),
        ("GNRMC,000003.00,A,2151.18307,N,10645.66206,E,,,991399,,,A",),
    ],
)
def test_sentences_without_a_measured_fix_make_none(bodies: tuple[str, ...]) -> None:
    assert said(*bodies) is None


def test_a_sentence_with_a_wrong_sum_is_not_read() -> None:
    assert nmea_fix_of(sentence(RMC)[:-1] + "Z", NOW) is None
    assert nmea_fix_of(f"${RMC}", NOW) is None


def test_a_sentence_of_another_moment_lends_nothing() -> None:
    fix = said(RMC, GGA.replace("000003", "000002"), GST.replace("000003", "000002"))
    assert fix is not None
    assert (fix.altitude_m, fix.accuracy_m) == (None, None)


def test_a_time_of_day_is_of_the_day_nearest_to_now() -> None:
    assert moment("235959.5", "", NOW) == datetime(2026, 11, 21, 23, 59, 59, 500_000, tzinfo=UTC)
    assert moment("000004", "", NOW) == NOW - timedelta(seconds=1)
    assert [moment(clock, "221126", NOW) for clock in ("250000", "996099.0", "-10000", "12", "")] == [None] * 5
    assert raw_fix({"utc-time": "235959", "latitude": 21.8, "longitude": 106.7}, NOW) == Fix(
        datetime(2026, 11, 21, 23, 59, 59, tzinfo=UTC), 21.8, 106.7
    )
    assert raw_fix({"utc-time": "", "latitude": 21.8, "longitude": 106.7}, NOW) is None
    assert raw_fix({"utc-time": "000004", "latitude": float("nan"), "longitude": 106.7}, NOW) is None


def test_a_fix_is_a_position_if_it_is_of_now_or_moves_on() -> None:
    def asked(fix: Fix, previous: Fix | None = None) -> Position | None:
        return position_of(fix, previous=previous, now=NOW, max_age_s=30, source="gnss")

    fresh = Fix(NOW - timedelta(seconds=4), 21.8, 106.7)
    old = Fix(NOW - timedelta(hours=3), 21.8, 106.7)
    later = Fix(NOW - timedelta(hours=3, seconds=-1), 21.8, 106.7)
    assert asked(fresh) == Position(21.8, 106.7, "gnss", age_s=4.0)
    assert asked(Fix(NOW + timedelta(seconds=2), 21.8, 106.7)) == Position(21.8, 106.7, "gnss", age_s=0.0)
    assert asked(old) is None
    assert asked(old, old) is None
    assert asked(later, old) == Position(21.8, 106.7, "gnss")
    for latitude, longitude in ((0.0, 0.0), (91.0, 5.0), (5.0, 181.0)):
        assert asked(Fix(NOW, latitude, longitude)) is None


def test_a_position_is_written_into_a_sample() -> None:
    radio = placed(Radio(cell="2A"), Position(21.8, 106.7, "gpsd", 6.0, 258.4, 1.2, 0.4))
    assert radio == Radio(
        cell="2A",
        latitude=21.8,
        longitude=106.7,
        accuracy_m=6.0,
        altitude_m=258.4,
        speed_mps=1.2,
        position_source="gpsd",
        position_age_s=0.4,
    )


def tpv(at: datetime, **other: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON values
    report = {
        "class": "TPV", "device": "/dev/ttyACM0", "mode": 3, "time": f"{at:%Y-%m-%dT%H:%M:%S.000Z}",
        "lat": 21.853051, "lon": 106.761034, "altHAE": 231.3, "altMSL": 258.4, "epx": 3.0, "epy": 4.0, "speed": 1.25,
    }  # fmt: skip
    return {key: value for key, value in (report | other).items() if value is not None}


VERSION = {"class": "VERSION", "release": "3.25", "proto_major": 3, "proto_minor": 15}
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


@asynccontextmanager
async def gpsd(*reports: object, hold: bool = True, wait_s: float = 5.0) -> AsyncIterator[Gpsd]:
    """A port that greets, waits for ?WATCH and then says these reports; objects as JSON, bytes as they are."""
    closed = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(json.dumps(VERSION).encode() + b"\r\n")
        assert await reader.readline() == b'?WATCH={"enable":true,"json":true};\n'
        for report in reports:
            writer.write(report if isinstance(report, bytes) else json.dumps(report).encode() + b"\r\n")
        if hold:
            with contextlib.suppress(ConnectionResetError):  # who leaves with words unread resets
                await reader.read()
        writer.close()
        closed.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield Gpsd("127.0.0.1", port, lambda: NOW, wait_s=wait_s, max_age_s=30)
        async with asyncio.timeout(5):
            await closed.wait()


async def test_gpsd_s_first_fresh_fix_is_the_position() -> None:
    async with gpsd(
        {"class": "DEVICES", "devices": [{"path": "/dev/ttyACM0"}]},
        {"class": "SKY", "satellites": []},
        {"class": "TPV", "mode": 1},
        tpv(NOW - timedelta(seconds=1)),
    ) as source:
        assert await source.position() == Position(21.853051, 106.761034, "gpsd", 5.0, 258.4, 1.25, 1.0)


async def test_a_stale_fix_is_refused_and_one_that_moves_on_is_believed_over_the_clock() -> None:
    old = NOW - timedelta(hours=2)
    async with gpsd(tpv(old), tpv(old), wait_s=0.4) as source:
        with pytest.raises(Failed, match="its last fix is of 2026-11-21 22:00:05 UTC"):
            await source.position()
    async with gpsd(tpv(old), tpv(old + timedelta(seconds=1))) as source:
        assert (await source.position()).age_s is None


@pytest.mark.parametrize(
    ("reports", "hold", "expected"),
    [
        (({"class": "DEVICES", "devices": []},), True, ("nodata", "it has no receiver")),
        (({"class": "TPV", "mode": 0}, {"class": "TPV", "mode": 1}), True, ("nodata", "no fix")),
        ((tpv(NOW, time=None),), True, ("nodata", "no fix")),
        ((), True, ("nodata", "said nothing")),
        ((), False, ("closed", "closed the connection")),
        ((b"HTTP/1.1 400 Bad Request\r\n",), True, ("protocol", "no gpsd")),
        ((b"[1, 2]\r\n",), True, ("protocol", "no gpsd")),
        ((b"x" * 40_000,), True, ("protocol", "no gpsd")),
    ],
)
async def test_a_gpsd_without_position_says_why(
    reports: tuple[object, ...],
    hold: bool,  # noqa: FBT001 - a table's column
    expected: tuple[str, str],
) -> None:
    async with gpsd(*reports, hold=hold, wait_s=1.0 if expected[0] == "nodata" else 10.0) as source:
        with pytest.raises(Failed) as caught:
            await source.position()
    assert caught.value.failure.reason == expected[0]
    assert expected[1] in (caught.value.failure.detail or "")


async def test_no_gpsd_is_refused() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(Failed, match="is it running") as caught:
            await Gpsd("127.0.0.1", unused.getsockname()[1], lambda: NOW).position()
    assert str(caught.value.failure) == "device:refused"


def test_a_report_s_error_is_gpsd_s_own_or_its_parts() -> None:
    def error(**other: Any) -> float | None:  # noqa: ANN401 - JSON values
        fix = fix_of(tpv(NOW, **other))
        assert fix is not None
        return fix.accuracy_m

    assert (error(), error(eph=7.5), error(epx=None), error(eph=-1)) == (5.0, 7.5, None, None)
    assert fix_of(tpv(NOW, lat="21")) is None
    assert fix_of(tpv(NOW, mode=True)) is None
