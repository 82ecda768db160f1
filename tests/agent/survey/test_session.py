"""A walk in this process: a real bus, a real spool, a real gpsd's words, and what goes wrong on the way."""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.errors import SpoolError
from agent.measure import Order
from agent.probes import radio as radio_probe
from agent.probes.probe import Task
from agent.survey.notebook import Notebook
from agent.survey.route import Route, Stop
from agent.survey.session import Plan, Session
from agent.survey.track import Place
from agent.survey.walk import Walk
from agent.survey.walk_clock import WalkClock
from tests.agent.delivery import HERE
from tests.agent.radio import modems
from tests.agent.survey.ground import CENTRE, Ground, ground, kept, track

pytestmark = pytest.mark.program("dbus-daemon")
Condition = Callable[[], object]


class ShiftedClock(SystemClock):
    """The machine's clocks, of which the wall clock is wrong, and nothing keeps it right."""

    shift = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.shift

    def synchronized(self) -> bool | None:
        return False


class Out:
    """Somebody who walks over the ground."""

    def __init__(self, here: Ground, clock: SystemClock | None = None, **more: Any) -> None:  # noqa: ANN401 - of a plan
        self.clock = WalkClock(clock or SystemClock())
        self.notebook = Notebook(here.data, identity=HERE, clock=self.clock)
        options = {"bus": here.bus, "gpsd": f"127.0.0.1:{here.receiver.port}", "wait": "1"}
        plan = Plan(radio_probe.planned(Task("", options=options)), 0.02, **more)
        self.walk = Walk("20261122_0102_beef", "bg-1", "driving", tests=plan.test is not None)
        self.session = Session(plan, self.walk, self.notebook, self.clock)

    @asynccontextmanager
    async def walking(self) -> AsyncIterator[None]:
        self.notebook.open()
        try:
            async with asyncio.TaskGroup() as group:
                task = group.create_task(self.session.run(), name="walk")
                try:
                    yield
                finally:
                    task.cancel()
        finally:
            self.notebook.close()

    async def until(self, condition: Condition, within_s: float = 15) -> None:
        async with asyncio.timeout(within_s):
            while not condition():  # noqa: ASYNC110 - the walk's state has no event
                await asyncio.sleep(0.01)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Ground]:
    async with ground(tmp_path, [*track(100)]) as made:
        yield made


def samples(here: Ground) -> list[dict[str, Any]]:
    return [report["result"] for report in kept(here.recorded) if "result" in report]


async def test_samples_are_numbered_named_and_placed_in_the_order_of_the_way(here: Ground) -> None:
    out = Out(here)
    out.walk.route = Route((Stop("start", Place(*CENTRE)),))
    async with out.walking():
        await out.until(lambda: out.walk.tally.samples >= 12)
    found = samples(here)
    assert [result["place_number"] for result in found] == list(range(1, len(found) + 1))
    assert [(result["latitude"], result["longitude"]) for result in found] == track(100)[: len(found)]
    assert {(result["survey"], result["environment"], result["position_source"]) for result in found} == {
        ("20261122_0102_beef", "driving", "gpsd")
    }
    assert found[0]["stop"] == "start"
    assert "stop" not in found[-1]
    reports = kept(here.recorded)
    assert [report["seq"] for report in reports] == list(range(1, len(reports) + 1))


