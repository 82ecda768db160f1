"""What a modem's GNSS receiver says, in NMEA 0183 sentences or as ModemManager's own dictionary. Pure.

Sentences used: RMC (place, speed, day; decides whether there is a fix), GGA (place and altitude), GST (the receiver's
estimate of its error). A sentence whose check sum is wrong is not read.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import reduce
from typing import Final

from agent.radio.position import Fix, moment

_KNOT_MPS: Final = 1852 / 3600
_MEASURED: Final = (
    "ADFPR"  # RMC's mode: autonomous, differential, RTK float and fixed, precise; not estimated or simulated
)
_QUALITIES: Final = "12345"


def fix_of(text: str, now: datetime) -> Fix | None:
    """Read the newest fix from sentences, each kind of which is there once; None if there is none."""
    said = dict(filter(None, map(_sentence, text.splitlines())))
    rmc, gga, gst = said.get("RMC", []), said.get("GGA", []), said.get("GST", [])
    if len(rmc) > 9:  # noqa: PLR2004 - up to the day
        return _dated(_from_rmc(rmc, gga, gst, now), by_day=rmc[9] != "")
    if len(gga) > 9 and gga[6] in _QUALITIES and gga[6]:  # noqa: PLR2004 - up to the altitude
        fix = _fix(moment(gga[1], "", now), gga[2:6], accuracy=_error(gst, gga[1]), altitude=_number(gga[9]))
        return _dated(fix, by_day=False)
    return None


def raw_fix(values: Mapping[str, object], now: datetime) -> Fix | None:
    """Read ModemManager's dictionary `utc-time latitude longitude altitude`; it tells no accuracy."""
    at = moment(str(values.get("utc-time", "")), "", now)
    latitude, longitude, altitude = (_real(values.get(key)) for key in ("latitude", "longitude", "altitude"))
    if at is None or latitude is None or longitude is None:
        return None
    return Fix(at, latitude, longitude, altitude_m=altitude, dated=False)


def _sentence(line: str) -> tuple[str, list[str]] | None:
    body, star, check = line.strip().removeprefix("$").partition("*")
    if not star or f"{reduce(lambda sum_, char: sum_ ^ ord(char), body, 0):02X}" != check[:2].upper():
        return None
    fields = body.split(",")
    return fields[0][-3:], fields


def _from_rmc(rmc: list[str], gga: list[str], gst: list[str], now: datetime) -> Fix | None:
    mode = rmc[12] if len(rmc) > 12 else "A"  # noqa: PLR2004 - since NMEA 2.3
    if rmc[2] != "A" or mode not in _MEASURED:
        return None
    same = len(gga) > 9 and gga[1] == rmc[1]  # noqa: PLR2004 - up to the altitude
    knots = _number(rmc[7])
    return _fix(
        moment(rmc[1], rmc[9], now),
        rmc[3:7],
        accuracy=_error(gst, rmc[1]),
        altitude=_number(gga[9]) if same else None,
        speed=None if knots is None else knots * _KNOT_MPS,
    )


def _fix(
    at: datetime | None,
    place: list[str],
    *,
    accuracy: float | None,
    altitude: float | None = None,
    speed: float | None = None,
) -> Fix | None:
    latitude, longitude = _degrees(place[0], place[1], 2), _degrees(place[2], place[3], 3)
    if at is None or latitude is None or longitude is None:
        return None
    return Fix(at, latitude, longitude, accuracy, altitude, speed)


def _dated(fix: Fix | None, *, by_day: bool) -> Fix | None:
    return None if fix is None else replace(fix, dated=by_day)


def _error(gst: list[str], at: str) -> float | None:
    """The horizontal error of the same moment: both standard deviations as one."""
    if len(gst) < 8 or gst[1] != at:  # noqa: PLR2004 - up to the longitude's
        return None
    north, east = _number(gst[6]), _number(gst[7])
    return None if north is None or east is None else math.hypot(north, east)


def _degrees(text: str, side: str, digits: int) -> float | None:
    """Read `ddmm.mmmm` (latitude) or `dddmm.mmmm`."""
    whole, minutes = _number(text[:digits]), _number(text[digits:])
    if whole is None or minutes is None or side not in {"N", "S", "E", "W"}:
        return None
    degrees = whole + minutes / 60
    return -degrees if side in {"S", "W"} else degrees


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _real(value: object) -> float | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if good else None  # type: ignore[arg-type] # `good` says that it is a number
