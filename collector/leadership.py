"""Leading: the work that one process at a time may do, begun when the lease is ours and ended when it may not be."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final, TypeVar

from collector.errors import RegistryUnavailable
from collector.metrics import Metrics
from collector.registry.database import Database
from collector.registry.lease import Lease, NotLeading
from collector.store.store import Point, Store

LOG: Final = logging.getLogger(__name__)
_LOOK_S: Final = 0.2  # how soon work ends after the lease has
_STAND_BY_S: Final = 0.5
_RENEWALS: Final = 4  # in the time that the lease lasts
T = TypeVar("T")


class Leadership:
    """For one event loop. `work` is begun anew each time this process comes to lead; it never returns by itself."""

    def __init__(
        self, database: Database, lease: Lease, *, lasts_s: float, metrics: Metrics, now: Callable[[], datetime]
    ) -> None:
        self.lease = lease
        self._database = database
        self._renew_s = lasts_s / _RENEWALS
        self._metrics = metrics
        self._now = now
        # A thread of its own: what waits for a slow page or a long write must not cost us the lease.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lease")

    @property
    def is_leading(self) -> bool:
        """Whether this process leads for certain; also right after it was stopped for a while."""
        return self.lease.held

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Stand by, lead, and stand by again, until cancelled. Whoever stands by is as good as ready."""
        while True:
            if await self._take():
                await self._lead(work)
            await asyncio.sleep(_STAND_BY_S)

    async def resign(self) -> None:
        """Let another process lead at once, if this one does."""
        if self.lease.held:
            try:
                await self._asked(self.lease.release)
            except RegistryUnavailable as error:
                LOG.info("leader.not_resigned error=%s; others wait until the lease is over", error)

    async def _lead(self, work: Callable[[], Awaitable[None]]) -> None:
        since = self._now()
        LOG.info("leader.leads token=%s", self.lease.token)
        self._metrics.leader.set(1)
        self._metrics.leader_since.set(since.timestamp())
        try:
            async with asyncio.TaskGroup() as group:
                # Neither ends by itself; both are cancelled here, so nothing of this group ever fails for our sake.
                tasks = [group.create_task(_done(work), name="leading"), group.create_task(self._renew(), name="lease")]
                while self.lease.held:  # noqa: ASYNC110 - it ends by the clock
                    await asyncio.sleep(_LOOK_S)
                LOG.warning("leader.no_longer since=%s; standing by", since.isoformat(timespec="seconds"))
                for task in tasks:
                    task.cancel()
        finally:
            self._metrics.leader.set(0)
            self._metrics.leader_since.set(0)

    async def _renew(self) -> None:
        """Renew for ever; that it failed shows in `held`."""
        while True:
            await asyncio.sleep(self._renew_s)
            await self._take()

    async def _take(self) -> bool:
        try:
            await self._asked(self._database.open)
            return await self._asked(self.lease.take)
        except RegistryUnavailable as error:
            LOG.debug("leader.lease_unknown error=%s", error)  # said by whoever watches the registry
            return False

    async def _asked(self, question: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, question)


class LeadersStore:
    """The time series for leading work: written only while we lead for certain, read as it is."""

    def __init__(self, store: Store, lease: Lease) -> None:
        """Take a store over; each question goes to it as it comes."""
        self._store, self._lease = store, lease
        self.open, self.close, self.drop, self.info = store.open, store.close, store.drop, store.info
        self.samples, self.recent, self.summary = store.samples, store.recent, store.summary
        self.having, self.values = store.having, store.values

    async def write(self, points: Sequence[Point]) -> None:
        """As Store.write; NotLeading for a process that woke up after another one took over."""
        if not self._lease.held:
            raise NotLeading("another process may lead by now: this one writes no points")
        await self._store.write(points)


async def _done(work: Callable[[], Awaitable[None]]) -> None:
    await work()
