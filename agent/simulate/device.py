"""One simulated agent: a real spool, a real uplink, and a line that can be cut. Nothing is measured."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import aiomqtt
import msgspec

from agent.broker_connection import Secrets
from agent.clock import Clock
from agent.config import BrokerSettings
from agent.errors import SpoolError
from agent.identity import Identity
from agent.simulate.line import Line, line
from agent.simulate.plan import Plan, agent_id
from agent.simulate.reports import SOFTWARE, chance_for, measurement
from agent.simulate.site import site_of
from agent.simulate.tally import Tally, bucket
from agent.spool import Spool
from agent.uplink import Uplink
from agent.wire.control import Profile, Status
from agent.wire.results import Range

FILE: Final = "spool.db"
EACH: Final = "%a"
_TOKEN: Final = 10
_APART_S: Final = 60.0


class Gate:
    """The road to the broker: open or cut, and the connection that runs through it."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._until = 0.0
        self.line: Line | None = None

    def cut(self, seconds: float) -> None:
        """Break the connection, and let no other through for so long; the later end of two counts."""
        loop = asyncio.get_running_loop()
        self._open.clear()
        self._until = max(self._until, loop.time() + seconds)
        loop.call_at(self._until, self._mend)
        if self.line is not None:
            self.line.cut()

    def _mend(self) -> None:
        if asyncio.get_running_loop().time() >= self._until:
            self._open.set()

    async def passed(self) -> None:
        """Wait until the road is open."""
        await self._open.wait()


class Counts:
    """The numbers of one process, counted from many threads."""

    def __init__(self) -> None:
        self.tally = Tally()
        self._lock = threading.Lock()

    def add(self, name: str, count: int = 1) -> None:
        """Count something."""
        with self._lock:
            setattr(self.tally, name, getattr(self.tally, name) + count)

    def late(self, seconds: float) -> None:
        """Count a receipt that came so long after its report was made."""
        number = bucket(seconds)
        with self._lock:
            self.tally.latency[number] = self.tally.latency.get(number, 0) + 1


class CountingSpool(Spool):
    """A spool that tells what became of its reports, and how long each waited for its receipt."""

    def __init__(self, path: Path, *, agent: str, counts: Counts, clock: Clock, limit_bytes: int) -> None:
        identity = Identity(machine_id=agent, boot_id="simulated")
        super().__init__(path, identity=identity, limit_bytes=limit_bytes, ballast=False)
        self._counts = counts
        self._clock = clock
        self._born: dict[tuple[str, int], float] = {}

    def born(self, epoch: str, seq: int) -> None:
        """Begin to count a report's time, from now on."""
        self._born[epoch, seq] = self._clock.monotonic()

    def forget_times(self) -> None:
        """Count no more for what waits now: its way is broken, and when it comes says nothing of the collector."""
        self._born.clear()

    def stored(self, epoch: str, ranges: Sequence[Range], now: datetime) -> int:
        """Note receipts, as the spool does."""
        noted = super().stored(epoch, ranges, now)
        self._counts.add("receipted", noted)
        at = self._clock.monotonic()
        known = tuple(self._born)  # other threads add and forget meanwhile
        for key in [key for key in known if key[0] == epoch and any(low <= key[1] <= up for low, up in ranges)]:
            born = self._born.pop(key, None)
            if born is not None:
                self._counts.late(at - born)
        return noted

    def forget(self, epoch: str, seqs: Sequence[int]) -> None:
        """Delete what the collector rejected, as the spool does."""
        super().forget(epoch, seqs)
        self._counts.add("rejected", len(seqs))


class Device:
    """An agent of the fleet, by its number from 0."""

    def __init__(self, plan: Plan, number: int, *, secrets: Secrets, clock: Clock, counts: Counts) -> None:
        self.number = number
        self.agent = agent_id(number)
        self.gate = Gate()
        self._plan = plan
        self._secrets = secrets
        self._clock = clock
        self._counts = counts
        self._site = site_of(plan.seed, number)
        self._version = "default-1"
        path = Path(plan.folder) / self.agent / FILE
        self.spool = CountingSpool(path, agent=self.agent, counts=counts, clock=clock, limit_bytes=plan.spool_bytes)
        self.uplink = Uplink(
            own_settings(plan.broker, self.agent),
            agent=self.agent,
            spool=self.spool,
            status=self._status,
            clock=clock,
            on_profile=self._apply,
            connect=self._connect,
        )

    # --- what a thread of its own does

    def open(self) -> None:
        """Open the spool, and give an empty one its first reports; raises SpoolError."""
        self.spool.open()
        if self.spool.newest_seq == 0:
            for left in range(self._plan.prefill, 0, -1):
                self._put(back_s=left * (self._plan.interval_s or _APART_S))
        self._counts.add("opened")

    def produce(self) -> None:
        """Make one report, unless this agent has made all it should; a spool that refuses is counted."""
        if self._plan.reports and self.spool.newest_seq >= self._plan.reports:
            return
        try:
            self._put()
        except SpoolError:
            self._counts.add("refused")

    @property
    def done(self) -> bool:
        """Whether it has made all that it should, and all of it has its receipt."""
        made = not self._plan.reports or self.spool.newest_seq >= self._plan.reports
        return made and not self.spool.spooled

    def _put(self, back_s: float = 0) -> None:
        number = self.spool.newest_seq
        chance = chance_for(self._plan.seed, self.number, number)
        at = self._clock.now() - timedelta(seconds=back_s)
        token = None
        if self._plan.start is not None:
            phase = self._plan.interval_s * self.number / self._plan.agents
            at = self._plan.start + timedelta(seconds=phase + number * self._plan.interval_s)
        else:  # what is run twice must not give one id to two reports
            token = os.urandom(_TOKEN)
        made = self.spool.put(measurement(self._site, self.agent, chance, at=at, mix=self._plan.mix, token=token))
        self._counts.add("produced")
        if made is not None and self.uplink.state.connected and not back_s:
            self.spool.born(made.epoch, made.seq)

    # --- its way to the broker

    @asynccontextmanager
    async def _connect(self, settings: BrokerSettings, *, client_id: str, will: aiomqtt.Will) -> AsyncIterator[Line]:
        await self.gate.passed()
        async with line(settings, self._secrets, client_id=client_id, will=will) as opened:
            self.gate.line = opened
            self._counts.add("connects")
            try:
                yield opened
            finally:
                self.gate.line = None
                self.spool.forget_times()

    def _status(self) -> Status:
        return Status(
            state="online",
            software=SOFTWARE,
            profile=self._version,
            boot="simulated",
            epoch=self.spool.epoch or None,
            seq=self.spool.newest_seq,
            spooled=self.spool.spooled,
            dropped=self.spool.dropped,
        )

    def _apply(self, profile: Profile) -> None:
        self._version = profile.version  # confirmed; when to measure is not asked of a simulation


def own_settings(broker: BrokerSettings, agent: str) -> BrokerSettings:
    """Put the agent's own id into its user name, if it is asked for there."""
    if broker.username is None or EACH not in broker.username:
        return broker
    return msgspec.structs.replace(broker, username=broker.username.replace(EACH, agent))
