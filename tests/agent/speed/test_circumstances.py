"""From transfer and evidence to facts and fields: the right window, the worse direction, nothing invented."""

from agent.evidence.counters import Count, CounterReading
from agent.evidence.cpu import Core, CpuReading
from agent.evidence.evidence import Evidence, Loaded
from agent.evidence.gateway import Answer
from agent.evidence.heat import Heat
from agent.speed import circumstances
from agent.speed.engine import Early, Held, PeerLoad, Transfer
from agent.speed.estimate import Sample
from agent.speed.limits import Stop
from agent.wire.report import Link
from agent.wire.results import Direction, Spread, Throughput

SAMPLES = [Sample(10.0, 0), Sample(11.0, 6_000_000), Sample(12.0, 12_500_000)]
MOVED = Transfer(
    Stop("converged"),
    SAMPLES,
    13_000_000,
    4,
    saturation="full",
    early=Early(49.0, 1.5, 9_000_000),
    retransmitted_bytes=100_000,
    held=Held(rwnd=0.2, sndbuf=0.1),
    tls="TLSv1.3",
    pmtu_bytes=1500,
    peer_load=PeerLoad(tests=1, max_tests=4, cpu_ratio=0.3),
)
FIGURES = Throughput(engine="msak", congestion="bbr")


def loaded(way: str = "download", *, busy: int = 50) -> Loaded:
    """Four seconds, of which the second to the fourth are the load's: busy only then."""
    moments = (9.0, 10.0, 11.0, 12.0, 13.0)
    spent = (0.0, 0.0, 0.4, 0.8, 0.8)
    ticks = (0, 0, busy, 2 * busy, 2 * busy)
    octets = (0, 0, 7_900_000, 16_300_000, 17_300_000)
    return Loaded(
        "download" if way == "download" else "upload",
        tuple(
            CpuReading(
                at, cpu, cpu, 0.0, None, {"cpu": Core(int(at * 100), busy_, 0), "cpu0": Core(int(at * 100), busy_, 0)}
            )
            for at, cpu, busy_ in zip(moments, spent, ticks, strict=True)
        ),
        tuple(
            CounterReading(at, Count(n, n // 1500), Count(n, n // 1500)) for at, n in zip(moments, octets, strict=True)
        ),
        (
            Answer(10.2, 900),
            Answer(11.5, 1200),
            Answer(11.7, 1400),
            Answer(11.9, 90_000, late=True),
            Answer(12.5, 5000),
        ),
    )


EVIDENCE = Evidence(
    link=Link(medium="ethernet"),
    before_mbps={"download": 0.2, "upload": 0.1},
    gateway_us=(800, 700, 900),
    heat=Heat(celsius=55.5),
    loaded={"download": loaded(), "upload": loaded("upload", busy=70)},
)


def test_a_direction_is_judged_by_the_time_in_which_its_load_ran() -> None:
    seen = circumstances.seen("download", Direction(mbps=50.0), MOVED, EVIDENCE, ceiling_mbps=900.0)
    assert seen.cpu is not None
    assert (round(seen.cpu.process, 6), seen.cpu.device) == (0.4, 0.5)
    assert seen.direction == Direction(
        mbps=50.0,
        gateway_loaded_rtt_ms=Spread(min=1.2, median=1.3, p95=1.4),
        rwnd_limited_ratio=0.2,
        sndbuf_limited_ratio=0.1,
        early_mbps=49.0,
        early_duration_s=1.5,
        early_bytes=9_000_000,
    )
    # 16.3 MB came in 2 s; of it 12.5 MB, 0.1 MB sent again, and generous headers are ours.
    assert seen.other_mbps is not None
    assert 5.0 < seen.other_mbps < 12.0
    assert (seen.saturation, seen.peer, seen.held, seen.ceiling_mbps) == ("full", MOVED.peer_load, MOVED.held, 900.0)


def test_an_upload_is_what_the_kernel_sent_or_else_a_little_more_than_was_counted() -> None:
    known = Transfer(Stop("time"), SAMPLES, 12_500_000, 1, sent_bytes=16_000_000)
    unknown = Transfer(Stop("time"), SAMPLES, 12_500_000, 1)
    assert circumstances.seen("upload", Direction(), known, EVIDENCE).other_mbps == 0.0
    other = circumstances.seen("upload", Direction(), unknown, EVIDENCE).other_mbps
    down = circumstances.seen("download", Direction(), unknown, EVIDENCE).other_mbps
    assert other is not None
    assert down is not None
    assert 0.0 < other < down


def test_the_result_shows_the_worse_direction() -> None:
    both = [
        circumstances.seen("download", Direction(mbps=50.0), MOVED, EVIDENCE, ceiling_mbps=900.0),
        circumstances.seen("upload", Direction(mbps=20.0), MOVED, EVIDENCE, ceiling_mbps=700.0),
    ]
    found = circumstances.result(FIGURES, both, [MOVED, MOVED], EVIDENCE)
    assert found == Throughput(
        engine="msak",
        congestion="bbr",
        cpu_ratio=0.4,
        cpu_wait_ratio=0.0,
        device_cpu_ratio=0.7,
        core_cpu_ratio=0.7,
        cross_traffic_mbps=found.cross_traffic_mbps,
        gateway_rtt_ms=Spread(min=0.7, median=0.8),
        tls="TLSv1.3",
        pmtu_bytes=1500,
        peer_load_ratio=0.3,
        ceiling_mbps=700.0,
        temperature_c=55.5,
    )
    assert found.cross_traffic_mbps is not None
    assert found.cross_traffic_mbps > 5.0


def test_what_is_not_known_stays_absent() -> None:
    nothing = Evidence()
    seen = circumstances.seen("download", Direction(mbps=1.0), MOVED, nothing)
    assert (seen.cpu, seen.other_mbps, seen.direction.gateway_loaded_rtt_ms) == (None, None, None)
    never = circumstances.seen("upload", Direction(), None, EVIDENCE)
    assert (never.cpu, never.other_mbps, never.direction) == (None, None, Direction())
    bare = Transfer(Stop("time"), [], 0, 1, figure_mbps=40.0)
    assert circumstances.result(FIGURES, [never], [bare], nothing) == FIGURES
    assert circumstances.facts([never], nothing, idle_rtt_ms=None).gateway_rtt_ms is None


def test_an_engine_that_gives_a_figure_alone_is_judged_by_all_readings() -> None:
    bare = Transfer(Stop("time"), [], 0, 1, figure_mbps=40.0)
    seen = circumstances.seen("download", Direction(mbps=40.0), bare, EVIDENCE)
    assert seen.cpu is not None
    assert round(seen.cpu.process, 6) == 0.2
    assert seen.other_mbps is None
    assert seen.direction.gateway_loaded_rtt_ms == Spread(min=0.9, median=1.3, p95=5.0)
