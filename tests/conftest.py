"""What every test shares: skipping with a reason where the machine lacks something, and folders in memory."""

import os
import shutil
import signal
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

SEARCH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/local/sbin"

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - pytest makes a folder of its own in it
MEMORY_BYTES: Final = 2 << 30
SPARE_BYTES: Final = 4 << 30

# How long an example takes says how busy the machine is: speed is measured in tests/bench.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

# A shell that starts the tests in the background lets them, and all that they start, ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure() -> None:
    """Put every folder of a test into memory where there is plenty; PYTEST_DEBUG_TEMPROOT=/tmp puts them on the disk.

    A killed process keeps what it wrote in either; only a power cut tells them apart, and no test makes one.
    But hundreds of thousands of commits wait for the disk, and that was most of the time that the tests took.
    """
    if _has_plenty_of_memory():
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what this machine cannot run, and say what it lacks; begin with what takes long."""
    for item in items:
        if item.get_closest_marker("root") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root, for network namespaces and mounts"))
        for marker in item.iter_markers("program"):
            for program in marker.args:
                if shutil.which(program, path=SEARCH) is None:
                    item.add_marker(pytest.mark.skip(reason=f"needs the program {program}"))
    items[:] = _long_ones_first(items, workers=int(getattr(config, "workerinput", {}).get("workercount", 1)))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where everything can run (CI, as root), a skipped test is a failed promise."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("LINKGAUGE_NO_SKIPS") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _long_ones_first(items: list[pytest.Item], *, workers: int) -> list[pytest.Item]:
    """The same tests, each worker's share headed by its part of the slow ones: begun last, all would wait for them."""
    slow = [item for item in items if item.get_closest_marker("slow")]
    rest = [item for item in items if not item.get_closest_marker("slow")]
    size = -(-len(items) // workers)
    shares = []
    for worker in range(workers):
        own = slow[worker::workers]
        shares += [*own, *rest[: size - len(own)]]
        del rest[: size - len(own)]
    return shares + rest


def _has_plenty_of_memory() -> bool:
    if not (MEMORY.is_dir() and os.access(MEMORY, os.W_OK)):
        return False
    room = os.statvfs(MEMORY)
    if room.f_flag & os.ST_NOEXEC or room.f_bavail * room.f_frsize < MEMORY_BYTES:  # tests run programs they write
        return False
    lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text("ascii").splitlines())
    return int(lines["MemAvailable"].split()[0]) * 1024 >= SPARE_BYTES
