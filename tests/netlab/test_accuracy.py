"""The emulated link is as exact as it claims: it is measured, over namespaces, against the clock.

Rates are the median of three windows: the machine that runs this has other work too.
"""

import time
from statistics import mean, median, pstdev

import pytest

from tests.netlab.control import Link, Way
from tests.netlab.counts import Count
from tests.netlab.shaping import BYTES_PER_MEGABIT, capacity_of
from tests.netlab.topology import Lab, LinkSpec, lab, payload_ceiling
from tests.netlab.trace import Step
from tests.netlab.traffic import echoes, flooding, streaming

pytestmark = [pytest.mark.root, pytest.mark.alone]

WINDOW_S = 0.7
# So long that the sender may be kept from running for a while without the link falling idle.
LONG_QUEUE_MS = 200
CUBIC: dict[str, dict[str, str | int]] = {
    role: {"net.ipv4.tcp_congestion_control": "cubic"} for role in ("client", "server")
}


def window(link: Link, seconds: float = WINDOW_S) -> dict[Way, tuple[float, float]]:
    """Mbit/s of IP bytes and of TCP payload that came out meanwhile."""
    before = link.counters()
    time.sleep(seconds)
    after = link.counters()
    scale = 8e-6 / (after.time - before.time)
    down, up = after.down.total - before.down.total, after.up.total - before.up.total
    return {
        "down": (down.bytes_delivered * scale, down.tcp_payload_bytes * scale),
        "up": (up.bytes_delivered * scale, up.tcp_payload_bytes * scale),
    }


def windows(link: Link) -> dict[Way, tuple[float, float]]:
    seen = [window(link) for _ in range(3)]
    ways: tuple[Way, Way] = ("down", "up")
    return {way: (median(one[way][0] for one in seen), median(one[way][1] for one in seen)) for way in ways}


def until(link: Link, way: Way, mbps: float, within_s: float = 8) -> None:
    """Wait until the link is full."""
    deadline = time.monotonic() + within_s
    while window(link, 0.1)[way][0] < 0.98 * mbps:
        assert time.monotonic() < deadline, "the link does not fill"


def drained(link: Link, way: Way) -> Count:
    """Wait until nothing is on its way, and give what happened until then."""
    deadline = time.monotonic() + 5
    while True:
        state = getattr(link.counters(), way)
        if state.waiting_bytes == 0:
            assert (state.refused, state.overruns) == (0, 0)
            count: Count = state.total
            return count
        assert time.monotonic() < deadline, "the link does not drain"
        time.sleep(0.02)


@pytest.mark.parametrize("rate", [42, 102, 1000])
def test_udp_comes_at_the_rate(rate: float) -> None:
    spec = LinkSpec(rate_mbps=rate, queue_ms=LONG_QUEUE_MS)
    with lab(down=spec, rtt_ms=20) as net, flooding(net.server, net.client, rate * 1.15):
        until(net.link, "down", rate)
        assert windows(net.link)["down"][0] == pytest.approx(rate, rel=0.002)


@pytest.mark.parametrize(("rate", "family"), [(42, "ipv4"), (102, "ipv6"), (1000, "ipv4")])
def test_tcp_comes_at_the_rate_and_its_payload_at_the_ceiling(rate: float, family: str) -> None:
    spec = LinkSpec(rate_mbps=rate, queue_ms=LONG_QUEUE_MS)
    with lab(down=spec, rtt_ms=20, sysctls=CUBIC) as net, streaming(net.server, net.client, 4, family):
        until(net.link, "down", rate)
        passed, payload = windows(net.link)["down"]
        assert passed == pytest.approx(rate, rel=0.002)
        assert payload == pytest.approx(payload_ceiling(rate, family), rel=0.002)


def test_both_directions_have_their_own_rate() -> None:
    down, up = LinkSpec(rate_mbps=200, queue_ms=LONG_QUEUE_MS), LinkSpec(rate_mbps=20, queue_ms=LONG_QUEUE_MS)
    with (
        lab(down=down, up=up, rtt_ms=20) as net,
        flooding(net.server, net.client, 230),
        flooding(net.client, net.server, 23, "ipv6"),
    ):
        until(net.link, "down", 200)
        until(net.link, "up", 20)
        seen = windows(net.link)
    assert seen["down"][0] == pytest.approx(200, rel=0.002)
    assert seen["up"][0] == pytest.approx(20, rel=0.002)


