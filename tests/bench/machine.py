"""Where and from what a bench was run: the machine, the commit, and the programs that are compared with."""

import os
import platform
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


def machine() -> str:
    """Give processor, cores, kernel and Python in one line."""
    kernel = platform.release().partition("-")[0]
    return f"{os.cpu_count()} cores of {_processor()}, Linux {kernel}, Python {platform.python_version()}"


def commit() -> str:
    """Give the commit of the tree, with a + if the agent's own files differ from it; "" outside a repository."""
    name = _said("git", "rev-parse", "--short", "HEAD").strip()
    changed = _said("git", "status", "--porcelain", "--untracked-files=no", "agent")
    return f"{name}+" if name and changed else name


def program(name: str) -> str | None:
    """Give the path of a program: beside this Python, or on the path."""
    return shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")


def versions() -> str:
    """Give the versions of the programs that are compared with; what is not installed is not named."""
    found = []
    if program("iperf3"):
        found.append(" ".join(_said("iperf3", "--version").split()[:2]))
    if program("speedtest-cli"):
        try:
            found.append(f"speedtest-cli {metadata.version('speedtest-cli')}")
        except metadata.PackageNotFoundError:
            found.append("speedtest-cli")
    return ", ".join(found)


def _said(name: str, *arguments: str) -> str:
    path = program(name)
    if path is None:
        return ""
    return subprocess.run([path, *arguments], capture_output=True, text=True, check=False, cwd=ROOT).stdout  # noqa: S603 - fixed


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.machine()
    named = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith(("model name", "Model"))]
    return named[0] if named else platform.machine()
