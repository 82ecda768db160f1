"""The one writer of a slot: takes its folder, brings keys and knowledge up to date, appends. Safe for threads."""

import hashlib
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Final

import msgspec

from collector.archive.days import Days
from collector.archive.frame import lines_of, text_of
from collector.archive.head import Head, read_head
from collector.archive.hold import LOCK, take, tidy
from collector.archive.keys import key_of
from collector.archive.knowledge import Knowledge, Seen, remove
from collector.archive.part import RUN, Part
from collector.archive.position import Position
from collector.archive.seal import Apart, NotSealed, discard, finish
from collector.archive.segment import FULL, Segment, sync_directory, trailer
from collector.errors import StoreFull, StoreUnavailable

LOG: Final = logging.getLogger(__name__)
_OWED: Final = 4 * RUN  # reports that failing keys may owe before we stop taking more
_SAY: Final = 1024  # reports between two tries


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One report to archive: what must be known of it, and its exact bytes."""

    head: Head
    raw: bytes


class Writer:
    """Open from the start; close it. `days` may be read by others meanwhile."""

    def __init__(self, folder: Path, slot: str, *, level: int, wait_s: float = 0, lock: str = LOCK) -> None:
        """Take the folder, at most `wait_s` later, repair a torn tail, bring keys and knowledge up to date.

        `lock`: another name for the file that is locked, by whoever only cares for a folder that nobody may write.

        Raises:
            UsageError: another collector writes here.
            OSError, sqlite3.Error: the disk refuses.
        """
        self.folder = folder
        self.days = Days(folder, slot, writer=True)
        self._level = level
        self._lock = threading.RLock()
        self._segment: Segment | None = None
        self._last: dict[date, bytes] = {}
        self._stale: set[date] = set()
        self._try_at = RUN
        self._apart: Apart | None = None
        self._knowledge: Knowledge | None = None
        self._guard: int | None = take(folder, wait_s=wait_s, name=lock)
        try:
            self._knowledge = self._learned()
        except BaseException:
            self.close()
            raise

    @property
    def knowledge(self) -> Knowledge:
        """What is stored here."""
        if self._knowledge is None:
            raise StoreUnavailable(f"archive {self.folder} is not open")
        return self._knowledge

    @property
    def damaged(self) -> int:
        """Bytes in the middle of files that hold nothing readable, as far as anybody looked."""
        return sum(part.damaged for parts in self.days.parts.values() for part in parts)

    def close(self) -> None:
        """Write down what is known and let go; a sealing under way is given up."""
        if self._apart is not None:
            self._apart.stop()
        with self._lock:
            if self._knowledge is not None:
                self._try_settle()
                self._knowledge.close()
            if self._segment is not None:
                self._segment.close()
            if self._guard is not None:
                os.close(self._guard)
            self._segment = self._knowledge = self._guard = None
            if self._apart is not None:
                self._apart.stop()  # another one may have begun meanwhile

    def append(
        self, entries: Sequence[Entry], *, at: datetime, last_look: Callable[[], object] = lambda: None
    ) -> Position:
        """Make reports durable before returning; on an error none of them is there.

        `last_look`: called right before the file is touched; what it raises is raised.

        Raises:
            StoreFull: no room on the disk.
            StoreUnavailable: the disk refuses for another reason.
        """
        moment = at.astimezone(UTC)
        text = text_of([entry.raw for entry in entries], f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}")
        heads = [entry.head for entry in entries]
        keys = [key_of(head.id) for head in heads]
        with self._lock:
            day = self._day(moment.date())
            try:
                segment = self._segment_of(day)
                part = self.days.parts[day][-1]
                self._settle_if_due(part)
                offset, end = segment.append(text, last_look)
            except OSError as error:
                kind = StoreFull if error.errno in FULL else StoreUnavailable
                raise kind(f"archive {self.folder}: {error}") from error
            with self.days.lock:
                part.note(offset, end, len(text), keys)
            self.knowledge.learn(heads)
            self._stale.add(day)
            self._last[day] = _digest(entries[-1].raw)
            return Position(self.days.slot, day, sum(part.reports for part in self.days.parts[day]))

    def expire(self, before: date) -> int:
        """Delete the days before a date; what was in them stays known. Gives their number; raises StoreUnavailable."""
        old = [day for day in sorted(self.days.parts) if day < before]
        for day in old:
            with self._lock:
                try:
                    self._close_segment(day)
                    self.knowledge.forget(day.isoformat())
                    with self.days.lock:  # whoever looks an id up meanwhile finds the day whole, or not at all
                        for part in self.days.parts[day]:
                            part.path.unlink(missing_ok=True)
                            part.keys_path.unlink(missing_ok=True)
                        self.days.drop(day)
                except (OSError, sqlite3.Error) as error:
                    raise StoreUnavailable(f"archive {self.folder}: cannot delete {day}: {error}") from error
                self._stale.discard(day)
                self._last.pop(day, None)
        # Also where nothing was: other slots delete theirs, and a report of that time may have been among them.
        self.knowledge.expired_before(before)
        return len(old)

    def newest(self) -> date | None:
        """Give the day that is written now."""
        return max(self.days.parts, default=None)

    def seal(self, day: date, *, level: int) -> int:
        """Seal one finished day; gives the bytes that this saved. Raises NotSealed, StoreUnavailable."""
        started = monotonic()
        with self._lock:
            if day not in self.days.parts:
                raise NotSealed(f"archive {self.folder}: there is nothing of {day}")
            before = sum(part.end + part.keys_end for part in self.days.parts[day])
            reports = sum(part.reports for part in self.days.parts[day])
        LOG.info("archive.sealing folder=%s day=%s reports=%d bytes=%d", self.folder, day, reports, before)
        try:
            with self._lock:
                if not self._holds():
                    raise NotSealed(f"archive {self.folder} is closed")
                discard(self.folder, day)
                self._apart = apart = Apart(self.folder, day, level=level)
            found = apart.wait()
            with self._lock, self.days.lock:
                if not self._holds() or found != reports or day == self.newest() or day not in self.days.parts:
                    discard(self.folder, day)
                    raise NotSealed(f"archive {self.folder}: {day} has {reports} reports, of which {found} were read")
                self._replace(day)
        except (OSError, sqlite3.Error) as error:
            raise StoreUnavailable(f"archive {self.folder}: cannot seal {day}: {error}") from error
        after = sum(part.end + part.keys_end for part in self.days.parts[day])
        per = after / max(reports, 1)
        LOG.info("archive.sealed day=%s bytes=%d each=%.1f s=%.1f", day, after, per, monotonic() - started)
        return before - after

    def _holds(self) -> bool:
        return self._guard is not None  # closed otherwise, also meanwhile

    def _replace(self, day: date) -> None:
        self._close_segment(day)
        try:
            finish(self.folder, day)
        finally:  # also half of it is to be read
            self.days.put(day, parts := [Part(path) for path in self.days.files().get(day, [])])
            for part in parts:
                part.load()
                for _ in part.catch_up(remember=True):
                    pass
        self._stale.discard(day)
        self.knowledge.save([self._seen(day)])

    def _day(self, wanted: date) -> date:
        """Never go back: a clock that was set back must not write behind those who follow the files."""
        newest = self.newest()
        if newest is None or newest <= wanted:
            return wanted
        if newest not in self._stale:
            LOG.warning("archive.clock_behind today=%s written=%s; kept in the newer file", wanted, newest)
        return newest

    def _segment_of(self, day: date) -> Segment:
        path = self.folder / f"{day:%Y}" / f"{day.isoformat()}.zst"
        if self._segment is not None and self._segment.path == path:
            return self._segment
        self._try_settle()
        self._close_segment(None)
        if not path.parent.exists():
            path.parent.mkdir(mode=0o750)
            sync_directory(self.folder)
        parts = self.days.parts.get(day, [])
        known = parts[-1] if parts and parts[-1].path == path else None
        self._segment = Segment(path, known.end if known is not None else 0, level=self._level)
        if known is None:
            with self.days.lock:
                part = Part(path)
                part.load()
                self.days.put(day, [*parts, part])
        self._try_at = RUN
        return self._segment

    def _close_segment(self, day: date | None) -> None:
        if self._segment is not None and (day is None or self._segment.path.stem == day.isoformat()):
            self._segment.close()
            self._segment = None

    def _settle_if_due(self, part: Part) -> None:
        if part.fresh < self._try_at:
            return
        if self._try_settle():
            self._try_at = RUN
            return
        self._try_at = part.fresh + _SAY
        if part.fresh > _OWED:
            raise StoreUnavailable(f"archive {self.folder}: its keys cannot be written; check the disk")

    def _try_settle(self) -> bool:
        """Write down keys and knowledge; both can be had again from the files."""
        try:
            self._settle()
        except (OSError, sqlite3.Error) as error:
            LOG.warning("archive.keys_behind error=%s; tried again later", error)
            return False
        return True

    def _settle(self) -> None:
        for day in sorted(self._stale):
            for part in self.days.parts[day]:
                with self.days.lock:
                    part.write_run()
        self.knowledge.save([self._seen(day) for day in sorted(self._stale)])
        self._stale.clear()

    def _seen(self, day: date) -> Seen:
        parts = self.days.parts[day]
        part = parts[-1]
        last = self._last.get(day) or self._last_of(day)
        reports = sum(part.reports for part in parts)
        return Seen(day.isoformat(), reports, part.path.name, part.end, trailer(part.path, part.end), last)

    def _last_of(self, day: date) -> bytes:
        for part in reversed(self.days.parts[day]):
            if part.reports:
                return _digest(self._raw(part, part.reports - 1))
        return b""

    def _raw(self, part: Part, number: int) -> bytes:
        place = part.place(number)
        if place is None:
            return b""
        try:
            return list(lines_of(place.text()))[number - place.first][1]
        except (ValueError, IndexError):
            return b""

    def _learned(self) -> Knowledge:
        """Bring keys and knowledge up to what the files hold."""
        path = self.folder / "index.db"
        self._knowledge = knowledge = Knowledge(path)
        before = self._load(knowledge)
        seen = {date.fromisoformat(item.day): item for item in knowledge.seen()}
        if not all(self._fits(day, item) for day, item in seen.items()):
            LOG.warning("archive.index_rebuilt folder=%s", self.folder)
            expired = knowledge.expired
            knowledge.close()
            remove(path)
            self._knowledge = knowledge = Knowledge(path)
            if expired > knowledge.expired:
                knowledge.forget((expired - timedelta(days=1)).date().isoformat())
            seen, before = {}, {}
        for day, parts in self.days.parts.items():
            known = seen[day].reports if day in seen else 0
            until = before.get(day, sum(part.reports for part in parts))
            if known < until:
                self._learn_again(day, known, until)
            held = sum(part.reports for part in parts)
            if day not in seen or seen[day].reports < held or any(part.fresh for part in parts):
                self._stale.add(day)
        self._settle_all()
        return knowledge

    def _load(self, knowledge: Knowledge) -> dict[date, int]:
        """Open every file; gives up to which report of a day nothing was read, as the key file covered it."""
        before: dict[date, int] = {}
        tidy(self.folder, self.days)
        for day, paths in sorted(self.days.files().items()):
            self.days.put(day, parts := [Part(path) for path in paths])
            for part in parts:
                part.load()
                if len(parts) == 1:
                    before[day] = part.reports
                self._catch_up(part, knowledge)
        return before

    def _catch_up(self, part: Part, knowledge: Knowledge) -> None:
        for _, heads in part.catch_up(remember=True):
            knowledge.learn(heads)
            if part.fresh >= RUN:
                part.write_run()
                knowledge.save(())
        size = part.path.stat().st_size
        if size > part.end:
            # Cut off by the next append to this file, and by nothing else: it may be damage, not a torn write.
            LOG.warning("archive.torn_tail file=%s bytes=%d", part.path, size - part.end)

    def _fits(self, day: date, item: Seen) -> bool:
        """Whether a day still holds what is known of it: the same bytes, or (sealed since) the same last report."""
        parts = self.days.parts.get(day, [])
        for part in parts:
            same = part.path.name == item.file and part.end >= item.end
            if same and trailer(part.path, item.end) == item.trailer:
                return True
        number = item.reports - 1
        for part in parts:
            if 0 <= number < part.reports:
                self._stale.add(day)  # said anew, so that the next look is a quick one
                return _digest(self._raw(part, number)) == item.last
            number -= part.reports
        return False

    def _learn_again(self, day: date, known: int, until: int) -> None:
        LOG.info("archive.reading day=%s from=%d to=%d", day, known, until)
        for heads in self._heads(day, known, until):
            self.knowledge.learn(heads)
            if self.knowledge.unsaved >= RUN:
                self.knowledge.save(())

    def _heads(self, day: date, known: int, until: int) -> Iterator[Sequence[Head | None]]:
        base = 0
        for part in self.days.parts[day]:
            number = max(known - base, 0)
            while number < min(part.reports, until - base):
                place = part.place(number)
                if place is None:
                    break
                try:
                    yield [read_head(raw) for _, raw in lines_of(place.text())]
                except ValueError as error:
                    part.damaged += place.end - place.offset
                    LOG.error("archive.damaged file=%s offset=%d error=%s", part.path, place.offset, error)  # noqa: TRY400 - no traceback needed
                number = place.after
            base += part.reports

    def _settle_all(self) -> None:
        newest = self.newest()
        for day in self._stale - {newest}:
            for part in self.days.parts[day]:
                part.write_run()
        self.knowledge.save([self._seen(day) for day in sorted(self._stale)])
        self._stale &= {newest}


def _digest(raw: bytes) -> bytes:
    return hashlib.blake2b(raw, digest_size=8).digest()
