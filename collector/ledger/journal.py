"""The journal of one ingest process: what the archive has taken in, written to the ledger about each second.

It follows the archive and never leads it: one transaction holds the facts of a stretch of the archive and the
position at its end, so a crash costs reading that stretch again and nothing is counted twice.
"""

from collections.abc import Iterable, Mapping, Sequence

from collector.archive.intervals import Intervals
from collector.ledger.facts import Fact, Place


class Journal:
    """For one event loop and one slot of the archive."""

    def note(self, position: object, facts: Sequence[Fact]) -> None:
        """Take in one archived frame, in order; `position` is what `append` gave. Never blocks and never raises."""
        raise NotImplementedError

    def rejected(self, agent: str, epoch: str, seqs: Iterable[int]) -> None:
        """Note places of a registered agent that will never come. Never blocks; best effort and bounded."""
        raise NotImplementedError

    def deferred(self, agent: str, epoch: str, seqs: Iterable[int]) -> None:
        """Note places that a registered agent will send again by itself. Never blocks; best effort and bounded."""
        raise NotImplementedError

    def elsewhere(self, places: Iterable[Place]) -> Mapping[Place, Intervals]:
        """What other processes have stored in these epochs; blocks (call it in a thread), only needed in a group.

        Raises:
            RegistryUnavailable: the database cannot be used now.
        """
        raise NotImplementedError

    def flush(self) -> int:
        """Write what was noted, or catch up from the archive; gives how many reports. Blocks: call it in a thread.

        Raises:
            RegistryUnavailable: the database cannot be used now; what was noted is read from the archive later.
        """
        raise NotImplementedError

    async def run(self) -> None:
        """Flush about each second until cancelled; then once more."""
        raise NotImplementedError
