"""How fast one may send: patience after failures, and at most so many messages an hour. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait after failures, in seconds: `first_s`, doubling to `max_s`; after `give_up_s` not again."""

    first_s: float = 5.0
    max_s: float = 3600.0
    give_up_s: float = 7 * 86400.0

    def wait_s(self, attempts: int, draw: float, *, asked_s: float | None = None) -> float:
        """How long to wait after so many failed attempts; `draw`, 0 <= x < 1, spreads those of many over half of it.

        What the receiver asked for (Retry-After) is given, up to `max_s`.
        """
        longest = min(self.max_s, self.first_s * 2.0 ** min(max(attempts, 1) - 1, 30))
        own = longest * (0.5 + draw / 2)
        return own if asked_s is None else min(max(asked_s, own), self.max_s)


def room(sent: Sequence[datetime], per_hour: int | None, now: datetime) -> int | None:
    """How many messages may go now; None: as many as one likes. `sent`: when the last ones went, in any order.

    Never more than `per_hour` in any hour. The first half goes at once; the others keep so far apart that the hour's
    share never runs out: who has much to tell is heard all the time, in messages that sum up.
    """
    if per_hour is None:
        return None
    recent = [at for at in sent if now - HOUR < at <= now]
    freely = max(1, per_hour // 2)
    if len(recent) < freely:
        return freely - len(recent)
    if len(recent) >= per_hour:
        return 0
    apart = HOUR / (per_hour - freely)
    return 1 if now - max(recent) >= apart else 0
