"""What one transaction of the spool may do: give places, hold what has no time yet, make room, note receipts.

Every method works inside a transaction that somebody else began and will end (agent/spool.py), so each change is
whole or did not happen. `waiting` and `dropped` count what this transaction changes.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from agent.clock import is_set
from agent.errors import SpoolError
from agent.outbox import Slip
from agent.spool_file import PAGE_BYTES
from agent.wire.codec import REPORT_LIMIT, Accepted, AnyMeasurement, AnyReport, Rejection, decode_reports, encode
from agent.wire.report import Clock, Measurement, Report
from agent.wire.results import RESULTS, Ledger, Range

_PRECIOUS: Final = "throughput"
_BACK_US: Final = 60_000_000  # so far `started` is bumped; a clock that was set further back begins a new epoch
_BATCH: Final = 8
_PURGE: Final = 200
_DATED: Final = 40
_MARKED: Final = 200  # receipts in one transaction, so that the log stays short
_DECLARED: Final = 1000  # ranges in one ledger report (contract)
_PLACE: Final = 128  # bytes that epoch and seq add to a measurement
_LEDGER: Final = 40 * _DECLARED  # and the ranges of a ledger
_PAGES_A_PUT: Final = 6  # what one more report may touch beside its own bytes: tables and indexes that split
_MICROSECOND: Final = timedelta(microseconds=1)
_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SEQ_BITS: Final = 40
_LAST_SEQ: Final = (1 << _SEQ_BITS) - 1


class Unfit(SpoolError):  # noqa: N818 - as Failed: an answer, and no accident
    """A report that this spool can never keep, however often it is tried."""


@dataclass(frozen=True, slots=True)
class Undated:
    """When a measurement began, for want of a wall clock: seconds since a boot (CLOCK_BOOTTIME)."""

    boot_id: str
    boottime_s: float


@dataclass(frozen=True, slots=True)
class Life:
    """One epoch: its number in the file, its name, and the seq that comes next."""

    number: int
    epoch: str
    next: int


class Shelf:
    """The spool's tables, seen from inside one transaction."""

    def __init__(self, db: sqlite3.Connection, *, limit_bytes: int) -> None:
        self.db = db
        self._limit = limit_bytes
        self.waiting = 0
        self.dropped = 0

    # --- places

    def life(self) -> Life | None:
        """Give the present epoch."""
        row = self.db.execute("SELECT number, epoch, next FROM epochs ORDER BY number DESC LIMIT 1").fetchone()
        return Life(*row) if row else None

    def knows(self, epoch: str) -> bool:
        """Whether this file ever had that epoch."""
        return self.db.execute("SELECT 1 FROM epochs WHERE epoch = ?", (epoch,)).fetchone() is not None

    def begin_epoch(self, epoch: str) -> None:
        """Let seq count from 1 again, under another name."""
        self.db.execute("INSERT INTO epochs (epoch, next) VALUES (?, 1)", (epoch,))

    def place(self, measurement: AnyMeasurement, spare_epoch: str) -> AnyReport:
        """Give a measurement its seq and its lasting bytes; `spare_epoch` begins if the clock was set far back."""
        result = measurement.result
        # Room first: making it may take a seq for what was held undated, and add to what a ledger declares.
        self._make_room(len(_bounded(encode(measurement))) + (_LEDGER if isinstance(result, Ledger) else _PLACE))
        life, started = self._dated(measurement, spare_epoch)
        if isinstance(result, Ledger):
            result = msgspec.structs.replace(result, dropped=self.undeclared())
        fields = {name: getattr(measurement, name) for name in measurement.__struct_fields__}
        given = {"result": result, "started": _UNIX + started * _MICROSECOND, "epoch": life.epoch, "seq": life.next}
        report: AnyReport = Report(**fields | given)
        body = _bounded(encode(report))
        self.db.execute("UPDATE epochs SET next = next + 1 WHERE number = ?", (life.number,))
        place = life.number << _SEQ_BITS | life.next
        self.db.execute(
            "INSERT INTO reports (place, agent, precious, body) VALUES (?, ?, ?, ?)",
            (place, report.agent, report.kind == _PRECIOUS, body),
        )
        self.db.execute("INSERT OR REPLACE INTO kinds VALUES (?, ?, ?, ?)", (life.number, report.kind, started, place))
        if isinstance(result, Ledger):
            rows = [(life.next, life.number, first, last) for first, last in result.dropped]
            self.db.executemany("UPDATE dropped SET ledger = ? WHERE number = ? AND first = ? AND last = ?", rows)
        self.waiting += 1
        return report

    def _dated(self, measurement: AnyMeasurement, spare_epoch: str) -> tuple[Life, int]:
        """Choose the epoch, and microseconds since 1970 that rise strictly per kind within it."""
        started = (measurement.started - _UNIX) // _MICROSECOND
        life = self.life()
        if life is not None:
            query = "SELECT started FROM kinds WHERE number = ? AND kind = ?"
            newest = self.db.execute(query, (life.number, measurement.kind)).fetchone()
            if newest is None or newest[0] - started <= _BACK_US:
                return life, started if newest is None else max(started, newest[0] + 1)
        self.begin_epoch(spare_epoch)
        fresh = self.life()
        assert fresh is not None  # noqa: S101 - inserted one line above
        return fresh, started

    def adopt(self, agent: str, reports: Iterable[tuple[str, int, bytes]]) -> list[Range]:
        """Take reports over as they are, under their own epoch and seq; gives their places, those known before too.

        Their epochs count down from 0, below all that this spool began itself: the present epoch stays the present one.
        """
        reports = list(reports)
        self._spare(sum(len(body) + _PLACE for _, _, body in reports))
        places: list[Range] = []
        for epoch, seq, body in reports:
            place = self._adopted(epoch) << _SEQ_BITS | seq
            query = "INSERT OR IGNORE INTO reports (place, agent, precious, body) VALUES (?, ?, 1, ?)"
            self.waiting += self.db.execute(query, (place, agent, body)).rowcount
            self.db.execute("UPDATE epochs SET next = max(next, ?) WHERE epoch = ?", (seq + 1, epoch))
            first = places.pop()[0] if places and places[-1][1] == place - 1 else place
            places.append((first, place))
        return places

    def _adopted(self, epoch: str) -> int:
        self.db.execute(
            "INSERT OR IGNORE INTO epochs (number, epoch, next) SELECT min(number, 1) - 1, ?, 1"
            " FROM epochs ORDER BY number LIMIT 1",
            (epoch,),
        )
        (number,) = self.db.execute("SELECT number FROM epochs WHERE epoch = ?", (epoch,)).fetchone()
        return int(number)

    # --- reports without a time

    def hold(self, measurement: AnyMeasurement, undated: Undated) -> None:
        """Keep a measurement without a place until it can be dated."""
        body = encode(measurement)
        _bounded(body, 2 * _PLACE)
        self._make_room(len(body))
        self.db.execute(
            "INSERT INTO undated (boot, boottime, kind, body) VALUES (?, ?, ?, ?)",
            (undated.boot_id, undated.boottime_s, measurement.kind, body),
        )
        self.waiting += 1

    def date(self, now: datetime, boottime_s: float, spare_epochs: Iterable[str]) -> int:
        """Place some of what is held, oldest first, by how long ago it began; says how many were held."""
        rows = self.db.execute(
            "SELECT number, boottime, kind, body FROM undated ORDER BY boottime, number LIMIT ?", (_DATED,)
        ).fetchall()
        self.db.executemany("DELETE FROM undated WHERE number = ?", [row[:1] for row in rows])
        self.waiting -= len(rows)
        for (_, boottime, kind, body), spare in zip(rows, spare_epochs, strict=False):
            held = _read(kind, body)
            if held is None:
                self._lose_place()
                continue
            clock = Clock(synchronized=held.clock.synchronized if held.clock else None, rebased=True)
            started = now - timedelta(seconds=boottime_s - boottime)
            self.place(msgspec.structs.replace(held, started=started, clock=clock), spare)
        return len(rows)

    def drop_undated(self, where: str = "1", *values: object) -> int:
        """Give up some reports that were never dated; says how many.

        Each takes a seq with it, so that its loss can be declared.
        """
        query = f"SELECT number FROM undated WHERE {where} ORDER BY number LIMIT ?"  # noqa: S608 - our own words
        rows = self.db.execute(query, (*values, _BATCH)).fetchall()
        for _ in rows:
            self._lose_place()
        self.db.executemany("DELETE FROM undated WHERE number = ?", rows)
        self.waiting -= len(rows)
        return len(rows)

    def _lose_place(self) -> None:
        """Take the next seq and declare it dropped."""
        life = self.life()
        if life is not None:
            self.db.execute("UPDATE epochs SET next = next + 1 WHERE number = ?", (life.number,))
            self._note_drop(life.number, life.next)
            self.dropped += 1

    # --- room

    def purge(self, before: datetime) -> None:
        """Delete some of what had its receipt before a time."""
        self.db.execute(
            "DELETE FROM reports WHERE place IN (SELECT place FROM reports INDEXED BY order_to_go"
            " WHERE receipted < ? ORDER BY receipted, precious, place LIMIT ?)",
            (int(before.timestamp()), _PURGE),
        )

    def drop_receipted(self, limit: int = _BATCH) -> int:
        """Delete receipted reports, oldest receipt first; says how many."""
        return self.db.execute(
            "DELETE FROM reports WHERE place IN (SELECT place FROM reports INDEXED BY order_to_go"
            " WHERE receipted IS NOT NULL ORDER BY receipted, precious, place LIMIT ?)",
            (limit,),
        ).rowcount

    def _make_room(self, size: int) -> None:
        need = size + _PAGES_A_PUT * PAGE_BYTES
        while self._used_bytes() + need > self._limit:
            if not (self.drop_receipted() or self._drop_waiting() or self.drop_undated()):
                raise Unfit(f"spool.limit_bytes: a report of {size} bytes does not fit; set a higher limit")

    def _spare(self, size: int) -> None:
        """Make room for what lies safe elsewhere: only receipted reports are given up for that."""
        need = size + _PAGES_A_PUT * PAGE_BYTES
        while self._used_bytes() + need > self._limit:
            if not self.drop_receipted():
                raise SpoolError("spool.limit_bytes: no room for a survey's reports; they stay where they are")

    def stay(self, size: int) -> None:
        """Make room for a report without making the file grow: for a disk that others filled.

        Only receipted reports are given up for that. What has no receipt is worth as much as the new one.
        """
        need = size // PAGE_BYTES + _PAGES_A_PUT
        while self._free_pages() < need:
            if not self.drop_receipted():
                raise SpoolError("the disk is full: no room for another report; free some space")

    def _free_pages(self) -> int:
        (free,) = self.db.execute("PRAGMA freelist_count").fetchone()
        return int(free)

    def _used_bytes(self) -> int:
        (pages,) = self.db.execute("PRAGMA page_count").fetchone()
        return (int(pages) - self._free_pages()) * PAGE_BYTES

    def _drop_waiting(self) -> int:
        """Drop reports without receipt: oldest first, throughput last of all."""
        rows = self.db.execute(
            "SELECT place FROM reports INDEXED BY order_to_go WHERE receipted IS NULL ORDER BY precious, place LIMIT ?",
            (_BATCH,),
        ).fetchall()
        for (place,) in rows:
            self._drop(place)
        return len(rows)

    def _drop(self, place: int) -> None:
        number, seq = place >> _SEQ_BITS, place & _LAST_SEQ
        self.db.execute("DELETE FROM reports WHERE place = ?", (place,))
        self._note_drop(number, seq)
        # A ledger that is lost declared nothing.
        self.db.execute("UPDATE dropped SET ledger = NULL WHERE number = ? AND ledger = ?", (number, seq))
        self.waiting -= 1
        self.dropped += 1

    def _note_drop(self, number: int, seq: int) -> None:
        """Add a seq to the ranges, joining its neighbours that are not declared yet."""
        open_range = "FROM dropped WHERE number = ? AND ledger IS NULL AND"
        left = self.db.execute(f"SELECT first {open_range} last = ?", (number, seq - 1)).fetchone()
        right = self.db.execute(f"SELECT last {open_range} first = ?", (number, seq + 1)).fetchone()
        first, last = left[0] if left else seq, right[0] if right else seq
        self.db.execute("DELETE FROM dropped WHERE number = ? AND first IN (?, ?)", (number, first, seq + 1))
        self.db.execute("INSERT INTO dropped (number, first, last) VALUES (?, ?, ?)", (number, first, last))

    def undeclared(self) -> list[Range]:
        """List what was dropped in the present epoch and stands in no ledger yet, oldest first, as one ledger holds."""
        rows = self.db.execute(
            "SELECT first, last FROM dropped WHERE ledger IS NULL"
            " AND number = (SELECT max(number) FROM epochs) ORDER BY first LIMIT ?",
            (_DECLARED,),
        )
        return [(first, last) for first, last in rows]

    # --- delivery

    def slips(self, after: int, limit: int, agent: str) -> list[Slip]:
        """List what has no receipt, oldest first."""
        names = dict(self.db.execute("SELECT number, epoch FROM epochs"))
        rows = self.db.execute(
            "SELECT place, length(body) FROM reports INDEXED BY waiting"
            " WHERE receipted IS NULL AND place > ? AND agent = ? ORDER BY place LIMIT ?",
            (after, agent, limit),
        )
        return [Slip(place, names[place >> _SEQ_BITS], place & _LAST_SEQ, size) for place, size in rows]

    def bodies(self, places: Iterable[int]) -> dict[int, bytes]:
        """Read those that still are here without receipt.

        What the disk spoilt is dropped: nobody can read it, or name it in a receipt. A report of newer software than
        this (somebody went back a version) is not for us to judge.
        """
        bodies: dict[int, bytes] = {}
        query = "SELECT body FROM reports WHERE place = ? AND receipted IS NULL"
        for place in places:
            for (body,) in self.db.execute(query, (place,)).fetchall():
                decoded = decode_reports(body)[0]
                if isinstance(decoded, Rejection) and (decoded.epoch is None or decoded.seq is None):
                    self._drop(place)
                else:
                    bodies[place] = body
        return bodies

    def spans(self, epoch: str, ranges: Iterable[Range]) -> list[Range]:
        """Turn ranges of seq into ranges of places; none for an epoch that was never here."""
        row = self.db.execute("SELECT number << ? FROM epochs WHERE epoch = ?", (_SEQ_BITS, epoch)).fetchone()
        known = [(first, min(last, _LAST_SEQ)) for first, last in ranges if row and first <= min(last, _LAST_SEQ)]
        return [(row[0] + first, row[0] + last) for first, last in known]

    def receipt(self, spans: list[Range], at: datetime) -> tuple[int, list[Range]]:
        """Note receipts, no more than one transaction should hold; says how many, and which spans are left."""
        query = (
            "UPDATE reports SET receipted = ? WHERE place IN (SELECT place FROM reports INDEXED BY waiting"
            " WHERE receipted IS NULL AND place BETWEEN ? AND ? ORDER BY place LIMIT ?)"
        )
        if not is_set(at):  # or the copy would be old, and go, as soon as the clock is set
            (newest,) = self.db.execute("SELECT max(started) FROM kinds").fetchone()
            at = _UNIX + (newest or 0) * _MICROSECOND
        noted, left = self._mark(query, int(at.timestamp()), spans)
        self.waiting -= noted
        return noted, left

    def unreceipt(self, spans: list[Range]) -> tuple[int, list[Range]]:
        """Take receipts back, likewise."""
        query = (
            "UPDATE reports SET receipted = ? WHERE place IN (SELECT place FROM reports"
            " WHERE receipted IS NOT NULL AND place BETWEEN ? AND ? ORDER BY place LIMIT ?)"
        )
        undone, left = self._mark(query, None, spans)
        self.waiting += undone
        return undone, left

    def _mark(self, query: str, value: int | None, spans: list[Range]) -> tuple[int, list[Range]]:
        done = 0
        for at, (first, last) in enumerate(spans):
            done += self.db.execute(query, (value, first, last, _MARKED - done)).rowcount
            if done >= _MARKED:
                return done, spans[at:]
        return done, []

    def move(self, epoch: str, seqs: Iterable[int], spare_epoch: str) -> int:
        """Give reports a new place, in an epoch of which nobody has heard; says how many."""
        spans = self.spans(epoch, ((seq, seq) for seq in sorted(seqs)))
        bodies = self.bodies(place for place, _ in spans)
        life = self.life()
        if bodies and life is not None and life.epoch == epoch:
            self.begin_epoch(spare_epoch)
        for place, body in bodies.items():
            (decoded,) = decode_reports(body)
            if not isinstance(decoded, Accepted):
                self._drop(place)
            else:
                self.db.execute("DELETE FROM reports WHERE place = ?", (place,))
                self.waiting -= 1
                names = Measurement.__struct_fields__
                self.place(Measurement(**{name: getattr(decoded.report, name) for name in names}), spare_epoch)
        return len(bodies)

    def forget(self, epoch: str, seqs: Iterable[int]) -> None:
        """Delete reports by name."""
        for place, _ in self.spans(epoch, ((seq, seq) for seq in seqs)):
            row = self.db.execute(
                "DELETE FROM reports WHERE place = ? RETURNING receipted IS NULL", (place,)
            ).fetchone()
            self.waiting -= row[0] if row else 0

    # --- looking

    def count(self) -> tuple[int, int]:
        """Count what has no receipt (undated ones too), and what was ever dropped."""
        (waiting,) = self.db.execute(
            "SELECT count(*) FROM reports INDEXED BY waiting WHERE receipted IS NULL"
        ).fetchone()
        (held,) = self.db.execute("SELECT count(*) FROM undated").fetchone()
        (dropped,) = self.db.execute("SELECT coalesce(sum(last - first + 1), 0) FROM dropped").fetchone()
        return waiting + held, dropped

    def newest(self, count: int) -> list[bytes]:
        """Read the newest reports, newest first."""
        rows = self.db.execute("SELECT body FROM reports ORDER BY place DESC LIMIT ?", (count,))
        return [body for (body,) in rows]

    def newest_of(self, kind: str) -> list[bytes]:
        """Read the newest report of a kind, if it still is here."""
        query = "SELECT body FROM kinds JOIN reports USING (place) WHERE kind = ? ORDER BY place DESC LIMIT 1"
        return [body for (body,) in self.db.execute(query, (kind,))]

    def fact(self, name: str) -> str | None:
        """Read a remembered fact."""
        row = self.db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def remember(self, name: str, value: str) -> None:
        """Write a fact."""
        self.db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))


def _bounded(body: bytes, more: int = 0) -> bytes:
    if len(body) + more > REPORT_LIMIT:
        raise Unfit(f"a report of {len(body)} bytes cannot be kept: the contract allows {REPORT_LIMIT}")
    return body


def _read(kind: str, body: bytes) -> AnyMeasurement | None:
    """Read a held measurement; None for what the disk spoilt."""
    try:
        held: AnyMeasurement = msgspec.json.decode(body, type=Measurement[RESULTS.get(kind, dict[str, Any])])  # type: ignore[misc]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return held
