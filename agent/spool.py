"""The spool: every report is on disk before anybody hears of it, and stays until the collector's receipt.

Promises, each of which holds if the process is killed at any instruction or the power fails:

* `seq` counts in `epoch` from 1 without gaps; a report gets its place and its bytes in one durable transaction.
* `started` rises strictly per kind within an epoch. A clock that was set far back begins a new epoch, because bumped
  times would be wrong times.
* Bounded: receipted reports go first (oldest receipt first), then, oldest first, what has no receipt; throughput is
  the last to go. What went without a receipt is written down and declared by the next `ledger` report.
* A damaged file is moved aside; a clone, a roll-back and a damaged file begin a new epoch (agent/identity.py says how
  each is told). Reports of older epochs that have no receipt are still delivered under their own epoch and seq. Also
  on a clone: a clone cannot be told from a card that was moved to a new board, the bytes are the same, and the
  collector keeps a report once.
* A report measured while the clock was unset is held without a place until it can be dated (`date`).
* Reports of another spool (a survey's) are taken over under their own epoch and seq (`adopt`).
* A ledger speaks for its own epoch: what had to go of older epochs, or of a survey's, is counted in `dropped` only.

Synchronous, one lock, safe to call through `asyncio.to_thread`. Any call may raise SpoolError; the next one tries
again from the start, so a disk that comes back is used again.
"""

import logging
import os
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from agent import spool_file
from agent.clock import is_set
from agent.errors import SpoolError
from agent.identity import Identity, Mark, Seen
from agent.outbox import Slip
from agent.spool_tables import Shelf, Undated, Unfit
from agent.wire.codec import Accepted, AnyMeasurement, AnyReport, decode_reports, encode
from agent.wire.results import Range

__all__ = ["KEEP_S", "LIMIT_BYTES", "Spool", "Undated", "Unfit"]

LIMIT_BYTES: Final = 64 * 1024 * 1024
KEEP_S: Final = 30 * 86400.0
_GIVEN_UP: Final = 64  # receipted reports that a full disk may cost at once
_FIRST: Final = "first start"
_LOG = logging.getLogger("linkgauge.spool")

T = TypeVar("T")


