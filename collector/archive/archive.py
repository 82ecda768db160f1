"""The archive: exact bytes of every accepted report, durable before `append` returns, one writer a folder.

Files are the truth (`<folder>/<year>/<day>.gz`, by the day of arrival, UTC); `index.db` beside them is derived:
it is brought up to date from the files on opening, and made anew when it does not fit them.
"""

import fcntl
import logging
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

from agent.wire.results import Range
from collector.archive.index import Head, Index, Indexed, Place, key_of, remove
from collector.archive.intervals import Intervals, subtract
from collector.archive.segment import FULL, Line, Scan, Segment, read, scan, sync_directory, text_of, trailer
from collector.errors import StoreFull, StoreUnavailable, UsageError

LOG: Final = logging.getLogger(__name__)
_PENDING_LIMIT: Final = 100  # members that a failing index may owe before we stop taking reports
_SCAN_MEMBERS: Final = 200
_NEVER_LIMIT: Final = 10_000  # epochs


@dataclass(frozen=True, slots=True)
class Entry:
    """One report to archive: what the index must know of it, and its exact bytes."""

    head: Head
    raw: bytes


class _Dropped(msgspec.Struct, frozen=True):
    dropped: list[Range] = []


class _Archived(msgspec.Struct, frozen=True):
    id: str
    agent: str
    epoch: str
    seq: int
    kind: str = ""
    result: msgspec.Raw = msgspec.Raw(b"null")


_HEAD: Final = msgspec.json.Decoder(_Archived)
_DROPPED: Final = msgspec.json.Decoder(_Dropped)


