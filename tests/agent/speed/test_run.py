"""The watch over a loaded line, with a meter that does as told."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from agent.speed.estimate import Sample
from agent.speed.limits import Limits
from agent.speed.run import TELL_S, TICK_S, until_stop
from agent.wire.failure import Failure

WHOLE = Limits(seconds=1.0, early=False, may_grow=False)


@dataclass
class Told:
    """A line that carries `mbps` for `lasting_s`, then nothing."""

    mbps: float = 80.0
    lasting_s: float = 100.0
    streams: int = 4
    broken: Failure | None = None
    start_s: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    samples: list[Sample] = field(default_factory=list)
    told: list[float] = field(default_factory=list)

    def sample(self, now: float) -> Sequence[Sample]:
        self.samples = self.samples or [Sample(self.start_s, 0)]
        gone_s = min(now - self.start_s, self.lasting_s)
        self.samples.append(Sample(max(now, self.samples[-1].at_s), gone_s * self.mbps * 125_000, 40_000))
        return self.samples

    def open_streams(self) -> int:
        return self.streams

    def failure(self) -> Failure | None:
        return self.broken

    def idle_rtt_us(self) -> float | None:
        return 10_000

    def sender_congestion(self) -> str | None:
        return "bbr"

    def tell(self, now: float) -> None:
        self.told.append(now)

    def grow(self, streams: int) -> bool:
        raise AssertionError(f"{streams} more were not allowed")


async def test_a_whole_run_ends_on_time_with_a_sample_every_tick() -> None:
    line, live = Told(), list[tuple[float, float]]()
    ended = await until_stop(line, WHOLE, lambda *now: live.append(now))
    assert ended.stop.word == "time"
    assert ended.samples[-1].at_s - line.start_s == pytest.approx(WHOLE.seconds, abs=0.05)
    assert len(ended.samples) == pytest.approx(WHOLE.seconds / TICK_S + 2, abs=4)
    assert len(line.told) == len(live) == pytest.approx(WHOLE.seconds / TELL_S, abs=1)
    assert [rate for _, rate in live] == pytest.approx([80] * len(live), rel=0.05)


async def test_a_line_that_dies_is_silent_for_no_longer_than_the_rule_has_it() -> None:
    line = Told(lasting_s=0.2)
    ended = await until_stop(line, WHOLE, lambda *_: None)
    assert str(ended.stop.failure) == "transfer:timeout"
    assert ended.samples[-1].at_s - line.start_s == pytest.approx(0.2 + WHOLE.silence_s, abs=0.1)


async def test_a_line_that_never_carried_anything() -> None:
    ended = await until_stop(Told(mbps=0), WHOLE, lambda *_: None)
    assert str(ended.stop.failure) == "transfer:timeout"


async def test_a_failure_or_a_budget_ends_it_at_once() -> None:
    broken = Failure("transfer", "reset")
    ended = await until_stop(Told(broken=broken), WHOLE, lambda *_: None)
    assert ended.stop.failure == broken
    line = Told()
    ended = await until_stop(line, Limits(seconds=5, max_bytes=2_000_000, early=False), lambda *_: None)
    assert ended.stop.word == "budget"
    assert ended.samples[-1].received == pytest.approx(2_000_000, rel=0.2)
