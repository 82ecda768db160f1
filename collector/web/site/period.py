"""Which time a site's page shows, as its address says: the last days, or from a day or minute to another. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from collector.errors import UsageError
from collector.ledger.period import period as days_of
from collector.web.plot import second

DAYS: Final = (1, 7, 30, 90, 365)
USUAL: Final = 30
_DAY: Final = timedelta(days=1)
_SHORTEST: Final = timedelta(minutes=1)
_MINUTES: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d)\.\.(\d{4}-\d\d-\d\dT\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` to before `end`. `days`: it is the last so many days until now; None: what `text` says."""

    start: datetime
    end: datetime
    days: int | None = USUAL
    text: str = ""
    wrong: str | None = None
    """What was asked for that is no period."""

    @property
    def span(self) -> timedelta:
        """How long it is."""
        return self.end - self.start

    @property
    def query(self) -> dict[str, str]:
        """As an address says it."""
        return {"days": str(self.days)} if self.days is not None else {"period": self.text}

    @property
    def bounds(self) -> tuple[float, float]:
        """On a plot."""
        return second(self.start), second(self.end)


def period_of(query: Mapping[str, str], now: datetime, zone: ZoneInfo) -> Period:
    """The period of an address: `days=30`, `period=2026-10` or `period=2026-10-01T08:00..2026-10-01T12:00`."""
    text = query.get("period", "").strip()
    if text:
        try:
            return _between(text, zone)
        except UsageError as error:
            return _last(USUAL, now, wrong=str(error))
    return _last(next((days for days in DAYS if str(days) == query.get("days")), USUAL), now)


def _last(days: int, now: datetime, *, wrong: str | None = None) -> Period:
    return Period(now - days * _DAY, now, days, wrong=wrong)


def _between(text: str, zone: ZoneInfo) -> Period:
    found = _MINUTES.fullmatch(text)
    if found is None:
        first, last = days_of(text)
        start = datetime.combine(first, time(), zone)
        return Period(start, datetime.combine(last, time(), zone) + _DAY, None, text)
    try:
        start, end = (datetime.fromisoformat(part).replace(tzinfo=zone) for part in found.groups())
    except ValueError:
        raise UsageError(f"{text!r} is no period; write 2026-10-01T08:00..2026-10-01T12:00") from None
    days_of(f"{start.date()}..{end.date()}")  # the same years and lengths
    if end - start < _SHORTEST:
        raise UsageError(f"period {text!r}: it must end after it begins")
    return Period(start, end, None, text)
