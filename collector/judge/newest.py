"""The newest results, of which an incident's rule counts how many are weak. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from collector.judge.looked import CLOCK_SLACK
from collector.judge.sample import Sample

LOOK: Final = 10
AGREE: Final = 9
WINDOW: Final = timedelta(days=30)


def looked_at(samples: Sequence[Sample], at: datetime) -> list[Sample]:
    """The newest `LOOK` samples within the window, oldest first."""
    start, end = at - WINDOW, at + CLOCK_SLACK
    recent = sorted((s for s in samples if start < s.started <= end), key=lambda sample: sample.started)
    return recent[-LOOK:]
