"""The pulse of a process: every few seconds it looks at itself, for Prometheus, for its own page and for the others.

Cheap: counters are read where they stand. What needs a disk or the database is looked at in a thread, more seldom, and
a figure that cannot be read is unknown; saying so is the business of whoever needs the part.
"""

import asyncio
import contextlib
import math
import os
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Final, get_args
from urllib.parse import unquote, urlsplit

from prometheus_client import Gauge

from collector.errors import CollectorError, StoreUnavailable
from collector.ingest import RejectReason
from collector.ledger.accounts import share
from collector.ledger.completeness import Completeness
from collector.ledger.ledger import Ledger
from collector.loop import give_back_memory
from collector.parts import Parts
from collector.vitals import EVERY_S, OWN, Counts, Levels, Vitals

_TICK_S: Final = 0.5
_LOOK_S: Final = 15.0
_MINUTE: Final = 4  # looks


class Pulse:
    """For one event loop. `tell` takes each word about this process, for others."""

    def __init__(self, parts: Parts, *, tell: Callable[[Vitals], None] | None = None) -> None:
        self._parts = parts
        self._tell = tell
        self._started = parts.now()
        self._late_s = 0.0
        self._looked = 0
        self._looks: Final = (
            (1, self._look_at_quarantine),
            (_MINUTE, self._look_at_completeness),
            (_MINUTE, give_back_memory),
            (_MINUTE * 10, self._look_at_archive),  # every file that was ever written is opened
        )

    async def run(self) -> None:
        """Until cancelled: feel how late the loop is, look around, and say how it goes."""
        word_due = look_due = monotonic()
        while True:
            now_s = monotonic()
            if now_s >= look_due:
                look_due = now_s + _LOOK_S
                await asyncio.to_thread(self.look)
            if now_s >= word_due:
                word_due = now_s + EVERY_S
                self.speak()
            await self._tick()

    async def _tick(self) -> None:
        before = monotonic()
        await asyncio.sleep(_TICK_S)
        late_s = max(0.0, monotonic() - before - _TICK_S)
        self._late_s = max(self._late_s, late_s)
        self._parts.metrics.place.delay.observe(late_s)

    def speak(self) -> None:
        """Measure what needs no waiting, and put it on the board."""
        self._measure()
        vitals = self._vitals()
        self._late_s = 0.0
        self._parts.board.put(OWN, vitals)
        if self._tell is not None:
            self._tell(vitals)

    def look(self) -> None:
        """Look at disks, quarantine and completeness, give unused memory back; for a thread."""
        place, settings = self._parts.metrics.place, self._parts.settings()
        _set(place.free.labels("archive"), _free(self._parts.archive.folder))
        store = urlsplit(settings.store.url)
        if store.scheme == "sqlite":
            path = Path(unquote(store.path))
            _set(place.free.labels("store"), _free(path.parent))
            place.store_bytes.set(_size(path))
        place.damaged.set(self._parts.archive.damaged)
        for every, ask in self._looks:
            if self._looked % every == 0:
                with contextlib.suppress(CollectorError):
                    ask()
        self._looked += 1

    def _look_at_quarantine(self) -> None:
        quarantine, place = self._parts.quarantine, self._parts.metrics.place
        counts: dict[str, int] = {}
        if quarantine.path.exists():
            quarantine.open()
            counts = quarantine.count()
            place.gone.set(quarantine.gone())
            place.held_bytes.set(quarantine.size())
        for reason in {*get_args(RejectReason), *counts}:
            place.held.labels(reason).set(counts.get(reason, 0))

    def _look_at_archive(self) -> None:
        if self._parts.journal is not None and self._parts.archive.is_open:
            self._parts.metrics.place.unsealed.set(len(self._parts.archive.unsealed()))

    def _look_at_completeness(self) -> None:
        found = None
        if self._parts.leading():
            day = self._parts.now().date() - timedelta(days=1)
            found = share(Completeness(Ledger(self._parts.registry.database)).read(day, day))
        _set(self._parts.metrics.ledger.completeness, found)

    def _measure(self) -> None:
        parts = self._parts
        parts.metrics.flow.oldest.set(parts.inbox.oldest_s())
        if parts.journal is not None:
            parts.metrics.ledger.waiting.set(parts.journal.waiting)

    def _vitals(self) -> Vitals:
        parts, settings = self._parts, self._parts.settings()
        totals = parts.metrics.totals()
        return Vitals(
            name=f"{socket.gethostname()}:{os.getpid()}{self._slot()}",
            roles=sorted(settings.roles),
            started=self._started,
            at=parts.now(),
            counts=_counts(totals),
            levels=self._levels(totals, frozenset(settings.roles)),
            receipts=parts.metrics.flow.latency.counts,
            troubles=parts.readiness.troubles[:20],
        )

    def _slot(self) -> str:
        try:
            slot = self._parts.archive.slot
        except StoreUnavailable:
            return ""
        return f" #{slot}" if slot else ""

    def _levels(self, totals: dict[str, float], roles: frozenset[str]) -> Levels:
        parts = self._parts
        takes = "ingest" in roles
        leads = parts.leading()

        def level(name: str, known: bool = True) -> float | None:  # noqa: FBT001, FBT002 - reads as a condition
            value = totals.get(name)
            return value if known and value is not None and math.isfinite(value) else None

        return Levels(
            connected=bool(totals.get("broker_connected")) if roles & {"ingest", "judge", "web"} else None,
            leader=leads,
            queue=level("queue_messages", takes),
            queue_bytes=level("queue_bytes", takes),
            queue_s=level("queue_oldest_seconds", takes),
            ledger_waiting=level("ledger_reports_waiting", takes),
            ledger_behind=bool(totals.get("ledger_behind")) if takes else None,
            rollups_waiting=level("rollup_buckets_waiting", leads),
            rollups_overdue_s=level("rollup_overdue_seconds", leads),
            gaps=level("ledger_gap_reports", leads),
            completeness=level("completeness_yesterday_ratio", leads),
            archive_bytes=level("archive_bytes", takes),
            archive_free=level("disk_free_bytes:archive"),
            unsealed_days=level("archive_unsealed_days", takes),
            store_bytes=level("store_bytes") or None,
            store_free=level("disk_free_bytes:store"),
            quarantine=level("quarantine_payloads", takes),
            quarantine_gone=level("quarantine_gone_payloads", takes),
            resident_bytes=level("process_resident_memory_bytes"),
            loop_s=self._late_s,
        )


