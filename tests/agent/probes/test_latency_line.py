"""What the latency probe says is true: over an emulated line, beside `ping`, and by the line's own counters."""

import contextlib
import math
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean

import msgspec
import pytest

from agent.wire.results import Latency
from tests.netlab import namespace
from tests.netlab.namespace import Namespace
from tests.netlab.topology import CONGESTION, Lab, LinkSpec, lab
from tests.netlab.traffic import flooding, settled, streaming

RTT_MS = 20
REPLY = re.compile(r"^\[(\d+\.\d+)\] .* time=([\d.]+) ms$", re.MULTILINE)
IDLE = LinkSpec(rate_mbps=100, queue_ms=40)

pytestmark = [
    pytest.mark.root,
    pytest.mark.alone,
    pytest.mark.program("ip", "ping"),
    pytest.mark.timeout(60),
]


class Told(msgspec.Struct):
    """What the process at the near end says."""

    begin: float
    end: float
    result: Latency


@dataclass(frozen=True)
class Compared:
    """One run, and the mean of the pings that went beside it, in milliseconds."""

    result: Latency
    ping_ms: float

    @property
    def mean_ms(self) -> float:
        assert self.result.rtt_ms is not None
        assert self.result.rtt_ms.mean is not None
        return self.result.rtt_ms.mean


@pytest.fixture(scope="module")
def line() -> Iterator[Lab]:
    cubic = {role: {CONGESTION: "cubic"} for role in ("client", "server")}
    with lab(down=IDLE, up=IDLE, rtt_ms=RTT_MS, sysctls=cubic) as net, reflecting(net.server, port=8862):
        yield net


