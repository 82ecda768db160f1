"""Small files that must be whole after a power cut: the old content or the new one, never half of each."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def replace(path: Path, content: bytes, *, mode: int = 0o640, forced: bool = True) -> None:
    """Put `content` in place of a file: write beside it, force it to the disk, rename; raises OSError.

    The rename itself is not forced: until the disk has it, a power cut brings the old file back, whole. With `forced`
    off nothing is, which spares the flash; then a power cut may leave an empty file.
    """
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            os.fchmod(number, mode)
            file.write(content)
            file.flush()
            if forced:
                os.fsync(number)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def sweep(path: Path) -> None:
    """Remove what a process that was killed in the middle of `replace` has left beside a file."""
    for rest in path.parent.glob(f".{path.name}.*"):
        with suppress(OSError):
            rest.unlink()


def read(path: Path) -> bytes | None:
    """Read a file; None if it is not there or cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None
