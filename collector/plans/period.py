"""The periods that figures are published for: 2026, 2026-Q2, 2026-10, 2023-07..2024-06. Pure."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from collector.errors import UsageError

FORMS: Final = "2026, 2026-Q2, 2026-10 or 2025-11..2026-10"
_YEAR: Final = re.compile(r"(\d{4})")
_QUARTER: Final = re.compile(r"(\d{4})-?[Qq]([1-4])")
_MONTH: Final = re.compile(r"(\d{4})-(\d{2})")
_DAY: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
# As Vietnamese reports write them: 10/2026, Q2/2026, Quý II/2026.
_LOCAL_MONTH: Final = re.compile(r"(?:tháng )?(\d{1,2})/(\d{4})", re.IGNORECASE)
_LOCAL_QUARTER: Final = re.compile(r"(?:q|quý ?)([1-4]|iv|i{1,3})/(\d{4})", re.IGNORECASE)
_ROMAN: Final = {"i": 1, "ii": 2, "iii": 3, "iv": 4}
_EARLIEST: Final = 2000
_LATEST: Final = 2100


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of whole months from the day `began` to the day before `ended`, and how it is written here."""

    text: str
    began: date
    ended: date


def period(text: str) -> Period:
    """Read a period; raises UsageError that says what would be one."""
    first, dots, last = (part.strip() for part in text.partition(".."))
    begin = _part(first, text)
    if not dots:
        return begin
    end = _part(last, text)
    if end.ended <= begin.began or end.began < begin.began:
        raise UsageError(f"period {text!r} ends before it begins")
    return Period(f"{begin.text}..{end.text}", begin.began, end.ended)


def _part(text: str, whole: str) -> Period:
    found = _year(text) or _quarter(text) or _month(text)
    if found is not None:
        return found
    day = _DAY.fullmatch(text)
    if day:
        raise UsageError(
            f"{whole!r} is a day, not a period; if {day[1]}-{day[2]} was meant, format the column as text, "
            "so that the spreadsheet makes no date of it"
        )
    raise UsageError(f"{whole!r} is no period; write {FORMS}")


def _year(text: str) -> Period | None:
    found = _YEAR.fullmatch(text)
    return _months(text, int(found[1]), 1, 12) if found else None


def _quarter(text: str) -> Period | None:
    found, local = _QUARTER.fullmatch(text), _LOCAL_QUARTER.fullmatch(text)
    if found:
        year, quarter = int(found[1]), int(found[2])
    elif local:
        year, quarter = int(local[2]), _ROMAN.get(local[1].lower()) or int(local[1])
    else:
        return None
    return _months(f"{year}-Q{quarter}", year, quarter * 3 - 2, 3)


def _month(text: str) -> Period | None:
    found, local = _MONTH.fullmatch(text), _LOCAL_MONTH.fullmatch(text)
    if found:
        year, month = int(found[1]), int(found[2])
    elif local:
        year, month = int(local[2]), int(local[1])
    else:
        return None
    return _months(f"{year}-{month:02d}", year, month, 1)


def _months(text: str, year: int, month: int, count: int) -> Period | None:
    if not (_EARLIEST <= year < _LATEST and 1 <= month <= 12):  # noqa: PLR2004 - of a year
        return None
    began = date(year, month, 1)
    ended = began
    for _ in range(count):
        ended = (ended + timedelta(days=31)).replace(day=1)
    return Period(text, began, ended)
