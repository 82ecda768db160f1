"""Episodes that belong together: what comes back soon is the same trouble. Pure; derived as episodes are.

An episode that opens no later than `SETTLED` after the one before was closed goes on with its chain. A person's word
ends a chain: what was measured until then says nothing of the time after.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.detect.episode import Episode
from collector.incidents.incident import Cause
from collector.incidents.telling import SETTLED


@dataclass(frozen=True, slots=True)
class Chain:
    """Episodes of one incident, oldest first, never none. `end`: as far as it counts, when a person ended it."""

    episodes: tuple[Episode, ...]
    end: datetime | None = None

    @property
    def since(self) -> datetime:
        """The first weak measurement."""
        return self.episodes[0].since

    @property
    def opened(self) -> datetime:
        """When it was first decided."""
        return self.episodes[0].opened

    @property
    def closed(self) -> datetime | None:
        """When it was last decided that it is over; None while it goes on."""
        return self.episodes[-1].closed if self.end is None else self.end

    def overlaps(self, start: datetime, end: datetime | None) -> bool:
        """Whether it goes on at any moment from `start` to `end` (None: still)."""
        closed = self.closed
        return (end is None or self.since <= end) and (closed is None or closed >= start)


def chains(episodes: Sequence[Episode], cause: Cause, dismissed: Sequence[datetime] = ()) -> list[Chain]:
    """Chains of these episodes (oldest first), oldest first; `dismissed`: when persons resolved incidents of this."""
    found: list[Chain] = []
    for episode in episodes:
        before = found[-1].episodes[-1] if found else None
        end = next(
            (at for at in dismissed if episode.opened <= at and (not episode.closed or at < episode.closed)), None
        )
        goes_on = (
            before is not None
            and before.closed is not None
            and episode.opened - before.closed <= SETTLED[cause]
            and not any(before.opened <= at < episode.since for at in dismissed)
        )
        if goes_on:
            found[-1] = Chain((*found[-1].episodes, episode), end)
        else:
            found.append(Chain((episode,), end))
    return found
