"""What a month's heavy measurements moved, for lines that are paid by the byte. Pure: moments and reports come in.

Speed tests and web pages are counted, both directions; the rest is a few kilobytes a run. Months are those of UTC, as
the ledger's days.
"""

from datetime import datetime
from typing import Any, Final

import msgspec

from agent.clock import is_set
from agent.wire.report import Measurement
from agent.wire.results import Throughput
from agent.wire.web import Web

HEAVY: Final = frozenset({"throughput", "web"})
"""Kinds that a budget of a month holds back; what is light goes on, so that the line stays watched."""


class Month(msgspec.Struct, frozen=True):
    """Bytes of one month, as they lie on disk; `name`: 2026-11."""

    name: str = ""
    used_bytes: int = 0

    def at(self, now: datetime) -> "Month":
        """The month that `now` is in; a clock that is not set turns no page."""
        name = f"{now:%Y-%m}"
        return self if not is_set(now) or name == self.name else Month(name)

    def after(self, measurement: Measurement[Any], now: datetime) -> "Month":
        """With what one more measurement moved."""
        month = self.at(now)
        return Month(month.name, month.used_bytes + moved(measurement))


def moved(measurement: Measurement[Any]) -> int:
    """Bytes that a measurement says it moved; 0 where it says nothing."""
    match measurement.result:
        case Throughput(download=down, upload=up):
            return sum(way.bytes or 0 for way in (down, up) if way is not None)
        case Web(pages=pages):
            return sum(page.bytes or 0 for page in pages or ())
        case _:
            return 0
