"""What the processor did during a run: our program's share, how long it waited for a core, how busy the others were.

`/proc/<thread>/schedstat` counts nanoseconds on a core and nanoseconds ready to run without one. The second grows both
behind another program on the same core and while a cgroup's quota is used up (tried on Linux 6.18: a program that
spins beside a spinner waits 0.50 of the time, one held at 20 % by its cgroup 0.80).
"""

import resource
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from agent.evidence.places import Places, entries, text, whole

# Columns of /proc/stat behind a core's name (man 5 proc): user nice system idle iowait irq softirq steal.
_IDLE, _IOWAIT, _IRQ, _SOFTIRQ, _STEAL, _COLUMNS = 3, 4, 5, 6, 7, 8
_CORES_MAX: Final = 1024


class Core(NamedTuple):
    """Ticks of one core since boot: all, busy, and those of them that interrupts or another machine's guest took."""

    total: int
    busy: int
    taken: int


@dataclass(frozen=True, slots=True)
class CpuReading:
    """The processors at one moment. Seconds since whenever; None is unknown.

    `process_s`: processor time of this process and of the programs it ran to their end. `thread_s`, `wait_s`: of the
    calling thread alone. `held_s`: for how long a cgroup above this process has kept it off all cores. `programs_s`:
    running and ready to run, by thread of the programs that the calling thread has started and that run now.
    """

    at_s: float
    process_s: float
    thread_s: float | None = None
    wait_s: float | None = None
    held_s: float | None = None
    cores: Mapping[str, Core] = field(default_factory=dict)
    programs_s: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CpuUse:
    """Shares of the time between two readings, each None if unknown.

    `process`: of one core (more than 1 if several were used). `thread`, `wait`: the thread that moves the data, running
    and ready to run. `held`: kept off by the cgroup's quota. `device`: all cores. `core`: the busiest core; `taken`:
    the largest share of a core that interrupts (the network's work) and the host of a virtual machine took. `program`:
    of another program that moves data for us, the busiest thread, running and ready to run.
    """

    process: float
    thread: float | None = None
    wait: float | None = None
    held: float | None = None
    device: float | None = None
    core: float | None = None
    taken: float | None = None
    program: float | None = None

    @property
    def wanted(self) -> float:
        """The share of a core that the program would have used had it always got one when it was ready."""
        return (self.process if self.thread is None else self.thread) + (self.wait or 0.0)


def read(places: Places, groups: Sequence[Path], *, at_s: float) -> CpuReading:
    """Take a reading, from the thread that moves the data. `groups`: as `cgroup.folders` found them."""
    ours = _scheduled(places.proc / "thread-self")
    thread, wait = ours if ours is not None else (None, None)
    held = [seconds for folder in groups if (seconds := _held_s(folder)) is not None]
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return CpuReading(
        at_s=at_s,
        process_s=time.process_time() + ended.ru_utime + ended.ru_stime,
        thread_s=thread,
        wait_s=wait,
        held_s=max(held, default=None),
        cores=_cores(text(places.proc / "stat") or ""),
        programs_s=dict(_programs(places)),
    )


def between(first: CpuReading, last: CpuReading) -> CpuUse | None:
    """The shares between two readings; None if no time passed."""
    seconds = last.at_s - first.at_s
    if seconds <= 0:
        return None
    cores = {name: _spent(first.cores[name], core) for name, core in last.cores.items() if name in first.cores}
    counted = {name: spent for name, spent in cores.items() if spent.total > 0}
    before = first.programs_s
    programs = [_part(wanted - before.get(thread, 0.0), seconds) for thread, wanted in last.programs_s.items()]
    alone = [spent for name, spent in counted.items() if name != "cpu"]
    return CpuUse(
        process=max(0.0, last.process_s - first.process_s) / seconds,
        thread=_share(first.thread_s, last.thread_s, seconds),
        wait=_share(first.wait_s, last.wait_s, seconds),
        held=_share(first.held_s, last.held_s, seconds),
        device=_part(counted["cpu"].busy, counted["cpu"].total) if "cpu" in counted else None,
        core=max((_part(spent.busy, spent.total) for spent in alone), default=None),
        taken=max((_part(spent.taken, spent.total) for spent in alone), default=None),
        program=max(programs, default=None),
    )


def _scheduled(thread: Path) -> tuple[float, float] | None:
    """Seconds that a thread ran, and was ready to run; None for a kernel without these counts, which shows zeros."""
    fields = (text(thread / "schedstat") or "").split()
    numbers = [number / 1e9 for field in fields[:2] if (number := whole(field)) is not None]
    return (numbers[0], numbers[1]) if len(numbers) == 2 and numbers[0] else None  # noqa: PLR2004 - the two columns


def _programs(places: Places) -> Iterator[tuple[str, float]]:
    """The threads of the programs that run for us, each with the seconds it ran or was ready to run."""
    for process in (text(places.proc / "thread-self" / "children") or "").split():
        for thread in entries(places.proc / process / "task", "*"):
            scheduled = _scheduled(thread)
            if scheduled is not None:
                yield thread.name, sum(scheduled)


def _cores(stat: str) -> dict[str, Core]:
    found: dict[str, Core] = {}
    for line in stat.splitlines()[: _CORES_MAX + 1]:
        name, *columns = line.split()[: _COLUMNS + 1]
        if not name.startswith("cpu"):
            break
        ticks = [number for column in columns if (number := whole(column)) is not None]
        if len(ticks) == _COLUMNS:
            taken = ticks[_IRQ] + ticks[_SOFTIRQ] + ticks[_STEAL]
            found[name] = Core(sum(ticks), sum(ticks) - ticks[_IDLE] - ticks[_IOWAIT], taken)
    return found


def _spent(first: Core, last: Core) -> Core:
    return Core(last.total - first.total, last.busy - first.busy, last.taken - first.taken)


def _held_s(folder: Path) -> float | None:
    """How long the processes of a cgroup were kept off: nanoseconds in version 1, microseconds in version 2."""
    for line in (text(folder / "cpu.stat") or "").splitlines():
        name, _, value = line.partition(" ")
        unit = {"throttled_time": 1e9, "throttled_usec": 1e6}.get(name)
        number = whole(value.strip())
        if unit is not None and number is not None:
            return number / unit
    return None


def _share(first: float | None, last: float | None, seconds: float) -> float | None:
    if first is None or last is None:
        return None
    return _part(last - first, seconds)


def _part(part: float, whole_: float) -> float:
    return min(1.0, max(0.0, part / whole_))
