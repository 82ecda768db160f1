"""Boards made of files: what the kernel of another machine would show."""

from pathlib import Path

from agent.evidence.places import Places


def places(root: Path, *, programs: str = "") -> Places:
    """An empty machine: /proc and /sys without a file, and no program but those in `programs`."""
    for name in ("proc", "sys"):
        (root / name).mkdir(exist_ok=True)
    return Places(root / "proc", root / "sys", programs or str(root))


def write(folder: Path, **files: object) -> Path:
    """Files with one line each; `__` in a name is a slash."""
    for name, said in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{said}\n")
    return folder
