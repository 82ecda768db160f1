"""A fault of ours in the leader's work: said, counted, and begun again; nothing else stops for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from collector.metrics import Metrics, Readiness
from collector.upholding import Upholding
from tests.collector.rig import until


class Bench:
    """One work that fails as often as told, and then goes on."""

    def __init__(self, faults: int, *, first_s: float = 0.02, last_s: float = 10.0) -> None:
        self.metrics = Metrics()
        self.readiness = Readiness(self.metrics, lambda *_: None)
        self.upholding = Upholding("judging", self.metrics, self.readiness, first_s=first_s, last_s=last_s)
        self.faults, self.begun, self.ended = faults, 0, 0

    async def work(self) -> None:
        self.begun += 1
        try:
            if self.begun <= self.faults:
                raise ZeroDivisionError("nobody thought of this")
            await asyncio.Event().wait()
        finally:
            self.ended += 1

    @asynccontextmanager
    async def running(self) -> AsyncIterator["asyncio.Task[None]"]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.upholding.run(self.work), name="upholding")
            try:
                yield task
            finally:
                task.cancel()


async def test_a_work_that_fails_begins_again_and_is_ready_once_it_lasts() -> None:
    bench = Bench(2)
    async with bench.running():
        await until(lambda: bench.begun == 3)
        assert "ZeroDivisionError('nobody thought of this')" in bench.readiness.reasons["judging"]
        await until(lambda: not bench.readiness.reasons)
        assert bench.begun == 3
    assert bench.metrics.registry.get_sample_value("linkgauge_faults_total", {"part": "leading"}) == 2


async def test_a_process_that_leads_no_more_has_nothing_that_fails() -> None:
    bench = Bench(1000, first_s=60)
    async with bench.running() as task:
        await until(lambda: "judging" in bench.readiness.reasons)
        task.cancel()
        await until(task.done)
        assert not bench.readiness.reasons
    assert bench.begun == 1


async def test_a_work_that_fails_as_it_is_ended_is_ended() -> None:
    bench = Bench(0)

    async def stubborn() -> None:
        try:
            await bench.work()
        finally:
            raise ZeroDivisionError("on the way out")

    async with asyncio.TaskGroup() as group:
        task = group.create_task(bench.upholding.run(stubborn), name="upholding")
        await until(lambda: bench.begun == 1)
        task.cancel()
        async with asyncio.timeout(5):
            with pytest.raises(asyncio.CancelledError):
                await task
    assert bench.ended == 1
