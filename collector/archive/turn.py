"""Whose turn it is to append: of the processes that share an archive, one at a time looks, appends and tells."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from collector.errors import StoreUnavailable

PATIENCE_S: Final = 2.0
_LOOK_S: Final = 0.005


@contextmanager
def turn(folder: Path, *, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Wait for one's turn, but not for ever: whoever has been stopped in the middle must not stop the others.

    Raises:
        StoreUnavailable: the folder cannot be used.
    """
    try:
        guard = os.open(folder / "turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise StoreUnavailable(f"archive {folder}: {error}; check the disk and its permissions") from error
    try:
        _wait(guard, patience_s)
        yield
    finally:
        os.close(guard)


def _wait(guard: int, patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return
            time.sleep(_LOOK_S)
        else:
            return
