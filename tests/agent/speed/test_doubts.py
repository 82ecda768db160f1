"""Each doubt on one side of its threshold and not on the other; nothing known, nothing doubted.

The tests that make the facts themselves appear (a spinner, a quota, a second flow) are in tests/agent/evidence.
"""

from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from agent.evidence.cpu import CpuUse
from agent.evidence.heat import Heat
from agent.speed import doubts as rules
from agent.speed.doubts import Facts, Seen, doubts
from agent.speed.engine import Held, PeerLoad, Queue, Way
from agent.wire.failure import Doubt
from agent.wire.report import Link, Wifi
from agent.wire.results import Direction, Spread

GOOD = Direction(
    mbps=50.0, low_mbps=49.5, high_mbps=50.4, stop="converged", loaded_rtt_ms=Spread(min=12.0, median=38.0, p95=60.0)
)
IDLE = Spread(min=12.0, median=12.5)
CARD_100 = Link(medium="ethernet", speed_mbps=100, duplex="full")
BUSY = CpuUse(process=0.5, thread=0.5, wait=0.05, held=0.0, device=0.6, core=0.8, taken=0.3)


def facts(way: Way = "download", *, about: Facts | None = None, **changes: Any) -> Facts:  # noqa: ANN401 - any field
    """A sound run of one direction, with changes to that direction."""
    direction = structs.replace(GOOD, **{name: changes.pop(name) for name in list(changes) if name in GOOD_FIELDS})
    seen = replace(Seen("download", direction, "full", cpu=BUSY), way=way, **changes)
    return replace(about or Facts((), CARD_100, idle_rtt_ms=IDLE), seen=(Seen("upload", Direction()), seen))


GOOD_FIELDS = set(Direction.__struct_fields__)


def test_a_sound_run_of_a_small_box_is_free_of_doubt() -> None:
    known = Facts(
        (),
        CARD_100,
        idle_rtt_ms=IDLE,
        gateway_rtt_ms=Spread(min=0.4, median=0.6),
        before_mbps={"download": 0.02, "upload": 0.01},
        heat=Heat(throttled=False, undervoltage=False, celsius=61.0),
    )
    load = PeerLoad(tests=3, max_tests=4, cpu_ratio=0.5)
    held = Held(rwnd=0.1, sndbuf=0.1, app=0.1)
    ways: tuple[Way, ...] = ("download", "upload")
    for way in ways:
        assert doubts(facts(way, about=known, peer=load, held=held, other_mbps=0.1, ceiling_mbps=200.0)) == ()


def test_nothing_known_is_no_doubt() -> None:
    assert doubts(Facts(())) == ()
    assert doubts(Facts((Seen("download", Direction()), Seen("upload", Direction(mbps=3.0, stop="converged"))))) == ()


@pytest.mark.parametrize(
    ("changes", "doubted"),
    [
        pytest.param({"process": 0.9}, True, id="a core used up"),
        pytest.param({"process": 0.89}, False, id="a core nearly used up"),
        pytest.param({"thread": 0.5, "wait": 0.4}, True, id="would have used it"),
        pytest.param({"thread": 0.3, "wait": 0.4}, False, id="waits, and still has time left"),
        pytest.param({"thread": None, "wait": None, "process": 0.91}, True, id="a kernel that tells little"),
        pytest.param({"held": 0.05}, True, id="its quota"),
        pytest.param({"held": 0.04}, False, id="its quota, once"),
        pytest.param({"taken": 0.9}, True, id="interrupts fill a core"),
        pytest.param({"core": 1.0}, False, id="another program fills another core"),
        pytest.param({"device": 0.98, "core": 1.0}, False, id="busy box, the loop gets its turn"),
        pytest.param({"device": 0.98, "core": 1.0, "wait": 0.2}, True, id="busy box, the loop waits"),
        pytest.param({"device": 0.98, "wait": None}, True, id="busy box, waiting unknown"),
    ],
)
def test_cpu(changes: dict[str, Any], *, doubted: bool) -> None:
    expected = (Doubt.CPU_BOUND,) if doubted else ()
    assert doubts(facts(cpu=replace(BUSY, **changes))) == expected


@pytest.mark.parametrize(
    ("changes", "doubted"),
    [
        pytest.param({"core": 0.98}, True, id="its threads unknown, a core full"),
        pytest.param({"device": 0.98}, True, id="its threads unknown, all cores full"),
        pytest.param({"core": 1.0, "program": 0.5}, False, id="another one fills a core"),
        pytest.param({"device": 0.98, "core": 1.0, "program": 0.5}, False, id="busy box, it gets its turn"),
        pytest.param({"program": 0.9}, True, id="its busiest thread has a core used up"),
        pytest.param({"program": 0.89}, False, id="its busiest thread has time left"),
    ],
)
def test_a_program_of_its_own(changes: dict[str, Any], *, doubted: bool) -> None:
    found = doubts(replace(facts(cpu=replace(BUSY, **changes)), own_program=True))
    assert found == ((Doubt.CPU_BOUND,) if doubted else ())


