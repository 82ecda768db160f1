"""Sealing a finished day: its frames made large, its keys small, its text unchanged. Runs as a process of its own.

`python -m collector.archive.seal FOLDER DAY LEVEL PARENT` writes `<day>.zst.new` and `<day>.zst.keys.new` beside the
files, compares every byte with them, and touches nothing else: `finish`, called by the slot's writer, puts them in
place. A process of its own, at a low priority, keeps both the memory and the interpreter of the collector free.
"""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import BinaryIO, Final

import zstandard

from collector.archive.days import Days
from collector.archive.frame import TRAILER, Scan, frames, lines_of, seal_mark
from collector.archive.head import read_head
from collector.archive.keys import SMALL, Covered, key_of, run_of
from collector.archive.part import Part
from collector.archive.segment import create, sync_directory
from collector.errors import CollectorError

LOG: Final = logging.getLogger(__name__)
_TEXT: Final = 1 << 20  # bytes of a sealed frame, before compression: larger saves little, and costs every look-up
_RUN: Final = 1 << 17  # reports of a sealed run
_NICE: Final = 10
_DAMAGED: Final = 3  # exit code


class NotSealed(CollectorError):  # noqa: N818 - a state of the world
    """A day cannot be sealed now; its files are as they were."""


class Damaged(NotSealed):
    """A day's files are damaged: trying again is in vain until somebody has restored a copy."""


def prepare(folder: Path, day: date, *, level: int, parent: int | None = None) -> int:
    """Write and verify the sealed files of a day beside its present ones; gives how many reports it holds.

    Raises:
        NotSealed: a file is damaged, what was written is not what was read, or the process `parent` ended.
        OSError: the disk refuses, or is full.
    """
    sources = Days(folder, "", writer=False).files().get(day, [])
    if not sources:
        raise NotSealed(f"archive {folder}: there is nothing of {day}")
    target = _new(sources[-1].with_name(f"{day.isoformat()}.zst"))
    try:
        with create(target) as data, create(_new(_keys(target))) as keys:
            sealed = _Sealed(data, keys, level=level)
            data.write(seal_mark([path.name for path in sources]))
            for text in _texts(sources):
                _stop_if_orphaned(parent)
                sealed.add(text)
            sealed.end()
            for file in (data, keys):
                file.flush()
                os.fsync(file.fileno())
        _stop_if_orphaned(parent)
        _compare(sources, target)
    except FileExistsError:
        raise  # another one's
    except (OSError, NotSealed):
        discard(folder, day)
        raise
    return sealed.reports


def finish(folder: Path, day: date) -> Path:
    """Put prepared files in the place of the present ones; whatever happens, one of both is whole. Raises OSError."""
    path = folder / f"{day:%Y}" / f"{day.isoformat()}.zst"
    _new(path).replace(path)
    _new(_keys(_new(path))).replace(_keys(path))
    sync_directory(path.parent)
    old = path.with_suffix(".gz")
    old.unlink(missing_ok=True)
    _keys(old).unlink(missing_ok=True)
    return path


def discard(folder: Path, day: date) -> None:
    """Remove what was prepared; raises OSError."""
    path = _new(folder / f"{day:%Y}" / f"{day.isoformat()}.zst")
    path.unlink(missing_ok=True)
    _new(_keys(path)).unlink(missing_ok=True)


class Apart:
    """Preparing one day in a process of its own at a low priority."""

    def __init__(self, folder: Path, day: date, *, level: int) -> None:
        """Start it; raises OSError."""
        self._what = f"{folder}: {day}"
        order = [str(folder), day.isoformat(), str(level), str(os.getpid())]
        command = [sys.executable, "-m", "collector.archive.seal", *order]
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def wait(self) -> int:
        """Wait for its end; gives how many reports the day holds. Raises NotSealed: nothing changed."""
        said, trouble = self._process.communicate()
        if self._process.returncode == _DAMAGED:
            raise Damaged(trouble.strip())
        if self._process.returncode != 0 or not said.strip().isdecimal():
            raise NotSealed(trouble.strip().rpartition("\n")[2] or f"archive {self._what}: sealing was ended")
        return int(said)

    def stop(self) -> None:
        """End it early; harmless later."""
        self._process.terminate()


