"""The processor's share of the blame: computed from counters, and made to appear for real."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.evidence import cgroup, cpu
from agent.evidence.cpu import Core, CpuReading, CpuUse
from agent.evidence.places import Places
from agent.speed.doubts import Facts, Seen, doubts
from agent.wire.results import Direction
from tests.agent.evidence.board import places, write

ROOT = Path(__file__).parents[3]
SPIN = "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])}); print(flush=True)\nwhile True: pass"
STAT = (
    "cpu  100 5 50 800 20 5 15 5 0 0\ncpu0 60 5 30 390 10 5 0 0 0 0\ncpu1 40 0 20 410 10 0 15 5 0 0\nintr 5 6\ncpu9 1"
)


def core() -> int:
    return max(os.sched_getaffinity(0))


def work(seconds: float, *more: str) -> CpuUse:
    done = subprocess.run(  # noqa: S603 - the test's own
        [sys.executable, "-m", "tests.agent.evidence.worker", str(seconds), *more],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=15,
        check=True,
    )
    return CpuUse(**json.loads(done.stdout))


@contextlib.contextmanager
def spinner(place: int) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", SPIN, str(place)], stdout=subprocess.PIPE)  # noqa: S603 - the test's own
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def quota(share: float) -> Iterator[Path]:
    """A control group, of either version, whose processes together get this share of one core."""
    mounted = Path("/sys/fs/cgroup")
    name = f"lg-quota-{os.getpid()}"
    if (mounted / "cpu" / "cpu.cfs_quota_us").exists() or (mounted / "cpu" / "cgroup.procs").exists():
        folder, limit, value = mounted / "cpu" / name, "cpu.cfs_quota_us", str(int(share * 100_000))
    elif "cpu" in _said(mounted / "cgroup.subtree_control").split():
        folder, limit, value = mounted / name, "cpu.max", f"{int(share * 100_000)} 100000"
    else:
        pytest.skip("needs a cgroup hierarchy with the cpu controller")
    folder.mkdir()
    try:
        (folder / limit).write_text(value)
        yield folder
    finally:
        folder.rmdir()


def _said(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def judged(use: CpuUse) -> tuple[str, ...]:
    return doubts(Facts((Seen("download", Direction(mbps=50.0, stop="converged"), "full", cpu=use),)))


def test_a_program_beside_a_spinner_on_its_core_is_doubted_although_it_gets_half() -> None:
    with spinner(core()):
        use = work(1.5, str(core()))
    assert use.process < 0.8
    assert use.wait is not None
    assert use.wait > 0.2
    assert use.wanted > 0.93
    assert judged(use) == ("cpu_bound",)


@pytest.mark.alone
@pytest.mark.root
def test_a_program_held_by_its_cgroup_is_doubted_although_it_gets_a_third() -> None:
    with quota(0.3) as folder:
        use = work(1.5, "", str(folder))
    assert use.process < 0.6
    assert use.held is not None
    assert use.held > 0.3
    assert judged(use) == ("cpu_bound",)
    # The program's own waiting says it too, also where no cpu.stat can be read.
    assert use.wanted > 0.93


def test_the_busiest_thread_of_a_program_that_works_for_us() -> None:
    before = cpu.read(Places(), [], at_s=0.0).programs_s.keys()
    with spinner(core()):
        first = cpu.read(Places(), [], at_s=time.monotonic())
        time.sleep(0.5)  # the time measured
        last = cpu.read(Places(), [], at_s=time.monotonic())
    use = cpu.between(first, last)
    assert use is not None
    assert use.program is not None
    assert use.program > 0.93
    assert use.process < 0.5
    assert cpu.read(Places(), [], at_s=0.0).programs_s.keys() == before


def test_a_program_whose_threads_share_the_work(tmp_path: Path) -> None:
    machine = places(tmp_path)
    write(machine.proc, **{"thread-self__children": "71 72 73"})
    for thread, said in {"71/task/71": "100000000 0 1", "71/task/74": "5 x", "72/task/72": "0 0 0"}.items():
        write(machine.proc / thread, schedstat=said)
    first = cpu.read(machine, [], at_s=0.0)
    write(machine.proc / "71/task/71", schedstat="500000000 200000000 9")
    write(machine.proc / "71/task/74", schedstat="400000000 100000000 9")
    use = cpu.between(first, cpu.read(machine, [], at_s=1.0))
    assert use is not None
    assert use.program == pytest.approx(0.6)


def test_from_two_readings() -> None:
    first = CpuReading(
        10.0, 1.0, 1.0, 0.5, 0.0, {"cpu": Core(100, 20, 5), "cpu0": Core(50, 10, 5), "cpu1": Core(50, 10, 0)}
    )
    last = CpuReading(
        12.0, 1.8, 1.6, 0.7, 0.1, {"cpu": Core(500, 220, 55), "cpu0": Core(250, 50, 15), "cpu1": Core(250, 170, 40)}
    )
    use = cpu.between(first, last)
    assert use is not None
    assert [use.process, use.thread, use.wait, use.held] == pytest.approx([0.4, 0.3, 0.1, 0.05])
    assert (use.device, use.core, use.taken) == (0.5, 0.8, 0.2)
    assert use.wanted == pytest.approx(0.4)
    assert cpu.between(last, last) is None


def test_what_one_reading_does_not_know_is_unknown() -> None:
    use = cpu.between(CpuReading(0.0, 0.0, cores={"cpu0": Core(1, 1, 1)}), CpuReading(1.0, 0.5, 0.4, 0.1, 0.1))
    assert use == CpuUse(process=0.5)
    assert use.wanted == 0.5


def test_a_reading_of_files(tmp_path: Path) -> None:
    machine = places(tmp_path)
    write(machine.proc, **{"stat": STAT, "thread-self__schedstat": "2500000000 500000000 12"})
    group = write(tmp_path / "group", **{"cpu.stat": "nr_periods 5\nnr_throttled 2\nthrottled_time 250000000"})
    other = write(tmp_path / "other", **{"cpu.stat": "usage_usec 5\nnr_throttled 2\nthrottled_usec 750000"})
    reading = cpu.read(machine, [group, other, tmp_path], at_s=3.0)
    assert (reading.at_s, reading.thread_s, reading.wait_s, reading.held_s) == (3.0, 2.5, 0.5, 0.75)
    assert reading.cores == {"cpu": Core(1000, 180, 25), "cpu0": Core(500, 100, 5), "cpu1": Core(500, 80, 20)}


@pytest.mark.parametrize("schedstat", ["0 0 0", "", "x y z", "5"])
def test_a_kernel_that_does_not_count_waiting(tmp_path: Path, schedstat: str) -> None:
    machine = places(tmp_path)
    write(machine.proc, **{"thread-self__schedstat": schedstat})
    reading = cpu.read(machine, [], at_s=0.0)
    assert (reading.thread_s, reading.wait_s, reading.held_s, reading.cores) == (None, None, None, {})


def test_this_kernel_is_read() -> None:
    reading = cpu.read(Places(), [], at_s=0.0)
    assert "cpu" in reading.cores
    assert reading.process_s > 0


@pytest.mark.parametrize(
    ("said", "folders"),
    [
        ("0::/system.slice/x.service", ["system.slice/x.service", "system.slice"]),
        ("4:cpu,cpuacct:/a/b\n0::/", ["cpu,cpuacct/a/b", "cpu,cpuacct"]),
        ("1:cpu:/docker/0123\n5:memory:/docker/0123", ["cpu"]),  # a container that sees only its own group
        ("0::/../../elsewhere", []),
        ("5:memory:/a\nnonsense\n", []),
        ("", []),
    ],
)
def test_the_groups_that_may_hold_this_process(tmp_path: Path, said: str, folders: list[str]) -> None:
    machine = places(tmp_path)
    mounted = machine.sysfs / "fs" / "cgroup"
    write(machine.proc, self__cgroup=said)
    for folder in folders:
        write(mounted / folder, **{"cpu.stat": "nr_throttled 0\nthrottled_usec 0"})
    write(mounted / "memory" / "a", **{"cpu.stat": "nr_throttled 0"})
    write(mounted, **{"cpu.stat": "usage_usec 7"})  # the root of version 2 has no limit
    assert cgroup.folders(machine) == [mounted / folder for folder in folders]
