"""A disk that can be filled and freed: a small file system where root may mount one, else a file size limit."""

import os
import resource
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Self

SIZE = "512m"
BALLAST = "ballast"
FULL_AT_BYTES = 1
STEPS_BYTES = (1 << 24, 1 << 16, 1 << 12)


class Disk:
    """The folder `path`. While it is full, nothing can be written there by the processes that are named then."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mounted = False
        self._limited: dict[int, tuple[int, int]] = {}

    def __enter__(self) -> Self:
        self.path.mkdir(parents=True)
        if os.geteuid() == 0 and shutil.which("mount"):
            command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(self.path)]
            self._mounted = subprocess.run(command, check=False, capture_output=True).returncode == 0  # noqa: S603 - ours
        return self

    def __exit__(self, *_: object) -> None:
        if self._mounted:
            subprocess.run(["umount", "--lazy", str(self.path)], check=False)  # noqa: S603, S607 - ours

    def fill(self, pids: list[int]) -> None:
        """Leave no room."""
        if self._mounted:
            with (self.path / BALLAST).open("wb") as file:
                for step in STEPS_BYTES:
                    _grow(file.fileno(), step)
            return
        for pid in pids:
            self._limited[pid] = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (FULL_AT_BYTES, self._limited[pid][1]))

    def free(self) -> None:
        """Give the room back."""
        (self.path / BALLAST).unlink(missing_ok=True)
        for pid, limits in self._limited.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
        self._limited.clear()


def _grow(file: int, step: int) -> None:
    """Take room in steps until there is none: others write, too."""
    with suppress(OSError):
        while True:
            os.posix_fallocate(file, os.fstat(file).st_size, step)
