"""A place in one slot's archive. It counts reports, never bytes, so it stays true when a day is sealed."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Position:
    """After the first `reports` reports of a day's file in a slot ("" is the archive's folder itself)."""

    slot: str
    day: date
    reports: int
