"""The key file beside a day's file: where the reports of which ids lie. Derived; thrown away when it does not fit.

It is a row of *runs*, each written in one piece: a header, the frames (first report, offset), the spans of time that
the ids speak of, and the ids' keys sorted, each with its report's number. Fresh runs hold whole ids (exact, no file
is opened to say whether a report is here), runs of sealed days six bytes of them (small; the report itself confirms).
"""

import os
import struct
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

WHOLE: Final = 16
SMALL: Final = 6
_NUMBER: Final = 3  # bytes of a report's number within its run
MOST: Final = 1 << (8 * _NUMBER)  # reports in a run
SPAN: Final = 3  # leading bytes of an id: of a UUIDv7 the time, in steps of 4.7 hours
_SPANS: Final = 512  # more of them say nothing: ids without a time
_MAGIC: Final = b"LGK1"
_HEADER: Final = struct.Struct("<4sBBHQIIIQQQ8sI")  # the CRC-32 of everything else comes last
HEADED: Final = _HEADER.size + 4
"""Bytes of a run before its frames."""


class Stale(Exception):  # noqa: N818 - not an accident
    """The file was replaced (sealed) or deleted (expired) since it was looked at: look again."""


@dataclass(frozen=True, slots=True)
class Covered:
    """What a run is about: reports `first`.. (`reports` of them) in bytes `start`..`end` of the day's file.

    `trailer`: the file's bytes before `end`. `text`: bytes of it all, not compressed.
    """

    first: int
    reports: int
    start: int
    end: int
    trailer: bytes
    text: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """One run, its sorted keys left on disk at `frames_at` and `keys_at` of the key file."""

    covered: Covered
    width: int
    frames: int
    keys: int
    spans: frozenset[bytes] | None
    frames_at: int
    keys_at: int

    def may_hold(self, key: bytes) -> bool:
        """Whether an id of this time may be in it."""
        return self.spans is None or key[:SPAN] in self.spans


def key_of(report_id: str) -> bytes:
    """Write a report's id as 16 bytes; raises ValueError for anything else."""
    key = bytes.fromhex(report_id.replace("-", ""))
    if len(key) != WHOLE:
        raise ValueError(f"{report_id!r} is not a UUID")
    return key


def run_of(
    covered: Covered, frames: Iterable[tuple[int, int]], keys: Sequence[tuple[bytes, int]], *, width: int
) -> bytes:
    """Write one run. `frames`: (first report, offset in the file); `keys`: (whole id, report)."""
    firsts, offsets = array("I"), array("Q")
    for first, offset in frames:
        firsts.append(first - covered.first)
        offsets.append(offset)
    spans = {key[:SPAN] for key, _ in keys}
    told = b"".join(sorted(spans)) if len(spans) <= _SPANS else b""
    number_of, first = struct.Struct(">I").pack, covered.first
    if width == WHOLE:
        records = sorted([key + number_of(number - first)[1:] for key, number in keys])
    else:
        records = sorted([key[2 : 2 + width] + number_of(number - first)[1:] for key, number in keys])
    body = b"".join((firsts.tobytes(), offsets.tobytes(), told, *records))
    header = _HEADER.pack(
        _MAGIC,
        width,
        len(spans) <= _SPANS,
        len(told) // SPAN,
        covered.first,
        covered.reports,
        len(firsts),
        len(keys),
        covered.start,
        covered.end,
        covered.text,
        covered.trailer,
        zlib.crc32(body),
    )
    return header + zlib.crc32(header).to_bytes(4, "little") + body


def runs_in(path: Path, start: int = 0) -> Iterator[tuple[Run, int]]:
    """Give each whole run from an offset on, with the offset of its end; stops where one is torn or wrong."""
    if not path.exists() or path.stat().st_size <= start:
        return
    with path.open("rb", buffering=0) as file:
        while (found := _run(file.fileno(), start)) is not None:
            yield found
            start = found[1]


