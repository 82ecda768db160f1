"""What lies in an archive, and whether all of it can still be read. Looks, never writes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

from collector.archive.archive import slots_in
from collector.archive.days import Days, is_sealed
from collector.archive.frame import Scan, frames, lines_of
from collector.archive.head import read_head
from collector.archive.keys import WHOLE, Keys, key_of, runs_in, whole
from collector.archive.part import Part

_RANDOM: Final = 8  # bytes at the end of an id


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a slot. `size`: bytes of its files, keys included."""

    slot: str
    day: date
    reports: int
    size: int
    sealed: bool


@dataclass(slots=True)
class Checked:
    """One file, read through. `damaged`: its bytes from..to that hold nothing readable; `torn`: bytes at its end.

    `unreadable`: reports that are no JSON of ours. `keys`: what is wrong with the key file, which can be made anew.
    `again`: reports that stand here though another file of the same or the day before has them, too: processes of a
    group that were stopped or died in the middle of their work may leave such second copies. Each id counts once
    wherever reports are counted by id.
    """

    path: Path
    reports: int = 0
    damaged: list[tuple[int, int]] = field(default_factory=list)
    torn: int = 0
    unreadable: int = 0
    again: int = 0
    keys: str | None = None


def days(folder: Path) -> Iterator[Day]:
    """Give every day of every slot, oldest first. Raises StoreUnavailable, OSError."""
    for slot in slots_in(folder):
        held = Days(folder / slot, slot, writer=False)
        held.refresh()
        for day, reports in held.days():
            parts = held.parts[day]
            size = sum(part.end + part.keys_end for part in parts)
            yield Day(slot, day, reports, size, is_sealed(parts))


def check(folder: Path, *, day: date | None = None) -> Iterator[Checked]:
    """Read every file, or those of a day, through: each byte of the reports and of the keys. Raises OSError.

    Day by day, so that second copies come to light: it remembers eight bytes of each id of two days.
    """
    found: dict[date, list[Path]] = {}
    for slot in slots_in(folder):
        for other, paths in Days(folder / slot, slot, writer=False).files().items():
            found.setdefault(other, []).extend(paths)
    seen = _Seen()
    for other in sorted(found):
        if day is None or other == day:
            yield from (_checked(path, seen) for path in found[other])
            seen.turn()


class _Seen:
    """The ids of two days, by what is random in them."""

    def __init__(self) -> None:
        self._before: set[bytes] = set()
        self._today: set[bytes] = set()

    def take(self, key: bytes) -> bool:
        """Note an id; gives whether it was there."""
        short = key[-_RANDOM:]
        if short in self._today or short in self._before:
            return True
        self._today.add(short)
        return False

    def turn(self) -> None:
        """A day is over."""
        self._before, self._today = self._today, set()


def _checked(path: Path, seen: _Seen) -> Checked:
    found = Checked(path)
    scanned = Scan(0)
    keys = _Keys(path)
    end: int | None = None
    for frame in frames(path, scanned):
        if end is not None and frame.offset != end:
            found.damaged.append((end, frame.offset))
        elif end is None and scanned.damaged:
            found.damaged.append((frame.offset - scanned.damaged, frame.offset))
        end = frame.end
        for _, raw in lines_of(frame.text):
            head = read_head(raw)
            found.unreadable += head is None
            if head is not None:
                key = key_of(head.id)
                found.again += seen.take(key)
                if not found.damaged:
                    keys.expect(key, found.reports)
            found.reports += 1
    if keys.end > scanned.end:
        found.damaged.append((scanned.end, keys.end))
    found.torn = path.stat().st_size - max(scanned.end, keys.end)
    found.keys = keys.close()
    return found


class _Keys:
    """The key file of a data file, asked for each report."""

    def __init__(self, path: Path) -> None:
        part = Part(path)
        part.load()
        self._runs = part.runs
        self.end = part.end
        self._wrong = None if part.keys_fit else "does not fit"
        if self._wrong is None and not all(whole(part.keys_path, run, end) for run, end in runs_in(part.keys_path)):
            self._wrong = "is damaged"
        self._keys = Keys(part.keys_path, part.keys_path.stat().st_ino) if self._runs else None

    def expect(self, key: bytes, number: int) -> None:
        """Hold it against one report."""
        if self._keys is None or self._wrong is not None:
            return
        for run in self._runs:
            covered = run.covered
            if covered.first <= number < covered.first + covered.reports:
                found = self._keys.find(run, key) if run.may_hold(key) else []
                # Of an id that is there twice, whole keys name the first only.
                if number not in found and not (run.width == WHOLE and found):
                    self._wrong = f"does not know report {number}"

    def close(self) -> str | None:
        """Let go; says what was wrong."""
        if self._keys is not None:
            self._keys.close()
        return self._wrong
