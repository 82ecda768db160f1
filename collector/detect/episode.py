"""A stretch of trouble, as a detector sees it. Pure."""

from datetime import datetime

import msgspec


class Episode(msgspec.Struct, frozen=True):
    """From the first weak measurement to the one that decided that it was over.

    `since`: the first weak measurement. `opened`: the one at which it was decided; the episode's name, for it never
    changes. `last`: the newest one that was looked at within it. `closed`: the one that decided the end; None: open.
    `k` of `n` measurements from `since` to `last` were weak (below the mark, or lost).
    """

    since: datetime
    opened: datetime
    last: datetime
    closed: datetime | None = None
    k: int = 0
    n: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.closed is None
