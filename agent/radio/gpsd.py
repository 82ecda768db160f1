"""A position from gpsd: its JSON over TCP, asked for one fresh fix at a time.

Source: gpsd_json(5), class TPV: mode (2 is two-dimensional, 3 three-), time, lat, lon, eph or epx and epy (metres,
gpsd's own estimates), altMSL or alt (metres), speed (m/s). A connection is made for each fix, since one that lay idle
would first give all the old ones.
"""

import asyncio
import contextlib
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from agent.errors import Failed
from agent.radio.position import Fix, Position, position_of
from agent.wire.failure import Reason, Stage

PORT: Final = 2947
_WATCH: Final = b'?WATCH={"enable":true,"json":true};\n'
_LINE: Final = 16_384  # gpsd_json(5): a response is at most 10240 characters
_MODE: Final = 2


class Gpsd:
    """A gpsd, by host and port. `now`: the wall clock; `wait_s`: how long a fresh fix may take."""

    def __init__(
        self, host: str, port: int, now: Callable[[], datetime], *, wait_s: float = 6.0, max_age_s: float = 30.0
    ) -> None:
        self._host = host
        self._port = port
        self._now = now
        self._wait_s = wait_s
        self._max_age_s = max_age_s
        self._heard = ""

    async def position(self) -> Position:
        """Give a fresh fix.

        Raises:
            Failed: no gpsd there, it is none, or it had no fresh fix in time.
        """
        self._heard = "it said nothing of a position"
        try:
            async with asyncio.timeout(self._wait_s):
                return await self._ask()
        except TimeoutError:
            raise self._failed(Reason.NODATA, self._heard) from None
        except ConnectionRefusedError as error:
            raise self._failed(Reason.REFUSED, "is it running?") from error
        except OSError as error:
            raise self._failed(Reason.UNREACHABLE, str(error)) from error

    async def _ask(self) -> Position:
        reader, writer = await asyncio.open_connection(self._host, self._port, limit=_LINE)
        try:
            writer.write(_WATCH)
            return await self._fresh(reader)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _fresh(self, reader: asyncio.StreamReader) -> Position:
        previous: Fix | None = None
        while True:
            report = await self._report(reader)
            fix = fix_of(report)
            if fix is None:
                self._hear(report)
                continue
            position = position_of(fix, previous=previous, now=self._now(), max_age_s=self._max_age_s, source="gpsd")
            if position is not None:
                return position
            self._heard = f"its last fix is of {fix.stamp:%Y-%m-%d %H:%M:%S} UTC"
            previous = fix

    def _hear(self, report: dict[str, Any]) -> None:
        if report.get("class") == "TPV":
            self._heard = "the receiver has no fix: it needs the open sky, and a minute at first"
        elif report.get("class") == "DEVICES" and not report.get("devices"):
            self._heard = "it has no receiver"

    async def _report(self, reader: asyncio.StreamReader) -> dict[str, Any]:
        try:
            line = await reader.readuntil(b"\n")
            report = msgspec.json.decode(line)
        except asyncio.IncompleteReadError as error:
            raise self._failed(Reason.CLOSED, "it closed the connection") from error
        except (asyncio.LimitOverrunError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._failed(Reason.PROTOCOL, "what answers there is no gpsd") from error
        if not isinstance(report, dict):
            raise self._failed(Reason.PROTOCOL, "what answers there is no gpsd")
        return report

    def _failed(self, reason: Reason, why: str) -> Failed:
        return Failed(Stage.DEVICE, reason, f"gpsd at {self._host}:{self._port}: {why}")


def fix_of(report: dict[str, Any]) -> Fix | None:
    """Read a report of class TPV; None for another class, for a fix that is none, and for one without a time."""
    if report.get("class") != "TPV" or (_number(report, "mode") or 0) < _MODE:
        return None
    at = _moment(report.get("time"))
    latitude, longitude = _number(report, "lat"), _number(report, "lon")
    if at is None or latitude is None or longitude is None:
        return None
    altitude, speed = _number(report, "altMSL"), _number(report, "speed")
    return Fix(
        at,
        latitude,
        longitude,
        accuracy_m=_error(report),
        altitude_m=_number(report, "alt") if altitude is None else altitude,
        speed_mps=speed if speed is not None and speed >= 0 else None,
    )


def _error(report: dict[str, Any]) -> float | None:
    """The horizontal error: gpsd's own figure, else its two parts as one."""
    whole, east, north = (_number(report, name) for name in ("eph", "epx", "epy"))
    error = math.hypot(east, north) if whole is None and east is not None and north is not None else whole
    return error if error is not None and error >= 0 else None


def _moment(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


def _number(report: dict[str, Any], name: str) -> float | None:
    value = report.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
