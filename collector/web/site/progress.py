"""A test that somebody asked for now: its name, how long it holds, and how far it has come. Pure.

The name says kind and moment, so that any process can tell how far it is, also after a restart: nothing is kept.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from collector.web.pages import Measured

Stage = Literal["waiting", "arrived", "expired"]
LIFE: Final = timedelta(minutes=10)
"""A device that does not get to it within that time leaves it."""
LAST: Final = timedelta(minutes=3)
"""What was begun in time may arrive a little later."""
_NAME: Final = re.compile(r"([a-z][a-z0-9]{1,31})-([0-9a-f]{12})-([0-9a-f]{16})")
_FIRST_MS: Final = 1_577_836_800_000  # 2020
_LAST_MS: Final = 4_000_000_000_000  # 2096


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to measure now."""

    name: str
    kind: str
    at: datetime

    @property
    def expires(self) -> datetime:
        """From when on a device leaves it."""
        return self.at + LIFE


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is. `report`: the answer, once it is there."""

    asked: Asked
    stage: Stage
    report: Measured | None = None


def named(kind: str, at: datetime, chance: bytes) -> Asked:
    """A new one; `chance`: 8 random bytes."""
    ms = int(at.timestamp() * 1000)
    return Asked(f"{kind}-{ms:012x}-{chance.hex()}", kind, datetime.fromtimestamp(ms / 1000, UTC))


def asked_of(name: str) -> Asked | None:
    """What a name says; None for one that we never gave."""
    found = _NAME.fullmatch(name)
    if found is None or not _FIRST_MS <= int(found[2], 16) <= _LAST_MS:
        return None
    return Asked(name, found[1], datetime.fromtimestamp(int(found[2], 16) / 1000, UTC))


def progress(asked: Asked, report: Measured | None, now: datetime) -> Progress:
    """How far it is now."""
    if report is not None:
        return Progress(asked, "arrived", report)
    return Progress(asked, "expired" if now >= asked.expires + LAST else "waiting")
