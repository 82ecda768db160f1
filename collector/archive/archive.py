"""The archive: exact bytes of every accepted report, durable before `append` returns.

Each ingest process writes its own *slot*: the folder itself, or `<folder>/<slot>/` where several share one archive.
Files are the truth (`<year>/<day>.zst`, by the day of arrival, UTC); everything beside them is derived. Reports are
looked for in all slots; what another process wrote is seen within a second.
"""

import contextlib
import fcntl
import logging
import os
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from time import monotonic
from typing import Final
from urllib.parse import unquote, urlsplit

from collector.archive.days import LOOK_S, Days, Reports
from collector.archive.head import head_of
from collector.archive.hold import LOCK
from collector.archive.intervals import Range
from collector.archive.keys import key_of
from collector.archive.knowledge import Knowledge
from collector.archive.position import Position
from collector.archive.writer import Entry, Writer
from collector.errors import StoreUnavailable, UsageError

__all__ = ["Archive", "Entry", "Position", "folder_from_url", "head_of"]
LOG: Final = logging.getLogger(__name__)
_SLOT: Final = re.compile(r"(?!\d{4}$)[A-Za-z0-9_-]{1,64}")
_SLOTS: Final = 100
_CARE: Final = "care"
_WAIT_S: Final = 0.3  # one that was killed may hold its folder a moment longer
SEAL_LEVEL: Final = 9


