"""The measuring loop: one at a time, nothing lost through full disks, unset clocks and stops."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from agent import config as configs
from agent.clock import SystemClock, is_set
from agent.errors import Failed, SpoolError, UsageError
from agent.ledger import Book, Ledgers
from agent.measure import Device
from agent.probes.probe import Outcome, Task
from agent.rounds import UNKEPT_LIMIT, Rounds, timetable_for
from agent.spool import Undated, Unfit
from agent.wire.control import Request
from agent.wire.failure import Reason, Stage
from agent.wire.report import Measurement
from agent.wire.results import Latency, Ledger, Tally

OFF = "enabled = false\n"
TEXT = """
[agent]
id = "a1"
[broker]
url = "mqtt://127.0.0.1:1"
[peer]
urls = ["msak+ws://192.0.2.1:8080", "stamp://192.0.2.1:8862"]
[limits]
retry_s = 0.05
requests = 3
"""


@dataclass
class Clock(SystemClock):
    """The machine's clock, moved."""

    shift: timedelta = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.shift

    def boot_id(self) -> str:
        return "boot-1"


@dataclass
class Keeper:
    """A spool that can refuse."""

    error: SpoolError | None = None
    kept: list[Measurement[Any]] = field(default_factory=list)
    undated: list[Undated | None] = field(default_factory=list)
    dated: list[datetime] = field(default_factory=list)
    refusals: int = 0

    def put(self, measurement: Measurement[Any], *, undated: Undated | None = None) -> object:
        if self.error is not None:
            self.refusals += 1
            raise self.error
        self.kept.append(measurement)
        self.undated.append(undated)
        return None

    def date(self, now: datetime, boottime_s: float, boot_id: str) -> int:
        assert boottime_s > 0
        assert boot_id == "boot-1"
        if self.error is not None:
            raise self.error
        self.dated.append(now)
        return len(self.undated)


@dataclass
class Probe:
    """Counts how many run at once."""

    tasks: list[Task] = field(default_factory=list)
    running: int = 0
    most: int = 0
    act: Callable[[], Awaitable[object]] = field(default=lambda: asyncio.sleep(0.01))

    async def __call__(self, task: Task) -> Outcome:
        self.tasks.append(task)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.act()
        finally:
            self.running -= 1
        return Outcome(Latency(method="stamp", sent=1, received=1))


@dataclass
class Bench:
    rounds: Rounds
    keeper: Keeper
    probe: Probe
    clock: Clock
    book: Path

    def tally(self, kind: str = "latency") -> Tally:
        return msgspec.json.decode(self.book.read_bytes(), type=Book).kinds.get(kind, Tally())


def _config(schedule: str) -> configs.AgentConfig:
    return configs.parse(TEXT + schedule, {}, name="agent.toml", check_peer=str)


def _schedule(latency: str = OFF, throughput: str = OFF, ipv6: str = OFF) -> str:
    return f"[schedule.latency]\n{latency}[schedule.throughput]\n{throughput}[schedule.ipv6]\n{ipv6}"


@asynccontextmanager
async def _bench(folder: Path, schedule: str, **parts: Any) -> AsyncIterator[Bench]:  # noqa: ANN401 - parts of a bench
    config = _config(schedule)
    probe, keeper, clock = parts.get("probe", Probe()), parts.get("keeper", Keeper()), parts.get("clock", Clock())
    device = Device("a1", clock, {"latency": probe, "throughput": probe, "ipv6": probe}, profile="p1")
    timetable = timetable_for(config, last={}, rng=Random(1))  # noqa: S311 - a schedule is no secret
    book = folder / "ledger.json"
    rounds = Rounds(config, device=device, keeper=keeper, timetable=timetable, book=book)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(rounds.run(), name="rounds")
        try:
            yield Bench(rounds, keeper, probe, clock, book)
        finally:
            task.cancel()


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the loop under test tells nobody
            await asyncio.sleep(0.005)


FAST = "every_s = 1\nfirst_runs = 1000\nfirst_every_s = 0.01\n"
ONCE = "every_s = 30000000\nfirst_runs = 1\n"


async def test_runs_are_kept_one_at_a_time(tmp_path: Path) -> None:
    async with _bench(tmp_path, _schedule(FAST, FAST, FAST)) as bench:
        await _until(lambda: {made.kind for made in bench.keeper.kept} == {"latency", "throughput", "ipv6"})
        await _until(lambda: len(bench.keeper.kept) > 10)
    assert bench.probe.most == 1
    assert bench.keeper.kept[0].profile == "p1"


