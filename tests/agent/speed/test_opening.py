"""The opening of streams: all or none, in time, counted meanwhile, and no trace in the task that waits."""

import asyncio

import pytest

from agent.errors import Failed
from agent.speed.opening import LOOK_S, all_open
from agent.wire.failure import Reason, Stage

REFUSED = Failed(Stage.PEER, Reason.BUSY, "HTTP 503")


def nothing() -> None:
    """Nobody counts."""


async def refuse(after_s: float = 0.0) -> None:
    await asyncio.sleep(after_s)
    raise REFUSED


def cancelling() -> int:
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


@pytest.mark.alone
async def test_it_is_counted_until_the_last_is_open() -> None:
    looks: list[float] = []
    clock = asyncio.get_running_loop().time
    begun = clock()
    slow = {"fast": asyncio.sleep(0), "slow": asyncio.sleep(0.3)}
    await all_open(slow, meanwhile=lambda: looks.append(clock() - begun))
    assert looks[0] < 0.3
    assert len(looks) == pytest.approx(0.3 / LOOK_S, abs=4)


async def test_a_refusal_ends_all_and_leaves_no_mark_on_the_task() -> None:
    for after_s in (0.0, 0.05):
        with pytest.raises(Failed) as caught:
            await all_open({"never": asyncio.sleep(9), "refused": refuse(after_s)}, meanwhile=nothing)
        assert caught.value is REFUSED
        assert cancelling() == 0
        assert not [task for task in asyncio.all_tasks() if task.get_name() == "never"]


async def test_a_deadline_around_it_stays_a_deadline_after_a_refusal() -> None:
    async def hang_after_a_refusal() -> None:
        async with asyncio.timeout(0.2):
            with pytest.raises(Failed):
                await all_open({"refused": refuse(), "never": asyncio.sleep(9)}, meanwhile=nothing)
            await asyncio.sleep(5)

    with pytest.raises(TimeoutError):
        await hang_after_a_refusal()


async def test_a_stop_that_comes_together_with_a_refusal_is_a_stop() -> None:
    async def opening() -> None:
        await all_open({"refused": refuse(), "never": asyncio.sleep(9)}, meanwhile=nothing)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(opening(), name="opening")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()


async def test_it_gives_up_in_time() -> None:
    with pytest.raises(Failed) as caught:
        await all_open({"never": asyncio.sleep(9)}, meanwhile=nothing, timeout_s=0.1)
    assert str(caught.value.failure) == "handshake:timeout"
    assert cancelling() == 0
