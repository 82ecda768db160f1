"""Files that somebody uploaded and has not agreed to yet: few, for half an hour, gone with the process.

Their bytes lie in files without a name, which vanish with the process however it ends; only previews are in memory.
Another process does not know them: it says so, and the file is chosen again.
"""

import errno
import os
import secrets
import tempfile
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, Final

from collector.web.admin.intake import Kind
from collector.web.admin.preview import Preview

KEPT: Final = 8
AGE: Final = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Draft:
    """A file, its preview, and whether what is known has changed since it was first shown."""

    kind: Kind
    name: str
    at: datetime
    preview: Preview
    content: IO[bytes]
    is_renewed: bool = False


class Drafts:
    """The drafts of one process. Thread-safe."""

    def __init__(self) -> None:
        self._drafts: dict[str, Draft] = {}
        self._lock = threading.Lock()

    def put(self, kind: Kind, name: str, data: bytes, preview: Preview, *, at: datetime) -> str:
        """Keep a file; gives the token by which it is found. The oldest goes when there are too many.

        Raises OSError when there is no room for it.
        """
        content = _kept(data)
        token = secrets.token_urlsafe(18)
        with self._lock:
            self._drop(at)
            while len(self._drafts) >= KEPT:
                self._close(next(iter(self._drafts)))
            self._drafts[token] = Draft(kind, name, at, preview, content)
        return token

    def get(self, token: str, *, at: datetime) -> Draft | None:
        """A draft; None for one that is no more."""
        with self._lock:
            self._drop(at)
            return self._drafts.get(token)

    def data(self, token: str) -> bytes | None:
        """A draft's bytes; None when it has gone."""
        with self._lock:
            draft = self._drafts.get(token)
            if draft is None:
                return None
            draft.content.seek(0)
            return draft.content.read()

    def renew(self, token: str, preview: Preview) -> None:
        """Replace a draft's preview, as what is known has changed."""
        with self._lock:
            old = self._drafts.get(token)
            if old is not None:
                self._drafts[token] = Draft(old.kind, old.name, old.at, preview, old.content, is_renewed=True)

    def forget(self, token: str) -> None:
        """Let a draft go; harmless when it has gone."""
        with self._lock:
            self._close(token)

    def clear(self) -> None:
        """Let all go."""
        with self._lock:
            for token in list(self._drafts):
                self._close(token)

    @property
    def held(self) -> Mapping[str, Draft]:
        """What is kept now."""
        with self._lock:
            return dict(self._drafts)

    def _drop(self, at: datetime) -> None:
        for token in [token for token, draft in self._drafts.items() if at - draft.at > AGE]:
            self._close(token)

    def _close(self, token: str) -> None:
        draft = self._drafts.pop(token, None)
        if draft is not None:
            draft.content.close()


def _kept(data: bytes) -> IO[bytes]:
    """A file without a name that holds these bytes, on the disk and in no buffer: what fails fails now."""
    with ExitStack() as undo:
        content = undo.enter_context(tempfile.TemporaryFile(buffering=0))
        if content.write(data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        undo.pop_all()
        return content
