"""What the running service says of itself on this device: status.json in the data folder, read by `status`.

The wire's Status goes to the broker; this file adds what a person beside the box wants to know.
"""

import os
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from agent import files
from agent.errors import UsageError
from agent.measure import failures
from agent.wire.control import Health, Status
from agent.wire.report import Measurement
from agent.wire.results import Ipv6, Latency, Throughput

NAME: Final = "status.json"


class Recent(msgspec.Struct, frozen=True, omit_defaults=True):
    """One report in a line: its main value, or its failure."""

    kind: str
    started: datetime
    value: str | None = None
    failure: str | None = None


class Broker(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The way to the broker: since when it is as it is, and why it was last lost."""

    url: str
    connected: bool
    since: datetime
    last_error: str | None = None


class Report(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What stands in status.json. `trouble`: what is wrong right now, in plain words."""

    agent: str
    pid: int
    since: datetime
    at: datetime
    status: Status
    broker: Broker | None = None
    measuring: str | None = None
    recent: list[Recent] = []
    trouble: list[str] = []


def write(folder: Path, report: Report) -> None:
    """Put the file in place, whole; raises OSError. It is written often and worth nothing after a power cut."""
    files.replace(folder / NAME, msgspec.json.encode(report), forced=False)


def read(folder: Path) -> Report:
    """Read what the service last said; raises UsageError in one plain line."""
    path = folder / NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except FileNotFoundError as error:
        raise UsageError(f"{path}: not there; has the service run with this configuration?") from error
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; try as root or as the service's user") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a status file: {error}; the running service writes a new one") from error


def is_alive(report: Report) -> bool:
    """Whether the process that wrote the file still runs."""
    try:
        os.kill(report.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def recent(measurement: Measurement[Any]) -> Recent:
    """Say a report in one line."""
    failed = failures(measurement)
    return Recent(
        kind=measurement.kind,
        started=measurement.started,
        value=_value(measurement),
        failure=", ".join(dict.fromkeys(str(failure) for failure in failed)) or None,
    )


def health(
    folder: Path,
    *,
    synchronized: bool | None,
    uptime_s: float,
    used_bytes: int | None = None,
    allowed: int | None = None,
) -> Health:
    """Read what the device says of itself; what it does not say is left out. `used_bytes`, `allowed`: of this month."""
    try:
        disk = os.statvfs(folder)
        free = disk.f_bavail * disk.f_frsize
    except OSError:
        free = None
    try:
        load = round(os.getloadavg()[0], 2)
    except OSError:
        load = None
    return Health(
        disk_free_bytes=free,
        clock_synchronized=synchronized,
        uptime_s=round(uptime_s),
        load=load,
        data_used_bytes=used_bytes,
        data_allowed_bytes=allowed,
    )


def _value(measurement: Measurement[Any]) -> str | None:
    match measurement.result:
        case Throughput(download=down, upload=up):
            parts = [
                f"{mark} {part.mbps:.1f}" for mark, part in (("↓", down), ("↑", up)) if part and part.mbps is not None
            ]
            return f"{' '.join(parts)} Mbit/s" if parts else None
        case Latency(rtt_ms=rtt) if rtt is not None and rtt.median is not None:
            return f"{rtt.median:.1f} ms"
        case Ipv6(status=status):
            return status
        case _:
            return None
