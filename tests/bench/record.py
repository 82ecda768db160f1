"""Records the traces that estimators are judged on: `python -m tests.bench.record [PATTERN]` (root; twenty minutes)."""

import argparse
import fnmatch
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from tests.bench.recording import FOLDER, Recording
from tests.netlab.topology import Lab, LinkSpec, lab, payload_ceiling

PORT: Final = 8080
STEADY_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Condition:
    """A link, its ends, and whether its ceiling is the truth."""

    name: str
    rate_mbps: float = 102
    rtt_ms: float = 40
    spec: dict[str, object] = field(default_factory=dict)
    up_mbps: float | None = None
    streams: int = 4
    congestion: str = "bbr"
    peer: tuple[str, ...] = ()
    truth: bool = True

    def links(self) -> tuple[LinkSpec, LinkSpec]:
        """Down and up; the impairment is on both."""
        queue = {} if {"queue_ms", "queue_bytes"} & set(self.spec) else {"queue_ms": max(50.0, self.rtt_ms)}
        rates = (self.rate_mbps, self.up_mbps or self.rate_mbps)
        down, up = (LinkSpec(rate_mbps=rate, rtt_ms=self.rtt_ms, **queue, **self.spec) for rate in rates)  # type: ignore[arg-type]  # data below
        return down, up


def conditions() -> Iterator[Condition]:
    """Clean links, impaired ones, and those on which TCP is stuck."""
    for rate in (42, 102, 200, 500, 1000):
        for rtt in (10, 40, 80):
            yield Condition(f"clean-{rate}-{rtt}", rate, rtt)
    for percent in (0.1, 0.5, 1.0, 2.0):
        for rtt in (20, 40, 80):
            yield Condition(f"loss{percent:g}-{rtt}", 102, rtt, {"loss": percent / 100})
    for rtt in (20, 60):
        yield Condition(f"burst-{rtt}", 102, rtt, {"loss": 0.002, "burst": 5})
        yield Condition(f"queue15-{rtt}", 102, rtt, {"queue_ms": 15})
        yield Condition(f"queue20-{rtt}", 102, rtt, {"queue_ms": 20})
        yield Condition(f"jitter3-{rtt}", 102, rtt, {"jitter_ms": 3})
    yield Condition("asymmetric-40", 200, 40, up_mbps=20)
    yield Condition("low-3-40", 3, 40)
    yield Condition("clean-102-2", 102, 2)
    yield Condition("clean-300-1", 300, 1)
    yield Condition("single-102-40", streams=1)
    for rtt in (20, 40):
        yield Condition(f"stuck-cubic-{rtt}", 102, rtt, {"loss": 0.005}, congestion="cubic")
        yield Condition(f"stuck-queue-{rtt}", 102, rtt, {"queue_bytes": 15_000}, streams=1)
        yield Condition(f"stuck-peer-{rtt}", 102, rtt, peer=("--pace", "60"))
    yield Condition("cubic-102-40", congestion="cubic")


def record(condition: Condition) -> None:
    """Both directions of one condition."""
    down, up = condition.links()
    with lab(down=down, up=up) as net:
        command = ["-m", "agent", "peer", "--listen", f"*:{PORT}", *condition.peer]
        server = net.server.python(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_listening(net)
        for way, spec in (("download", down), ("upload", up)):
            asked = [way, net.address(), str(PORT), str(condition.streams), condition.congestion]
            client = net.client.python("-m", "tests.bench.recorder", *asked, stdout=subprocess.PIPE)
            out, _ = client.communicate(timeout=40)
            found = json.loads(out)
            truth = payload_ceiling(spec.rate_mbps or 0) * (1 - spec.loss) if condition.truth else None
            Recording(condition.name, way, condition.streams, truth, found["idle_rtt_us"], found["rows"]).save()
            _tell(condition, way, found, truth)
        server.terminate()


def wait_listening(net: Lab) -> None:
    """Return when the peer accepts."""
    for _ in range(100):
        if f":{PORT}" in net.server.run("ss -Htln"):
            return
        time.sleep(0.05)
    raise RuntimeError("the peer does not listen")


def _tell(condition: Condition, way: str, found: dict[str, Any], truth: float | None) -> None:
    rows: list[list[float]] = found["rows"]
    first = next(row for row in rows if row[0] >= STEADY_S)
    mean = (rows[-1][1] - first[1]) * 8 / 1e6 / (rows[-1][0] - first[0])
    error = f"{(mean / truth - 1) * 100:+7.2f} %" if truth else ""
    print(f"{condition.name:18} {way:8} {mean:8.2f} Mbit/s {error}", flush=True)  # noqa: T201 - a command


def main() -> int:
    """Record what matches, and is not there yet unless --fresh."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pattern", nargs="?", default="*")
    parser.add_argument("--fresh", action="store_true", help="record again what is there")
    asked = parser.parse_args()
    for condition in conditions():
        there = (FOLDER / f"{condition.name}-upload.json.gz").exists()
        if fnmatch.fnmatch(condition.name, asked.pattern) and (asked.fresh or not there):
            record(condition)
    return 0


if __name__ == "__main__":
    sys.exit(main())
