"""One process of a fleet: `python -m agent.simulate.fleet PLAN`, with the plan as JSON. It tells its numbers in lines.

Ends by itself when its time is over, when its reports are all receipted, or when whoever started it is gone.
"""

import asyncio
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from agent.broker_connection import Secrets, read_secrets
from agent.clock import Clock, SystemClock
from agent.errors import AgentError
from agent.simulate.device import Counts, Device
from agent.simulate.plan import Plan

_HANDS: Final = 8  # that make reports side by side: each waits for its disk
_TICK_S: Final = 0.02
_TOLD_S: Final = 1.0
_THREADS: Final = 24
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Fleet:
    """The agents of one process, from opening their spools to their goodbye."""

    def __init__(self, plan: Plan, *, secrets: Secrets, clock: Clock) -> None:
        self._plan = plan
        self._clock = clock
        self._chance = Random(plan.seed << 20 | plan.first)  # noqa: S311 - a simulation
        self._stop = asyncio.Event()
        self._parent = os.getppid()
        self._produced = False
        self._counts = Counts()
        self.devices = [
            Device(plan, number, secrets=secrets, clock=clock, counts=self._counts) for number in plan.numbers
        ]

    async def run(self) -> None:
        """Run until the plan is through or a signal comes."""
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="spool"))
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this hears Ctrl-C, and says so by SIGTERM
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(self._tell(), name="fleet-tell")
            working = group.create_task(self._work(), name="fleet-work")
            stopping = group.create_task(self._stop.wait(), name="fleet-stop")
            await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
            for task in (working, stopping, telling):
                task.cancel()
        for device in self.devices:
            device.spool.close()
        self._say()

    async def _work(self) -> None:
        await self._each(self.devices, Device.open)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._deliver(device), name=device.agent) for device in self.devices]
            tasks.append(group.create_task(self._make_weather(), name="fleet-weather"))
            await self._produce()
            self._produced = True
            await self._drain()
            for task in tasks:
                task.cancel()

    async def _deliver(self, device: Device) -> None:
        device.gate.cut(self._chance.uniform(0, self._plan.ramp_s))
        await device.uplink.run()

    async def _each(self, devices: Sequence[Device], work: Callable[[Device], None]) -> None:
        """Do something with every device in threads, some side by side."""
        async with asyncio.TaskGroup() as group:
            for hand in range(_HANDS):
                group.create_task(asyncio.to_thread(_all, devices[hand::_HANDS], work), name=f"fleet-open-{hand}")

    # --- making reports

    async def _produce(self) -> None:
        """Make reports in turn, at the plan's rate, as long as it says."""
        limit_s = self._plan.seconds or None
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s), asyncio.TaskGroup() as group:
                for hand in range(_HANDS):
                    group.create_task(self._produce_some(self.devices[hand::_HANDS]), name=f"fleet-produce-{hand}")

    async def _produce_some(self, devices: Sequence[Device]) -> None:
        interval_s = self._plan.interval_s
        if not devices or not interval_s:
            await asyncio.sleep(self._plan.seconds)
            return
        start, made, rate = self._clock.monotonic(), 0, len(devices) / interval_s
        while not (self._plan.reports and made >= self._plan.reports * len(devices)):
            elapsed = self._clock.monotonic() - start
            due = int(elapsed * rate)
            for turn in range(made, min(due, made + len(devices))):
                await asyncio.to_thread(devices[turn % len(devices)].produce)
                made += 1
            self._counts.tally.behind_s = max(0.0, (due - made) / rate)
            await asyncio.sleep(_TICK_S)

    async def _drain(self) -> None:
        """Wait for the last receipts; with a number of reports, for ever."""
        if self._plan.stay:
            await self._stop.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(None if self._plan.reports else self._plan.drain_s):
                while not all(device.done for device in self.devices):  # noqa: ASYNC110 - known in threads
                    await asyncio.sleep(_TICK_S * 10)

    # --- storms and outages

    async def _make_weather(self) -> None:
        plan, loop = self._plan, asyncio.get_running_loop()
        if plan.offline_share:
            period_s = plan.offline_s / plan.offline_share
            for device in self.devices:
                loop.call_later(self._chance.uniform(0, period_s), self._outage, device, period_s)
        while plan.storm_every_s:
            await asyncio.sleep(plan.storm_every_s)
            for device in self.devices:
                device.gate.cut(self._chance.uniform(0, plan.storm_within_s))

    def _outage(self, device: Device, period_s: float) -> None:
        device.gate.cut(self._plan.offline_s)
        asyncio.get_running_loop().call_later(period_s, self._outage, device, period_s)

    # --- telling

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(_TOLD_S)
            self._say()
            if os.getppid() != self._parent:
                self._stop.set()

    def _say(self) -> None:
        tally, usage = self._counts.tally, resource.getrusage(resource.RUSAGE_SELF)
        tally.agents = len(self.devices)
        tally.connected = sum(device.uplink.state.connected for device in self.devices)
        tally.spooled = sum(device.spool.spooled for device in self.devices)
        tally.dropped = sum(device.spool.dropped for device in self.devices)
        tally.unregistered = sum(device.uplink.unregistered for device in self.devices)
        tally.cpu_s = usage.ru_utime + usage.ru_stime
        tally.rss_bytes = _resident_bytes()
        tally.done = self._produced and tally.spooled == 0
        try:
            sys.stdout.write(msgspec.json.encode(tally).decode() + "\n")
            sys.stdout.flush()
        except OSError:
            self._stop.set()


def _all(devices: Sequence[Device], work: Callable[[Device], None]) -> None:
    for device in devices:
        work(device)


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE


def raise_file_limit() -> int:
    """Allow as many open files as the system lets this process have; says how many."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


async def _run(plan: Plan) -> None:
    await Fleet(plan, secrets=read_secrets(plan.broker), clock=SystemClock()).run()


def main() -> None:
    """Read the plan and run."""
    logging.basicConfig(level=logging.ERROR)
    raise_file_limit()
    try:
        asyncio.run(_run(msgspec.json.decode(sys.argv[1], type=Plan)))
    except* (AgentError, OSError) as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        sys.exit(str(error))


if __name__ == "__main__":
    main()
