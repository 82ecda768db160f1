"""Small files that must be whole after a power cut: the old content or the new one, never half of each."""

import os
import tempfile
from pathlib import Path


def replace(path: Path, content: bytes, *, mode: int = 0o640) -> None:
    """Put `content` in place of a file: write beside it, force it to the disk, rename; raises OSError."""
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            os.fchmod(number, mode)
            file.write(content)
            file.flush()
            os.fsync(number)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
    _sync(path.parent)


def read(path: Path) -> bytes | None:
    """Read a file; None if it is not there or cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
