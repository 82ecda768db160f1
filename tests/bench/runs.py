"""One run of our own client in a lab, started as users start it."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tests.bench.cells import Job
from tests.bench.ground import LOOK_S, PEER_PORT, READY_S, Ground, Said, Stopped, popen_options
from tests.bench.store import Run, Way
from tests.bench.watched import Told, watch

OWN_S: Final = 60.0
NAMES: Final[dict[Way, str]] = {"down": "download", "up": "upload"}
# One run in twenty goes its full length to check the early stop; here every run is to show what stopping early gives.
NEVER_FULL: Final = ("--full_every", "0")
LOADED_BYTES: Final = 1_000_000


def own(ground: Ground, job: Job) -> Run:
    """Measure once. What the client says of a failure is a result; a broken lab raises RuntimeError."""
    with _company(ground) if job.cell.busy else contextlib.nullcontext():
        watched = watch(ground, job)
        said = _probe(ground, *job.cell.probe)
        return watched.ended(_told(said))


def fixed(ground: Ground, job: Job) -> Run:
    """Measure for a fixed 10 s; the figure is all bytes by all time."""
    watched = watch(ground, job)
    told = _told(_probe(ground, "--early", "false"))
    sides = {way: {**side, "mbps": side.get("mean_mbps")} for way, side in told.sides.items()}
    return watched.ended(Told(sides, told.took_s, told.failure, told.doubts, told.congestion))


def _command(ground: Ground, *options: str) -> list[str]:
    family = ground.cell.family
    host = ground.net.address(family)
    url = f"msak+ws://{f'[{host}]' if family == 'ipv6' else host}:{PEER_PORT}"
    probe = [sys.executable, "-m", "agent", "probe", "throughput", "--json", "--peer", url, "--family", family[-1]]
    return [*probe, *NEVER_FULL, *options]


def _probe(ground: Ground, *options: str) -> Said:
    return ground.execute(ground.net.client, _command(ground, *options), timeout_s=OWN_S)


def _told(said: Said) -> Told:
    document = said.document()
    if document is None:
        return Told({}, said.took_s, failure=said.reason)
    result = document.get("result") or {}
    return Told(
        sides={way: _side(result[name]) for way, name in NAMES.items() if result.get(name)},
        took_s=said.took_s,
        failure=_failure(document),
        doubts=tuple(document.get("doubts", ())),
        congestion=result.get("congestion"),
    )


def _side(direction: Mapping[str, Any]) -> dict[str, Any]:
    names = ("mbps", "mean_mbps", "low_mbps", "high_mbps", "duration_s", "streams", "stop")
    return {**{name: direction.get(name) for name in names}, "failure": _failure(direction)}


def _failure(holder: Mapping[str, Any]) -> str | None:
    failure = holder.get("failure")
    return f"{failure['stage']}:{failure['reason']}" if failure else None


@contextlib.contextmanager
def _company(ground: Ground) -> Iterator[None]:
    """Let another device hold the peer's only place, and load the line, for as long as the block lasts."""
    link = ground.net.link
    before = link.counters().down.total.bytes_delivered
    options = popen_options(subprocess.DEVNULL)
    with ground.net.rival.popen(_command(ground, "--early", "false"), stderr=subprocess.DEVNULL, **options) as process:
        try:
            deadline = time.monotonic() + READY_S
            while link.counters().down.total.bytes_delivered - before < LOADED_BYTES:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the other device does not load the line")
                if ground.stopping.wait(LOOK_S):
                    raise Stopped
            yield
        finally:
            process.terminate()
