"""How long a demonstration takes to fill, what it costs and how large it is: `python -m tests.bench.demonstration`.

Options: `--sites 200 --days 90`. It runs `up --demo` as a person does, until the page opens, and then looks for some
seconds what it costs to be alive.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import psutil

_ALIVE_S: Final = 20.0
_STOP_S: Final = 20.0
_MIB: Final = 1 << 20


def main() -> int:
    """Measure once, and say it in lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=200)
    parser.add_argument("--days", type=int, default=90)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="linkgauge-demo-") as name:
        data = Path(name) / "demo"
        for what in ("first start", "second start"):
            _measure(what, data, f"{options.sites}x{options.days}")
        for path in ("series.db", "registry.db", "archive"):
            sys.stdout.write(f"{path:<14}{_size(data / path) / _MIB:8.1f} MiB\n")
    return 0


def _measure(what: str, data: Path, edition: str) -> None:
    command = [sys.executable, "-m", "collector", "up", "--demo", "--data", str(data), "--listen", "127.0.0.1:0"]
    began = time.monotonic()
    process = subprocess.Popen(  # noqa: S603 - our own program
        command, env=os.environ | {"LINKGAUGE_DEMO": edition}, stderr=subprocess.PIPE, text=True
    )
    try:
        if process.stderr is None or not any(re.search("open http", line) for line in process.stderr):
            raise SystemExit(f"{what}: the page never opened")
        took = time.monotonic() - began
        watched = psutil.Process(process.pid)
        before, rss = watched.cpu_times(), watched.memory_info().rss
        time.sleep(_ALIVE_S)
        after = watched.cpu_times()
        cpu = sum(after[:2]) - sum(before[:2])
        sys.stdout.write(
            f"{what}: page after {took:.1f} s ({sum(before[:2]):.1f} s of CPU, {rss / _MIB:.0f} MiB);"
            f" alive at {cpu / _ALIVE_S:.0%} of a core\n"
        )
        sys.stdout.flush()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(_STOP_S)


def _size(path: Path) -> int:
    return (
        path.stat().st_size if path.is_file() else sum(one.stat().st_size for one in path.rglob("*") if one.is_file())
    )


if __name__ == "__main__":
    sys.exit(main())
