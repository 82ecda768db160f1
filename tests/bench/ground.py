"""A lab made ready for one link of the table: our peer, the iperf3 server, the rival, and programs run to their end."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.bench.cells import Cell
from tests.bench.machine import program
from tests.bench.truth import ceiling_mbps
from tests.netlab.counts import Counters
from tests.netlab.namespace import ROOT, Namespace
from tests.netlab.topology import Lab, lab

PEER_PORT: Final = 8080
IPERF_PORT: Final = 5201
READY_S: Final = 15.0
LOOK_S: Final = 0.1
QUIET_LOOKS: Final = 3
QUIET_S: Final = 3.0
END_S: Final = 3.0
RIVAL_S: Final = 7200
# The rival has settled once the line is this full both ways for so many looks of a second.
RIVAL_SHARE: Final = 0.8
RIVAL_LOOKS: Final = 3


class Stopped(Exception):  # noqa: N818 - nothing is wrong: somebody asked
    """The bench was told to stop."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a program said until it ended; `code` None: it did not end in time and was killed."""

    out: str
    err: str
    code: int | None
    took_s: float

    @property
    def reason(self) -> str:
        """Why there is no figure, in one short line."""
        words = " ".join((self.err or self.out).split())[-160:]
        return f"did not end in {self.took_s:.0f} s" if self.code is None else f"exit {self.code}: {words}"

    def document(self) -> dict[str, Any] | None:
        """Read the JSON object on standard output; None if there is none."""
        try:
            document = json.loads(self.out)
        except ValueError:
            return None
        return document if isinstance(document, dict) else None


@dataclass(slots=True)
class Ground:
    """One lab with what a cell needs in it, for as long as its block; `cell` may become another of the same setting."""

    net: Lab
    cell: Cell
    stopping: threading.Event
    stack: contextlib.ExitStack
    started: set[tuple[str, ...]] = field(default_factory=set)

    def execute(self, place: Namespace, arguments: Sequence[str], *, timeout_s: float) -> Said:
        """Run a program in a namespace to its end; raises Stopped, with the program gone, when told to stop."""
        begun = time.monotonic()
        with place.popen(arguments, stderr=subprocess.PIPE, **popen_options(subprocess.PIPE)) as process:
            try:
                while True:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        out, err = process.communicate(timeout=LOOK_S)
                        if self.stopping.is_set():
                            raise Stopped
                        return Said(out, err, process.returncode, time.monotonic() - begun)
                    if self.stopping.is_set():
                        raise Stopped
                    if time.monotonic() - begun > timeout_s:
                        out, err = _killed(process)
                        return Said(out, err, None, timeout_s)
            finally:
                if process.poll() is None:
                    _killed(process)

    def quiet(self) -> Counters:
        """Wait until nothing is on its way (with a rival: not at all) and give the counters."""
        counters = self.net.link.counters()
        still, deadline = 0, time.monotonic() + (0 if self.cell.rival else QUIET_S)
        while still < QUIET_LOOKS and time.monotonic() < deadline:
            time.sleep(LOOK_S)
            before, counters = counters, self.net.link.counters()
            moved = any(
                now.total != then.total or now.waiting_bytes
                for now, then in ((counters.down, before.down), (counters.up, before.up))
            )
            still = 0 if moved else still + 1
        return counters

    def serve(self, place: Namespace, arguments: Sequence[str], *, port: int) -> None:
        """Start a server, once per lab and family, and wait until it listens. Raises RuntimeError with what it said."""
        server = (place.name, *arguments)
        if server not in self.started:
            self.stack.enter_context(_serving(place, arguments, port=port, family=self.cell.family))
            self.started.add(server)

    def iperf_server(self) -> None:
        """See to it that iperf3 listens at the server."""
        self.serve(self.net.server, [needed("iperf3"), "-s", "-p", str(IPERF_PORT)], port=IPERF_PORT)


def needed(name: str) -> str:
    """Give a program's path; RuntimeError if it is not installed."""
    path = program(name)
    if path is None:
        raise RuntimeError(f"{name} is not installed")
    return path


def popen_options(stdout: Any) -> dict[str, Any]:  # noqa: ANN401 - Popen's own
    """Give a session of its own, which a Ctrl-C meant for us does not reach, and no proxies, which would lead away."""
    kept = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    return {"stdout": stdout, "start_new_session": True, "env": {**kept, "PYTHONPATH": str(ROOT)}}


