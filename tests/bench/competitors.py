"""One run of each program that we are compared with, in the same lab: iperf3, and speedtest-cli against a stub."""

import sys
import tempfile
from collections.abc import Mapping
from typing import Any, Final

from tests.bench.cells import Job
from tests.bench.ground import IPERF_PORT, Ground, Said, needed
from tests.bench.store import Run, Way
from tests.bench.watched import Told, watch

IPERF_S: Final = 10
IPERF_STREAMS: Final = 4
# A minute, of which the first ten seconds do not count
SHARE_S: Final = 50
OMITTED_S: Final = 10
GRACE_S: Final = 15.0
SPEEDTEST_S: Final = 120.0
# speedtest-cli asks for this name whatever it is told
SPEEDTEST_HOST: Final = "www.speedtest.net"
STUB: Final = "tests.agent.speed.speedtest_stub"


def iperf3(ground: Ground, job: Job) -> Run:
    """Four streams for 10 s, down and then up."""
    return _both(ground, job, seconds=IPERF_S)


def share(ground: Ground, job: Job) -> Run:
    """What four streams steadily get in a minute beside the others, the first 10 s left out, down and then up."""
    return _both(ground, job, seconds=SHARE_S, omit=OMITTED_S)


def _both(ground: Ground, job: Job, *, seconds: int, omit: int = 0) -> Run:
    ground.iperf_server()
    watched = watch(ground, job)
    ways: Mapping[Way, list[str]] = {"down": ["-R"], "up": []}
    said = {way: _iperf(ground, seconds, omit, extra) for way, extra in ways.items()}
    failures = [one.reason for one in said.values() if _received(one) is None]
    sides = {way: {"mbps": _received(one), "duration_s": float(seconds)} for way, one in said.items()}
    return watched.ended(
        Told(sides, sum(one.took_s for one in said.values()), failure="; ".join(failures) or None),
    )


def _iperf(ground: Ground, seconds: int, omit: int, extra: list[str]) -> Said:
    target = ground.net.address(ground.cell.family)
    command = [needed("iperf3"), "-c", target, "-p", str(IPERF_PORT), "-J", "-P", str(IPERF_STREAMS)]
    command += ["-t", str(seconds), "-O", str(omit), "-C", "bbr", *extra]
    return ground.execute(ground.net.client, command, timeout_s=seconds + omit + GRACE_S)


def _received(said: Said) -> float | None:
    """The rate at the receiver in Mbit/s; None if it said none."""
    document = said.document() or {}
    received = document.get("end", {}).get("sum_received", {}).get("bits_per_second")
    return None if "error" in document or not received else round(received / 1e6, 3)


def speedtest(ground: Ground, job: Job) -> Run:
    """Run speedtest-cli as it is; it sees our stub where it looks for the service."""
    program, family, net = needed("speedtest-cli"), ground.cell.family, ground.net
    address = net.address(family)
    listen = f"[{address}]:80" if family == "ipv6" else f"{address}:80"
    ground.serve(net.server, [sys.executable, "-m", STUB, "--listen", listen], port=80)
    watched = watch(ground, job)
    with tempfile.NamedTemporaryFile("w", encoding="ascii") as hosts:
        hosts.write(f"{address} {SPEEDTEST_HOST}\n")
        hosts.flush()
        # `ip netns exec` gives each program its own mounts, so nobody else sees this one
        script = ["sh", "-c", 'mount --bind "$1" /etc/hosts && shift && exec "$@"', "sh", hosts.name]
        command = [program, "--json", "--mini", f"http://{SPEEDTEST_HOST}/"]
        said = ground.execute(net.client, [*script, *command], timeout_s=SPEEDTEST_S)
    document = said.document()
    if document is None:
        return watched.ended(Told({}, said.took_s, failure=said.reason))
    sides: dict[Way, dict[str, Any]] = {
        "down": {"mbps": round(document["download"] / 1e6, 3)},
        "up": {"mbps": round(document["upload"] / 1e6, 3)},
    }
    return watched.ended(Told(sides, said.took_s))
