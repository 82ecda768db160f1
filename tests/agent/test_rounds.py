"""The measuring loop: one at a time, nothing lost through full disks, unset clocks and stops."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from agent import config as configs
from agent.clock import is_set
from agent.errors import Failed, SpoolError, UsageError
from agent.ledger import Ledgers
from agent.rounds import UNKEPT_LIMIT
from agent.spool import Unfit
from agent.wire.control import Request
from agent.wire.failure import Reason, Stage
from agent.wire.results import Ledger, Tally
from tests.agent.bench_of_rounds import (
    ONCE,
    Clock,
    Keeper,
    Probe,
    config_with,
    rounds_at,
    scheduled,
    until,
)

FAST = "every_s = 1\nfirst_runs = 1000\nfirst_every_s = 0.01\n"


async def test_runs_are_kept_one_at_a_time(tmp_path: Path) -> None:
    async with rounds_at(tmp_path, scheduled(FAST, FAST, FAST)) as bench:
        await until(lambda: {made.kind for made in bench.keeper.kept} == {"latency", "throughput", "ipv6"})
        await until(lambda: len(bench.keeper.kept) > 10)
    assert bench.probe.most == 1
    assert bench.keeper.kept[0].profile == "p1"


async def test_each_kind_gets_its_peer_and_its_first_budget(tmp_path: Path) -> None:
    small = ONCE + "max_seconds = 9\nfirst_max_seconds = 2\nfirst_max_bytes = 5000\nfamily = 'ipv4'\n"
    async with rounds_at(tmp_path, scheduled(small + "options = { count = '5' }\n", ONCE)) as bench:
        await until(lambda: len(bench.keeper.kept) == 2)
    by_kind = dict(zip([made.kind for made in bench.keeper.kept], bench.probe.tasks, strict=True))
    latency, throughput = by_kind["latency"], by_kind["throughput"]
    assert latency.peer == "stamp://192.0.2.1:8862"
    assert (latency.max_seconds, latency.max_bytes, latency.family) == (2, 5000, "ipv4")
    assert latency.options == {"count": "5"}
    assert throughput.peer == "msak+ws://192.0.2.1:8080"
    assert (throughput.max_seconds, throughput.family) == (None, None)


async def test_a_full_disk_is_waited_out_in_order(tmp_path: Path) -> None:
    async with rounds_at(tmp_path, scheduled(FAST), keeper=Keeper(error=SpoolError("disk full"))) as bench:
        await until(lambda: len(bench.probe.tasks) >= 5)
        assert bench.rounds.spool_error == "disk full"
        bench.keeper.error = None
        await until(lambda: len(bench.keeper.kept) >= 5)
        await until(lambda: bench.rounds.spool_error is None)
    starts = [made.started for made in bench.keeper.kept]
    assert starts == sorted(starts)
    assert len(set(starts)) == len(starts)


async def test_a_disk_that_stays_full_costs_the_oldest_and_is_accounted_for(tmp_path: Path) -> None:
    every_ms = FAST.replace("0.01", "0.001")
    probe = Probe(act=lambda: asyncio.sleep(0))
    async with rounds_at(tmp_path, scheduled(every_ms), probe=probe, keeper=Keeper(error=SpoolError("full"))) as bench:
        await until(lambda: bench.book.exists() and bench.tally().skipped.get("unkept", 0) >= 3)
        assert len(bench.probe.tasks) >= UNKEPT_LIMIT
        bench.keeper.error = None
        await until(lambda: len(bench.keeper.kept) >= UNKEPT_LIMIT)


async def test_a_disk_that_comes_back_is_tried_again_without_a_new_run(tmp_path: Path) -> None:
    async with rounds_at(tmp_path, scheduled(ONCE), keeper=Keeper(error=SpoolError("full"))) as bench:
        await until(lambda: bench.keeper.refusals)
        bench.keeper.error = None
        await until(lambda: bench.keeper.kept)
    assert len(bench.probe.tasks) == 1


async def test_before_the_clock_is_set_reports_are_undated_and_dated_once_it_is(tmp_path: Path) -> None:
    shift = datetime(1970, 1, 2, tzinfo=UTC) - datetime.now(UTC)
    async with rounds_at(tmp_path, scheduled(FAST), clock=Clock(shift=shift)) as bench:
        await until(lambda: len(bench.keeper.kept) >= 2)
        assert bench.keeper.dated == []
        assert bench.keeper.kept[0].doubts == ["clock_unset"]
        first = bench.keeper.undated[0]
        assert first is not None
        assert first.boot_id == "boot-1"
        assert 0 <= bench.clock.boottime() - first.boottime_s < 60
        bench.clock.shift = timedelta(0)
        await until(lambda: bench.keeper.dated)
        count = len(bench.keeper.kept)
        await until(lambda: len(bench.keeper.kept) > count + 1)
    assert is_set(bench.keeper.dated[0])
    assert bench.keeper.undated[-1] is None
    assert bench.keeper.kept[-1].doubts == []


async def test_a_disk_that_refuses_while_dating_is_tried_again(tmp_path: Path) -> None:
    async with rounds_at(tmp_path, scheduled(FAST), keeper=Keeper(error=SpoolError("full"))) as bench:
        await until(lambda: bench.rounds.spool_error)
        bench.keeper.error = None
        await until(lambda: bench.keeper.dated)


async def test_a_stop_in_mid_run_is_accounted_for(tmp_path: Path) -> None:
    async with rounds_at(tmp_path, scheduled(ONCE), probe=Probe(act=asyncio.Event().wait)) as bench:
        await until(lambda: bench.probe.running)
        assert bench.rounds.measuring == "latency"
        assert not bench.rounds.is_stuck()
    assert bench.tally() == Tally(planned=1, run=0, skipped={"stopped": 1})
    assert bench.keeper.kept == []


async def test_a_run_that_ignores_its_deadline_is_told_to_the_watchdog(tmp_path: Path) -> None:
    @dataclass
    class Hurried(Clock):
        hurry: float = 0

        def monotonic(self) -> float:
            return super().monotonic() + self.hurry

    clock = Hurried()
    async with rounds_at(tmp_path, scheduled(ONCE), probe=Probe(act=asyncio.Event().wait), clock=clock) as bench:
        await until(lambda: bench.probe.running)
        clock.hurry = 179
        assert not bench.rounds.is_stuck()
        clock.hurry = 181
        assert bench.rounds.is_stuck()


async def test_wrong_settings_of_one_kind_stop_that_kind_only(tmp_path: Path) -> None:
    async def refuse() -> None:
        raise UsageError("no such option")

    probe = Probe(act=refuse)
    async with rounds_at(tmp_path, scheduled(FAST), probe=probe) as bench:
        await until(lambda: bench.rounds.kind_errors)
        assert bench.rounds.kind_errors == {"latency": "latency cannot run: no such option"}
        await until(lambda: bench.tally().skipped.get("unusable", 0) >= 2)
        probe.act = lambda: asyncio.sleep(0)
        await until(lambda: bench.keeper.kept)
        assert bench.rounds.kind_errors == {}


async def test_a_kind_without_a_peer_says_so(tmp_path: Path) -> None:
    async with rounds_at(tmp_path, scheduled(ONCE)) as bench:
        await until(lambda: bench.keeper.kept)
        config = config_with(scheduled(FAST))
        bench.rounds.change(msgspec.structs.replace(config, peer=configs.PeerSettings(urls=["ookla:"])), "p2")
        bench.rounds.ask(Request(request="r", kind="latency"))
        await until(lambda: "latency" in bench.rounds.kind_errors)
    assert "no peer for latency" in bench.rounds.kind_errors["latency"]


async def test_another_schedule_is_taken_over_and_named_in_reports(tmp_path: Path) -> None:
    async with rounds_at(tmp_path, scheduled()) as bench:
        assert bench.rounds.next() == {}
        bench.rounds.change(config_with(scheduled("every_s = 1\n")), "p2")
        await until(lambda: bench.keeper.kept)
    assert bench.keeper.kept[0].profile == "p2"


async def test_yesterdays_account_becomes_a_report_after_a_restart(tmp_path: Path) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    kept = Ledgers(yesterday)
    kept.ran("latency")
    kept.skipped("latency", "late")
    (tmp_path / "ledger.json").write_bytes(msgspec.json.encode(kept.book()))
    async with rounds_at(tmp_path, scheduled()) as bench:
        await until(lambda: bench.keeper.kept)
    made = bench.keeper.kept[0]
    assert made.kind == "ledger"
    assert made.result == Ledger(
        day=yesterday, kinds={"latency": Tally(planned=2, run=1, skipped={"late": 1})}, dropped=[]
    )


async def test_a_torn_account_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "ledger.json").write_bytes(b'{"day":"20')
    async with rounds_at(tmp_path, scheduled(ONCE)) as bench:
        await until(lambda: bench.keeper.kept)
    assert bench.tally().run == 1


async def test_a_long_sleep_is_counted_as_late(tmp_path: Path) -> None:
    @dataclass
    class Napping(Clock):
        def boottime(self) -> float:
            return super().boottime() + self.shift.total_seconds()

    async with rounds_at(tmp_path, scheduled("every_s = 600\n"), clock=Napping()) as bench:
        await until(bench.rounds.next)
        bench.clock.shift = timedelta(hours=2)
        bench.rounds.change(config_with(scheduled("every_s = 600\n")), "p1")
        await until(bench.book.exists)
    assert bench.tally().skipped["late"] >= 11


async def test_a_report_that_no_spool_can_keep_does_not_hold_up_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = Keeper()
    async with rounds_at(tmp_path, scheduled(FAST), keeper=keeper) as bench:
        await until(lambda: keeper.dated)
        keeper.error = Unfit("too large")
        await until(lambda: caplog.text.count("event=report_unkept") >= 2)
        assert bench.tally().skipped["unkept"] >= 2
        assert bench.rounds.spool_error is None
        keeper.error, before = None, len(keeper.kept)
        await until(lambda: len(keeper.kept) > before)


async def test_a_stop_that_comes_together_with_a_failure_of_the_probe_is_heard(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def refused() -> None:
        await gate.wait()
        raise Failed(Stage.CONNECT, Reason.REFUSED)

    async def act() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(refused(), name="part")

    async with asyncio.timeout(5), rounds_at(tmp_path, scheduled(ONCE), probe=Probe(act=act)) as bench:
        await until(lambda: bench.probe.running)
        gate.set()
    assert bench.tally().skipped == {"stopped": 1}


async def test_failed_runs_leave_no_mark_on_the_task_that_runs_for_years(tmp_path: Path) -> None:
    async def refused() -> None:
        await asyncio.sleep(0)
        raise Failed(Stage.CONNECT, Reason.REFUSED)

    async def act() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(refused(), name="part")

    async with rounds_at(tmp_path, scheduled(FAST), probe=Probe(act=act)) as bench:
        await until(lambda: len(bench.keeper.kept) >= 3)
        (rounds,) = [task for task in asyncio.all_tasks() if task.get_name() == "rounds"]
        assert rounds.cancelling() == 0
