"""Holding a slot's folder alone, and tidying it up first."""

import fcntl
import os
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from collector.archive.days import Days
from collector.errors import UsageError

LOCK: Final = "lock"
_WAIT_STEP_S: Final = 0.05


def take(folder: Path, *, wait_s: float = 0, name: str = LOCK) -> int:
    """Hold a folder alone, as long as the handle stays open; raises UsageError when another does, OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    guard = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        _lock(guard, monotonic() + wait_s)
    except BlockingIOError as error:
        os.close(guard)
        raise UsageError(
            f"archive {folder} is in use by another collector; stop it or set another [archive] url"
        ) from error
    except OSError:  # such as a network folder whose server knows no locks
        os.close(guard)
        raise
    return guard


def _lock(guard: int, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if monotonic() >= deadline:
                raise
            sleep(_WAIT_STEP_S)
        else:
            return


def tidy(folder: Path, days: Days) -> None:
    """Remove what a crash in the middle of sealing or deleting left behind; raises OSError."""
    for path in folder.glob("[0-9][0-9][0-9][0-9]/*.new"):
        path.unlink()
    wanted = {path for paths in days.files().values() for path in paths}
    for path in folder.glob("[0-9][0-9][0-9][0-9]/????-??-??.gz"):
        if path not in wanted:
            path.unlink()
    data = {str(path) for path in folder.glob("[0-9][0-9][0-9][0-9]/????-??-??.*")}
    for path in folder.glob("[0-9][0-9][0-9][0-9]/????-??-??.*.keys"):
        if str(path).removesuffix(".keys") not in data:
            path.unlink()
