"""Dear answers are kept for a while, cheap ones never."""

import asyncio

import pytest

from collector.errors import StoreUnavailable
from collector.web.kept import Kept


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def ask(kept: Kept, clock: Clock, took: float, said: list[str]) -> str:
    async def find() -> str:
        await asyncio.sleep(0)
        clock.now += took
        said.append("asked")
        return f"answer {len(said)}"

    return await kept.get("sites", find)


async def test_a_dear_answer_is_kept_twenty_times_as_long_as_it_took() -> None:
    clock, said = Clock(), list[str]()
    kept = Kept(clock)
    assert await ask(kept, clock, 0.5, said) == "answer 1"
    clock.now += 9.9
    assert await ask(kept, clock, 0.5, said) == "answer 1"
    clock.now += 0.2
    assert await ask(kept, clock, 0.5, said) == "answer 2"


async def test_a_cheap_answer_is_never_kept() -> None:
    clock, said = Clock(), list[str]()
    kept = Kept(clock)
    assert [await ask(kept, clock, 0.05, said) for _ in range(2)] == ["answer 1", "answer 2"]


async def test_many_who_ask_at_once_wait_for_one_answer() -> None:
    clock, said = Clock(), list[str]()
    kept = Kept(clock)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(kept, clock, 1.0, said), name=f"reader {number}") for number in range(5)]
    assert {task.result() for task in tasks} == {"answer 1"}


async def test_an_error_is_not_kept() -> None:
    clock, said = Clock(), list[str]()
    kept = Kept(clock)

    async def down() -> str:
        clock.now += 5.0
        raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        await kept.get("sites", down)
    assert await ask(kept, clock, 1.0, said) == "answer 1"
