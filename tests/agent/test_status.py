"""What the service says of itself beside the box."""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent import status as statuses
from agent.errors import UsageError
from agent.wire.control import Status
from agent.wire.failure import Failure
from agent.wire.report import Measurement
from agent.wire.results import Direction, Ipv6, Latency, Ledger, Result, Spread, Throughput

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ID = "01936f0e-0000-7000-8000-000000000000"


def _report(pid: int) -> statuses.Report:
    return statuses.Report(agent="a1", pid=pid, since=NOON, at=NOON, status=Status(state="online"), trouble=["t"])


def _made(result: Result | None = None, failure: Failure | None = None) -> Measurement[Any]:
    return Measurement(id=ID, agent="a1", kind="latency", started=NOON, duration_s=1.0, result=result, failure=failure)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    statuses.write(tmp_path, _report(7))
    assert statuses.read(tmp_path) == _report(7)


def test_no_file_is_one_plain_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"status\.json: not there; has the service run"):
        statuses.read(tmp_path)


@pytest.mark.parametrize("content", [b"", b'{"agent":"a1"', b"\xff", b"[]"])
def test_a_torn_file_is_one_plain_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "status.json").write_bytes(content)
    with pytest.raises(UsageError, match="not a status file"):
        statuses.read(tmp_path)


def test_a_file_that_is_a_folder_is_one_plain_line(tmp_path: Path) -> None:
    (tmp_path / "status.json").mkdir()
    with pytest.raises(UsageError, match="Is a directory"):
        statuses.read(tmp_path)


def test_a_process_is_alive_or_not() -> None:
    with subprocess.Popen(["/bin/sleep", "30"]) as process:
        assert statuses.is_alive(_report(process.pid))
        process.kill()
        process.wait()
        assert not statuses.is_alive(_report(process.pid))
    assert statuses.is_alive(_report(os.getpid()))


@pytest.mark.parametrize(
    ("result", "value", "failure"),
    [
        (Throughput(download=Direction(mbps=100.04), upload=Direction(mbps=9.96)), "↓ 100.0 ↑ 10.0 Mbit/s", None),
        (
            Throughput(download=Direction(mbps=0.0), upload=Direction(failure=Failure("transfer", "reset"))),
            "↓ 0.0 Mbit/s",
            "transfer:reset",
        ),
        (Throughput(), None, None),
        (Latency(method="stamp", sent=9, received=9, rtt_ms=Spread(median=3.21)), "3.2 ms", None),
        (Latency(method="stamp", sent=9, received=0), None, None),
        (Ipv6(status="ipv4_only"), "ipv4_only", None),
        (Ledger(day=NOON.date()), None, None),
    ],
)
def test_a_report_in_one_line(result: Result, value: str | None, failure: str | None) -> None:
    line = statuses.recent(_made(result))
    assert (line.value, line.failure) == (value, failure)


def test_a_failure_in_one_line() -> None:
    assert statuses.recent(_made(failure=Failure("connect", "refused"))).failure == "connect:refused"


def test_health_leaves_out_what_cannot_be_read(tmp_path: Path) -> None:
    told = statuses.health(tmp_path, synchronized=True, uptime_s=12.3)
    assert (told.clock_synchronized, told.uptime_s) == (True, 12)
    assert told.disk_free_bytes is not None
    assert statuses.health(tmp_path / "gone", synchronized=None, uptime_s=1).disk_free_bytes is None