async def test_each_kind_gets_its_peer_and_its_first_budget(tmp_path: Path) -> None:
    small = ONCE + "max_seconds = 9\nfirst_max_seconds = 2\nfirst_max_bytes = 5000\nfamily = 'ipv4'\n"
    async with _bench(tmp_path, _schedule(small + "options = { count = '5' }\n", ONCE)) as bench:
        await _until(lambda: len(bench.keeper.kept) == 2)
    by_kind = dict(zip([made.kind for made in bench.keeper.kept], bench.probe.tasks, strict=True))
    latency, throughput = by_kind["latency"], by_kind["throughput"]
    assert latency.peer == "stamp://192.0.2.1:8862"
    assert (latency.max_seconds, latency.max_bytes, latency.family) == (2, 5000, "ipv4")
    assert latency.options == {"count": "5"}
    assert throughput.peer == "msak+ws://192.0.2.1:8080"
    assert (throughput.max_seconds, throughput.family) == (None, None)


async def test_a_full_disk_is_waited_out_in_order(tmp_path: Path) -> None:
    async with _bench(tmp_path, _schedule(FAST), keeper=Keeper(error=SpoolError("disk full"))) as bench:
        await _until(lambda: len(bench.probe.tasks) >= 5)
        assert bench.rounds.spool_error == "disk full"
        bench.keeper.error = None
        await _until(lambda: len(bench.keeper.kept) >= 5)
        await _until(lambda: bench.rounds.spool_error is None)
    starts = [made.started for made in bench.keeper.kept]
    assert starts == sorted(starts)
    assert len(set(starts)) == len(starts)


async def test_a_disk_that_stays_full_costs_the_oldest_and_is_accounted_for(tmp_path: Path) -> None:
    every_ms = FAST.replace("0.01", "0.001")
    probe = Probe(act=lambda: asyncio.sleep(0))
    async with _bench(tmp_path, _schedule(every_ms), probe=probe, keeper=Keeper(error=SpoolError("full"))) as bench:
        await _until(lambda: bench.book.exists() and bench.tally().skipped.get("unkept", 0) >= 3)
        assert len(bench.probe.tasks) >= UNKEPT_LIMIT
        bench.keeper.error = None
        await _until(lambda: len(bench.keeper.kept) >= UNKEPT_LIMIT)


async def test_a_disk_that_comes_back_is_tried_again_without_a_new_run(tmp_path: Path) -> None:
    async with _bench(tmp_path, _schedule(ONCE), keeper=Keeper(error=SpoolError("full"))) as bench:
        await _until(lambda: bench.keeper.refusals)
        bench.keeper.error = None
        await _until(lambda: bench.keeper.kept)
    assert len(bench.probe.tasks) == 1


async def test_before_the_clock_is_set_reports_are_undated_and_dated_once_it_is(tmp_path: Path) -> None:
    shift = datetime(1970, 1, 2, tzinfo=UTC) - datetime.now(UTC)
    async with _bench(tmp_path, _schedule(FAST), clock=Clock(shift=shift)) as bench:
        await _until(lambda: len(bench.keeper.kept) >= 2)
        assert bench.keeper.dated == []
        assert bench.keeper.kept[0].doubts == ["clock_unset"]
        first = bench.keeper.undated[0]
        assert first is not None
        assert first.boot_id == "boot-1"
        assert 0 <= bench.clock.boottime() - first.boottime_s < 60
        bench.clock.shift = timedelta(0)
        await _until(lambda: bench.keeper.dated)
        count = len(bench.keeper.kept)
        await _until(lambda: len(bench.keeper.kept) > count + 1)
    assert is_set(bench.keeper.dated[0])
    assert bench.keeper.undated[-1] is None
    assert bench.keeper.kept[-1].doubts == []


async def test_a_disk_that_refuses_while_dating_is_tried_again(tmp_path: Path) -> None:
    async with _bench(tmp_path, _schedule(FAST), keeper=Keeper(error=SpoolError("full"))) as bench:
        await _until(lambda: bench.rounds.spool_error)
        bench.keeper.error = None
        await _until(lambda: bench.keeper.dated)


async def test_a_request_is_run_at_once_and_only_once(tmp_path: Path) -> None:
    async with _bench(tmp_path, _schedule()) as bench:
        request = Request(request="r1", kind="latency", peer="stamp://192.0.2.9:862")
        bench.rounds.ask(request)
        bench.rounds.ask(request)
        await _until(lambda: bench.keeper.kept)
        bench.rounds.ask(request)
        bench.rounds.ask(Request(request="r2", kind="latency"))
        await _until(lambda: len(bench.keeper.kept) == 2)
    assert [made.request for made in bench.keeper.kept] == ["r1", "r2"]
    assert bench.probe.tasks[0].peer == "stamp://192.0.2.9:862"
    assert not bench.book.exists()