class Archive:
    """Append, read back, and say what is known already. Safe for threads.

    `knows`, `missing` and `size` answer from memory at once; everything else touches the disk.
    """

    def __init__(self, folder: Path, *, level: int = 6, writer: bool = True) -> None:
        """Name the folder; a `writer` holds it alone, others may only `read` what was indexed."""
        self.folder = folder
        self.damaged = 0
        self._level = level
        self._writer = writer
        self._lock = threading.Lock()
        self._memory = threading.Lock()
        self._guard: int | None = None
        self._index: Index | None = None
        self._segment: Segment | None = None
        self._ends: dict[str, int] = {}
        self._owed: list[Indexed] = []

    @property
    def is_open(self) -> bool:
        """Whether it can be used; no disk is touched."""
        return self._index is not None

    def open(self) -> None:
        """Take the folder, repair a torn tail, bring the index up to date.

        Raises:
            UsageError: another collector writes here.
            StoreUnavailable: the disk refuses.
        """
        if self._index is not None:
            return
        try:
            self._open()
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise StoreUnavailable(f"archive {self.folder}: {error}; check the disk and its permissions") from error

    def close(self) -> None:
        """Let go of files and lock; harmless when not open."""
        with self._lock:
            if self._segment is not None:
                self._segment.close()
            if self._index is not None:
                self._index.close()
            if self._guard is not None:
                os.close(self._guard)
            self._segment = self._index = self._guard = None

    def append(self, entries: Sequence[Entry], *, at: datetime) -> None:
        """Make reports durable before returning; on an error none of them is there.

        Raises:
            StoreFull: no room on the disk.
            StoreUnavailable: the disk refuses for another reason.
        """
        if not entries:
            return
        moment = at.astimezone(UTC)
        text, starts = text_of([entry.raw for entry in entries], f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}")
        with self._lock:
            if len(self._owed) > _PENDING_LIMIT:
                self._settle()
            try:
                segment = self._segment_of(moment.date())
                offset, end, check = segment.append(text)
            except OSError as error:
                kind = StoreFull if error.errno in FULL else StoreUnavailable
                raise kind(f"archive {self.folder}: {error}") from error
            path = str(segment.path.relative_to(self.folder))
            self._ends[path] = end
            places = [(entry.head, start, len(entry.raw)) for entry, start in zip(entries, starts, strict=True)]
            self._owed.append(Indexed(path, offset, end, check, places))
            with self._memory:
                self._opened.learn(entry.head for entry in entries)
            self._try_settle()

    def read(self, report_id: str) -> bytes | None:
        """Give a report's exact bytes; None for an id that is not here. Raises StoreUnavailable for a bad disk."""
        with self._lock:
            place = self._find(report_id)
        if place is None:
            return None
        try:
            return read(self.folder / place.path, offset=place.member, start=place.start, length=place.length)
        except (OSError, ValueError) as error:
            raise StoreUnavailable(f"archive {self.folder}: report {report_id}: {error}") from error

    def holds(self, report_id: str) -> bool:
        """Whether a report of this id is archived."""
        with self._lock:
            return self._find(report_id) is not None

    def knows(self, agent: str, epoch: str, seq: int) -> bool:
        """Whether this place in an agent's spool is archived; no disk is touched."""
        with self._memory:
            known = self._opened.known.get((agent, epoch))
            return known is not None and seq in known

    def missing(self, agent: str, epoch: str, up_to: int) -> list[Range]:
        """Give what of 1..up_to is neither archived nor known to be lost for good."""
        with self._memory:
            gaps = self._opened.known.get((agent, epoch), Intervals()).missing(up_to)
            never = self._opened.never.get((agent, epoch))
            return subtract(gaps, never) if never else gaps

    def declare_never(self, agent: str, epoch: str, seqs: Sequence[int]) -> None:
        """Note places in a spool that will never come (rejected ones): they are no gaps.

        Best effort and bounded, because what was rejected costs its sender nothing.
        """
        with self._lock:
            with self._memory:
                never = self._opened.never
                if (agent, epoch) not in never and len(never) >= _NEVER_LIMIT:
                    return
                self._opened.learn_never(agent, epoch, [(seq, seq) for seq in seqs])
            try:
                self._opened.save_never(agent, epoch, seqs)
            except sqlite3.Error as error:
                LOG.warning("archive.index_behind error=%s", error)

    def has_expired(self, started: datetime) -> bool:
        """Whether what started then may have been deleted with its day; no disk is touched."""
        return started < self._opened.expired

    def size(self) -> int:
        """Bytes of all archive files; no disk is touched and nobody waited for."""
        return sum(list(self._ends.values()))

    def expire(self, before: date) -> int:
        """Delete the files of days before a date; what was in them stays known. Gives their number.

        Raises:
            StoreUnavailable: the disk or the index refuses; what is left goes another time.
        """
        old = [path for path in list(self._ends) if Path(path).stem < before.isoformat()]
        for path in old:
            with self._lock:
                try:
                    self._opened.forget(path)
                    (self.folder / path).unlink(missing_ok=True)
                except (OSError, sqlite3.Error) as error:
                    raise StoreUnavailable(f"archive {self.folder}: cannot delete {path}: {error}") from error
                del self._ends[path]
        return len(old)

    @property
    def _opened(self) -> Index:
        if self._index is None:
            raise StoreUnavailable(f"archive {self.folder} is not open")
        return self._index

    def _open(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        if self._writer:
            self._take()
        path = self.folder / "index.db"
        self._index = Index(path)
        if not self._writer:
            self._ends = {path: end for path, (end, _) in self._index.segments().items()}
            return
        if not self._fits(self._index):
            LOG.warning("archive.index_rebuilt folder=%s", self.folder)
            self._index.close()
            remove(path)
            self._index = Index(path)
        self._catch_up(self._index)

    def _take(self) -> None:
        self._guard = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._guard)
            self._guard = None
            raise UsageError(
                f"archive {self.folder} is in use by another collector; stop it or set another [archive] url"
            ) from error

    def _fits(self, index: Index) -> bool:
        """Whether every indexed file is there and ends a member where the index says."""
        for name, (end, check) in index.segments().items():
            path = self.folder / name
            if not path.exists() or path.stat().st_size < end or trailer(path, end) != check:
                return False
        return True

    def _catch_up(self, index: Index) -> None:
        indexed = index.segments()
        for path in sorted(self.folder.glob("[0-9]*/*.gz")):
            name = str(path.relative_to(self.folder))
            scanned = Scan(indexed[name][0] if name in indexed else 0)
            batch: list[Indexed] = []
            for member in self._indexable(path, name, scanned):
                batch.append(member)
                if len(batch) >= _SCAN_MEMBERS:
                    _take_in(index, batch)
                    batch = []
            _take_in(index, batch)
            self._ends[name] = scanned.end
            self.damaged += scanned.damaged
            if scanned.damaged:
                LOG.error("archive.damaged file=%s bytes=%d", name, scanned.damaged)
            if path.stat().st_size > scanned.end:
                LOG.warning("archive.torn_tail_cut file=%s bytes=%d", name, path.stat().st_size - scanned.end)
                os.truncate(path, scanned.end)

    def _indexable(self, path: Path, name: str, scanned: Scan) -> Iterator[Indexed]:
        for member in scan(path, scanned):
            places = [(head, line.start, len(line.raw)) for line in member.lines if (head := _head(line)) is not None]
            yield Indexed(name, member.offset, member.end, trailer(path, member.end), places)

    def _segment_of(self, day: date) -> Segment:
        path = self.folder / f"{day:%Y}" / f"{day.isoformat()}.gz"
        if self._segment is not None and self._segment.path == path:
            return self._segment
        if self._segment is not None:
            self._segment.close()
            self._segment = None
        if not path.parent.exists():
            path.parent.mkdir(mode=0o750)
            sync_directory(self.folder)
        self._segment = Segment(path, self._ends.get(str(path.relative_to(self.folder)), 0), level=self._level)
        return self._segment

    def _find(self, report_id: str) -> Place | None:
        key = key_of(report_id)
        for member in self._owed:
            for head, start, length in member.heads:
                if key_of(head.id) == key:
                    return Place(member.path, member.offset, start, length)
        try:
            return self._opened.find(key)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"archive {self.folder}: index: {error}") from error

    def _settle(self) -> None:
        self._try_settle()
        if self._owed:
            raise StoreUnavailable(f"archive {self.folder}: the index cannot be written; check the disk")

    def _try_settle(self) -> None:
        try:
            self._opened.add(self._owed)
        except sqlite3.Error as error:
            if len(self._owed) == 1:  # the first time; each batch owes one more
                LOG.warning("archive.index_behind error=%s; tried again with each batch", error)
        else:
            self._owed = []


