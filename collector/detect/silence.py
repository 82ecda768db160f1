"""How long nothing has come that should have. Pure.

Nothing is said of a site before its first report: it is not installed. Silence is a state of its own; it neither opens
nor ends anything else.
"""

from datetime import datetime, timedelta
from typing import Final, Literal

Level = Literal["never", "heard", "late", "stale", "silent"]
LATE: Final = 1.5
STALE: Final = 3.0
"""So many announced intervals after the newest report, it is late, and then stale."""
SILENT: Final = timedelta(hours=24)


def level(newest: datetime | None, every: timedelta, at: datetime) -> Level:
    """How silent a site is. `newest`: its newest report's time; `every`: the interval that it has announced.

    Silent after 24 hours, or once it is stale if that is longer: who reports once a week is not silent on Tuesday.
    A time ahead of `at` (a clock that is wrong) counts as heard.
    """
    if newest is None:
        return "never"
    age = at - newest
    if age >= max(SILENT, every * STALE):
        return "silent"
    if age >= every * STALE:
        return "stale"
    return "late" if age >= every * LATE else "heard"
