"""The control groups that may keep this process off the processor: its own and those above it, version 1 and 2."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from agent.evidence.places import Places, text


def folders(places: Places) -> list[Path]:
    """The folders of all groups above this process that count how long they were throttled; none if none does.

    In a container the path may be the host's and not be there; then the root of the mount is the container's own.
    """
    found: list[Path] = []
    for line in (text(places.proc / "self" / "cgroup") or "").splitlines():
        fields = line.split(":", 2)
        if len(fields) < 3:  # noqa: PLR2004 - the columns of the file
            continue
        for root in _roots(places.sysfs / "fs" / "cgroup", fields[1]):
            found += [
                folder for folder in _upwards(root, fields[2]) if "throttled" in (text(folder / "cpu.stat") or "")
            ]
    return list(dict.fromkeys(found))


def _roots(mounted: Path, controllers: str) -> Iterator[Path]:
    """Where a hierarchy may be mounted: by its controllers' names, version 2 alone or beside version 1."""
    if not controllers:
        yield from (mounted, mounted / "unified")
    elif "cpu" in controllers.split(","):
        yield from (mounted / controllers, mounted / "cpu")


def _upwards(root: Path, path: str) -> Iterator[Path]:
    place = PurePosixPath(path.lstrip("/"))
    if ".." in place.parts:  # a process outside of its namespace's root
        place = PurePosixPath()
    yield root / place
    for parent in place.parents:
        yield root / parent
