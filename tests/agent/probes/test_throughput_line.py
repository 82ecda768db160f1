"""The commands over a real bottleneck: two namespaces, a tbf of 102 Mbit/s on each end, IPv4 and IPv6.

tbf counts Ethernet frames of 1514 bytes at MTU 1500; of those 1448 (IPv4) or 1428 (IPv6) are TCP payload.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.wire.results import Throughput

RATE_MBPS = 102
SECONDS = 4.5
ROOT = Path(__file__).parents[3]
HOSTS = {"ipv4": "10.77.0.2", "ipv6": "[fd77::2]"}
PAYLOAD = {"ipv4": 1448, "ipv6": 1428}
FRAME = 1514

pytestmark = [
    pytest.mark.root,
    pytest.mark.alone,
    pytest.mark.program("ip"),
    pytest.mark.program("tc"),
    pytest.mark.timeout(90),
]


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)  # noqa: S603, S607 - our own words, no shell


@pytest.fixture(scope="module")
def ends() -> Iterator[tuple[str, str]]:
    """Two namespaces, joined by a pair of interfaces that each let 102 Mbit/s out."""
    here, there = f"lg{os.getpid()}a", f"lg{os.getpid()}b"
    with contextlib.ExitStack() as cleaning:
        for name in (here, there):
            ip("netns", "add", name)
            cleaning.callback(ip, "netns", "del", name)
        ip("-n", here, "link", "add", "line", "type", "veth", "peer", "name", "line", "netns", there)
        for number, name in enumerate((here, there), start=1):
            ip("-n", name, "addr", "add", f"10.77.0.{number}/24", "dev", "line")
            ip("-n", name, "addr", "add", f"fd77::{number}/64", "dev", "line", "nodad")
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "link", "set", "line", "up")
            # The burst lets tbf catch up 10 ms of a busy processor; less, and it would not let its rate through.
            shape = ["rate", f"{RATE_MBPS}mbit", "burst", "128kb", "latency", "50ms"]
            ip("netns", "exec", name, "tc", "qdisc", "add", "dev", "line", "root", "tbf", *shape)
        yield here, there


@pytest.fixture(scope="module")
def listening(ends: tuple[str, str]) -> Iterator[str]:
    """The peer, as a user starts it, in the far namespace; gives the near one."""
    here, there = ends
    command = ["ip", "netns", "exec", there, sys.executable, "-m", "agent", "peer", "--listen", "*:8080"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as peer:  # noqa: S603 - our own words
        try:
            ready = threading.Event()

            def listen() -> None:
                for line in peer.stdout or ():
                    if b"plain-2" in line:
                        ready.set()

            reader = threading.Thread(target=listen)
            reader.start()
            assert ready.wait(20), "the peer does not listen"
            yield here
        finally:
            peer.terminate()
            peer.wait(10)
            reader.join(5)


def probe(namespace: str, family: str) -> dict[str, Any]:
    command = ["ip", "netns", "exec", namespace, sys.executable, "-m", "agent", "probe", "throughput", "--json"]
    command += ["--peer", f"msak+ws://{HOSTS[family]}:8080", "--max-seconds", str(SECONDS), "--full-every", "0"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=40)  # noqa: S603 - our own words
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_within_one_percent_of_what_the_line_lets_through(listening: str, family: str) -> None:
    truth = RATE_MBPS * PAYLOAD[family] / FRAME
    report = probe(listening, family)
    for way in ("download", "upload"):
        found = report["result"][way]
        assert found["mbps"] == pytest.approx(truth, rel=0.01), (way, found)
        assert found["low_mbps"] <= found["mbps"] <= found["high_mbps"]
        assert (found["stop"], found["streams"]) == ("converged", 4)
        assert 1.0 <= found["duration_s"] <= SECONDS + 0.1
        assert found["loaded_rtt_ms"]["median"] > report["result"]["idle_rtt_ms"]["median"]
    assert report["family"] == family
    assert report["doubts"] == []
    assert report["link"]["interface"] == "line"
    assert report["peer"]["address"] == HOSTS[family].strip("[]")
    assert set(report["result"]) <= set(Throughput.__struct_fields__)
