"""One batch of reports as one compressed frame, and how frames are found again in a file.

A frame's text is lines `received_at TAB length TAB raw NEWLINE`; the length makes newlines inside `raw` harmless.
New files hold zstd frames with a checksum (read them with `zstdcat`), older ones gzip members (`zcat`).
"""

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

import zstandard

ZSTD: Final = b"\x28\xb5\x2f\xfd"
GZIP: Final = b"\x1f\x8b\x08"
TRAILER: Final = 8
# A skippable frame at the start, which `zstdcat` passes over, says that a file is sealed and what it was made of.
_SKIPPABLE: Final = struct.Struct("<4sI")
_SEALED: Final = b"\x5a\x2a\x4d\x18"
_FIRST_CHUNK: Final = 1 << 12
_CHUNK: Final = 1 << 16
_WINDOW: Final = 1 << 27
_TEXT: Final = 1 << 28  # bytes that a frame may say it holds


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: where it lies in its file (`offset` ≤ byte < `end`) and its text."""

    offset: int
    end: int
    text: bytes


@dataclass(slots=True)
class Scan:
    """What a scan came upon besides frames: where the good part ends, and bytes in the middle that are damaged."""

    end: int
    damaged: int = 0


def text_of(reports: Sequence[bytes], received_at: str) -> bytes:
    """Write the text of one frame."""
    heads: dict[int, bytes] = {}
    pieces: list[bytes] = []
    for raw in reports:
        length = len(raw)
        head = heads.get(length)
        if head is None:
            head = heads[length] = f"{received_at}\t{length}\t".encode()
        pieces += (head, raw, b"\n")
    return b"".join(pieces)


def lines_of(text: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Read a frame's text as (received_at, raw); raises ValueError where it is not what `text_of` writes."""
    position = 0
    while position < len(text):
        first = text.index(b"\t", position)
        second = text.index(b"\t", first + 1)
        start, length = second + 1, int(text[first + 1 : second])
        end = start + length
        if length < 0 or text[end : end + 1] != b"\n":
            raise ValueError(f"no newline at {end}")
        yield text[position:first], text[start:end]
        position = end + 1


def reports_of(text: bytes) -> list[tuple[datetime, bytes]]:
    """Read a frame's text as (received_at, raw) with real times; raises ValueError."""
    times: dict[bytes, datetime] = {}
    found = []
    for stamp, raw in lines_of(text):
        at = times.get(stamp)
        if at is None:
            at = times[stamp] = datetime.fromisoformat(stamp.decode())
        found.append((at, raw))
    return found


def seal_mark(names: Sequence[str]) -> bytes:
    """Write the frame that says: sealed, and made of these files."""
    said = ("linkgauge sealed " + " ".join(names)).encode()
    return _SKIPPABLE.pack(_SEALED, len(said)) + said


def sealed_from(path: Path) -> list[str]:
    """Name the files that a sealed file was made of; nothing for one that is not sealed."""
    with path.open("rb") as file:
        magic, length = _SKIPPABLE.unpack(file.read(8).ljust(8, b"\0"))
        if magic != _SEALED:
            return []
        return file.read(min(length, 4096)).decode(errors="replace").split()[2:]


def frames(path: Path, scanned: Scan) -> Iterator[Frame]:
    """Give every whole frame from `scanned.end` on, moving `scanned.end` along.

    A broken place with whole frames behind it is damage (counted, skipped); without, it is a torn tail, and
    `scanned.end` stays before it.
    """
    size = path.stat().st_size
    if size <= scanned.end:
        return
    magic = GZIP if path.suffix == ".gz" else ZSTD
    with path.open("rb", buffering=0) as file:
        content = _Content(file.fileno(), size)
        position: int | None = _past_mark(content, scanned.end)
        scanned.end = position or 0
        while position is not None and position < size:
            frame = _frame(content, position, magic)
            if frame is None:
                position = _next_frame(content, position + 1, magic)
                continue
            scanned.damaged += position - scanned.end
            scanned.end = position = frame.end
            yield frame


def unpack(data: bytes) -> bytes:
    """Give the text of one whole frame; raises ValueError when it is damaged."""
    try:
        if data[:3] == GZIP:
            return zlib.decompressobj(31).decompress(data)
        inflater = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
        if zstandard.get_frame_parameters(data).content_size <= _TEXT:
            return inflater.decompress(data)
        return inflater.decompressobj().decompress(data)  # not said how long, as other programs write it
    except (zlib.error, zstandard.ZstdError) as error:
        raise ValueError(str(error)) from error


class _Inflater(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


class _Content:
    """The first `size` bytes of a file. No memory map: one of a file that its writer cuts would end this process."""

    def __init__(self, handle: int, size: int) -> None:
        self._handle = handle
        self.size = size

    def part(self, start: int, end: int) -> bytes:
        """Give the bytes from start to end, as far as there are any."""
        return os.pread(self._handle, max(0, min(end, self.size) - start), start)

    def find(self, wanted: bytes, start: int) -> int:
        """Give the next place of some bytes, or -1."""
        while start < self.size:
            chunk = self.part(start, start + _CHUNK)
            place = chunk.find(wanted)
            if place >= 0:
                return start + place
            if len(chunk) < len(wanted):
                break
            start += len(chunk) - len(wanted) + 1
        return -1


def _past_mark(content: _Content, position: int) -> int:
    head = content.part(0, _SKIPPABLE.size)
    if position == 0 and head[:4] == _SEALED and len(head) == _SKIPPABLE.size:
        length: int = _SKIPPABLE.unpack(head)[1]
        return min(_SKIPPABLE.size + length, content.size)
    return position


def _frame(content: _Content, offset: int, magic: bytes) -> Frame | None:
    """Read one frame; None where none begins or ends, or its text is not ours."""
    if content.part(offset, offset + len(magic)) != magic:
        return None
    inflater: _Inflater = (
        zlib.decompressobj(31) if magic == GZIP else zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()
    )
    parts: list[bytes] = []
    position, size = offset, _FIRST_CHUNK
    try:
        while not inflater.eof:
            chunk = content.part(position, position + size)
            if not chunk:
                return None
            parts.append(inflater.decompress(chunk))
            position, size = position + len(chunk), _CHUNK
        text = b"".join(parts)
        for _ in lines_of(text):
            pass
    except (zlib.error, zstandard.ZstdError, ValueError):
        return None
    return Frame(offset, position - len(inflater.unused_data), text)


def _next_frame(content: _Content, start: int, magic: bytes) -> int | None:
    place = content.find(magic, start)
    while place >= 0:
        if _frame(content, place, magic) is not None:
            return place
        place = content.find(magic, place + 1)
    return None
