"""The measuring loop's extra work: requests from afar, once and bounded, and what uses spare time."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.errors import UsageError
from agent.wire.control import Request
from tests.agent.bench_of_rounds import (
    ONCE,
    Probe,
    rounds_at,
    scheduled,
    until,
)


async def test_a_request_is_run_at_once_and_only_once(tmp_path: Path) -> None:
    async with rounds_at(tmp_path, scheduled()) as bench:
        request = Request(request="r1", kind="latency", peer="stamp://192.0.2.9:862")
        bench.rounds.ask(request)
        bench.rounds.ask(request)
        await until(lambda: bench.keeper.kept)
        bench.rounds.ask(request)
        bench.rounds.ask(Request(request="r2", kind="latency"))
        await until(lambda: len(bench.keeper.kept) == 2)
    assert [made.request for made in bench.keeper.kept] == ["r1", "r2"]
    assert bench.probe.tasks[0].peer == "stamp://192.0.2.9:862"
    assert not bench.book.exists()


async def test_spare_time_is_used_once_after_the_first_run_and_alone(tmp_path: Path) -> None:
    done: list[int] = []
    gate = asyncio.Event()

    async def spare() -> None:
        done.append(len(bench.keeper.kept))
        await gate.wait()

    async with rounds_at(tmp_path, scheduled()) as bench:
        bench.rounds.spare = spare
        await asyncio.sleep(0)
        bench.rounds.ask(Request(request="r1", kind="latency"))
        await until(lambda: done)
        bench.rounds.ask(Request(request="r2", kind="latency"))
        await asyncio.sleep(0.05)  # nothing may happen meanwhile
        assert len(bench.keeper.kept) == 1
        gate.set()
        await until(lambda: len(bench.keeper.kept) == 2)
        bench.rounds.ask(Request(request="r3", kind="latency"))
        await until(lambda: len(bench.keeper.kept) == 3)
    assert done == [1]


@pytest.mark.parametrize(
    ("schedule", "runs"),
    [
        pytest.param("every_s = 30000000\nfirst_runs = 3\nfirst_every_s = 0.2\n", 3, id="first runs go before"),
        pytest.param("every_s = 1\n", 1, id="no schedule is too dense"),
    ],
)
async def test_spare_time_is_when_nothing_is_due_for_a_while(tmp_path: Path, schedule: str, runs: int) -> None:
    done: list[int] = []

    async def spare() -> None:
        done.append(len(bench.keeper.kept))

    async with rounds_at(tmp_path, scheduled(schedule)) as bench:
        bench.rounds.spare = spare
        await until(lambda: done)
    assert done[0] >= runs


async def test_a_stop_ends_what_uses_spare_time(tmp_path: Path) -> None:
    begun = asyncio.Event()
    ended: list[str] = []

    async def spare() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("ended")

    async with rounds_at(tmp_path, scheduled(ONCE)) as bench:
        bench.rounds.spare = spare
        await asyncio.wait_for(begun.wait(), 5)
    assert ended == ["ended"]


async def test_requests_that_make_no_sense_are_let_go(tmp_path: Path) -> None:
    past, soon = datetime.now(UTC) - timedelta(1), datetime.now(UTC) + timedelta(1)
    async with rounds_at(tmp_path, scheduled()) as bench:
        bench.rounds.ask(Request(request="r1", kind="radar"))
        bench.rounds.ask(Request(request="r2", kind="latency", expires=past))
        bench.rounds.ask(Request(request="r3"))
        for number in range(20):
            bench.rounds.ask(Request(request=f"n{number}", kind="latency", expires=soon))
        await until(lambda: len(bench.keeper.kept) == 3)
        bench.rounds.ask(Request(request="last", kind="latency"))
        await until(lambda: bench.keeper.kept[-1].request == "last")
    assert [made.request for made in bench.keeper.kept] == ["n0", "n1", "n2", "last"]


async def test_a_request_that_expires_while_it_waits_is_not_run(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with rounds_at(tmp_path, scheduled(ONCE), probe=Probe(act=gate.wait)) as bench:
        await until(lambda: bench.probe.running)
        bench.rounds.ask(Request(request="r1", kind="ipv6", expires=bench.clock.now() + timedelta(seconds=50)))
        bench.rounds.ask(Request(request="r2", kind="ipv6"))
        bench.clock.shift = timedelta(seconds=60)
        gate.set()
        await until(lambda: len(bench.keeper.kept) == 2)
    assert [made.request for made in bench.keeper.kept] == [None, "r2"]


async def test_requests_without_end_do_not_starve_the_schedule(tmp_path: Path) -> None:
    async with rounds_at(tmp_path, scheduled("every_s = 1\n")) as bench:
        bench.rounds.heard = lambda _: bench.rounds.ask(Request(request=f"r{len(bench.keeper.kept)}", kind="ipv6"))
        bench.rounds.ask(Request(request="first", kind="ipv6"))
        await until(lambda: len(bench.keeper.kept) > 10)
        await until(lambda: [made for made in bench.keeper.kept if made.request is None])


async def test_a_request_that_cannot_be_done_says_nothing_of_the_settings(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse() -> None:
        raise UsageError("no such peer")

    async with rounds_at(tmp_path, scheduled(), probe=Probe(act=refuse)) as bench:
        bench.rounds.ask(Request(request="r\n1", kind="latency", peer="nonsense"))
        await until(lambda: "event=request_unusable" in caplog.text)
        assert bench.rounds.kind_errors == {}
    assert "r\n1" not in caplog.text