async def test_a_modem_that_vanishes_is_one_report_and_the_walk_goes_on_with_it(here: Ground) -> None:
    out = Out(here, again_s=0.1)
    async with out.walking():
        await out.until(lambda: out.walk.tally.samples >= 3)
        path, modem = here.manager.modems.popitem()
        changes: list[bool] = []
        out.session.listeners.change = lambda: changes.append(out.walk.trouble is not None)
        await out.until(lambda: sum(changes) >= 4)
        here.manager.modems[path] = modem
        before = out.walk.tally.samples
        await out.until(lambda: out.walk.tally.samples >= before + 3)
        assert out.walk.trouble is None
    reports = kept(here.recorded)
    failed = [report["failure"] for report in reports if "failure" in report]
    assert [(failure["stage"], failure["reason"]) for failure in failed] == [("device", "no_hardware")]
    numbers = [result["place_number"] for result in samples(here)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert out.walk.tally.failures >= 1


async def test_a_modem_that_hangs_ends_at_its_deadline_and_is_told(here: Ground) -> None:
    (modem,) = here.manager.modems.values()
    out = Out(here, reading_s=0.5)
    async with out.walking():
        await out.until(lambda: out.walk.tally.samples >= 1)
        modem.hang = frozenset({"Location.GetLocation"})
        await out.until(lambda: out.walk.trouble is not None, 8)
        modem.hang = frozenset()
        before = out.walk.tally.samples
        await out.until(lambda: out.walk.tally.samples > before)
    assert [report["failure"]["reason"] for report in kept(here.recorded) if "failure" in report] == ["timeout"]


async def test_without_a_fix_a_sample_is_a_sample_and_says_why_it_has_no_place(here: Ground) -> None:
    here.receiver.places = [CENTRE, None]
    out = Out(here)
    async with out.walking():
        await out.until(lambda: out.walk.tally.samples >= 2)
    first, second = samples(here)[:2]
    assert (first["latitude"], first["longitude"]) == CENTRE
    assert "latitude" not in second
    assert second["missing"]["position"]["reason"] == "nodata"
    assert second["rsrp_dbm"] == -97.0
    assert out.walk.tally.placed == out.walk.tally.samples - 1


@pytest.fixture
def small_disk(here: Ground) -> Iterator[Path]:
    """The data folder on a disk of four megabytes."""
    here.data.mkdir()
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=4m", "linkgauge-test", str(here.data)], check=True)  # noqa: S603 - our own
    yield here.data
    subprocess.run(["/bin/umount", "-l", str(here.data)], check=True)  # noqa: S603 - our own


@pytest.mark.root
async def test_a_full_disk_is_said_and_the_walk_goes_on_to_be_shown(here: Ground, small_disk: Path) -> None:
    out = Out(here)
    filling = small_disk / "filling"
    async with out.walking():
        await out.until(lambda: out.walk.tally.samples >= 2)
        with contextlib.suppress(OSError), filling.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        await out.until(lambda: out.walk.tally.unkept >= 3)
        assert "full" in str(out.walk.disk)
        shown = out.walk.tally.samples
        await out.until(lambda: out.walk.tally.samples > shown)
        filling.unlink()
        await out.until(lambda: out.walk.disk is None)
        before = len(kept(here.recorded))
        await out.until(lambda: len(kept(here.recorded)) > before)
    numbers = [result["place_number"] for result in samples(here)]
    assert numbers == list(range(1, len(numbers) + 1)), "what was not kept took no number"


@pytest.mark.parametrize("shift", [timedelta(days=-20_000), timedelta(days=-30), timedelta(days=3)])
async def test_satellites_date_the_samples_of_a_box_whose_clock_is_wrong(here: Ground, shift: timedelta) -> None:
    clock = ShiftedClock()
    clock.shift = shift
    here.receiver.places = [None, *track(10)]  # the first sample comes before the first fix
    out = Out(here, clock)
    began = datetime.now(UTC)
    async with out.walking():
        await out.until(lambda: out.walk.tally.samples >= 5)
        assert out.walk.by_satellites
        assert not out.walk.undated
    times = [datetime.fromisoformat(report["started"]) for report in kept(here.recorded)]
    later = [at for at in times if abs((at - began).total_seconds()) < 60]
    # A clock that shows 1970 is known to be wrong, so what was measured by it waited; one that shows some day is not.
    assert len(later) == len(times) - (shift != timedelta(days=-20_000)) * 2
    assert later == sorted(later)


async def test_a_clock_that_agrees_with_the_fix_is_not_turned_back_by_the_fix_s_age(here: Ground) -> None:
    here.receiver.now = lambda: datetime.now(UTC) - timedelta(seconds=8)
    clock = ShiftedClock()
    out = Out(here, clock)
    async with out.walking():
        await out.until(lambda: out.walk.tally.placed >= 2)
        assert abs((out.clock.now() - clock.now()).total_seconds()) < 1
    assert not out.walk.by_satellites


async def test_what_has_no_time_waits_for_it_and_nothing_is_lost(here: Ground) -> None:
    clock = ShiftedClock()
    clock.shift = timedelta(days=-20_000)
    here.receiver.places = [None]
    out = Out(here, clock)
    async with out.walking():
        await out.until(lambda: out.walk.tally.samples >= 2)
        assert out.walk.undated
        assert kept(here.recorded) == []
        clock.shift = timedelta(0)  # a network that knows the time
        await out.until(lambda: not out.walk.undated)
        before = out.walk.tally.samples
        await out.until(lambda: out.walk.tally.samples > before)
    reports = kept(here.recorded)
    assert [report["result"]["place_number"] for report in reports] == list(range(1, len(reports) + 1))
    assert reports[0]["clock"]["rebased"]
    assert reports[0]["doubts"] == ["clock_unset"]


async def test_a_speed_test_at_a_stop_is_made_once_beside_the_samples(here: Ground, peer_urls: str) -> None:
    url = peer_urls.split('"')[1]
    here.receiver.places = [CENTRE]
    task = Task(url, max_bytes=2_000_000, options={"before_s": "0.1", "early": "true"})
    out = Out(here, test=Order("throughput", task, 30), still_s=0.2)
    async with out.walking():
        await out.until(lambda: out.walk.testing)
        await out.until(lambda: out.walk.tested is not None)
        before = out.walk.tally.samples
        await out.until(lambda: out.walk.tally.samples >= before + 3)
        assert out.walk.tally.tests == 1
        assert "Mbit/s" in str(out.walk.tested)
        out.session.ask_test()
        await out.until(lambda: out.walk.tally.tests == 2)
    tests = [report for report in kept(here.recorded) if report["kind"] == "throughput"]
    assert [report["request"] for report in tests] == ["20261122_0102_beef"] * 2
    assert all(report["result"]["download"]["bytes"] <= 2_200_000 for report in tests)


async def test_a_speed_test_without_a_network_is_a_failure_that_is_kept(here: Ground) -> None:
    here.receiver.places = [CENTRE]
    out = Out(here, test=Order("throughput", Task("msak+ws://127.0.0.1:1"), 30), still_s=0.1)
    async with out.walking():
        await out.until(lambda: out.walk.tested is not None)
    (test,) = [report for report in kept(here.recorded) if report["kind"] == "throughput"]
    assert test["failure"]["stage"] == "connect"


async def test_only_one_walks_at_a_time(here: Ground) -> None:
    out = Out(here)
    async with out.walking():
        with pytest.raises(SpoolError, match="another survey"):
            Out(here).notebook.open()
    async with Out(here).walking():
        pass


async def test_5g_and_no_network_are_samples_too(here: Ground) -> None:
    here.manager.modems.clear()
    here.manager.plug(modems.sa())
    out = Out(here)
    async with out.walking():
        await out.until(lambda: out.walk.tally.samples >= 1)
        here.manager.modems.clear()
        here.manager.plug(modems.searching())
        await out.until(lambda: "none" in out.walk.tally.marks)
    found = samples(here)
    assert found[0]["nr_rsrp_dbm"] == -88.0
    assert "rsrp_dbm" not in found[-1]
    assert found[-1]["registration"] == "searching"