@dataclass(slots=True)
class _Sealed:
    """The two files on their way."""

    data: BinaryIO
    keys: BinaryIO
    level: int = field(kw_only=True)
    reports: int = 0
    _text: list[bytes] = field(default_factory=list)
    _size: int = 0
    _first: int = 0
    _start: int = 0
    _run_text: int = 0
    _frames: list[tuple[int, int]] = field(default_factory=list)
    _ids: list[tuple[bytes, int]] = field(default_factory=list)
    _trailer: bytes = b""

    def add(self, text: bytes) -> None:
        """Take in the text of one frame."""
        self._text.append(text)
        self._size += len(text)
        if self._size >= _TEXT:
            self._frame()
        if self.reports - self._first >= _RUN:
            self._run()

    def end(self) -> None:
        """Write what is left."""
        if self._size:
            self._frame()
        if self.reports > self._first:
            self._run()

    def _frame(self) -> None:
        text = b"".join(self._text)
        self._frames.append((self.reports, self.data.tell()))
        for _, raw in lines_of(text):
            head = read_head(raw)
            if head is not None:
                self._ids.append((key_of(head.id), self.reports))
            self.reports += 1
        frame = zstandard.ZstdCompressor(level=self.level, write_checksum=True).compress(text)
        self.data.write(frame)
        self._trailer = frame[-TRAILER:]
        self._run_text += len(text)
        self._text, self._size = [], 0

    def _run(self) -> None:
        end = self.data.tell()
        covered = Covered(self._first, self.reports - self._first, self._start, end, self._trailer, self._run_text)
        self.keys.write(run_of(covered, self._frames, self._ids, width=SMALL))
        self._first, self._start, self._run_text = self.reports, end, 0
        self._frames, self._ids = [], []


def _texts(sources: Sequence[Path]) -> Iterator[bytes]:
    for path in sources:
        scanned = Scan(0)
        for frame in frames(path, scanned):
            yield frame.text
        if scanned.damaged or scanned.end != _end_of(path):
            raise Damaged(f"archive: {path} is damaged and stays as it is; see linkgauge-collector archive verify")


def _end_of(path: Path) -> int:
    """Where its frames end: the keys know, and a torn tail behind that is nothing."""
    part = Part(path)
    part.load()
    return part.end if part.runs else path.stat().st_size


def _compare(sources: Sequence[Path], target: Path) -> None:
    """Hold every byte of the new file against the old ones; raises NotSealed."""
    old = _texts(sources)
    pending = b""
    for text in _texts([target]):
        while len(pending) < len(text):
            more = next(old, None)
            if more is None:
                break
            pending += more
        if pending[: len(text)] != text:
            raise NotSealed(f"archive: {target} does not read as what was written; the disk or the memory is bad")
        pending = pending[len(text) :]
    if pending or next(old, None) is not None:
        raise NotSealed(f"archive: {target} is shorter than what was written; the disk is bad")


def _keys(path: Path) -> Path:
    return path.with_name(f"{path.name.removesuffix('.new')}.keys")


def _new(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


def _stop_if_orphaned(parent: int | None) -> None:
    if parent is not None and os.getppid() != parent:
        raise NotSealed("archive: the collector ended, sealing with it")


def _main(arguments: Sequence[str]) -> int:
    folder, day, level, parent = arguments
    os.nice(_NICE)
    try:
        reports = prepare(Path(folder), date.fromisoformat(day), level=int(level), parent=int(parent))
    except (OSError, CollectorError) as error:
        sys.stderr.write(f"{error}\n")
        return _DAMAGED if isinstance(error, Damaged) else 1
    sys.stdout.write(f"{reports}\n")
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