@contextlib.contextmanager
def reflecting(place: Namespace, *, port: int, slice_ms: int = 0) -> Iterator[None]:
    arguments = ["reflect", str(slice_ms), str(port)]
    process = place.python("-m", "tests.agent.probes.line_end", *arguments, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    try:
        yield
    finally:
        process.kill()
        process.wait()


def probing(place: Namespace, address: str, *options: str, slice_ms: int = 0) -> "subprocess.Popen[str]":
    arguments = ["probe", str(slice_ms), f"stamp://{address}", *options]
    return place.python("-m", "tests.agent.probes.line_end", *arguments, stdout=subprocess.PIPE)


def told(process: "subprocess.Popen[str]") -> Told:
    stdout, _ = process.communicate(timeout=40)
    assert process.returncode == 0
    return msgspec.json.decode(stdout, type=Told)


def compared(
    near: Namespace, address: str, *, packets: int, pings: int = 10, port: int = 8862, slice_ms: int = 0
) -> Compared:
    """Run the probe for some seconds, and ping at the same rate beside it from before it begins to after.

    One ping whose interval is below the round trip sends when an answer comes, so just ahead of the burst of data that
    the same moment lets go, and finds the queue 1 to 2 ms shorter than it is. So several share the rate.
    """
    pinging = [near.popen(f"ping -n -D -i 0.1 {address}", stdout=subprocess.PIPE) for _ in range(pings)]
    options = (f"count={packets}", f"interval={0.1 / pings:g}", f"port={port}")
    seen = told(probing(near, address, *options, slice_ms=slice_ms))
    for each in pinging:
        each.terminate()
    said = "".join(each.communicate(timeout=10)[0] for each in pinging)
    replies = [(float(at), float(ms)) for at, ms in REPLY.findall(said)]
    beside = [ms for at, ms in replies if seen.begin <= at - ms / 1000 <= seen.end]  # by when they were sent
    assert len(beside) > packets / 2
    return Compared(seen.result, fmean(beside))


def test_the_mean_of_an_idle_line_is_pings(line: Lab) -> None:
    settled(line.link)
    found = compared(line.client, line.address(), packets=600, pings=20)
    assert found.result.received == found.result.sent == 600
    assert found.mean_ms == pytest.approx(found.ping_ms, abs=0.3)
    assert found.mean_ms > RTT_MS - 1  # not less than the line; what its busy emulator adds is in ping's mean, too
    assert found.result.stamps == "kernel"


def test_the_mean_of_a_full_line_is_pings(line: Lab) -> None:
    settled(line.link)
    with streaming(line.server, line.client, 1):
        found = compared(line.client, line.address(), packets=400)
    assert found.mean_ms > RTT_MS + 5, "the queue did not fill"
    assert found.mean_ms == pytest.approx(found.ping_ms, abs=1)


def test_loss_is_found_in_the_direction_that_it_happens_in(line: Lab) -> None:
    there, back = 0.005, 0.05
    settled(line.link)
    before = line.link.change(down=lossy(back), up=lossy(there))
    try:
        result = told(probing(line.client, line.address(), "count=1200", "interval=0.005", "timeout=0.5")).result
        after = line.link.counters()
    finally:
        line.link.change(down=lossy(0), up=lossy(0))
    assert result.forward_loss_ratio is not None
    assert result.backward_loss_ratio is not None
    forward = result.forward_loss_ratio * result.sent
    backward = result.backward_loss_ratio * (result.sent - forward)
    for share, count, lost in ((there, result.sent, forward), (back, result.sent - forward, backward)):
        assert abs(lost - share * count) <= margin(share, count)
    # The line's own counters leave no doubt, but for a tail of which nobody can tell.
    assert forward == pytest.approx(after.up.total.packets_lost - before.up.total.packets_lost, abs=2)
    assert backward == pytest.approx(after.down.total.packets_lost - before.down.total.packets_lost, abs=2)


def lossy(share: float) -> LinkSpec:
    return replace(IDLE, delay_ms=RTT_MS / 2, loss=share)


def margin(share: float, count: float) -> float:
    """Half of the binomial 99 % interval of how many of `count` are lost, by the normal curve, and its step."""
    return 2.576 * math.sqrt(count * share * (1 - share)) + 0.5


def test_a_path_with_a_smaller_mtu_is_measured_all_the_same(line: Lab) -> None:
    """The router says once that the first packet was too large for it; the kernel sends the rest in parts."""
    ends = {"eth0": line.server, "to_server": line.far}
    for device, place in ends.items():
        place.ip(f"link set {device} mtu 1280")
    try:
        result = told(probing(line.client, line.address(), "size=1400", "count=20", "interval=0.02")).result
    finally:
        for device, place in ends.items():
            place.ip(f"link set {device} mtu 1500")
    assert (result.sent, result.packet_bytes) == (20, 1400)
    assert result.received >= 15


def test_blocked_event_loops_are_not_in_the_figure() -> None:
    """Both ends' loops are held 8 ms at a time: programs that dated packets themselves would say 8 ms more.

    Over a plain cable: next to the noise of the emulator's own 20 ms the difference would be a matter of luck.
    """
    with cable(97) as (near, far), reflecting(far, port=8863, slice_ms=8):
        found = compared(near, far.address(), packets=200, port=8863, slice_ms=8)
    assert found.result.received == found.result.sent == 200
    assert found.mean_ms == pytest.approx(found.ping_ms, abs=0.5)


def test_a_busy_neighbour_on_another_cable_does_not_count() -> None:
    """Over plain cables: the emulated line is a program, and would be the first to suffer."""
    with cable(98) as (near, far), cable(99) as (source, sink), reflecting(far, port=8862):
        quiet, busy = (mean_beside(near, far, load) for load in (contextlib.nullcontext(), flooding(source, sink, 500)))
    assert busy == pytest.approx(quiet, abs=0.5)


def mean_beside(near: Namespace, far: Namespace, load: "contextlib.AbstractContextManager[object]") -> float:
    with load:
        result = told(probing(near, far.address(), "count=100", "interval=0.02")).result
    assert result.rtt_ms is not None
    assert result.rtt_ms.mean is not None
    return result.rtt_ms.mean


@contextlib.contextmanager
def cable(number: int) -> Iterator[tuple[Namespace, Namespace]]:
    """Two hosts with a cable of their own."""
    names = [f"nl{os.getpid()}-{number}-{end}" for end in ("left", "right")]
    with contextlib.ExitStack() as stack:
        stack.callback(namespace.remove, names)
        for name in names:
            namespace.add(name)
        namespace.run(f"ip link add name eth0 netns {names[0]} type veth peer name eth0 netns {names[1]}".split())
        ends = [
            stack.enter_context(contextlib.closing(Namespace(name, {"ipv4": f"10.78.{number}.{host}"})))
            for host, name in enumerate(names, 1)
        ]
        for end in ends:
            end.ip("link set eth0 up", f"address add {end.address()}/24 dev eth0")
        yield ends[0], ends[1]
