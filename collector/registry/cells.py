"""What may stand in a cell that holds a number or a day, and what was probably meant when it does not fit. Pure."""

import math
import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_DAY: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_LOCAL_DAY: Final = re.compile(r"([0-9]{1,2})[./-]([0-9]{1,2})[./-]([0-9]{4})")
_SERIAL: Final = re.compile(r"[0-9]{5}(\.0+)?")
_YEARS: Final = (1800, 2199)
# Spreadsheets count days from here (and believe in 29 February 1900).
_SERIAL_ZERO: Final = date(1899, 12, 30)


# The mainland of Viet Nam, its islands and the archipelagos.
_LATITUDES: Final = (6.0, 23.5)
_LONGITUDES: Final = (102.0, 118.0)


def are_here(latitude: float, longitude: float) -> bool:
    """Whether a position, in degrees, may be one in Viet Nam."""
    return _LATITUDES[0] <= latitude <= _LATITUDES[1] and _LONGITUDES[0] <= longitude <= _LONGITUDES[1]


def number_of(text: str) -> float | None:
    """The number that a text is, None when it is none: digits with a point, no exponent."""
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def number_fault(text: str, low: float, high: float, *, whole: bool = False) -> str | None:
    """Why a text is no number from `low` to `high`; None when it is one."""
    number = number_of(text)
    if number is None:
        meant = re.sub(r"[^0-9.,-]+", "", text).replace(",", ".")
        return f"{text!r} is not a number" + (f" (write {meant})" if _NUMBER.fullmatch(meant) else "")
    if not low <= number <= high:
        return f"{text} is out of range ({low:g} to {high:g})"
    if whole and number != int(number):
        return f"{text} is not a whole number; write thousands without a point"
    return None


def day_of(text: str) -> date | None:
    """The day that a text is, None when it is none: YYYY-MM-DD."""
    found = _DAY.fullmatch(text)
    try:
        return date(int(found[1]), int(found[2]), int(found[3])) if found else None
    except ValueError:
        return None


def day_fault(text: str) -> str | None:
    """Why a text is no day, with what was probably meant; None when it is one."""
    day = day_of(text)
    if day:
        return (
            None
            if _YEARS[0] <= day.year <= _YEARS[1]
            else f"{text} is no day of these times; leave it empty if it is open"
        )
    hint = ""
    local = _LOCAL_DAY.fullmatch(text)
    if local:
        meant = f"{local[3]}-{int(local[2]):02d}-{int(local[1]):02d}"
        hint = f" (write {meant})" if day_of(meant) else ""
    elif _SERIAL.fullmatch(text):
        meant = (_SERIAL_ZERO + timedelta(days=int(float(text)))).isoformat()
        hint = f": a spreadsheet's number for {meant}? Write {meant}, or format the column as a date"
    return f"{text!r} is not a day as YYYY-MM-DD{hint}"


def written(value: str | float | date | None) -> str:
    """A value as text that reads back the same; empty for None."""
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}".removesuffix(".0")
    return "" if value is None else str(value)
