"""One batch of reports from decision to receipt. The order is sacred: series, archive, receipt.

Whatever fails before the receipt leaves the batch without one, and the agents send it again; a repeated write of
the same report is the same point.

Batches may overlap: while one waits for the time series, the one before it is archived and the next one is decided.
Each stage takes one batch at a time, in order. What has been decided and is not archived yet is *in flight*: the same
report in a later batch is neither stored nor receipted there, its twin's receipt speaks for it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic
from types import MappingProxyType
from typing import Final, TypeVar

from agent.wire.codec import Accepted, AnyReport, encode
from agent.wire.results import Ledger
from agent.wire.topics import topic
from collector.archive.archive import Entry, head_of
from collector.archive.head import Head
from collector.archive.intervals import Intervals
from collector.archive.turn import Overtaken, turn
from collector.errors import PointsRefused, RegistryUnavailable, StoreFull, StoreUnavailable
from collector.ingest import Arrival, Decision, DeferReason, Deferred, Holding, Known, Place, Rejected, Store, judge
from collector.ledger.facts import Fact, fact_of
from collector.ledger.facts import Place as Spool
from collector.ledger.journal import Journal
from collector.parts import Parts
from collector.receipts import Receipts
from collector.registry.changes import rising
from collector.registry.site import Snapshot
from collector.store.points import points_of
from collector.store.store import Point
from collector.upkeep import Upkeep

LOG: Final = logging.getLogger(__name__)
_MARK_STEP: Final = timedelta(seconds=10)  # a longer one saves writes to the registry, and delays a site's move
_NOWHERE: Final[Mapping[Spool, Intervals]] = MappingProxyType({})
T = TypeVar("T")


class Stopped(Exception):  # noqa: N818 - not an accident
    """The batch in hand could not be finished before the stop; nothing of it was receipted."""


@dataclass(slots=True)
class _Batch:
    """Decisions with what became of them."""

    decisions: Sequence[Decision]
    refused: frozenset[int] = frozenset()
    full: bool = False
    rejected: list[Rejected] = field(default_factory=list)

    def places(self) -> dict[Place, str]:
        """Where the reports stand that are to be stored, and their ids."""
        reports = [decision.report for decision in self.decisions if isinstance(decision, Store)]
        return {(report.agent, report.epoch, report.seq): report.id for report in reports}

    def stores(self) -> Iterator[tuple[int, Store]]:
        for number, decision in enumerate(self.decisions):
            if isinstance(decision, Store) and number not in self.refused:
                yield number, decision

    def trouble(self, number: int) -> DeferReason | None:
        if number in self.refused:
            return "store_refused"
        return "store_full" if self.full else None


class Pipeline:
    """Processes batches: several may be under way, each stage serves them one after the other."""

    def __init__(self, parts: Parts, upkeep: Upkeep) -> None:
        self.parts = parts
        self.upkeep = upkeep
        self._fixed: dict[str, datetime] = {}
        self._opened = False
        self._in_flight: dict[Place, str] = {}
        self._deciding, self._storing, self._archiving = asyncio.Lock(), asyncio.Lock(), asyncio.Lock()
        self._writing = asyncio.Lock()

    async def process(self, arrivals: Sequence[Arrival]) -> None:
        """Take a batch from decision to receipt; given up, without receipt, when a stop comes in between."""
        self.parts.metrics.decoded.inc(len(arrivals))
        try:
            await self._process(arrivals)
        except Stopped:
            self.parts.metrics.abandoned.inc(len(arrivals))

    async def _process(self, arrivals: Sequence[Arrival]) -> None:
        async with self._deciding:
            if not self.parts.archive.is_open:
                await self._retrying("archive", lambda: asyncio.to_thread(self.parts.archive.open))
                self.parts.readiness.works("archive")
            batch = _Batch(await self._retrying("archive", lambda: self._decide(arrivals)))
            places = batch.places()
            self._in_flight.update(places)
        try:
            async with self._storing:
                await self._write(batch)
            async with self._archiving:
                await self._archive(batch)
                await self._quarantine(batch)
        finally:
            for place in places:
                del self._in_flight[place]
        self._receipt(batch)
        self._remember(batch)

    async def _decide(self, arrivals: Sequence[Arrival]) -> list[Decision]:
        """Decide, and promise the registry's dates for what was decided, both from the same revision."""
        while True:
            snapshot = self.upkeep.snapshot or await self.upkeep.refresh()
            decisions = await asyncio.to_thread(self._judge, arrivals, snapshot)
            until = self._until(decisions)
            if not until:
                return decisions
            # Until this promise is durable no tag may be given out: a later change of the registry could then
            # date back before it, and a resend would make a second point.
            if await asyncio.to_thread(self.parts.registry.fix_tags, until, revision=snapshot.revision):
                self._fixed |= until
                return decisions
            self.upkeep.snapshot = None

    def _judge(self, arrivals: Sequence[Arrival], snapshot: Snapshot) -> list[Decision]:
        """Decide by the archive, and in a group by what the others have stored too; in a thread."""
        journal, elsewhere = self.parts.journal, _NOWHERE
        if journal is not None and self.parts.settings().broker.group is not None:
            read = [one.decoded.report for one in arrivals if isinstance(one.decoded, Accepted)]
            elsewhere = journal.elsewhere({(report.agent, report.epoch) for report in read})
        holding = partial(self._holding, elsewhere)
        return judge(arrivals, snapshot, self.parts.now(), holding, in_flight=self._in_flight)

    def _holding(self, elsewhere: Mapping[Spool, Intervals], report: AnyReport) -> Holding:
        archive = self.parts.archive
        ours = archive.knows(report.agent, report.epoch, report.seq)
        if not ours:
            others = elsewhere.get(Spool(report.agent, report.epoch))
            if others is None or report.seq not in others:
                return "nothing"
        # Of an expired day only the places are known: a report of that time is taken for the one that was there.
        if archive.holds(report.id, sure=not ours) or archive.has_expired(report.started):
            return "this"
        # A false conflict makes an agent begin anew: what is not here for certain is rather stored twice.
        sure = ours or (self.parts.journal is not None and self.parts.journal.vouches())
        return "other" if sure else "nothing"

    def _until(self, decisions: Iterable[Decision]) -> dict[str, datetime]:
        """Give the marks that must rise before these decisions' tags may be given out."""
        newest: dict[str, datetime] = {}
        for decision in decisions:
            if isinstance(decision, Store):
                started, site = decision.report.started, decision.site.id
                if site not in newest or started > newest[site]:
                    newest[site] = started
        newest = {site: started.astimezone(UTC) for site, started in newest.items()}
        return rising(newest, self._fixed, now=self.parts.now(), step=_MARK_STEP)

    async def _write(self, batch: _Batch) -> None:
        points: list[Point] = []
        owners: list[int] = []
        for number, decision in batch.stores():
            made = points_of(decision.report, decision.site)
            points += made
            owners += [number] * len(made)
        statuses = await self._statuses()
        try:
            await self._retrying("store", lambda: self.write_points([*points, *statuses]))
        except StoreFull as error:
            batch.full = True
            self.parts.readiness.fails("store", str(error))
        except PointsRefused as error:
            batch.refused = frozenset(owners[index] for index in error.indices if index < len(owners))
            LOG.warning("store.refused reports=%d error=%s", len(batch.refused), error)

    async def _statuses(self) -> list[Point]:
        """Of a whole fleet after an outage they are many: not on the loop."""
        statuses = self.upkeep.take_statuses()
        return await asyncio.to_thread(self.upkeep.points_of, statuses) if statuses else []

    async def write_points(self, points: Sequence[Point]) -> None:
        """Write once; raises StoreUnavailable, StoreFull or PointsRefused."""
        if not points:
            return
        async with self._writing:
            if not self._opened:
                await self.parts.series.open()
            self._opened = False
            started = monotonic()
            try:
                await self.parts.series.write(points)
            except PointsRefused:
                self.parts.readiness.works("store")
                raise
            self._opened = True
        self.parts.readiness.works("store")
        self.parts.metrics.store_latency.observe(monotonic() - started)
        self.parts.metrics.points.inc(len(points))

    async def write_statuses(self) -> None:
        """Write what agents said of themselves since the last time, once: the newest word matters, not each."""
        statuses = self.upkeep.take_statuses()
        try:
            await self.write_points(await asyncio.to_thread(self.upkeep.points_of, statuses))
        except (StoreUnavailable, StoreFull) as error:
            self.upkeep.put_back(statuses)
            self.parts.readiness.fails("store", str(error))
        except PointsRefused as error:
            LOG.warning("store.refused_status error=%s", error)

    async def _archive(self, batch: _Batch) -> None:
        stores = [decision for _, decision in batch.stores()]
        if batch.full or not stores:
            return
        started = monotonic()
        try:
            await self._retrying("archive", lambda: self._append(stores))
        except StoreFull as error:
            batch.full = True
            self.parts.readiness.fails("archive", str(error))
            return
        self.parts.readiness.works("archive")
        self.parts.metrics.archive_latency.observe(monotonic() - started)

    async def _append(self, stores: Sequence[Store]) -> None:
        journal = self.parts.journal
        if journal is not None and self.parts.settings().broker.group is not None:
            async with self._deciding:  # what the journal says of the others is good for one at a time
                while not await asyncio.to_thread(self._append_in_turn, stores, journal):
                    LOG.info("archive.overtaken; this process was stopped or slow, and looks again")
        else:
            at = self.parts.now()
            position = await asyncio.to_thread(self.parts.archive.append, _entries(stores), at=at)
            if journal is not None:
                journal.note(position, _facts(stores, at))

    def _append_in_turn(self, stores: Sequence[Store], journal: Journal) -> bool:
        """Archive what no process of the group has archived, and let them know of it before it is their turn.

        A report that came again may have gone to another process while this one waited for the time series, and that
        one may have died before it told. Gives whether it was done: not when the others have gone on meanwhile.
        """
        archive = self.parts.archive
        with turn(archive.folder) as held, suppress(Overtaken):
            for slot in held.left - {archive.slot}:
                if journal.take_in(slot):
                    held.clear(slot)
            elsewhere = journal.elsewhere({(one.report.agent, one.report.epoch) for one in stores})
            new = [one for one in stores if self._holding(elsewhere, one.report) != "this"]
            if new:
                at = self.parts.now()
                held.mark(archive.slot)
                journal.note(archive.append(_entries(new), at=at, last_look=held.check), _facts(new, at))
            if journal.tell():
                held.clear(archive.slot)
            return True
        return False

    async def _quarantine(self, batch: _Batch) -> None:
        """Keep what was rejected; without that there is no word to its agent, but nobody else waits for it."""
        rejected = [decision for decision in batch.decisions if isinstance(decision, Rejected)]
        if not rejected:
            return
        limits = self.parts.settings().quarantine
        quarantine = self.parts.quarantine
        quarantine.limit_bytes, quarantine.limit_count = limits.limit_bytes, limits.limit_count
        try:
            await asyncio.to_thread(quarantine.open)
            await asyncio.to_thread(quarantine.put, rejected, at=self.parts.now())
        except StoreUnavailable as error:
            self.parts.readiness.fails("quarantine", str(error))
            self.parts.metrics.abandoned.inc(len(rejected))
            return
        self.parts.readiness.works("quarantine")
        batch.rejected = rejected
        for agent, epoch in {(item.agent, item.epoch) for item in rejected if item.seq is not None}:
            if agent is not None and epoch is not None and self.upkeep.knows(agent):
                seqs = [item.seq for item in rejected if (item.agent, item.epoch) == (agent, epoch) and item.seq]
                await asyncio.to_thread(self.parts.archive.declare_never, agent, epoch, seqs)
                if self.parts.journal is not None:
                    self.parts.journal.rejected(agent, epoch, seqs)

    def _receipt(self, batch: _Batch) -> None:
        receipts = Receipts()
        for number, decision in enumerate(batch.decisions):
            match decision:
                case Store(report=report):
                    receipts.settled(report.agent, report.epoch, report.seq, batch.trouble(number))
                case Known(agent, epoch, seq, again):
                    if not again or receipts.has_stored(agent, epoch, seq):
                        receipts.settled(agent, epoch, seq, None)
                case Deferred(agent, epoch, seq, reason):
                    receipts.settled(agent, epoch, seq, reason)
                case Rejected():
                    pass
        receipts.rejected(batch.rejected)
        self._send(receipts)

    def _send(self, receipts: Receipts) -> None:
        messages = list(receipts.messages())
        for agent, receipt in messages:
            self.parts.send(topic(agent, "receipt"), encode(receipt), 0)
        self.parts.metrics.receipts.inc(len(messages))

    def _remember(self, batch: _Batch) -> None:
        stored: list[Store] = []
        known = 0
        for number, decision in enumerate(batch.decisions):
            match decision:
                case Store(report=report):
                    trouble = batch.trouble(number)
                    if trouble is None:
                        stored.append(decision)
                    else:
                        self.upkeep.deferred(report.agent, report.epoch, report.seq, trouble)
                case Deferred():
                    self.upkeep.deferred(decision.agent, decision.epoch, decision.seq, decision.reason)
                case Known():
                    known += 1
                case Rejected():
                    self.parts.metrics.rejected.labels(decision.reason).inc()
        self.parts.metrics.known.inc(known)
        self.upkeep.stored(stored)

    async def _retrying(self, part: str, action: Callable[[], Awaitable[T]]) -> T:
        """Do it, again and again with backoff while what it needs cannot be reached; raises Stopped on a stop.

        A part that fails here works again when the action succeeds here; an action that needed nothing of it
        says nothing of it.
        """
        settings = self.parts.settings().store
        wait, failed = settings.retry_first_s, set[str]()
        while True:
            try:
                answer = await action()
            except (StoreUnavailable, RegistryUnavailable) as error:
                asked = error.retry_after_s if isinstance(error, StoreUnavailable) else 0.0
                name = "registry" if isinstance(error, RegistryUnavailable) else part
                self.parts.readiness.fails(name, str(error))
                self.parts.metrics.retried.labels(name).inc()
                failed.add(name)
            else:
                for name in failed:
                    self.parts.readiness.works(name)
                return answer
            if await self.parts.inbox.stopping(min(max(wait, asked), settings.retry_max_s)):
                raise Stopped
            wait = min(wait * 2, settings.retry_max_s)


def _entries(stores: Sequence[Store]) -> list[Entry]:
    return [Entry(_head(one.report), one.raw) for one in stores]


def _facts(stores: Sequence[Store], at: datetime) -> list[Fact]:
    return [fact_of(one.report, site=one.site.id, received=at) for one in stores]


def _head(report: AnyReport) -> Head:
    result = report.result
    if not isinstance(result, Ledger):
        return Head(report.id, report.agent, report.epoch, report.seq)
    ranges = [(first, last) for first, last in result.dropped if first <= last]
    return head_of(report.id, place=(report.agent, report.epoch, report.seq), kind=report.kind, dropped=ranges)