async def test_spare_time_is_used_once_after_the_first_run_and_alone(tmp_path: Path) -> None:
    done: list[int] = []
    gate = asyncio.Event()

    async def spare() -> None:
        done.append(len(bench.keeper.kept))
        await gate.wait()

    async with _bench(tmp_path, _schedule()) as bench:
        bench.rounds.spare = spare
        await asyncio.sleep(0)
        bench.rounds.ask(Request(request="r1", kind="latency"))
        await _until(lambda: done)
        bench.rounds.ask(Request(request="r2", kind="latency"))
        await asyncio.sleep(0.05)  # nothing may happen meanwhile
        assert len(bench.keeper.kept) == 1
        gate.set()
        await _until(lambda: len(bench.keeper.kept) == 2)
        bench.rounds.ask(Request(request="r3", kind="latency"))
        await _until(lambda: len(bench.keeper.kept) == 3)
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

    async with _bench(tmp_path, _schedule(schedule)) as bench:
        bench.rounds.spare = spare
        await _until(lambda: done)
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

    async with _bench(tmp_path, _schedule(ONCE)) as bench:
        bench.rounds.spare = spare
        await asyncio.wait_for(begun.wait(), 5)
    assert ended == ["ended"]


async def test_requests_that_make_no_sense_are_let_go(tmp_path: Path) -> None:
    past, soon = datetime.now(UTC) - timedelta(1), datetime.now(UTC) + timedelta(1)
    async with _bench(tmp_path, _schedule()) as bench:
        bench.rounds.ask(Request(request="r1", kind="radar"))
        bench.rounds.ask(Request(request="r2", kind="latency", expires=past))
        bench.rounds.ask(Request(request="r3"))
        for number in range(20):
            bench.rounds.ask(Request(request=f"n{number}", kind="latency", expires=soon))
        await _until(lambda: len(bench.keeper.kept) == 3)
        bench.rounds.ask(Request(request="last", kind="latency"))
        await _until(lambda: bench.keeper.kept[-1].request == "last")
    assert [made.request for made in bench.keeper.kept] == ["n0", "n1", "n2", "last"]


async def test_a_request_that_expires_while_it_waits_is_not_run(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with _bench(tmp_path, _schedule(ONCE), probe=Probe(act=gate.wait)) as bench:
        await _until(lambda: bench.probe.running)
        bench.rounds.ask(Request(request="r1", kind="ipv6", expires=bench.clock.now() + timedelta(seconds=50)))
        bench.rounds.ask(Request(request="r2", kind="ipv6"))
        bench.clock.shift = timedelta(seconds=60)
        gate.set()
        await _until(lambda: len(bench.keeper.kept) == 2)
    assert [made.request for made in bench.keeper.kept] == [None, "r2"]


async def test_a_stop_in_mid_run_is_accounted_for(tmp_path: Path) -> None:
    async with _bench(tmp_path, _schedule(ONCE), probe=Probe(act=asyncio.Event().wait)) as bench:
        await _until(lambda: bench.probe.running)
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
    async with _bench(tmp_path, _schedule(ONCE), probe=Probe(act=asyncio.Event().wait), clock=clock) as bench:
        await _until(lambda: bench.probe.running)
        clock.hurry = 179
        assert not bench.rounds.is_stuck()
        clock.hurry = 181
        assert bench.rounds.is_stuck()


async def test_wrong_settings_of_one_kind_stop_that_kind_only(tmp_path: Path) -> None:
    async def refuse() -> None:
        raise UsageError("no such option")

    probe = Probe(act=refuse)
    async with _bench(tmp_path, _schedule(FAST), probe=probe) as bench:
        await _until(lambda: bench.rounds.kind_errors)
        assert bench.rounds.kind_errors == {"latency": "latency cannot run: no such option"}
        await _until(lambda: bench.tally().skipped.get("unusable", 0) >= 2)
        probe.act = lambda: asyncio.sleep(0)
        await _until(lambda: bench.keeper.kept)
        assert bench.rounds.kind_errors == {}


async def test_a_kind_without_a_peer_says_so(tmp_path: Path) -> None:
    async with _bench(tmp_path, _schedule(ONCE)) as bench:
        await _until(lambda: bench.keeper.kept)
        config = _config(_schedule(FAST))
        bench.rounds.change(msgspec.structs.replace(config, peer=configs.PeerSettings(urls=["iperf3://h:1"])), "p2")
        bench.rounds.ask(Request(request="r", kind="latency"))
        await _until(lambda: "latency" in bench.rounds.kind_errors)
    assert "no peer for latency" in bench.rounds.kind_errors["latency"]


async def test_another_schedule_is_taken_over_and_named_in_reports(tmp_path: Path) -> None:
    async with _bench(tmp_path, _schedule()) as bench:
        assert bench.rounds.next() == {}
        bench.rounds.change(_config(_schedule("every_s = 1\n")), "p2")
        await _until(lambda: bench.keeper.kept)
    assert bench.keeper.kept[0].profile == "p2"


async def test_yesterdays_account_becomes_a_report_after_a_restart(tmp_path: Path) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    kept = Ledgers(yesterday)
    kept.ran("latency")
    kept.skipped("latency", "late")
    (tmp_path / "ledger.json").write_bytes(msgspec.json.encode(kept.book()))
    async with _bench(tmp_path, _schedule()) as bench:
        await _until(lambda: bench.keeper.kept)
    made = bench.keeper.kept[0]
    assert made.kind == "ledger"
    assert made.result == Ledger(
        day=yesterday, kinds={"latency": Tally(planned=2, run=1, skipped={"late": 1})}, dropped=[]
    )


async def test_a_torn_account_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "ledger.json").write_bytes(b'{"day":"20')
    async with _bench(tmp_path, _schedule(ONCE)) as bench:
        await _until(lambda: bench.keeper.kept)
    assert bench.tally().run == 1


