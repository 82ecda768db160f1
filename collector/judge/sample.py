"""What is judged. Pure."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Sample:
    """One conclusive result: when its report started, and its number in the indicator's unit."""

    started: datetime
    value: float
