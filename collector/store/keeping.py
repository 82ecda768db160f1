"""What outlives raw measurements where raw ones are kept for a time only. Pure.

InfluxDB's retention rules hold for a policy or bucket, not for a measurement. So with `?raw=NAME` in the store's URL,
raw measurements go to the policy (1.x) or bucket (2.x: `BUCKET/NAME`) of that name, which `store init --keep-raw`
makes; roll-ups, verdicts, standings, incidents and completeness stay in the database's default, which keeps for ever.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final

from collector.errors import PointsRefused, UsageError
from collector.store.store import Point

POLICY: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
_LASTING: Final = re.compile(r".*_(hour|day|month)|verdict|standing|census|incident|completeness")
_SPAN: Final = re.compile(r"(\d{1,5})\s*([hdwy])")
_UNITS: Final = {"h": 1, "d": 24, "w": 168, "y": 8766}
_LEAST: Final = timedelta(days=31)


def outlives_raw(measurement: str) -> bool:
    """Whether a measurement is kept when raw ones expire."""
    return _LASTING.fullmatch(measurement) is not None


def span_of(text: str) -> timedelta | None:
    """Read `400d`, `52w`, `2y`, `9600h`; None for `forever`.

    Raises:
        UsageError: it is none of these, or shorter than what judging needs.
    """
    if text.strip() == "forever":
        return None
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"--keep-raw: {text!r} is not a time to keep; write 400d, 60w, 2y or forever")
    span = timedelta(hours=int(found[1]) * _UNITS[found[2]])
    if span < _LEAST:
        raise UsageError(f"--keep-raw: {text} is too short: months are judged from raw reports, so at least 31d")
    return span


async def write_apart(points: Sequence[Point], write: Callable[[Sequence[Point], bool], Awaitable[None]]) -> None:
    """Write raw points (True) and those that outlive them (False) apart; errors as of `Store.write`."""
    refused: list[int] = []
    words = ""
    for raw in (True, False):
        places = [place for place, point in enumerate(points) if outlives_raw(point.measurement) is not raw]
        try:
            await write([points[place] for place in places], raw)
        except PointsRefused as error:
            refused += [places[index] for index in error.indices]
            words = words or str(error)
    if refused:
        raise PointsRefused(words, sorted(refused))