class Archive:
    """Append, read back, and say what is known already. Safe for threads.

    `knows`, `missing` and `size` speak of our own slot and answer from memory (but for agents with more epochs than
    memory holds); `holds`, `read` and `since` look at files.
    """

    def __init__(
        self,
        folder: Path,
        *,
        level: int = 1,
        writer: bool = True,
        slot: str | None = "",
        look_s: float = LOOK_S,
    ) -> None:
        """Name the folder. A `writer` takes `slot`, "" for the folder itself, None for the first free number.

        `look_s`: what others wrote is looked at no more often than that.
        """
        self.folder = folder
        self._level = level
        self._writes = writer
        self._look_s = look_s
        self._wanted = slot
        self._guard: int | None = None
        self._own: Writer | None = None
        self._lent: Writer | None = None
        self._others: dict[str, Days] = {}
        self._lock = threading.Lock()
        self._looked = float("-inf")
        self._ready = False

    @property
    def is_open(self) -> bool:
        """Whether it can be used; no disk is touched."""
        return self._ready

    @property
    def slot(self) -> str:
        """The slot that is written here; raises StoreUnavailable when none is."""
        return self.writer.days.slot

    @property
    def damaged(self) -> int:
        """Bytes that came to light as damaged in our own files."""
        return self._own.damaged if self._own is not None else 0

    def open(self) -> None:
        """Take a slot, repair a torn tail, bring what is derived up to date.

        Raises:
            UsageError: another collector writes here.
            StoreUnavailable: the disk refuses.
        """
        if self._ready:
            return
        try:
            if self._writes:
                self._own = self._take()
            else:
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o750)
            self._ready = True
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise StoreUnavailable(f"archive {self.folder}: {error}; check the disk and its permissions") from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of files and lock; harmless when not open."""
        self._ready = False
        for writer in (self._lent, self._own):
            if writer is not None:
                writer.close()
        if self._guard is not None:
            os.close(self._guard)
        self._own = self._lent = self._guard = None
        self._others = {}
        self._looked = float("-inf")

    def append(
        self, entries: Sequence[Entry], *, at: datetime, last_look: Callable[[], object] = lambda: None
    ) -> Position:
        """Make reports (one at least) durable before returning; on an error none of them is there.

        Gives the position after them. `last_look`: called right before the file is touched; what it raises is raised.

        Raises:
            ValueError: no reports.
            StoreFull: no room on the disk.
            StoreUnavailable: the disk refuses for another reason.
        """
        if not entries:
            raise ValueError("nothing to archive")
        return self.writer.append(entries, at=at, last_look=last_look)

    def read(self, report_id: str) -> bytes | None:
        """Give a report's exact bytes; None for an id that is not here. Raises StoreUnavailable for a bad disk."""
        key = key_of(report_id)
        for days in self._slots():
            try:
                raw = days.read(key)
            except StoreUnavailable as error:
                raise StoreUnavailable(f"report {report_id}: {error}") from error
            if raw is not None:
                return raw
        return None

    def holds(self, report_id: str, *, sure: bool = False) -> bool:
        """Whether a report of this id is archived; `sure` looks again at what others have just written.

        Raises:
            StoreUnavailable: the disk refuses.
        """
        key = key_of(report_id)
        if any(days.holds(key) for days in self._slots()):
            return True
        if not sure:
            return False
        self._looked = float("-inf")
        others = [days for days in self._slots() if self._own is None or days is not self._own.days]
        for days in others:
            days.look_anew()
        return any(days.holds(key) for days in others)

    def knows(self, agent: str, epoch: str, seq: int) -> bool:
        """Whether this place in an agent's spool is archived in our own slot."""
        return self._opened.knows(agent, epoch, seq)

    def missing(self, agent: str, epoch: str, up_to: int) -> list[Range]:
        """Give what of 1..up_to is neither in our own slot nor known to be lost for good."""
        return self._opened.missing(agent, epoch, up_to)

    def declare_never(self, agent: str, epoch: str, seqs: Sequence[int]) -> None:
        """Note places in a spool that will never come (rejected ones): they are no gaps. Best effort and bounded."""
        self._opened.declare_never(agent, epoch, seqs)

    def has_expired(self, started: datetime) -> bool:
        """Whether what started then may have been deleted with its day; no disk is touched."""
        return started < self._opened.expired

    def since(self, position: Position | None, *, slot: str | None = None) -> Iterator[tuple[Position, Reports]]:
        """Give what was archived after a position, in order: the position after each piece, and (received_at, raw).

        Without a position from the very beginning, of `slot` or our own. Ends at what there is now; damaged frames
        are passed over, with a word in the log. Raises StoreUnavailable.
        """
        wanted = position.slot if position is not None else self.slot if slot is None else slot
        return next((days.after(position) for days in self._slots() if days.slot == wanted), iter(()))

    def end(self) -> Position | None:
        """Give the position after everything in our own slot; None while it is empty. No disk is touched."""
        days = self.writer.days.days()
        return Position(self.slot, *days[-1]) if days else None

    def reaches(self, position: Position) -> bool:
        """Whether a slot has everything up to a position, seen anew. Raises StoreUnavailable."""
        self._looked = float("-inf")
        return any(days.reaches(position) for days in self._slots() if days.slot == position.slot)

    def settle(self, slot: str) -> None:
        """See another's slot anew, and make durable what is seen there; raises StoreUnavailable."""
        self._looked = float("-inf")
        for days in self._slots():
            if days.slot == slot:
                days.settle()

    def slots(self) -> list[str]:
        """Name all slots that hold or may hold reports. Raises StoreUnavailable."""
        return sorted(days.slot for days in self._slots())

    def size(self) -> int:
        """Bytes of our own files; no disk is touched and nobody waited for."""
        return self._own.days.size() if self._own is not None else 0

    def expire(self, before: date) -> int:
        """Delete our files of days before a date; what was in them stays known. Gives the number of days.

        Raises:
            StoreUnavailable: the disk refuses; what is left goes another time.
        """
        return self.writer.expire(before)

    def unsealed(self) -> list[date]:
        """Name our finished days that are not sealed. Raises StoreUnavailable."""
        return self.writer.days.unsealed()

    def seal(self, day: date, *, level: int = SEAL_LEVEL) -> int:
        """Recompress one finished day in large frames, with small keys; gives the bytes that this saved.

        Its text and its positions stay what they are. Takes seconds to minutes in a process of its own.

        Raises:
            NotSealed: damage, no room; the files are as they were.
            StoreUnavailable: the disk refuses.
        """
        return self.writer.seal(day, level=level)

    def still(self, since: date) -> list[Days]:
        """Give others' slots into which nothing came from a day on. Raises StoreUnavailable."""
        own = self.writer.days
        held = [(days, days.days()) for days in self._slots() if days is not own]
        return [days for days, found in held if found and found[-1][0] < since]

    def lend(self, slot: str) -> Writer:
        """Take another slot for a while, to care for it: close it, or closing us does.

        Raises:
            UsageError: somebody writes or cares for it.
            StoreUnavailable: the disk refuses.
        """
        # We share the folder's own lock with all who might write there: only among those who care is one chosen.
        lock = LOCK if slot else _CARE
        try:
            self._lent = Writer(self.folder / slot, slot, level=self._level, lock=lock)
        except (OSError, sqlite3.Error) as error:
            raise StoreUnavailable(f"archive {self.folder / slot}: {error}; check the disk") from error
        return self._lent

    @property
    def writer(self) -> Writer:
        """What writes our slot; raises StoreUnavailable when nothing does."""
        if self._own is None:
            raise StoreUnavailable(f"archive {self.folder} is not open for writing here")
        return self._own

    @property
    def _opened(self) -> Knowledge:
        return self.writer.knowledge

    def _take(self) -> Writer:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        if self._wanted == "":
            return Writer(self.folder, "", level=self._level, wait_s=_WAIT_S)
        self._share()
        if self._wanted is not None:
            return Writer(self.folder / self._wanted, self._wanted, level=self._level, wait_s=_WAIT_S)
        for number in range(1, _SLOTS + 1):
            with contextlib.suppress(UsageError):
                return Writer(self.folder / str(number), str(number), level=self._level)
        raise UsageError(f"archive {self.folder}: all {_SLOTS} slots are in use; set [archive] writer")

    def _share(self) -> None:
        """Refuse a folder that a collector without a group writes; several with one may share it."""
        self._guard = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._guard, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"archive {self.folder} is in use by a collector without [broker] group; stop it or give it the group"
            ) from error

    def _slots(self) -> list[Days]:
        """Give all slots, our own first; others are found when they appear. Raises StoreUnavailable."""
        if not self._ready:
            raise StoreUnavailable(f"archive {self.folder} is not open")
        own = [self._own.days] if self._own is not None else []
        with self._lock:
            if monotonic() - self._looked >= self._look_s:
                try:
                    names = slots_in(self.folder)
                except OSError as error:
                    raise StoreUnavailable(f"archive {self.folder}: {error}") from error
                for name in names:
                    if name not in self._others and not (own and own[0].slot == name):
                        self._others[name] = Days(self.folder / name, name, writer=False, look_s=self._look_s)
                self._looked = monotonic()
            return [*own, *self._others.values()]


def slots_in(folder: Path) -> list[str]:
    """Name the slots of a folder: "" for itself, and folders that somebody has written in. Raises OSError."""
    return ["", *sorted(path.name for path in folder.iterdir() if _SLOT.fullmatch(path.name) and _is_slot(path))]


def _is_slot(path: Path) -> bool:
    """Also one that was brought back from a backup without its lock."""
    return (path / LOCK).exists() or (path.is_dir() and any(path.glob("[0-9][0-9][0-9][0-9]")))


def folder_from_url(url: str) -> Path:
    """Read `file:///var/lib/linkgauge/archive`; raises UsageError for anything else."""
    parts = urlsplit(url)
    if parts.scheme != "file" or parts.netloc or not parts.path.startswith("/"):
        raise UsageError(f"archive.url: {url!r} is not file:///absolute/path")
    return Path(unquote(parts.path))
