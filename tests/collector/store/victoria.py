"""A real VictoriaMetrics of one's own: a free port, its own directory, ended by its process."""

import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ports import free_port


@contextmanager
def running_victoria(folder: Path, *flags: str) -> Iterator[int]:
    """A server that lives as long as the context; gives its port."""
    port = free_port()
    program = shutil.which("victoria-metrics") or "victoria-metrics"
    arguments = [f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={folder}", "-retentionPeriod=100y", *flags]
    folder.mkdir(parents=True, exist_ok=True)
    command = [program, *arguments]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:  # noqa: S603 - fixed
        try:
            deadline = time.monotonic() + 10
            while not _answers(port):
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            yield port
        finally:
            process.kill()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
