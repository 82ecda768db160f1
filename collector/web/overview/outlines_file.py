"""The file of outlines on disk: read once, and again when it changes."""

import logging
import os
import threading
from pathlib import Path
from typing import Final

from collector.errors import UsageError
from collector.web.overview.outlines import MOST_BYTES, checked

log: Final = logging.getLogger(__name__)
_Seen = tuple[int, int, int]


class OutlinesFile:
    """For threads. `read` says what is wrong; as a call it never fails: a bad new file keeps the old one on the map."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._seen: _Seen | None = None
        self._body: bytes | None = None
        self._told = ""

    def read(self) -> bytes:
        """The checked outlines of the file as it is now; raises UsageError."""
        with self._lock:
            try:
                seen = _seen(self._path)
                if self._body is None or seen != self._seen:
                    self._seen = seen  # also of a bad file: it is complained of once
                    self._body = checked(_bytes(self._path), str(self._path))
            except OSError as error:
                why = os.strerror(error.errno or 0).lower()
                raise UsageError(f"web.outlines: {self._path}: {why}; name a GeoJSON file, or none") from error
            return self._body

    def __call__(self) -> bytes | None:
        """The newest outlines that were any good; None before there were any."""
        try:
            return self.read()
        except UsageError as error:
            if self._told != str(error):
                self._told = str(error)
                log.warning("web.outlines_refused error=%r", str(error))
            return self._body


def _seen(path: Path) -> _Seen:
    found = path.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)