@contextlib.contextmanager
def ground(cell: Cell, stopping: threading.Event) -> Iterator[Ground]:
    """Give the lab of a cell, with our peer listening and the rival, if it has one, in full swing."""
    down, up = cell.link(0)
    extra = ("rival", "rival_server") if cell.rival else ("rival",) if cell.busy else ()
    with lab(down=down, up=up, extra=extra) as net, contextlib.ExitStack() as stack:
        if cell.cubic:
            for place in (net.client, net.server):
                hold_to_cubic(place)
        found = Ground(net, cell, stopping, stack)
        listening = ["--listen", f"*:{PEER_PORT}", "--stamp", "*:8862"]
        peer = [sys.executable, "-m", "agent", "peer", *listening, *cell.peer]
        found.serve(net.server, peer, port=PEER_PORT)
        if cell.rival is not None:
            _let_a_rival_in(found, cell.rival)
        yield found


def hold_to_cubic(place: Namespace) -> None:
    """Lock a host's routes to cubic, so that no program can choose another congestion control."""
    for family in ("-4", "-6"):
        shown = place.run(["ip", family, "route", "show", "default"]).splitlines()
        place.run(["ip", family, "route", "change", *shown[0].split(), "congctl", "lock", "cubic"])


def _let_a_rival_in(found: Ground, congestion: str) -> None:
    """Start one flow each way from the other device, and wait until the line is full both ways."""
    net = found.net
    iperf = needed("iperf3")
    found.stack.enter_context(
        _serving(net.rival_server, [iperf, "-s"], port=IPERF_PORT, family="ipv4"),
    )
    target = net.rival_server.address("ipv4")
    flow = [iperf, "-c", target, "-t", str(RIVAL_S), "--bidir", "-C", congestion]
    found.stack.enter_context(_running(net.rival, flow))
    full = [ceiling_mbps(spec, "ipv4") * RIVAL_SHARE for spec in (found.cell.down, found.cell.up)]
    looks, deadline = 0, time.monotonic() + READY_S
    before = net.link.counters()
    while looks < RIVAL_LOOKS:
        if time.monotonic() > deadline:
            raise RuntimeError("the rival does not fill the line")
        if found.stopping.wait(1.0):
            raise Stopped
        now = net.link.counters()
        rates = [
            (later.total - earlier.total).tcp_payload_bytes * 8 / 1e6 / (now.time - before.time)
            for later, earlier in ((now.down, before.down), (now.up, before.up))
        ]
        before = now
        looks = looks + 1 if all(rate >= least for rate, least in zip(rates, full, strict=True)) else 0


@contextlib.contextmanager
def _serving(place: Namespace, arguments: Sequence[str], *, port: int, family: str) -> Iterator[None]:
    with _running(place, arguments) as (process, said):
        deadline = time.monotonic() + READY_S
        while not _listens(place, port, family):
            if process.poll() is not None or time.monotonic() > deadline:
                said.seek(0)
                words = said.read().decode("utf-8", "replace").strip()[-300:]
                raise RuntimeError(f"{' '.join(arguments[:5])} does not listen: {words}")
            time.sleep(LOOK_S / 2)
        yield


@contextlib.contextmanager
def _running(place: Namespace, arguments: Sequence[str]) -> Iterator[tuple["subprocess.Popen[str]", Any]]:
    with tempfile.TemporaryFile() as said:
        # an open standard input: some servers end with it
        options = {"stdin": subprocess.PIPE, "stderr": subprocess.STDOUT, **popen_options(said)}
        process = place.popen(arguments, **options)
        try:
            yield process, said
        finally:
            _ended(process)


def _listens(place: Namespace, port: int, family: str) -> bool:
    with place.entered():
        sock = socket.socket(socket.AF_INET6 if family == "ipv6" else socket.AF_INET)
    with sock:
        sock.settimeout(LOOK_S)
        return sock.connect_ex((place.address(family), port)) == 0


def _killed(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """End a program, with force if it must be, and give what it had said."""
    process.terminate()
    try:
        return process.communicate(timeout=END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()


def _ended(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