@pytest.mark.parametrize(("ceiling", "doubted"), [(62.5, True), (62.6, False), (None, False)])
def test_near_the_devices_own_ceiling(ceiling: float | None, *, doubted: bool) -> None:
    assert (Doubt.CPU_BOUND in doubts(facts(ceiling_mbps=ceiling))) is doubted


@pytest.mark.parametrize(
    ("mbps", "link", "doubted"),
    [
        (94.1, CARD_100, True),
        (89.0, CARD_100, True),
        (88.0, CARD_100, False),
        (941.0, Link(medium="ethernet", speed_mbps=1000), True),
        (94.1, Link(medium="ethernet", speed_mbps=1000), False),
        (94.1, Link(medium="ethernet"), False),
        (94.1, Link(medium="other", speed_mbps=100), False),
        (5.0, Link(medium="ethernet", speed_mbps=100, duplex="half"), True),
        (5.0, Link(medium="other", duplex="half"), False),
    ],
)
def test_the_card(mbps: float, link: Link, *, doubted: bool) -> None:
    found = doubts(facts(about=Facts((), link), mbps=mbps, low_mbps=mbps, high_mbps=mbps))
    assert found == ((Doubt.NIC_BOUND,) if doubted else ())


@pytest.mark.parametrize(
    ("wifi", "doubted"),
    [
        (None, False),
        (Wifi(), False),
        (Wifi(signal_dbm=-75.0), True),
        (Wifi(signal_dbm=-74.0, rx_mbps=433.3, tx_mbps=390.0), False),
        (Wifi(signal_dbm=-50.0, rx_mbps=100.0), True),
        (Wifi(signal_dbm=-50.0, rx_mbps=101.0), False),
        (Wifi(signal_dbm=-50.0, rx_mbps=433.3, tx_mbps=6.0), False),  # a download does not use the way out
    ],
)
def test_wifi(wifi: Wifi | None, *, doubted: bool) -> None:
    air = Facts((), Link(medium="wifi", wifi=wifi))
    assert doubts(facts(about=air)) == ((Doubt.WIFI_BOUND,) if doubted else ())
    assert doubts(facts(about=replace(air, link=Link(medium="ethernet", wifi=wifi)))) == ()


@pytest.mark.parametrize(
    ("medium", "near", "whole", "doubted"),
    [
        ("wifi", 15.0, 38.0, True),  # 13 of 25.5 ms
        ("wifi", 14.0, 38.0, False),
        ("wifi", 9.0, 13.0, False),  # too little to be a queue
        ("wifi", 15.0, None, True),
        ("ethernet", 30.0, 38.0, False),  # behind a bridging modem, the first router is the provider's
    ],
)
def test_a_queue_before_the_access_point(medium: str, near: float, whole: float | None, *, doubted: bool) -> None:
    about = Facts((), Link(medium=medium), idle_rtt_ms=IDLE, gateway_rtt_ms=Spread(min=1.5, median=2.0))
    run = facts(about=about, gateway_loaded_rtt_ms=Spread(median=near), loaded_rtt_ms=whole and Spread(median=whole))
    assert doubts(run) == ((Doubt.WIFI_BOUND,) if doubted else ())


@pytest.mark.parametrize(
    ("before", "during", "doubted"),
    [
        (2.6, None, True),
        (None, 2.6, True),
        (2.5, 2.5, False),
        (None, None, False),
    ],
)
def test_traffic_of_others(before: float | None, during: float | None, *, doubted: bool) -> None:
    about = Facts((), idle_rtt_ms=IDLE, before_mbps={} if before is None else {"download": before})
    assert doubts(facts(about=about, other_mbps=during)) == ((Doubt.CROSS_TRAFFIC,) if doubted else ())
    assert doubts(facts("upload", about=about)) == ()


@pytest.mark.parametrize(
    ("queue", "doubted"),
    [
        (Queue((70.0, 89.0), 0.2), True),
        (Queue((70.0, 89.0), 0.9), False),  # nobody's queue stood there before: the line itself changed
        (Queue((75.0, 89.0), 0.2), False),  # a short buffer, and a rate that held
        (Queue((70.0, 89.0), None), False),
    ],
)
def test_a_queue_of_others_before_which_the_rate_rose(queue: Queue, *, doubted: bool) -> None:
    found = doubts(facts(queue=queue, mbps=88.0, low_mbps=85.0, high_mbps=91.0, saturation="full"))
    assert found == ((Doubt.CROSS_TRAFFIC,) if doubted else ())