class Spool:
    """The agent's durable queue: one SQLite file, and a mark beside it."""

    def __init__(
        self,
        path: Path,
        *,
        identity: Identity,
        limit_bytes: int = LIMIT_BYTES,
        keep_s: float = KEEP_S,
        ballast: bool = True,
    ) -> None:
        self._path = path
        self._identity = identity
        self._limit = limit_bytes
        self._keep = timedelta(seconds=keep_s)
        self._mark = Mark(path.with_name(path.name + ".mark"))
        self._ballast = spool_file.Ballast(path, limit_bytes=limit_bytes if ballast else 0)
        self._lock = threading.RLock()
        self._locked: int | None = None
        self._db: sqlite3.Connection | None = None
        self._listener: Callable[[], None] | None = None
        self._waiting = self._dropped = self._lost = 0
        self._seen = Seen("", 0)

    def open(self) -> None:
        """Open, check and recover. Every other call does this too if need be. Raises SpoolError."""
        with self._lock:
            self._opened()

    def close(self) -> None:
        """Give the file back. Nothing is lost by not calling it."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None
            if self._locked is not None:
                os.close(self._locked)
                self._locked = None

    @property
    def epoch(self) -> str:
        """Name of the present epoch; empty before `open`."""
        return self._seen.epoch

    @property
    def newest_seq(self) -> int:
        """The seq that was given last in the present epoch; 0 before the first."""
        return self._seen.seq

    @property
    def spooled(self) -> int:
        """How many reports have no receipt yet, undated ones included."""
        return self._waiting

    @property
    def dropped(self) -> int:
        """How many reports were lost without a receipt: dropped for want of room, or in a file that was damaged."""
        return self._dropped + self._lost

    def listen(self, listener: Callable[[], None] | None) -> None:
        """Have `listener` called after reports became ready to be sent, in the thread that put them."""
        with self._lock:
            self._listener = listener

    def put(self, measurement: AnyMeasurement, *, undated: Undated | None = None) -> AnyReport | None:
        """Keep a measurement durably; gives the report with its place, or None while it waits to be dated.

        Raises:
            SpoolError: if the disk refused even after receipted reports were given up, or the report is too large.
        """
        low = spool_file.is_low(self._path, self._limit)

        def job(shelf: Shelf) -> AnyReport | None:
            if low:
                shelf.stay(len(encode(measurement)))
            if undated is not None:
                shelf.hold(measurement, undated)
                return None
            shelf.purge(measurement.started - self._keep)
            return shelf.place(measurement, _new_epoch())

        report = self._work_with_room(job)
        self._tell()
        return report

    def adopt(self, agent: str, reports: Sequence[tuple[str, int, bytes]]) -> list[Range]:
        """Take over reports of another spool of this device, as (epoch, seq, bytes); gives the places they have here.

        Doing it twice is harmless. Whoever sends must look at these places again: others beyond them may be sent.

        Raises:
            SpoolError: no room, without giving up what has no receipt; then nothing is taken.
        """
        places = self._work_with_room(lambda shelf: shelf.adopt(agent, reports))
        self._tell()
        return places

    def date(self, now: datetime, boottime_s: float, boot_id: str) -> int:
        """Give reports that waited for the clock their time and place; says how many. Nothing if `now` is unset.

        Those of an earlier boot can never be dated: they are dropped, and declared like everything dropped.
        """
        if not is_set(now):
            return 0

        while self._work_with_room(lambda shelf: shelf.drop_undated("boot != ?", boot_id)):
            pass
        dated = 0
        # In small steps, each of them whole: a month without a clock must not need a month's room in the log.
        while placed := self._work_with_room(lambda shelf: shelf.date(now, boottime_s, iter(_new_epoch, ""))):
            dated += placed
            self._tell()
        return dated

    def waiting(self, after: int, limit: int, *, agent: str) -> list[Slip]:
        """List reports of this agent without receipt whose place is beyond `after`, oldest first.

        A report made under another agent id cannot be published under this one: it stays, and is not listed.
        """
        return self._work(lambda shelf: shelf.slips(after, limit, agent))

    def bodies(self, places: Iterable[int]) -> dict[int, bytes]:
        """Read the exact bytes of those that still are there and have no receipt."""
        return self._work(lambda shelf: shelf.bodies(places))

    def stored(self, epoch: str, ranges: Sequence[Range], now: datetime) -> int:
        """Note receipts, whatever was in flight; says how many were new."""
        self._ballast.take()
        spans = self._work(lambda shelf: shelf.spans(epoch, ranges))
        total = 0
        while spans:
            noted, spans = self._work_with_room(partial(Shelf.receipt, spans=spans, at=now))
            total += noted
        self._work_with_room(lambda shelf: shelf.purge(now - self._keep))
        return total

    def forget(self, epoch: str, seqs: Sequence[int]) -> None:
        """Delete what the collector rejected: it lies in its quarantine."""
        self._work_with_room(lambda shelf: shelf.forget(epoch, seqs))

    def move(self, epoch: str, seqs: Sequence[int]) -> int:
        """Give reports a new place, because the collector holds other reports in theirs; says how many.

        So it is on a disk that was put back, as long as nobody had told: what was measured since would be lost.
        """
        moved = self._work_with_room(lambda shelf: shelf.move(epoch, seqs, _new_epoch()))
        if moved:
            _LOG.warning("event=spool_moved epoch=%s reports=%d why=their places are taken", epoch, moved)
            self._tell()
        return moved

    def unreceipt(self, epoch: str, ranges: Sequence[Range]) -> list[Range]:
        """Take receipts back, because the collector asks again; gives the ranges of places that this means."""
        spans = left = self._work(lambda shelf: shelf.spans(epoch, ranges))
        while left:
            _, left = self._work_with_room(partial(Shelf.unreceipt, spans=left))
        return spans

    def heard_of(self, epoch: str, seq: int) -> bool:
        """Begin a new epoch if the world outside knows a place that this spool never gave: it was rolled back."""
        with self._lock:
            if epoch != self.epoch or seq <= self.newest_seq:
                return False
            why = f"rolled back: seq {seq} is known outside, the newest here is {self.newest_seq}"
            self._work_with_room(lambda shelf: _begin_epoch(shelf, why))
            return True

    def dropped_ranges(self) -> list[Range]:
        """List what was dropped in this epoch and is not declared yet. A ledger report is given it by `put`."""
        return self._work(lambda shelf: shelf.undeclared())

    def last(self, kind: str) -> AnyReport | None:
        """Give the newest report of a kind, if it still is here."""
        return next(_readable(self._work(lambda shelf: shelf.newest_of(kind))), None)

    def recent(self, count: int) -> list[AnyReport]:
        """Give the newest reports, newest first."""
        return list(_readable(self._work(lambda shelf: shelf.newest(count))))

    def _tell(self) -> None:
        with self._lock:
            if self._listener is not None:
                self._listener()

    def _work_with_room(self, job: Callable[[Shelf], T]) -> T:
        """Do a job; on a full disk use the log's space again, then give up receipted reports, and try once more."""
        for make_room in (self._empty_log, self._give_up_receipted):
            try:
                return self._work(job)
            except SpoolError as error:
                cause = error.__cause__
                if not isinstance(cause, sqlite3.Error) or not spool_file.is_full(cause):
                    raise
            with suppress(SpoolError, sqlite3.Error):  # what it could not do shows in the next try
                make_room()
        return self._work(job)

    def _empty_log(self) -> None:
        self._ballast.throw_off()
        with self._lock:
            self._opened().execute("PRAGMA wal_checkpoint(RESTART)")

    def _give_up_receipted(self) -> None:
        self._work(lambda shelf: shelf.drop_receipted(_GIVEN_UP))
        self._empty_log()

    def _work(self, job: Callable[[Shelf], T]) -> T:
        """Do a job in one transaction, in a new file if the present one turns out to be damaged."""
        with self._lock:
            try:
                try:
                    return self._transact(self._opened(), job)
                except (sqlite3.DatabaseError, spool_file.Broken) as error:
                    if not spool_file.is_broken(error):
                        raise
                    return self._transact(self._replaced(str(error)), job)
            except (sqlite3.Error, OSError, spool_file.Broken) as error:
                raise SpoolError(f"{self._path}: the spool cannot be used: {error}; check the disk") from error

    def _transact(self, db: sqlite3.Connection, job: Callable[[Shelf], T]) -> T:
        shelf = Shelf(db, limit_bytes=spool_file.table_bytes(self._limit))
        db.execute("BEGIN IMMEDIATE")
        try:
            result = job(shelf)
            life = shelf.life()
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")
        self._waiting += shelf.waiting
        self._dropped += shelf.dropped
        seen = Seen(life.epoch, life.next - 1) if life else self._seen
        if seen != self._seen:
            self._seen = seen
            self._mark.write(seen)
        return result

    def _opened(self) -> sqlite3.Connection:
        if self._db is not None:
            return self._db
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._locked is None:
                self._locked = spool_file.lock(self._path)
            return self._connect(_FIRST)
        except (sqlite3.Error, OSError, spool_file.Broken) as error:
            raise SpoolError(f"{self._path}: cannot open the spool: {error}; check the folder and the disk") from error

    def _connect(self, why_new: str) -> sqlite3.Connection:
        try:
            db = spool_file.connect(self._path, limit_bytes=self._limit)
        except spool_file.Broken as error:
            spool_file.set_aside(self._path, str(error))
            why_new = "the old file was damaged"
            db = spool_file.connect(self._path, limit_bytes=self._limit)
        try:
            self._transact(db, lambda shelf: self._settle(shelf, why_new))
        except BaseException:
            db.close()
            raise
        self._db = db
        self._ballast.take()
        return db

    def _settle(self, shelf: Shelf, why_new: str) -> None:
        """Decide at the start whether this is still the same life of the same disk in the same machine."""
        known = shelf.fact("identity")
        before = msgspec.json.decode(known, type=Identity) if known else self._identity
        life, mark = shelf.life(), self._mark.read()
        if life is None:
            _begin_epoch(shelf, why_new)
        elif not self._identity.same_machine(before):
            _begin_epoch(shelf, "another machine: this disk was cloned or moved")
        elif mark is not None and mark.epoch == life.epoch and mark.seq >= life.next:
            _begin_epoch(shelf, f"rolled back: seq {mark.seq} was given, the newest here is {life.next - 1}")
        elif mark is not None and not shelf.knows(mark.epoch):
            _begin_epoch(shelf, "rolled back: a later epoch is unknown here")
        shelf.remember("identity", msgspec.json.encode(self._identity.joined(before)).decode())
        self._waiting, self._dropped = shelf.count()

    def _replaced(self, why: str) -> sqlite3.Connection:
        """Go on in a new file: the present one turned out to be damaged while it was in use."""
        if self._db is not None:
            self._db.close()
            self._db = None
        self._lost += self._waiting + self._dropped  # what lies in the damaged file will not be delivered
        spool_file.set_aside(self._path, why)
        return self._connect("the old file was damaged")


def _begin_epoch(shelf: Shelf, why: str) -> None:
    epoch = _new_epoch()
    shelf.begin_epoch(epoch)
    _LOG.log(logging.INFO if why == _FIRST else logging.WARNING, "event=spool_new_epoch epoch=%s why=%s", epoch, why)


def _new_epoch() -> str:
    return str(uuid.uuid4())


def _readable(bodies: Iterable[bytes]) -> Iterator[AnyReport]:
    for body in bodies:
        for decoded in decode_reports(body):
            if isinstance(decoded, Accepted):
                yield decoded.report
