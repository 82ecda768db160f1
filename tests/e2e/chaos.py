"""What may go wrong in a province, at random: each fault begins, lasts a while, and is mended."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.e2e.processes import Process
from tests.e2e.province import Province

PAUSE_S = (0.3, 2.0)
SECOND_ONE = 0.4  # how often two things fail at once


@dataclass(frozen=True)
class Fault:
    """One kind: what it touches, how long it lasts at most, and how it begins; that gives how it is mended."""

    kind: str
    part: str
    longest_s: float
    begin: Callable[[], Callable[[], None]]


@dataclass
class Chaos:
    """Lets things fail, the least often failed kind first. `counts`: how often each kind did."""

    province: Province
    counts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = self.province.chance
        self.faults = list(self._all())
        self.counts = {fault.kind: 0 for fault in self.faults}

    def strike(self) -> None:
        """Let one thing fail, or two of different parts at once; returns when they are mended."""
        first = self._rarest(self.faults)
        struck = [first]
        others = [fault for fault in self.faults if fault.part != first.part]
        if self.chance.random() < SECOND_ONE:
            struck.append(self._rarest(others))
        mended = [(fault, fault.begin()) for fault in struck]
        time.sleep(self.chance.uniform(0.05, min(fault.longest_s for fault in struck)))
        for fault, mend in mended:
            mend()
            self.counts[fault.kind] += 1

    def until(self, is_over: Callable[[], bool], *, within_s: float, at_least: int = 1) -> None:
        """Strike at random moments until something holds and every kind of fault was there often enough."""
        deadline = time.monotonic() + within_s
        while not is_over() or min(self.counts.values()) < at_least:
            assert time.monotonic() < deadline, f"not within {within_s:g} s; {self.counts}; {self.province.died()}"
            time.sleep(self.chance.uniform(*PAUSE_S))
            self.strike()

    def _rarest(self, faults: list[Fault]) -> Fault:
        fewest = min(self.counts[fault.kind] for fault in faults)
        return self.chance.choice([fault for fault in faults if self.counts[fault.kind] == fewest])

    def _all(self) -> Iterator[Fault]:
        province = self.province
        for part, choose in {
            "agents": lambda: self.chance.choice(province.workers),
            "ingest": lambda: self.chance.choice(province.collectors),
            "broker": lambda: province.broker,
        }.items():
            yield Fault(f"{part} SIGKILL", part, 1.0, lambda choose=choose: self._kill(choose()))  # type: ignore[misc]
            yield Fault(f"{part} SIGSTOP", part, 4.0, lambda choose=choose: self._stop(choose()))  # type: ignore[misc]
        yield Fault("database SIGKILL", "database", 2.0, self._kill_database)
        yield Fault("database SIGSTOP", "database", 4.0, self._stop_database)
        yield Fault("link cut", "link", 3.0, self._cut)
        yield Fault("link stalled", "link", 7.0, self._stall)
        yield Fault("disk full", "ingest", 4.0, self._fill)

    def _kill(self, process: Process) -> Callable[[], None]:
        self.province.signal(process, signal.SIGKILL)
        process.kill()
        return process.start

    def _stop(self, process: Process) -> Callable[[], None]:
        self.province.signal(process, signal.SIGSTOP)
        return lambda: self.province.signal(process, signal.SIGCONT)

    def _kill_database(self) -> Callable[[], None]:
        self.province.influxd.kill()
        return self.province.influxd.restart

    def _stop_database(self) -> Callable[[], None]:
        self.province.influxd.pause()
        return self.province.influxd.resume

    def _cut(self) -> Callable[[], None]:
        self.province.link.cut()
        return self.province.link.mend

    def _stall(self) -> Callable[[], None]:
        self.province.link.stall()
        return self.province.link.flow

    def _fill(self) -> Callable[[], None]:
        running = [each.running for each in self.province.collectors]
        self.province.disk.fill([process.pid for process in running if process is not None])
        return self.province.disk.free


@contextmanager
def whole(province: Province) -> Iterator[None]:
    """At the end, whatever happens, nothing is left stopped."""
    try:
        yield
    finally:
        for process in [*province.processes, province.broker]:
            if process.alive():
                province.signal(process, signal.SIGCONT)
        province.influxd.resume()
