"""Series of results for the detectors' tests."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from collector.detect.observation import Contact, Observation

START = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def results(
    values: Sequence[float], *, mark: float = 100.0, start: datetime = START, every: timedelta = 6 * HOUR
) -> list[Observation]:
    """Results at even distances."""
    return [Observation(start + every * number, value, mark) for number, value in enumerate(values)]


def noisy(count: int, median: float, *, seed: int, sigma: float = 0.25, start: datetime = START) -> list[Observation]:
    """Log-normal results about a median, four a day."""
    noise = random.Random(seed)  # noqa: S311 - a simulation
    return results([noise.lognormvariate(0, sigma) * median for _ in range(count)], start=start)


def asked(
    pattern: str, *, start: datetime = START, every: timedelta = 5 * MINUTE, kind: str = "latency"
) -> list[Contact]:
    """Contacts at even distances: a dot got through, an x was lost."""
    peer = "peer-1" if kind in {"latency", "throughput"} else None
    return [Contact(start + every * number, one == ".", peer, kind) for number, one in enumerate(pattern)]
