"""One day's file of the archive: gzip members, one a batch, readable with `zcat` alone.

A member holds lines `received_at TAB length TAB raw NEWLINE`; the length makes newlines inside `raw` harmless.
A file only grows; what a crash left half-written at its end is cut off before the next append.
"""

import errno
import gzip
import mmap
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MAGIC: Final = b"\x1f\x8b\x08"
TRAILER: Final = 8
_CHUNK: Final = 1 << 16
# What the kernel says when there is no room: disk, quota, file size limit.
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class Line:
    """One archived report: when it came, its exact bytes, and where they start in the member's text."""

    received_at: str
    start: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Member:
    """One batch: where it lies in the file (`offset` ≤ byte < `end`) and its lines."""

    offset: int
    end: int
    lines: tuple[Line, ...]


@dataclass(slots=True)
class Scan:
    """What a scan came upon besides members: where the good part ends, and bytes in the middle that are damaged."""

    end: int
    damaged: int = 0


def text_of(reports: Sequence[bytes], received_at: str) -> tuple[bytes, list[int]]:
    """Write the text of one member; gives it with the place of each report's bytes in it."""
    text = bytearray()
    starts: list[int] = []
    for raw in reports:
        text += f"{received_at}\t{len(raw)}\t".encode()
        starts.append(len(text))
        text += raw
        text += b"\n"
    return bytes(text), starts


def lines_of(text: bytes) -> Iterator[Line]:
    """Read the text of one member; raises ValueError where it is not what `text_of` writes."""
    position = 0
    while position < len(text):
        first = text.index(b"\t", position)
        second = text.index(b"\t", first + 1)
        start, length = second + 1, int(text[first + 1 : second])
        end = start + length
        if length < 0 or text[end : end + 1] != b"\n":
            raise ValueError(f"no newline at {end}")
        yield Line(text[position:first].decode(), start, text[start:end])
        position = end + 1


def scan(path: Path, scanned: Scan) -> Iterator[Member]:
    """Give every whole member from `scanned.end` on, moving `scanned.end` along.

    A broken place with whole members behind it is damage (counted, skipped); without, it is a torn tail, and
    `scanned.end` stays before it.
    """
    if path.stat().st_size <= scanned.end:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        position: int | None = scanned.end
        while position is not None and position < len(content):
            member = _member(content, position)
            if member is None:
                position = _next_member(content, position + 1)
                continue
            scanned.damaged += position - scanned.end
            scanned.end = position = member.end
            yield member


def read(path: Path, *, offset: int, start: int, length: int) -> bytes:
    """Give one report's bytes; raises OSError or ValueError when they are not there."""
    wanted = start + length
    inflater = zlib.decompressobj(31)
    text = bytearray()
    with path.open("rb") as file:
        file.seek(offset)
        while len(text) < wanted and not inflater.eof:
            chunk = file.read(_CHUNK)
            if not chunk:
                break
            try:
                text += inflater.decompress(chunk)
            except zlib.error as error:
                raise ValueError(f"{path.name} is damaged at {offset}: {error}") from error
    if len(text) < wanted:
        raise ValueError(f"{path.name} ends inside the member at {offset}")
    return bytes(text[start:wanted])


def trailer(path: Path, end: int) -> bytes:
    """Give the checksum bytes that end a member; what the index compares to know that it speaks of this file."""
    with path.open("rb") as file:
        file.seek(max(0, end - TRAILER))
        return file.read(min(TRAILER, end))


def sync_directory(path: Path) -> None:
    """Make a new name in a directory survive a power cut."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Segment:
    """The file that is being written; one writer. After an error nothing half-written is left behind."""

    def __init__(self, path: Path, end: int, *, level: int) -> None:
        """Open for appending after `end`, the end of the last whole member; cuts off what lies behind it."""
        self.path = path
        self.end = end
        self._level = level
        new = not path.exists()
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            self._check()
            if new:
                sync_directory(path.parent)
        except OSError:
            os.close(self._handle)
            raise

    def append(self, text: bytes) -> tuple[int, int, bytes]:
        """Write one member durably; gives offset, end and trailer. Raises OSError with the file as it was before."""
        self._check()
        member = gzip.compress(text, self._level, mtime=0)
        try:
            self._write(member)
            os.fsync(self._handle)
        except OSError:
            os.ftruncate(self._handle, self.end)
            raise
        offset, self.end = self.end, self.end + len(member)
        return offset, self.end, member[-TRAILER:]

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._handle)

    def _write(self, member: bytes) -> None:
        view, position = memoryview(member), self.end
        while view:
            written = os.pwrite(self._handle, view, position)
            view, position = view[written:], position + written

    def _check(self) -> None:
        """Refuse a file that was replaced or cut by somebody else; cut off a tail of our own."""
        size = os.fstat(self._handle).st_size
        if size < self.end or not self.path.exists() or not os.path.samestat(os.fstat(self._handle), self.path.stat()):
            raise OSError(errno.EIO, "was cut or replaced by another program; restart the collector", str(self.path))
        if size > self.end:
            os.ftruncate(self._handle, self.end)


def _member(content: mmap.mmap, offset: int) -> Member | None:
    inflater = zlib.decompressobj(31)
    parts: list[bytes] = []
    position = offset
    try:
        while not inflater.eof:
            chunk = content[position : position + _CHUNK]
            if not chunk:
                return None
            parts.append(inflater.decompress(chunk))
            position += len(chunk)
        end = position - len(inflater.unused_data)
        return Member(offset, end, tuple(lines_of(b"".join(parts))))
    except (zlib.error, ValueError):
        return None


def _next_member(content: mmap.mmap, start: int) -> int | None:
    place = content.find(MAGIC, start)
    while place >= 0:
        if _member(content, place) is not None:
            return place
        place = content.find(MAGIC, place + 1)
    return None
