"""Payloads that a person asked to be judged again: through the same pipeline, a few at a time, after all else."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agent.wire.codec import AnyReport
from collector.archive.archive import Archive
from collector.errors import RegistryUnavailable, StoreUnavailable
from collector.ingest import Arrival, Deferred, Holding, Holdings, Known, Rejected, Store, judge, unpack
from collector.quarantine.holding import Claimed, Quarantine
from collector.registry.site import Snapshot

LOG: Final = logging.getLogger(__name__)
_AT_ONCE: Final = 20
_BUSY: Final = 100
"""Messages waiting from which on quarantine waits too."""
_STORED: Final = "stored: in the series and the archive, with a receipt"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became, or would become, of a payload: accepted as a whole or not, and in words."""

    accepted: bool
    words: str


@dataclass(frozen=True, slots=True)
class Service:
    """What the running service lends: its pipeline, what the archive holds, the registry, its inbox, the clock.

    `holding` and `snapshot` are called in a thread. `waiting` counts messages that come first, -1 once it stops.
    """

    process: Callable[[Sequence[Arrival]], Awaitable[None]]
    holding: Holdings
    snapshot: Callable[[], Snapshot]
    waiting: Callable[[], int]
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Replay:
    """Takes up what was asked for, for one service; several processes may, each takes its own."""

    quarantine: Quarantine
    service: Service

    async def run(self, every_s: Callable[[], float]) -> None:
        """Until cancelled: look for what was asked for, and take it up."""
        while True:
            try:
                taken = await self.once() if self.service.waiting() <= _BUSY else 0
            except (StoreUnavailable, RegistryUnavailable) as error:
                LOG.warning("quarantine.replay_failed error=%s; tried again", error)
                taken = 0
            if taken < _AT_ONCE:
                await asyncio.sleep(every_s())

    async def once(self) -> int:
        """Take up some; gives how many. Raises StoreUnavailable or RegistryUnavailable: they stay to be taken up."""
        if not await asyncio.to_thread(self.quarantine.path.exists):
            return 0
        await asyncio.to_thread(self.quarantine.open)
        claimed = await asyncio.to_thread(self.quarantine.claim, _AT_ONCE, at=self.service.now())
        for one in claimed:
            found = await self._judge(one)
            if self.service.waiting() < 0 and not found.accepted:
                break  # the pipeline gives up what it has in hand; whoever comes next claims these again
            await asyncio.to_thread(
                self.quarantine.settle, one.number, found.words, accepted=found.accepted, at=self.service.now()
            )
            LOG.info("quarantine.replayed number=%d accepted=%s", one.number, found.accepted)
        return len(claimed)

    async def _judge(self, one: Claimed) -> Outcome:
        arrivals = await asyncio.to_thread(unpack, one.topic, one.payload)
        await self.service.process(arrivals)

        def look() -> Outcome:
            return outcome(arrivals, self.service.snapshot(), self.service.now(), self.service.holding, tried=True)

        return await asyncio.to_thread(look)


def held_by(archive: Archive, *, places: bool = True) -> Holdings:
    """What an open archive holds at a report's place; one that is only read knows no `places`."""

    def holding(report: AnyReport) -> Holding:
        if archive.holds(report.id):
            return "this"
        if not places or not archive.knows(report.agent, report.epoch, report.seq):
            return "nothing"
        return "this" if archive.has_expired(report.started) else "other"

    return holding


def outcome(
    arrivals: Sequence[Arrival],
    snapshot: Snapshot,
    now: datetime,
    holding: Holdings,
    *,
    tried: bool = False,
) -> Outcome:
    """What would become of a payload's reports; or became, when they were `tried`."""
    words = [_words(one, snapshot, now, holding, tried=tried) for one in arrivals]
    stored = sum(word is None for word in words)
    bad = [word for word in words if word is not None]
    if not bad:
        return Outcome(accepted=bool(words), words=_STORED if tried else "would be stored")
    if len(words) == 1:
        return Outcome(accepted=False, words=bad[0])
    whole = len(arrivals) > 1 and all(word.startswith("rejected") for word in bad) and stored > 0
    return Outcome(accepted=whole, words=f"{stored} of {len(words)} reports stored; the first other: {bad[0]}")


def _words(arrival: Arrival, snapshot: Snapshot, now: datetime, holding: Holdings, *, tried: bool) -> str | None:
    """Why one report is not accepted; None when it is."""
    (decision,) = judge([arrival], snapshot, now, holding)
    match decision:
        case Rejected(reason=reason, detail=detail):
            return f"rejected: {reason}: {detail}"
        case Deferred(reason=reason):
            return f"kept: {reason}; mend that, and ask again"
        case Store() if tried:
            return "kept: the store did not take it; see the log, and ask again"
        case Store() | Known():
            return None
