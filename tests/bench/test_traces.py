"""Our early stop against plateau B, on every recorded line whose answer is known."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from agent.speed.doubts import Facts, Seen, doubts
from agent.speed.engine import Transfer, Way
from agent.speed.estimate import at, estimate
from agent.speed.limits import Limits, Stop
from agent.speed.steering import Steering
from agent.speed.summary import direction
from agent.wire.failure import Doubt
from agent.wire.results import Direction
from tests.bench.plateau import plateau
from tests.bench.recording import Recording, recordings

# What four streams had of the line for a minute, ten seconds after they began, beside the rival of the recordings
# "rival-…": the mean of two looks at it by the line's own counters (runs "share" of the table).
SHARES = {
    ("bbr", "download"): 72.3, ("bbr", "upload"): 75.4, ("cubic", "download"): 95.1, ("cubic", "upload"): 95.2,
}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """A run's error as a share of the truth, and its data as a share of ten seconds at the line's rate."""

    name: str
    error: float
    data: float
    saturation: str | None = None


def steered(recording: Recording) -> Outcome:
    """Replay a recording through the early stop. Streams cannot be added to what was recorded."""
    samples = recording.arrived
    loss_based = recording.name.startswith(("cubic", "stuck-cubic"))
    steering = Steering(recording.idle_rtt_us, recording.streams, loss_based=loss_based)
    last = next((place for place in range(1, len(samples)) if steering.look(samples[: place + 1]) == "stop"), None)
    seen = samples if last is None else samples[: last + 1]
    if last is None:
        steering.close(seen)
    found = estimate(seen, since_s=steering.steady_since_s)
    assert found is not None
    return _outcome(recording, found.mbps, found.duration_s, steering.saturation)


def _outcome(recording: Recording, mbps: float, seconds: float, saturation: str | None = None) -> Outcome:
    truth = recording.truth_mbps
    assert truth is not None
    samples = recording.arrived
    data = at(samples, samples[0].at_s + seconds) * 8 / 1e6 / (10 * truth)
    return Outcome(f"{recording.name} {recording.way}", mbps / truth - 1, data, saturation)


def lines(*, stuck: bool) -> Iterator[Recording]:
    """The recordings on which TCP is stuck or the peer is slow, or all others."""
    for recording in recordings():
        if recording.truth_mbps is not None and recording.name.startswith("stuck") == stuck:
            yield recording


@pytest.mark.timeout(120)
def test_nearer_to_the_truth_than_plateau_b_and_with_less_data() -> None:
    ours, theirs = [], []
    for recording in lines(stuck=False):
        ours.append(steered(recording))
        mbps, seconds = plateau(recording.in_order, (recording.idle_rtt_us or 0) / 1e6)
        theirs.append(_outcome(recording, mbps, seconds))
    assert len(ours) >= 60
    errors = [abs(outcome.error) for outcome in ours]
    assert statistics.fmean(errors) < 0.5 * statistics.fmean(abs(outcome.error) for outcome in theirs)
    assert max(errors) < max(abs(outcome.error) for outcome in theirs)
    assert statistics.fmean(outcome.data for outcome in ours) < 0.5 * statistics.fmean(o.data for o in theirs)
    worst = max(ours, key=lambda outcome: abs(outcome.error))
    assert abs(worst.error) < 0.015, worst
    assert statistics.median(errors) < 0.002


@pytest.mark.timeout(60)
def test_what_tcp_or_the_peer_set_is_never_called_the_lines() -> None:
    checked = 0
    for recording in lines(stuck=True):
        outcome = steered(recording)
        # An upload that the peer reads slowly fills its buffers first: the peer's own word raises the doubt there.
        if recording.name.startswith("stuck-peer") and recording.way == "upload":
            continue
        checked += 1
        assert outcome.saturation != "full" or abs(outcome.error) < 0.03, outcome
        if "peer" not in recording.name:
            assert outcome.saturation == "stuck", outcome
    assert checked >= 8


@pytest.mark.timeout(60)
def test_where_others_have_a_part_of_the_line_the_bounds_reach_what_they_leave_or_there_is_a_doubt() -> None:
    fair = []
    for recording in recordings():
        if recording.name.startswith("rival"):
            share = SHARES[recording.name.split("-")[1], recording.way]
            seen = judged(recording)
            low, high = bounds(seen.direction)
            fair.append(low <= share <= high or Doubt.CROSS_TRAFFIC in doubts(Facts((seen,))))
    assert len(fair) == 18
    assert statistics.fmean(fair) >= 0.9


@pytest.mark.timeout(60)
def test_where_nobody_shares_the_line_there_is_no_doubt_and_the_bounds_stay_close() -> None:
    widths = {}
    for recording in lines(stuck=False):
        seen = judged(recording)
        assert Doubt.CROSS_TRAFFIC not in doubts(Facts((seen,))), recording.name
        low, high = bounds(seen.direction)
        widths[recording.name] = (high - low) / 2 / (recording.truth_mbps or 1)
    clean = [width for name, width in widths.items() if name.startswith("clean")]
    assert len(clean) >= 15
    assert max(clean) <= 0.031  # what a second may say of a minute
    assert len(widths) >= 30


def bounds(direction: Direction) -> tuple[float, float]:
    assert direction.low_mbps is not None
    assert direction.high_mbps is not None
    return direction.low_mbps, direction.high_mbps


def judged(recording: Recording) -> Seen:
    """What the rules of doubt would get to see of a recording."""
    samples = recording.arrived
    steering = Steering(recording.idle_rtt_us, recording.streams, loss_based=False)
    last = next((place for place in range(1, len(samples)) if steering.look(samples[: place + 1]) == "stop"), None)
    seen = samples if last is None else samples[: last + 1]
    steering.close(seen)
    transfer = Transfer(
        stop=Stop("time" if last is None else "converged"),
        samples=seen,
        received=int(seen[-1].received),
        streams=recording.streams,
        saturation=steering.saturation,
        steady_since_s=steering.steady_since_s,
        queue=steering.queue,
    )
    way: Way = "upload" if recording.way == "upload" else "download"
    return Seen(way, direction(transfer, Limits()), saturation=steering.saturation, queue=steering.queue)