def folder_from_url(url: str) -> Path:
    """Read `file:///var/lib/linkgauge/archive`; raises UsageError for anything else."""
    parts = urlsplit(url)
    if parts.scheme != "file" or parts.netloc or not parts.path.startswith("/"):
        raise UsageError(f"archive.url: {url!r} is not file:///absolute/path")
    return Path(unquote(parts.path))


def head_of(report_id: str, *, place: tuple[str, str, int], kind: str, dropped: Sequence[Range] = ()) -> Head:
    """Make the head of a report at (agent, epoch, seq); only a ledger can declare others as dropped."""
    agent, epoch, seq = place
    return Head(report_id, agent, epoch, seq, tuple(dropped) if kind == "ledger" else ())


def _take_in(index: Index, batch: list[Indexed]) -> None:
    if batch:
        index.learn(head for member in batch for head, _, _ in member.heads)
        index.add(batch)


def _head(line: Line) -> Head | None:
    try:
        found = _HEAD.decode(line.raw)
        dropped = _DROPPED.decode(found.result).dropped if found.kind == "ledger" else ()
        ranges = [(first, last) for first, last in dropped if first <= last]
        key_of(found.id)
    except (msgspec.DecodeError, ValueError):
        LOG.warning("archive.unreadable_line received_at=%s bytes=%d", line.received_at, len(line.raw))
        return None
    return head_of(found.id, place=(found.agent, found.epoch, found.seq), kind=found.kind, dropped=ranges)
