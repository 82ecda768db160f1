"""When a run stops, grows or goes on, on lines whose answer is known."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest

from agent.speed.estimate import Sample
from agent.speed.steering import FIRST_S, MORE, MOST, PATIENCE_S, Steering

TICK_S = 0.025
IDLE_US = 20_000.0


@dataclass
class Line:
    """What the line gives at a moment, to so many streams: Mbit/s, round trip (µs), and the share sent again."""

    mbps: Callable[[float, int], float]
    rtt_us: Callable[[float, int], float | None] = lambda _now, _streams: 45_000.0
    again: float | None = 0.0


@dataclass
class Run:
    """How steering a line ended: the word, when, how often it grew, and the line's samples."""

    word: str
    at_s: float
    grown_s: list[float]
    samples: list[Sample]


def drive(line: Line, steering: Steering, *, seconds: float = 10.0, noise: float = 0.0) -> Run:
    """Look at every tick until it stops or the time is over."""
    samples, grown = [Sample(0.0, 0)], []
    wobble = _wobble(noise)
    while samples[-1].at_s < seconds:
        now = samples[-1].at_s + TICK_S
        arrived = line.mbps(now, steering.streams) * next(wobble) * 1e6 / 8 * TICK_S
        again = None if line.again is None else (samples[-1].retransmitted or 0) + arrived * line.again
        rtt = line.rtt_us(now, steering.streams)
        samples.append(Sample(now, samples[-1].received + arrived, rtt, again))
        move = steering.look(samples)
        if move == "grow":
            grown.append(now)
        if move == "stop":
            return Run("stop", now, grown, samples)
    steering.close(samples)
    return Run("time", samples[-1].at_s, grown, samples)


def _wobble(noise: float) -> Iterator[float]:
    """Fast, slow, fast, slow, in steps of half a second."""
    while True:
        for sign in (1, -1):
            for _ in range(20):
                yield 1 + sign * noise


def ramp(mbps: float, seconds: float) -> Callable[[float, int], float]:
    return lambda now, _: mbps * min(1.0, now / seconds)


def flat(_now: float, _streams: int) -> float:
    return IDLE_US + 1_000


def test_a_full_line_is_known_after_a_second() -> None:
    steering = Steering(IDLE_US, 4, may_grow=True)
    run = drive(Line(ramp(100, 0.3)), steering)
    assert run.word == "stop"
    assert FIRST_S <= run.at_s <= FIRST_S + 0.1
    assert (steering.saturation, run.grown_s) == ("full", [])
    assert steering.steady_since_s is not None
    assert 0.3 <= steering.steady_since_s <= run.at_s - 0.5


def test_a_long_ramp_is_waited_for() -> None:
    steering = Steering(IDLE_US, 4, may_grow=True)
    run = drive(Line(ramp(100, 2.0)), steering)
    assert run.word == "stop"
    assert run.at_s > 2.5
    assert steering.steady_since_s is not None
    rate = (run.samples[-1].received - at_start(run.samples, steering.steady_since_s)) * 8 / 1e6
    assert rate / (run.at_s - steering.steady_since_s) == pytest.approx(100, rel=0.012)


def at_start(samples: Sequence[Sample], since_s: float) -> float:
    return next(after.received for before, after in pairwise(samples) if before.at_s <= since_s < after.at_s)


def test_a_long_round_trip_takes_eight_of_them() -> None:
    steering = Steering(200_000, 4, may_grow=True)
    run = drive(Line(ramp(100, 0.1), lambda _now, _streams: 300_000.0), steering)
    assert run.word == "stop"
    assert 2.4 <= run.at_s <= 2.5


def test_a_rate_that_wanders_is_never_called_settled() -> None:
    steering = Steering(IDLE_US, 4, may_grow=True)
    run = drive(Line(ramp(100, 0.3)), steering, noise=0.2)
    assert (run.word, run.grown_s) == ("time", [])
    assert steering.saturation == "full"


def test_where_no_queue_stands_streams_are_added_until_one_does() -> None:
    def each_gets_ten(_now: float, streams: int) -> float:
        return min(100.0, 10.0 * streams)

    def queue(_now: float, streams: int) -> float:
        return 45_000.0 if streams >= 10 else 21_000.0

    steering = Steering(IDLE_US, 4, may_grow=True, loss_based=True)
    run = drive(Line(each_gets_ten, queue, again=0.004), steering)
    assert run.word == "stop"
    assert len(run.grown_s) == 2
    assert run.grown_s[0] <= PATIENCE_S + 0.1
    assert steering.streams == 4 + 2 * MORE
    assert steering.saturation == "full"
    assert steering.steady_since_s is not None
    assert steering.steady_since_s >= run.grown_s[-1]


def test_streams_are_not_added_without_end() -> None:
    steering = Steering(IDLE_US, 4, may_grow=True, loss_based=True)
    run = drive(Line(lambda _now, streams: 2.0 * streams, flat, again=0.005), steering)
    assert steering.streams == MOST
    assert run.word == "stop"
    assert steering.saturation == "stuck"