def test_the_murmur_of_a_network_is_no_traffic_on_a_slow_line() -> None:
    slow: dict[str, Any] = {"mbps": 0.5, "low_mbps": 0.5, "high_mbps": 0.5}
    assert doubts(facts(other_mbps=0.06, **slow)) == ()
    assert doubts(facts(other_mbps=0.07, **slow)) == (Doubt.CROSS_TRAFFIC,)


@pytest.mark.parametrize(
    ("way", "changes", "expected"),
    [
        pytest.param("download", {"saturation": "peer"}, [Doubt.PEER_BOUND], id="the engine says so"),
        pytest.param("download", {"peer": PeerLoad(tests=4, max_tests=4)}, [Doubt.PEER_BOUND], id="no place left"),
        pytest.param("download", {"peer": PeerLoad(tests=1, max_tests=1)}, [], id="alone with it"),
        pytest.param("download", {"peer": PeerLoad(cpu_ratio=0.9)}, [Doubt.PEER_BOUND], id="no core left"),
        pytest.param("upload", {"peer": PeerLoad(paced=True)}, [Doubt.PEER_BOUND], id="paced, nobody knows at what"),
        pytest.param("upload", {"peer": PeerLoad(paced=True, pace_mbps=200)}, [], id="paced above the line"),
        pytest.param("upload", {"peer": PeerLoad(paced=True, pace_mbps=55)}, [Doubt.PEER_BOUND], id="at its pace"),
        pytest.param(
            "download",
            {"peer": PeerLoad(tests=2, max_tests=4, paced=True, pace_mbps=110)},
            [Doubt.PEER_BOUND],
            id="at our part of its pace",
        ),
        pytest.param("download", {"held": Held(app=0.6)}, [], id="a full line needs no more"),
        pytest.param(
            "download",
            {"held": Held(app=0.6), "saturation": "stuck"},
            ["peer_bound", "not_converged"],
            id="the peer's program gives too little",
        ),
        pytest.param(
            "upload",
            {"held": Held(rwnd=0.6), "saturation": "stuck"},
            ["peer_bound", "not_converged"],
            id="the peer's window",
        ),
        pytest.param(
            "download", {"held": Held(rwnd=0.6), "saturation": "stuck"}, ["cpu_bound", "not_converged"], id="our window"
        ),
        pytest.param(
            "upload", {"held": Held(sndbuf=0.6), "saturation": "stuck"}, ["cpu_bound", "not_converged"], id="our buffer"
        ),
    ],
)
def test_the_peer(way: Way, changes: dict[str, Any], expected: list[str]) -> None:
    assert doubts(facts(way, **changes)) == tuple(expected)


@pytest.mark.parametrize(("loaded", "doubted"), [(18.0, True), (18.1, False)])
def test_a_flat_round_trip_tells_that_the_peer_had_no_more_to_send(loaded: float, *, doubted: bool) -> None:
    run = facts(saturation=None, held=Held(app=0.7), loaded_rtt_ms=Spread(median=loaded))
    assert doubts(run) == ((Doubt.PEER_BOUND,) if doubted else ())


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"stop": "budget"}, (Doubt.BUDGET_CUT,)),
        ({"stop": "time"}, ()),
        ({"stop": "time", "low_mbps": 29.0, "high_mbps": 69.1}, (Doubt.NOT_CONVERGED,)),
        ({"stop": "time", "low_mbps": 30.0, "high_mbps": 70.0}, ()),
        ({"stop": "time", "low_mbps": None, "high_mbps": None}, ()),
        ({"stop": "peer", "low_mbps": None, "high_mbps": None}, (Doubt.NOT_CONVERGED,)),
        ({"stop": "error", "mbps": None}, ()),
        ({"saturation": "stuck"}, (Doubt.NOT_CONVERGED,)),
    ],
)
def test_how_it_ended(changes: dict[str, Any], expected: tuple[Doubt, ...]) -> None:
    assert doubts(facts(**changes)) == expected


def test_what_holds_for_the_whole_run() -> None:
    sound = facts()
    assert doubts(replace(sound, tunnel=True)) == (Doubt.TUNNEL,)
    assert doubts(replace(sound, reference_only=True)) == (Doubt.METHOD_REFERENCE_ONLY,)
    assert doubts(replace(sound, heat=Heat(throttled=True))) == (Doubt.THERMAL,)
    assert doubts(replace(sound, heat=Heat(undervoltage=True))) == (Doubt.UNDERVOLTAGE,)


def test_every_doubt_about_a_throughput_has_a_rule() -> None:
    elsewhere = {Doubt.CLOCK_UNSET, Doubt.CAPTIVE_PORTAL}
    assert set(rules._RULES) | elsewhere == set(Doubt)  # noqa: SLF001 - the table must not drift from the vocabulary