@pytest.mark.parametrize("rtt_ms", [10, 40, 80])
@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_the_round_trip_takes_its_time(rtt_ms: float, family: str) -> None:
    rate = LinkSpec(rate_mbps=102)
    with lab(down=rate, up=rate, rtt_ms=rtt_ms) as net:
        times = [
            rtt for rtt in echoes(net.client, net.server, count=80, pause_s=0.005, family=family) if rtt is not None
        ]
    assert len(times) == 80
    assert rtt_ms - 0.1 < median(times) < rtt_ms + 1
    assert rtt_ms - 0.1 < mean(times) < rtt_ms + 1


def test_jitter_deviates_as_set() -> None:
    with lab(down=LinkSpec(jitter_ms=3), rtt_ms=40) as net:
        times = [rtt for rtt in echoes(net.client, net.server, count=250, pause_s=0.007) if rtt is not None]
    assert len(times) == 250
    assert mean(times) == pytest.approx(40, abs=1)
    assert pstdev(times) == pytest.approx(3, rel=0.25)


@pytest.mark.parametrize("loss", [0.005, 0.02])
@pytest.mark.parametrize("burst", [None, 4.0])
def test_as_much_is_lost_as_set(loss: float, burst: float | None) -> None:
    with (
        lab(down=LinkSpec(loss=loss, burst=burst), rtt_ms=2) as net,
        flooding(net.server, net.client, 100, size=172) as stop,
    ):
        time.sleep(0.7)
        stop()
        passed = drained(net.link, "down")
        arrived = udp_overflows(net)
    total = passed.packets_in
    assert total > 20_000
    assert passed.packets_delivered + passed.packets_lost == total
    # The few others wait in the socket, or are the kernel's own, of IPv6.
    assert passed.packets_delivered - 20 <= arrived <= passed.packets_delivered
    length = burst if burst is not None else 1 / (1 - loss)
    memory = 1 - 1 / length - loss / (length * (1 - loss))
    deviation = (total * loss * (1 - loss) * (1 + memory) / (1 - memory)) ** 0.5
    assert passed.packets_lost == pytest.approx(total * loss, abs=5 * deviation)


def udp_overflows(net: Lab) -> int:
    """How many datagrams reached the client and found its socket full, which nobody reads."""
    names, values = [line.split() for line in net.client.run("cat /proc/net/snmp").splitlines() if line[:4] == "Udp:"]
    return int(dict(zip(names[1:], values[1:], strict=True))["RcvbufErrors"])


@pytest.mark.parametrize("queue", [LinkSpec(rate_mbps=42, queue_ms=40), LinkSpec(rate_mbps=42, queue_bytes=210_000)])
def test_a_full_queue_takes_its_time(queue: LinkSpec) -> None:
    with lab(down=queue, rtt_ms=20) as net, flooding(net.server, net.client, 55):
        until(net.link, "down", 42)
        times = [rtt for rtt in echoes(net.client, net.server, count=60, pause_s=0.01, wait_s=0.3) if rtt is not None]
    assert len(times) > 20
    assert median(times) == pytest.approx(60, abs=1.5)
    assert max(times) < 62


def test_a_trace_is_followed_at_every_moment() -> None:
    trace = (Step(400, 20), Step(400, 80), Step(200, 0), Step(500, 40))
    delay_s = 0.010
    with lab(down=LinkSpec(rate_mbps=40), rtt_ms=20) as net, flooding(net.server, net.client, 100):
        until(net.link, "down", 40)
        spec = LinkSpec(trace=trace, rtt_ms=20, queue_bytes=1_000_000)
        epoch = net.link.change(down=spec).down.epoch
        time.sleep(2.2)
        rows = [row for row in net.link.history("down") if epoch + 2 * delay_s < row.time < epoch + 2.1]
    capacity = capacity_of(spec, epoch)
    first, errors = rows[0], []
    for row in rows:
        carried = capacity.between(first.time - delay_s, row.time - delay_s)
        errors.append(abs(row.ip_bytes - first.ip_bytes - carried))
    assert len(rows) > 100
    # a piece of 1 ms at the highest rate, at both ends, and a wakeup of 1 ms
    assert sorted(errors)[int(len(errors) * 0.99)] < 0.003 * 80 * BYTES_PER_MEGABIT


def test_the_rate_changes_while_traffic_runs() -> None:
    with lab(down=LinkSpec(rate_mbps=100), rtt_ms=20) as net, flooding(net.server, net.client, 120):
        until(net.link, "down", 100)
        net.link.change(down=LinkSpec(rate_mbps=30, rtt_ms=20, queue_ms=50))
        # the backlog of the faster link goes first
        time.sleep(0.3)
        assert window(net.link)["down"][0] == pytest.approx(30, rel=0.004)
        with pytest.raises(ValueError, match="rate or a trace"):
            net.link._ask({"ask": "change", "down": {"rate_mbps": 1, "trace": [{"ms": 1, "rate_mbps": 1}]}})  # noqa: SLF001 - LinkSpec refuses before