def test_a_peer_that_sends_no_faster_is_told_from_a_full_line() -> None:
    steering = Steering(IDLE_US, 4, may_grow=True, loss_based=False)
    run = drive(Line(ramp(60, 0.2), flat), steering)
    assert run.word == "stop"
    assert len(run.grown_s) == 1
    assert steering.saturation == "peer"


def test_a_line_that_drops_what_exceeds_it_is_full_for_a_sender_that_does_not_mind_losses() -> None:
    policed = Line(ramp(60, 0.2), flat, again=0.03)
    steering = Steering(IDLE_US, 4, may_grow=True, loss_based=False)
    assert drive(policed, steering).word == "stop"
    assert steering.saturation == "full"
    for mind in (True, None):
        unsure = Steering(IDLE_US, 4, may_grow=True, loss_based=mind)
        assert drive(policed, unsure).word == "stop"
        assert unsure.saturation == "stuck"


def test_streams_that_were_asked_for_stay_and_whose_limit_it_is_stays_open() -> None:
    steering = Steering(IDLE_US, 1, loss_based=False)
    run = drive(Line(ramp(60, 0.2), flat), steering)
    assert (run.word, run.grown_s) == ("time", [])
    assert steering.saturation == "stuck"


def test_one_stream_stops_when_its_queue_stands() -> None:
    steering = Steering(IDLE_US, 1, loss_based=False)
    run = drive(Line(ramp(60, 0.2), lambda now, _streams: 21_000.0 if now < 3 else 45_000.0), steering)
    assert run.word == "stop"
    assert 3 < run.at_s < 5
    assert steering.saturation == "full"


def test_without_round_trips_a_settled_rate_is_taken_as_it_is() -> None:
    for idle, rtt in ((None, 45_000.0), (IDLE_US, None)):
        steering = Steering(idle, 4, may_grow=True)
        run = drive(Line(ramp(100, 0.3), lambda _now, _streams, rtt=rtt: rtt, again=None), steering)  # type: ignore[misc]  # a default binds the loop's value
        assert run.word == "stop"
        assert steering.saturation is None


def test_a_first_round_trip_that_was_the_long_one_does_not_hide_the_queue() -> None:
    steering = Steering(90_000, 4, may_grow=True)
    run = drive(Line(ramp(100, 0.2), lambda now, _streams: 20_000.0 if now < 0.2 else 50_000.0), steering)
    assert run.word == "stop"
    assert (steering.saturation, run.grown_s) == ("full", [])


def test_a_run_of_full_length_notes_once_what_stopping_would_have_said() -> None:
    steering = Steering(IDLE_US, 4, full_length=True)
    run = drive(Line(lambda now, _: 100.0 if now < 5 else 120.0), steering)
    assert run.word == "time"
    assert steering.early is not None
    assert steering.early.mbps == pytest.approx(100, rel=0.001)
    assert steering.early.duration_s <= FIRST_S + 0.1
    assert steering.early.received == pytest.approx(100e6 / 8 * steering.early.duration_s, rel=0.01)
    assert steering.steady_since_s is None


def test_a_full_line_that_gave_less_before_was_shared_and_the_spread_says_so() -> None:
    steering = Steering(IDLE_US, 4)
    run = drive(Line(lambda now, _: 60.0 if now < 0.5 else 95.0), steering)
    assert run.word == "stop"
    assert steering.queue is not None
    assert 60 <= steering.queue.spread_mbps[0] < 75
    assert steering.queue.spread_mbps[1] == pytest.approx(95, rel=0.001)
    assert steering.queue.rise == pytest.approx(45_000 / IDLE_US - 1)
    alone = Steering(IDLE_US, 4)
    drive(Line(ramp(95, 0.02)), alone)
    assert alone.queue is not None
    assert alone.queue.spread_mbps == pytest.approx((95, 95), rel=0.001)


def test_a_ramp_without_a_queue_is_no_spread() -> None:
    steering = Steering(IDLE_US, 4)
    drive(Line(ramp(100, 1.0), lambda now, _streams: 21_000.0 if now < 0.95 else 45_000.0), steering)
    assert steering.queue is not None
    assert steering.queue.spread_mbps[0] > 99


def test_a_queue_that_stands_only_since_the_end_is_known_all_the_same() -> None:
    steering = Steering(IDLE_US, 4)
    run = drive(Line(ramp(95, 0.02), lambda now, _streams: 21_000.0 if now < 0.68 else 27_000.0), steering)
    assert run.word == "stop"
    assert steering.queue is not None
    assert steering.queue.spread_mbps == pytest.approx((95, 95), rel=0.001)
    assert steering.queue.rise == pytest.approx(0.35)


def test_a_line_on_which_nothing_comes_is_left_to_the_other_rules() -> None:
    steering = Steering(IDLE_US, 4)
    assert drive(Line(lambda _now, _streams: 0.0), steering, seconds=3).word == "time"
