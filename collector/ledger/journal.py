"""The journal of one ingest process: what the archive has taken in, written to the ledger about each second.

It follows the archive and never leads it: one transaction holds the facts of a stretch of the archive and the
position at its end. After a crash, a failure or a restored backup it goes on reading from the position that the ledger
names; what was only remembered is thrown away then. So nothing is counted twice, and nothing is left out.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from time import monotonic
from typing import Final

from collector.archive.intervals import Intervals
from collector.archive.position import Position
from collector.config import LedgerSettings
from collector.errors import CollectorError, RegistryUnavailable, StoreUnavailable
from collector.ledger.facts import Fact, Place, Why
from collector.ledger.ledger import Ledger, Strayed
from collector.ledger.orphans import Orphans, Shelves, has_expired, is_here
from collector.ledger.stretches import sites_of, stretches
from collector.ledger.union import Union
from collector.metrics import Metrics
from collector.registry.registry import Registry

LOG: Final = logging.getLogger(__name__)
_HELD: Final = 100_000
_LOOK_S: Final = 30.0  # between looks at what other processes may have left behind
_TAKE_IN: Final = 20_000  # reports; others wait meanwhile
_TOO_LONG_S: Final = 60.0
_REST: Final = 20  # times as long as it took: many agents with few reports each are dear by the report
_REST_S: Final = 10.0
_SPECIAL: Final = 10_000  # rejected and deferred places remembered; they are the agents' to repeat
Frame = tuple[Position, Sequence[Fact]]


class Journal:
    """For one event loop and one slot of the archive; `flush`, `elsewhere` and `close` are for threads."""

    def __init__(
        self,
        registry: Registry,
        archive: Shelves,
        *,
        settings: Callable[[], LedgerSettings],
        metrics: Metrics,
        now: Callable[[], datetime],
        held: int = _HELD,
    ) -> None:
        """`held`: reports remembered at most; beyond that they are read from the archive."""
        self.ledger = Ledger(registry.database)
        self._registry = registry
        self._archive = archive
        self._settings = settings
        self._metrics = metrics
        self._now = now
        self._noting = threading.Lock()
        self._flushing = threading.Lock()
        self._frames: list[Frame] = []
        self._held = 0
        self._limit = held
        self._special: dict[tuple[Why, Place], list[int]] = {}
        self._special_count = 0
        self._behind = True  # what the ledger has is only known once it was asked
        self._reading = False
        self._vouched: bool | None = None
        self._floor: Position | None = None
        self._fitting = threading.Lock()
        self._fitted = False
        self._at: Position | None = None
        self._union = Union()
        self._others = Union()
        self._looking = threading.Lock()
        self._orphans = Orphans(registry, archive, settings=settings)
        self._look_due = 0.0
        self._too_long: dict[str, float] = {}
        self.heard: Callable[[str | None], None] = lambda _: None
        """Takes what the journal cannot do now and why; None when it can again."""

    @property
    def waiting(self) -> int:
        """How many reports were noted and not flushed yet; more may wait in the archive while it is behind."""
        return self._held

    def note(self, position: Position, facts: Sequence[Fact]) -> None:
        """Take in one archived frame, in order; `position` is what `append` gave. Never blocks and never raises."""
        with self._noting:
            if self._floor is None:
                self._floor = _before(position, len(facts))
            if self._held + len(facts) > self._limit:
                self._frames, self._held = [], 0
                self._behind = True
                return
            self._frames.append((position, facts))
            self._held += len(facts)

    def rejected(self, agent: str, epoch: str, seqs: Iterable[int]) -> None:
        """Note places of a registered agent that will never come. Never blocks; best effort and bounded."""
        self._note_special("rejected", Place(agent, epoch), seqs)

    def deferred(self, agent: str, epoch: str, seqs: Iterable[int]) -> None:
        """Note places that a registered agent will send again by itself. Never blocks; best effort and bounded."""
        self._note_special("deferred", Place(agent, epoch), seqs)

    def elsewhere(self, places: Iterable[tuple[str, str]]) -> Mapping[Place, Intervals]:
        """What all processes have stored in these epochs; blocks (call it in a thread), only needed in a group.

        The answer is good until the next call. What another process stored in the last second may be missing; whoever
        appends asks again when it is its turn.

        Raises:
            RegistryUnavailable: the database cannot be used now.
        """
        wanted = [Place(*place) for place in places]
        with self._looking:
            self._open()
            if not self._fitted:
                self._fit()
            self._vouched = None
            with self.ledger.database.read() as connection:
                self._others.refresh(connection, wanted)
            return {place: self._others.of(place) for place in wanted}

    def vouches(self) -> bool:
        """Whether all that the ledger speaks of can be seen in this archive from here; as `elsewhere`, for a thread.

        Only then a report of which the ledger speaks and that the archive has not is another one. Otherwise its place
        may be in a file that we cannot see yet, or no more: one that was restored, or a folder that is not shared.
        """
        with self._looking:
            if self._behind:
                return False  # the ledger may be of another archive than the one that was restored here
            if self._vouched is None:
                self._vouched = all(is_here(self._archive, place) for place in self.ledger.checkpoints())
                if not self._vouched:
                    LOG.warning("ledger.archive_not_whole; do all processes of the group share one [archive] url?")
            return self._vouched

    def take_in(self, slot: str) -> bool:
        """Take in what another process archived and did not tell; gives whether that is all. Blocks, raises as `flush`.

        Much of it is left to its own process, or to `run`: a slot that would take long is not tried again for a while.
        """
        if monotonic() < self._too_long.get(slot, 0.0):
            return False
        self._open()
        count, whole = self._orphans.take_in(slot, limit=_TAKE_IN)
        self._metrics.ledger.reports.inc(count)
        if not whole and count >= _TAKE_IN:
            self._too_long[slot] = monotonic() + _TOO_LONG_S
        return whole

    def tell(self) -> bool:
        """Let the others know what was noted; not while there is more to catch up with: that is `run`'s, and long.

        Gives whether they know all of it. Raises as `flush`.
        """
        if not self._behind and not self._reading:
            self.flush()
        return not self._behind and not self._reading

    def flush(self) -> int:
        """Write what was noted, or catch up from the archive; gives how many reports. Blocks: call it in a thread.

        Raises:
            RegistryUnavailable: the database cannot be used now; what was noted is read from the archive later.
            StoreUnavailable: the archive cannot be read now.
        """
        started = monotonic()
        with self._flushing:
            try:
                self._open()
                count = self._catch_up() if self._behind else 0
                count += self._write_noted()
            except Strayed:
                LOG.warning("ledger.strayed slot=%s; read anew from the archive", self._archive.slot)
                self._go_back()
                count = 0
            except CollectorError:
                self._go_back()
                raise
            finally:
                self._metrics.ledger.behind.set(int(self._behind))
        self._metrics.ledger.seconds.observe(monotonic() - started)
        return count

    def close(self) -> None:
        """Flush once more, if that is possible: otherwise the next start catches up."""
        try:
            self.flush()
        except CollectorError as error:
            LOG.info("ledger.behind error=%s; the next start catches up", error)

    async def run(self) -> None:
        """Flush about each second until cancelled, more seldom where that is dear; failures are said once."""
        failed = False
        while True:
            started = monotonic()
            try:
                await asyncio.to_thread(self.flush)
                took = monotonic() - started
                await asyncio.to_thread(self._look_around, monotonic())
            except (RegistryUnavailable, StoreUnavailable) as error:
                if not failed:
                    LOG.warning("ledger.behind error=%s; tried again", error)
                self.heard(str(error))
                failed, took = True, 0.0
            else:
                if failed:
                    self.heard(None)
                failed = False
            await asyncio.sleep(max(self._settings().flush_s, min(took * _REST, _REST_S)))

    def _look_around(self, now_s: float) -> None:
        if now_s >= self._look_due:
            self._look_due = now_s + _LOOK_S
            self._metrics.ledger.reports.inc(self._orphans.look(now_s))
            with self._flushing:  # also while nothing comes that would find the ledger made anew
                if self.ledger.checkpoint(self._archive.slot) != self._at:
                    self._behind = True

    def _note_special(self, why: Why, place: Place, seqs: Iterable[int]) -> None:
        with self._noting:
            for seq in seqs:
                if self._special_count < _SPECIAL:
                    self._special.setdefault((why, place), []).append(seq)
                    self._special_count += 1

    def _open(self) -> None:
        self._registry.database.open()
        self.ledger.open()

    def _go_back(self) -> None:
        """Trust nothing that was remembered: the next flush asks the ledger where it stands."""
        with self._noting:
            self._frames, self._held = [], 0
        self._union.forget()
        self._behind = True

    def _catch_up(self) -> int:
        self._registry.open()
        checkpoint = self._fit()
        self._at, self._floor = checkpoint, checkpoint or self._floor
        self._union.forget()
        sites = sites_of(self._registry.snapshot())
        self._reading = True
        try:
            with self._noting:
                self._behind = False  # an overflow from here on sets it again
            return sum(self._write(facts, end) for facts, end in stretches(self._archive.since(checkpoint), sites))
        finally:
            self._reading = False

    def _fit(self) -> Position | None:
        """Make the ledger anew if it knows more than the archive; gives where it stands. For any thread.

        In a group this comes before anything is archived: from then on others take in what this process wrote.
        """
        with self._fitting:
            checkpoint = self.ledger.checkpoint(self._archive.slot)
            if checkpoint is not None and self._lies_beyond(checkpoint):
                LOG.warning("ledger.remade checkpoint=%s; the archive is older than the ledger", checkpoint)
                self.ledger.remake(lambda day: has_expired(self._archive, day))
                checkpoint = None
            self._fitted = True
        return checkpoint

    def _lies_beyond(self, checkpoint: Position) -> bool:
        """Whether the ledger knows more than the archive had when this process began: one of them was restored."""
        if has_expired(self._archive, checkpoint.day):
            return False
        # Since then the day's file may have grown beyond that place, with other reports.
        begun_before = not self._fitted and self._floor is not None and _order(self._floor) < _order(checkpoint)
        return begun_before or not self._archive.reaches(checkpoint)

    def _write_noted(self) -> int:
        with self._noting:
            frames, self._frames, self._held = self._frames, [], 0
            special, self._special, self._special_count = self._special, {}, 0
        new = [frame for frame in frames if self._at is None or _order(frame[0]) > _order(self._at)]
        if not _joined(self._at, new):
            with self._noting:
                self._behind = True  # something was not noted: the archive has it
            new = []
        count = self._write([facts for _, facts in new], new[-1][0]) if new else 0
        if special:
            self.ledger.explain(special, at=self._now())
        return count

    def _write(self, frames: Sequence[Sequence[Fact]], end: Position) -> int:
        tally = self.ledger.add(frames, self._union, since=self._at, to=end, late_s=self._settings().late_s)
        self._at = self._floor = end
        self._metrics.ledger.reports.inc(tally.received)
        self._metrics.ledger.late.inc(tally.late)
        self._metrics.ledger.duplicates.inc(tally.duplicates)
        return tally.received + tally.duplicates


def _order(position: Position) -> tuple[str, int]:
    return position.day.isoformat(), position.reports


def _before(position: Position, count: int) -> Position:
    return Position(position.slot, position.day, position.reports - count)


def _joined(at: Position | None, frames: Sequence[Frame]) -> bool:
    """Whether frames follow each other, and the place that the ledger has reached, without a hole."""
    for position, facts in frames:
        start = position.reports - len(facts)
        if start != (at.reports if at is not None and at.day == position.day else 0):
            return False
        at = position
    return True