def whole(path: Path, run: Run, end: int) -> bool:
    """Whether a run, which ends at `end`, is as it was written, to the byte. Raises OSError."""
    with path.open("rb") as file:
        file.seek(run.frames_at - HEADED)
        header = file.read(_HEADER.size)
        file.seek(run.frames_at)
        return bool(zlib.crc32(file.read(end - run.frames_at)) == _HEADER.unpack(header)[-1])


class Keys:
    """A key file opened for a few questions; close it soon."""

    def __init__(self, path: Path, inode: int) -> None:
        """Open it; raises Stale when it is not that very file any more, OSError."""
        try:
            self._handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise Stale from None
        if os.fstat(self._handle).st_ino != inode:
            os.close(self._handle)
            raise Stale

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._handle)

    def find(self, run: Run, key: bytes) -> list[int]:
        """Give the numbers of the reports that may have this id; certain where the run holds whole ids."""
        wanted = key if run.width == WHOLE else key[2 : 2 + run.width]
        handle, size, read = self._handle, run.width + _NUMBER, os.pread
        low, high = 0, run.keys
        while low < high:
            middle = (low + high) // 2
            place = run.keys_at + middle * size
            if read(handle, run.width, place) < wanted:
                low = middle + 1
            else:
                high = middle
        found = []
        for place in range(run.keys_at + low * size, run.keys_at + run.keys * size, size):
            record = read(handle, size, place)
            if record[: run.width] != wanted:
                break
            found.append(run.covered.first + int.from_bytes(record[run.width :], "big"))
        return found

    def frames(self, run: Run) -> "Frames":
        """Give where the run's frames are."""
        firsts, offsets = array("I"), array("Q")
        size = run.frames * firsts.itemsize
        content = os.pread(self._handle, size + run.frames * offsets.itemsize, run.frames_at)
        firsts.frombytes(content[:size])
        offsets.frombytes(content[size:])
        return Frames(run.covered.first, firsts, offsets, run.covered.first + run.covered.reports, run.covered.end)


@dataclass(frozen=True, slots=True)
class Frames:
    """Some neighbouring frames: number of the first report, numbers relative to it, offsets, and where both end."""

    base: int
    firsts: "array[int]"
    offsets: "array[int]"
    reports_end: int
    end: int

    def around(self, number: int) -> tuple[int, int, int, int] | None:
        """Give the frame that holds a report: its offset, an end that it does not pass, its first report, the next."""
        if not self.base <= number < self.reports_end or not self.firsts:
            return None
        place = bisect_right(self.firsts, number - self.base) - 1
        after = place + 1
        if after < len(self.offsets):
            return (
                self.offsets[place],
                self.offsets[after],
                self.base + self.firsts[place],
                self.base + self.firsts[after],
            )
        return self.offsets[place], self.end, self.base + self.firsts[place], self.reports_end


def _run(handle: int, start: int) -> tuple[Run, int] | None:
    after = start + _HEADER.size
    header = os.pread(handle, _HEADER.size, start)
    if len(header) < _HEADER.size or zlib.crc32(header).to_bytes(4, "little") != os.pread(handle, 4, after):
        return None
    magic, width, spanned, spans, first, reports, frames, keys, begin, end, text, trailer, _ = _HEADER.unpack(header)
    frames_at = after + 4
    spans_at = frames_at + frames * 12
    keys_at = spans_at + spans * SPAN
    past = keys_at + keys * (width + _NUMBER)
    if magic != _MAGIC or width not in (WHOLE, SMALL) or past > os.fstat(handle).st_size:
        return None
    said = os.pread(handle, keys_at - spans_at, spans_at)
    told = frozenset(said[place : place + SPAN] for place in range(0, len(said), SPAN)) if spanned else None
    covered = Covered(first, reports, begin, end, trailer[: min(end, len(trailer))], text)
    return Run(covered, width, frames, keys, told, frames_at, keys_at), past
