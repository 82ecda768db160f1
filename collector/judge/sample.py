"""What is judged. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec


class Sample(msgspec.Struct, frozen=True, gc=False):
    """One conclusive result: when its report started, and its number in the indicator's unit.

    Of an indicator that is there or not (`ipv6`): 1.0 for a run that found it working, 0.0 for one that did not.
    """

    started: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one site and indicator, within the widest window of any rule.

    `samples`: the conclusive ones, oldest first. `failed`: runs that failed. `doubted`: how many results each doubt
    set aside; `uncounted`: how many runs these are together (one run may have several doubts). `since`: from when the
    site stands on its present line (`collector.judge.line`); what was measured earlier was another line's, and is not
    held against this one. None: from the beginning.
    """

    samples: Sequence[Sample] = ()
    failed: int = 0
    doubted: Mapping[str, int] = field(default_factory=dict)
    uncounted: int | None = None
    since: datetime | None = None

    @property
    def set_aside(self) -> int:
        """How many runs had a result that does not count; at least that of the most frequent doubt."""
        return max(self.uncounted or 0, *self.doubted.values(), 0)
