"""The time that a filling has come to. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

Progress = Callable[[str, float], None]
"""Hears what is being done, and how much of it (0 to 1)."""


@dataclass(slots=True)
class Clock:
    """Stands still until somebody sets it."""

    at: datetime

    def now(self) -> datetime:
        """That time."""
        return self.at
