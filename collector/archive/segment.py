"""The file that is being written: one writer, durable before `append` returns, nothing half-written left behind."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

import zstandard

from collector.archive.frame import TRAILER

# What the kernel says when there is no room: disk, quota, file size limit.
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def trailer(path: Path, end: int) -> bytes:
    """Give the bytes that end a frame; what derived files compare to know that they speak of this file."""
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


def make_durable(path: Path) -> None:
    """Make what another wrote survive a power cut. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def create(path: Path) -> BinaryIO:
    """Make a new file, as closed to others as the data; raises OSError, also when there is one."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640), "wb")


class Segment:
    """One day's file, open for appending."""

    def __init__(self, path: Path, end: int, *, level: int) -> None:
        """Open for appending after `end`, the end of the last whole frame; cuts off what lies behind it."""
        self.path = path
        self.end = end
        self._compressor = zstandard.ZstdCompressor(level=level, write_checksum=True)
        new = not path.exists()
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            self._check()
            if new:
                sync_directory(path.parent)
        except OSError:
            os.close(self._handle)
            raise

    def append(self, text: bytes, last_look: Callable[[], object] = lambda: None) -> tuple[int, int]:
        """Write one frame durably; gives offset and end. Raises OSError with the file as it was before.

        `last_look`: called right before the file is touched; what it raises is raised.
        """
        self._check()
        frame = self._compressor.compress(text)
        last_look()
        try:
            self._write(frame)
            os.fsync(self._handle)
        except OSError:
            os.ftruncate(self._handle, self.end)
            raise
        offset, self.end = self.end, self.end + len(frame)
        return offset, self.end

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._handle)

    def _write(self, frame: bytes) -> None:
        view, position = memoryview(frame), self.end
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