def _free(path: Path) -> float | None:
    """Room left on the disk of a folder, or of the nearest one above it that is there."""
    while not path.exists() and path != path.parent:
        path = path.parent
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    return float(found.f_bavail * found.f_frsize)


def _size(path: Path) -> float:
    """Bytes of a database's file and of what it has not folded into it yet."""
    sizes = 0
    for name in (path, path.with_name(f"{path.name}-wal")):
        try:
            sizes += name.stat().st_size
        except OSError:
            continue
    return float(sizes)


def _set(gauge: Gauge, value: float | None) -> None:
    gauge.set(math.nan if value is None else value)


def _counts(totals: dict[str, float]) -> Counts:
    return Counts(**{field: totals.get(name, 0.0) for field, name in _NAMES.items()})


_NAMES: Final = {
    "messages": "messages_received_total:report",
    "decoded": "reports_decoded_total",
    "written": "reports_written_total",
    "known": "reports_known_total",
    "deferred": "reports_deferred_total",
    "rejected": "reports_rejected_total",
    "abandoned": "reports_abandoned_total",
    "dropped": "messages_refused_total",
    "points": "points_written_total",
    "retried": "store_retries_total:store",
    "receipts": "receipts_sent_total",
    "receipts_dropped": "messages_dropped_total:out",
    "ledger": "ledger_reports_total",
    "rollups": "rollup_points_written_total",
    "faults": "faults_total",
    "connections": "broker_connections_total",
    "cpu_s": "process_cpu_seconds_total",
    "store_s": "store_write_seconds_sum",
    "store_writes": "store_write_seconds_count",
    "archive_s": "archive_append_seconds_sum",
    "archive_appends": "archive_append_seconds_count",
}
