"""Whose turn it is to append: of the processes that share an archive, one at a time looks, appends and tells.

The turn is a lock on a file that says who appended without having told the others yet. Whoever dies in the middle
leaves its name there, and the next one first takes in what it wrote. Whoever is stopped in the middle is overtaken: a
new file with the next number stands for the turn then, and the stopped one learns so right before it writes.
"""

import fcntl
import os
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from collector.archive.segment import FULL
from collector.errors import StoreFull, StoreUnavailable

PATIENCE_S: Final = 2.0
_LOOK_S: Final = 0.005
_NAME: Final = re.compile(r"turn\.(\d{1,18})")
_BYTES: Final = 8192  # always so many: to write in them takes no room on a full disk


class Overtaken(Exception):  # noqa: N818 - not an accident
    """The others have waited too long and gone on: what was looked at holds no more. Nothing was written."""


class Turn:
    """One's turn. `left`: the slots that may hold reports of which the others do not know."""

    def __init__(self, folder: Path, number: int, guard: int) -> None:
        self._folder = folder
        self._number = number
        self._guard = guard
        turns, self._left = _read(guard)
        self._turns = turns + 1
        self._write()

    @property
    def left(self) -> frozenset[str]:
        """The slots whose last turn never came to its end."""
        return frozenset(self._left)

    def mark(self, slot: str) -> None:
        """Say that a slot is going to be written. Raises StoreUnavailable."""
        self._left.add(slot)
        self._write()

    def clear(self, slot: str) -> None:
        """Say that the others know all that is in a slot. Raises StoreUnavailable."""
        if slot in self._left:
            self._left.discard(slot)
            self._write()

    def check(self) -> None:
        """Raise Overtaken when this is somebody else's turn by now."""
        if _newest(self._folder) != self._number:
            raise Overtaken

    def _write(self) -> None:
        try:
            os.pwrite(self._guard, _text(self._turns, self._left), 0)
        except OSError as error:
            raise StoreUnavailable(f"archive {self._folder}: {error}; check the disk") from error


@contextmanager
def turn(folder: Path, *, patience_s: float = PATIENCE_S) -> Iterator[Turn]:
    """Wait for one's turn, for one and the same other at most `patience_s`: whoever is stopped stops nobody else.

    Raises:
        StoreFull: no room for the file that stands for it.
        StoreUnavailable: the folder cannot be used.
    """
    try:
        number, guard = _taken(folder, patience_s)
    except OSError as error:
        kind = StoreFull if error.errno in FULL else StoreUnavailable
        raise kind(f"archive {folder}: {error}; check the disk and its permissions") from error
    try:
        yield Turn(folder, number, guard)
    finally:
        os.close(guard)


def _taken(folder: Path, patience_s: float) -> tuple[int, int]:
    while True:
        number = _newest(folder)
        if not number:
            _make(folder, 1, _text(0, ()))
            continue
        try:
            guard = os.open(folder / f"turn.{number}", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            if _locked(guard, patience_s):
                if _newest(folder) == number:
                    return number, guard
            else:
                turns, left = _read(guard)
                _make(folder, number + 1, _text(turns, left))
                (folder / f"turn.{number}").unlink(missing_ok=True)
        except BaseException:
            os.close(guard)
            raise
        os.close(guard)


def _locked(guard: int, patience_s: float) -> bool:
    """Wait for the lock as long as its holders change often enough."""
    seen, deadline = b"", time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            now = os.pread(guard, _BYTES, 0)
            if now != seen:
                seen, deadline = now, time.monotonic() + patience_s
            elif time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_S)
        else:
            return True


def _newest(folder: Path) -> int:
    """Give the number of the file that stands for the turn; 0 for none."""
    with os.scandir(folder) as entries:
        found = [match for entry in entries if (match := _NAME.fullmatch(entry.name))]
    return max((int(match[1]) for match in found), default=0)


def _make(folder: Path, number: int, text: bytes) -> None:
    """Make a file with its text in one step, unless somebody else just did."""
    new = folder / f"turn.{number}.{uuid.uuid4().hex}"  # a process id would not be one's own on a shared folder
    try:
        new.write_bytes(text)
        with suppress(FileExistsError):
            os.link(new, folder / f"turn.{number}")
    finally:
        new.unlink(missing_ok=True)


def _read(guard: int) -> tuple[int, set[str]]:
    """Read how many turns there were, and the slots that are marked."""
    words = os.pread(guard, _BYTES, 0).decode("ascii", "replace").split()
    return (int(words[0]) if words and words[0].isdecimal() else 0), set(words[1:])


def _text(turns: int, left: set[str] | tuple[str, ...]) -> bytes:
    return " ".join([str(turns), *sorted(left)]).encode().ljust(_BYTES)[:_BYTES]
