"""All files that are generated, and what stands on the disk of them. `PARTS` is the list to extend."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from dashboards import catalogue, provisioning

GENERATED: Final = Path(__file__).parent / "generated"
PARTS: Final[tuple[Callable[[], Mapping[str, str]], ...]] = (catalogue.files, provisioning.files)
"""Each gives files: path below `generated/`, with slashes → text."""


def files() -> dict[str, str]:
    """Every generated file as it should be: path below `generated/` → text."""
    found: dict[str, str] = {}
    for part in PARTS:
        some = part()
        if twice := found.keys() & some.keys():
            raise ValueError(f"two parts make {sorted(twice)}")
        found |= some
    return found


def drift(folder: Path) -> list[str]:
    """What differs between a folder and `files`, one line each, empty if nothing does."""
    wanted = files()
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    said = [f"{name}: is not there" for name in sorted(wanted.keys() - there)]
    said += [f"{name}: nothing makes it any more" for name in sorted(there - wanted.keys())]
    same = sorted(wanted.keys() & there)
    said += [f"{name}: differs" for name in same if (folder / name).read_bytes() != wanted[name].encode()]
    return said


def write(folder: Path) -> list[str]:
    """Make the folder hold `files` and nothing else; gives what was changed, as `drift` says it."""
    changed = drift(folder)
    wanted = files()
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        if path.relative_to(folder).as_posix() not in wanted:
            path.unlink()
    for name, text in wanted.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return changed
