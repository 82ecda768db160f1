"""One data file with its key file, and what came after the last run of keys, in memory. Not safe for threads."""

import logging
import os
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from collector.archive.frame import Frame, Scan, frames, lines_of, sealed_from, unpack
from collector.archive.head import Head, is_report, read_head
from collector.archive.keys import HEADED, WHOLE, Covered, Frames, Keys, Run, Stale, key_of, run_of, runs_in, whole
from collector.archive.segment import create, trailer

LOG: Final = logging.getLogger(__name__)
RUN: Final = 16_384  # reports whose keys wait in memory for the next run
_REMEMBERED: Final = 4 * RUN  # by readers; what is beyond is looked through on disk


@dataclass(frozen=True, slots=True)
class Place:
    """Where a frame lies: reports `first` ≤ n < `after` in bytes `offset`..`end` of a file, which must be `inode`."""

    path: Path
    inode: int
    offset: int
    end: int
    first: int
    after: int

    def text(self) -> bytes:
        """Read it. Raises Stale, OSError, or ValueError when it is damaged."""
        try:
            with self.path.open("rb") as file:
                if os.fstat(file.fileno()).st_ino != self.inode:
                    raise Stale
                return unpack(os.pread(file.fileno(), self.end - self.offset, self.offset))
        except FileNotFoundError:
            raise Stale from None


class Part:
    """Reports are numbered from 0 in the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.keys_path = path.with_name(f"{path.name}.keys")
        self._reset()

    def _reset(self) -> None:
        self.runs: list[Run] = []
        self.keys_end = 0
        self.keys_fit = True
        self.end = self.reports = self.text = self.damaged = 0
        self.inode = self.size = 0
        self._keys_were = (0, 0)
        self._keys: dict[bytes, int] = {}
        self._blind = False
        self._firsts, self._offsets = array("Q"), array("Q")
        self._recent: tuple[Run, Frames] | None = None
        self._sealed: bool | None = None

    @property
    def sealed(self) -> bool:
        """Whether it was written by sealing. Raises OSError."""
        if self._sealed is None:
            self._sealed = bool(sealed_from(self.path))
        return self._sealed

    @property
    def spans(self) -> frozenset[bytes] | None:
        """The spans of time that its ids speak of; None where any id may be in it."""
        if self.fresh or self._blind or any(run.spans is None for run in self.runs):
            return None
        return frozenset(span for run in self.runs for span in run.spans or ())

    @property
    def fresh(self) -> int:
        """How many reports no run covers yet."""
        return self.reports - self._covered

    @property
    def _covered(self) -> int:
        return self.runs[-1].covered.first + self.runs[-1].covered.reports if self.runs else 0

    def load(self) -> None:
        """Take over what the key file says, where it fits the data. Raises OSError."""
        self._reset()
        found = self.path.stat()
        self.inode, self.size = found.st_ino, found.st_size
        self._keys_were = _look_at(self.keys_path)
        self.take_runs()
        if self.runs:
            self._drop_torn_run()
        if self.runs:
            last = self.runs[-1].covered
            if found.st_size < last.end or trailer(self.path, last.end) != last.trailer:
                LOG.warning("archive.keys_do_not_fit file=%s", self.path)
                self._reset()
                self.inode, self.size = found.st_ino, found.st_size
                self._keys_were = _look_at(self.keys_path)
                self.keys_fit = False

    def _drop_torn_run(self) -> None:
        """Forget the newest run of a growing key file when its length, but not all of it, outlived a power cut."""
        run = self.runs[-1]
        if run.width == WHOLE and not whole(self.keys_path, run, self.keys_end):
            LOG.warning("archive.keys_torn file=%s", self.keys_path)
            before = self.runs[:-1]
            found = self.inode, self.size, self._keys_were
            self._reset()
            self.inode, self.size, self._keys_were = found
            self.runs = before
            self.keys_end = run.frames_at - HEADED
            self.end = before[-1].covered.end if before else 0
            self.reports = self._covered

    def look(self) -> None:
        """Take in what its writer did since the last look, or all of it. Raises OSError."""
        found, keys = self.path.stat(), _look_at(self.keys_path)
        known = found.st_ino == self.inode and found.st_size >= self.end
        replaced = keys[0] != self._keys_were[0] and (self.runs or not self.keys_fit)
        if not known or replaced or (not self.keys_fit and keys != self._keys_were):
            self.load()
        elif found.st_size == self.size and keys == self._keys_were:
            return
        elif keys != self._keys_were:
            self.take_runs()
        for _ in self.catch_up(remember=False):
            pass
        self.size, self._keys_were = found.st_size, keys

    def take_runs(self) -> None:
        """Take over runs that the key file has and we do not know yet; what they cover leaves the memory."""
        if not self.keys_fit:
            return
        for run, end in runs_in(self.keys_path, self.keys_end):
            covered = run.covered
            if covered.first != self._covered:
                break
            self.runs.append(run)
            self.keys_end = end
            self.end = max(self.end, covered.end)
            self.reports = max(self.reports, covered.first + covered.reports)
        covered_reports = self._covered
        if self._firsts and self._firsts[0] < covered_reports:
            keep = bisect_right(self._firsts, covered_reports - 1)
            self._firsts, self._offsets = self._firsts[keep:], self._offsets[keep:]
            self._keys = {key: number for key, number in self._keys.items() if number >= covered_reports}

    def catch_up(self, *, remember: bool) -> Iterator[tuple[Frame, Sequence[Head | None]]]:
        """Note every whole frame behind what is known; `remember`: keep all keys (a writer makes runs of them)."""
        scanned = Scan(self.end)
        for frame in frames(self.path, scanned):
            heads = [read_head(raw) for _, raw in lines_of(frame.text)]
            self.note(
                frame.offset,
                frame.end,
                len(frame.text),
                [key_of(head.id) if head is not None else None for head in heads],
            )
            if not remember and len(self._keys) > _REMEMBERED:
                self._keys, self._blind = {}, True
            yield frame, heads
        self.end = scanned.end
        self.damaged += scanned.damaged
        if scanned.damaged:
            LOG.error("archive.damaged file=%s bytes=%d", self.path, scanned.damaged)

    def note(self, offset: int, end: int, text: int, keys: Sequence[bytes | None]) -> None:
        """Take in a frame that was written or found, with the ids of its reports."""
        self._firsts.append(self.reports)
        self._offsets.append(offset)
        if not self._blind:
            for number, key in enumerate(keys, self.reports):
                if key is not None:
                    self._keys.setdefault(key, number)
        self.reports += len(keys)
        self.text += text
        self.end = end

    def write_run(self) -> None:
        """Write the keys in memory down. Raises OSError with everything as it was."""
        if not self.fresh:
            return
        start = self.runs[-1].covered.end if self.runs else 0
        covered = Covered(self._covered, self.fresh, start, self.end, trailer(self.path, self.end), self.text)
        data = run_of(covered, zip(self._firsts, self._offsets, strict=True), list(self._keys.items()), width=WHOLE)
        at = self.keys_end
        if at == 0:
            self.keys_path.unlink(missing_ok=True)  # readers may have it open
        with self.keys_path.open("r+b") if at else create(self.keys_path) as file:
            file.truncate(at)
            file.seek(at)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self.keys_end, self.keys_fit = at, True
        self._keys_were = _look_at(self.keys_path)
        self.text = 0
        self.take_runs()

    def find(self, key: bytes) -> Iterator[tuple[int, bool]]:
        """Give the numbers of the reports that may have this id, and whether that is certain."""
        number = self._keys.get(key)
        if number is not None:
            yield number, True
            return
        runs = [run for run in reversed(self.runs) if run.may_hold(key)]
        if runs:
            keys = Keys(self.keys_path, self._keys_were[0])
            try:
                found = [(number, run.width == WHOLE) for run in runs for number in keys.find(run, key)]
            finally:
                keys.close()
            yield from found
        if self._blind:
            yield from ((number, True) for number in self._look_through(key))

    def place(self, number: int) -> Place | None:
        """Give the frame that holds a report; None where there is no such report or its frame is lost."""
        if number >= self._covered:
            index = bisect_right(self._firsts, number) - 1
            if index < 0 or number >= self.reports:
                return None
            last = index + 1 == len(self._firsts)
            after = self.reports if last else self._firsts[index + 1]
            end = self.end if last else self._offsets[index + 1]
            return Place(self.path, self.inode, self._offsets[index], end, self._firsts[index], after)
        found = self._table(number)
        where = found.around(number) if found is not None else None
        return Place(self.path, self.inode, *where) if where is not None else None

    def _table(self, number: int) -> Frames | None:
        index = bisect_right(self.runs, number, key=lambda run: run.covered.first) - 1
        if index < 0:
            return None
        run = self.runs[index]
        if self._recent is None or self._recent[0] is not run:
            keys = Keys(self.keys_path, self._keys_were[0])
            try:
                self._recent = run, keys.frames(run)
            finally:
                keys.close()
        return self._recent[1]

    def _look_through(self, key: bytes) -> Iterator[int]:
        for first, offset, end in self._tail():
            text = Place(self.path, self.inode, offset, end, first, first).text()
            for number, (_, raw) in enumerate(lines_of(text), first):
                if is_report(raw, key):
                    yield number

    def _tail(self) -> Iterator[tuple[int, int, int]]:
        ends = [*self._offsets[1:], self.end]
        return zip(self._firsts, self._offsets, ends, strict=True)


def _look_at(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_ino, found.st_size
