"""Where the kernel shows its facts, and how one small file of it is read: whatever is wrong with it, it is unknown."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MOST_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Places:
    """The kernel's two file systems; `programs` is a search path in the form of PATH, None for the device's own."""

    proc: Path = Path("/proc")
    sysfs: Path = Path("/sys")
    programs: str | None = None


def text(path: Path | str) -> str | None:
    """What a small file says, without the line's end; None if it cannot be read."""
    try:
        # Unbuffered, by descriptor: a reading is taken five times a second and must cost nothing.
        place = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    try:
        return os.read(place, _MOST_BYTES).decode("ascii", "replace").strip()
    except OSError:  # a link that is down, a sensor that does not answer
        return None
    finally:
        os.close(place)


def number(path: Path | str) -> int | None:
    """The whole number in a small file; None if there is none."""
    said = text(path)
    return whole(said) if said is not None else None


def whole(said: str) -> int | None:
    """A whole number in decimal; None for anything else."""
    digits = said.removeprefix("-")
    return int(said) if digits.isascii() and digits.isdecimal() and len(digits) <= 20 else None  # noqa: PLR2004 - of 64 bits


def entries(folder: Path, pattern: str) -> list[Path]:
    """The entries of a folder that fit, sorted; none if it cannot be listed."""
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []
