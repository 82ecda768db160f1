"""Periods as people write them: 2026, 2026-10, 2026-10-22, 2026-10-01..2026-10-31. Pure."""

import re
from datetime import date, timedelta
from typing import Final

from collector.errors import UsageError

_FORM: Final = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_DAYS: Final = 400
_YEARS: Final = range(2000, 2101)  # whose days every zone and calendar can count


def period(text: str) -> tuple[date, date]:
    """Give the first and the last day of a period; raises UsageError for anything else, or more than a year."""
    begin, dots, end = text.partition("..")
    try:
        first, last = _bounds(begin)
        if dots:
            last = _bounds(end)[1]
    except ValueError:
        raise UsageError(f"{text!r} is no period; write 2026, 2026-10, 2026-10-22 or 2026-10-01..2026-10-31") from None
    if last < first or (last - first).days >= _DAYS:
        raise UsageError(f"period {text!r}: it must end after it begins, at most {_DAYS} days later")
    return first, last


def _bounds(text: str) -> tuple[date, date]:
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(text)
    year, month, day = (int(part) if part else None for part in found.groups())
    if year is None or year not in _YEARS:
        raise ValueError(text)
    first = date(year, month or 1, day or 1)
    if day is not None:
        return first, first
    if month is not None:
        return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return first, first.replace(month=12, day=31)