async def test_a_long_sleep_is_counted_as_late(tmp_path: Path) -> None:
    @dataclass
    class Napping(Clock):
        def boottime(self) -> float:
            return super().boottime() + self.shift.total_seconds()

    async with _bench(tmp_path, _schedule("every_s = 600\n"), clock=Napping()) as bench:
        await _until(bench.rounds.next)
        bench.clock.shift = timedelta(hours=2)
        bench.rounds.change(_config(_schedule("every_s = 600\n")), "p1")
        await _until(bench.book.exists)
    assert bench.tally().skipped["late"] >= 11


async def test_requests_without_end_do_not_starve_the_schedule(tmp_path: Path) -> None:
    async with _bench(tmp_path, _schedule("every_s = 1\n")) as bench:
        bench.rounds.heard = lambda _: bench.rounds.ask(Request(request=f"r{len(bench.keeper.kept)}", kind="ipv6"))
        bench.rounds.ask(Request(request="first", kind="ipv6"))
        await _until(lambda: len(bench.keeper.kept) > 10)
        await _until(lambda: [made for made in bench.keeper.kept if made.request is None])


async def test_a_request_that_cannot_be_done_says_nothing_of_the_settings(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse() -> None:
        raise UsageError("no such peer")

    async with _bench(tmp_path, _schedule(), probe=Probe(act=refuse)) as bench:
        bench.rounds.ask(Request(request="r\n1", kind="latency", peer="nonsense"))
        await _until(lambda: "event=request_unusable" in caplog.text)
        assert bench.rounds.kind_errors == {}
    assert "r\n1" not in caplog.text


async def test_a_report_that_no_spool_can_keep_does_not_hold_up_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = Keeper()
    async with _bench(tmp_path, _schedule(FAST), keeper=keeper) as bench:
        await _until(lambda: keeper.dated)
        keeper.error = Unfit("too large")
        await _until(lambda: caplog.text.count("event=report_unkept") >= 2)
        assert bench.tally().skipped["unkept"] >= 2
        assert bench.rounds.spool_error is None
        keeper.error, before = None, len(keeper.kept)
        await _until(lambda: len(keeper.kept) > before)


async def test_a_stop_that_comes_together_with_a_failure_of_the_probe_is_heard(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def refused() -> None:
        await gate.wait()
        raise Failed(Stage.CONNECT, Reason.REFUSED)

    async def act() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(refused(), name="part")

    async with asyncio.timeout(5), _bench(tmp_path, _schedule(ONCE), probe=Probe(act=act)) as bench:
        await _until(lambda: bench.probe.running)
        gate.set()
    assert bench.tally().skipped == {"stopped": 1}


async def test_failed_runs_leave_no_mark_on_the_task_that_runs_for_years(tmp_path: Path) -> None:
    async def refused() -> None:
        await asyncio.sleep(0)
        raise Failed(Stage.CONNECT, Reason.REFUSED)

    async def act() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(refused(), name="part")

    async with _bench(tmp_path, _schedule(FAST), probe=Probe(act=act)) as bench:
        await _until(lambda: len(bench.keeper.kept) >= 3)
        (rounds,) = [task for task in asyncio.all_tasks() if task.get_name() == "rounds"]
        assert rounds.cancelling() == 0
