"""The folder of a demonstration: marked, so that made-up reports never come to lie beside real ones."""

import contextlib
import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from collector.errors import UsageError

MARK: Final = "demonstration.json"
_REAL: Final = ("registry.db", "series.db", "archive", "agent")


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder says of its demonstration.

    `origin`: the end of the past as it was made first. `until`: up to when it is filled; None while the first filling
    goes on. `store`: where its series are.
    """

    seed: int
    sites: int
    days: int
    origin: datetime
    store: str
    until: datetime | None = None


def read(folder: Path) -> Mark | None:
    """What a folder says; None where there is no demonstration. Raises UsageError for one that cannot be read."""
    path = folder / MARK
    try:
        return msgspec.json.decode(path.read_bytes(), type=Mark)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(
            f"{path}: cannot be read ({error}); delete the folder {folder}, it is a demonstration"
        ) from error


def write(folder: Path, mark: Mark) -> None:
    """Keep what a folder is to say; whatever happens meanwhile, it says the old or the new."""
    new = folder / f"{MARK}.new"
    with new.open("wb") as file:
        new.chmod(0o600)  # the address of a store may hold a password
        file.write(msgspec.json.encode(mark))
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / MARK)


def claim(folder: Path) -> Mark | None:
    """What the folder says, if a demonstration may use it; raises UsageError where real measurements lie."""
    mark = read(folder)
    if mark is None and any((folder / name).exists() for name in _REAL):
        raise UsageError(f"--data {folder}: real measurements are here; a demonstration wants a folder of its own")
    return mark


def refuse(folder: Path) -> None:
    """Raises UsageError where a demonstration lies: nothing real is measured into it."""
    if (folder / MARK).exists():
        raise UsageError(f"--data {folder}: a demonstration is here (`up --demo`); name another folder, or delete it")


def empty(folder: Path) -> None:
    """Take away what a filling that was cut off has left, but not the mark."""
    for path in folder.iterdir():
        if path.name in ("lock", MARK):
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
