"""What every test shares: skipping with a reason where the machine lacks something, and one limit on waiting."""

import os
import shutil
import signal

import pytest

SEARCH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/local/sbin"

# A shell that starts the tests in the background lets them, and all that they start, ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what this machine cannot run, and say what it lacks."""
    for item in items:
        if item.get_closest_marker("root") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root, for network namespaces and mounts"))
        for marker in item.iter_markers("program"):
            for program in marker.args:
                if shutil.which(program, path=SEARCH) is None:
                    item.add_marker(pytest.mark.skip(reason=f"needs the program {program}"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where everything can run (CI, as root), a skipped test is a failed promise."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("LINKGAUGE_NO_SKIPS") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
