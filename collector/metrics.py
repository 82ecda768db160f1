"""Every number that the collector tells Prometheus, and the facts behind /readyz."""

import importlib.metadata
import platform
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from collector.vitals import RECEIPT_BOUNDS, WHY_LENGTH, Trouble

_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BATCH = (1.0, 10.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2000.0, 5000.0, 10000.0)
_DELAY = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
_UNKNOWN: Final = float("nan")
_LAG = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0, 600.0, 3600.0, 86400.0, 2592000.0)


_LABELS: Final[Mapping[str, tuple[str, ...]]] = {
    "messages": ("report", "status"),
    "overflow": ("in", "out"),
    "refused": ("rate", "full", "closed", "too_large"),
    "deferred": ("unknown_agent", "unknown_kind", "bad_time", "store_full", "store_refused"),
    "rejected": ("malformed", "version", "too_large", "conflict"),
    "retried": ("store", "archive", "registry"),
    "events": ("told", "lost", "heard", "unreadable"),
}


class RollupMetrics:
    """What the work of rolling up tells."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.written = Counter(
            "linkgauge_rollup_points_written", "Points of hours, days, months and past verdicts", registry=registry
        )
        self.seconds = Counter(
            "linkgauge_rollup_work_seconds", "Time spent rolling up, rests between not counted", registry=registry
        )
        self.waiting = Gauge(
            "linkgauge_rollup_buckets_waiting", "Hours, days and months to compute, open ones included",
            registry=registry,
        )  # fmt: skip
        self.overdue = Gauge(
            "linkgauge_rollup_overdue_seconds", "How long the longest due bucket has been waiting", registry=registry
        )


class LedgerMetrics:
    """What the ledger tells of itself."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.reports = Counter(
            "linkgauge_ledger_reports", "Archived reports that were taken into the ledger", registry=registry
        )
        self.late = Counter("linkgauge_ledger_reports_late", "Of these, how many came late", registry=registry)
        self.duplicates = Counter(
            "linkgauge_ledger_reports_duplicate", "Archived reports that had been archived before", registry=registry
        )
        self.behind = Gauge(
            "linkgauge_ledger_behind", "1 while the ledger must be caught up from the archive", registry=registry
        )
        self.seconds = Histogram(
            "linkgauge_ledger_flush_seconds", "Time of one flush to the ledger", buckets=_LATENCY, registry=registry
        )
        self.waiting = Gauge(
            "linkgauge_ledger_reports_waiting", "Archived reports that the ledger has not taken in yet",
            registry=registry,
        )  # fmt: skip
        self.gaps = Gauge(
            "linkgauge_ledger_gap_reports", "Reports that are missing without an explanation; the leader's word",
            registry=registry,
        )  # fmt: skip
        self.completeness = Gauge(
            "linkgauge_completeness_yesterday_ratio",
            "Reports stored of those planned, of the last day (UTC) that is over; the leader's word, else NaN",
            registry=registry,
        )
        self.gaps.set(_UNKNOWN)
        self.completeness.set(_UNKNOWN)


class TellMetrics:
    """What telling people tells of itself, by route; the leader's word."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.sent = Counter("linkgauge_tell_sent", "Messages that a receiver has taken", ["route"], registry=registry)
        self.failed = Counter(
            "linkgauge_tell_failures", "Attempts that failed, by what became of them: refused unreached",
            ["route", "outcome"], registry=registry,
        )  # fmt: skip
        self.waiting = Gauge(
            "linkgauge_tell_waiting_messages", "Messages still to be told", ["route"], registry=registry
        )
        self.held = Gauge(
            "linkgauge_tell_silenced_messages", "Messages that a silence holds back", ["route"], registry=registry
        )
        self.oldest = Gauge(
            "linkgauge_tell_oldest_seconds", "How long the oldest message has waited", ["route"], registry=registry
        )
        self.expired = Counter("linkgauge_tell_expired", "Messages given up; they are in the record", registry=registry)
        self.unknown = Gauge(
            "linkgauge_tell_silences_unknown", "1 while silences cannot be asked for, so that everything is told",
            ["keeper"], registry=registry,
        )  # fmt: skip
        self.kept = Gauge(
            "linkgauge_tell_alerts", "Alerts that an Alertmanager is told to go on", ["route"], registry=registry
        )
        self.heartbeats = Counter(
            "linkgauge_tell_heartbeats", "Calls of the heartbeat's address: taken failed trouble", ["fate"],
            registry=registry,
        )  # fmt: skip


class FlowMetrics:
    """What a batch tells on its way from the broker to its receipts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.bytes = Counter(
            "linkgauge_messages_received_bytes", "Payload bytes of MQTT messages received", ["leaf"], registry=registry
        )
        self.oldest = Gauge(
            "linkgauge_queue_oldest_seconds", "How long the oldest message has been waiting", registry=registry
        )
        self.batch = Spread("batch_reports", "Reports in one batch", _BATCH, registry)
        self.latency = Spread(
            "receipt_latency_seconds", "From a message's arrival here to its receipts", RECEIPT_BOUNDS, registry
        )


class PlaceMetrics:
    """Where this process runs and keeps things. Process figures are the system's."""

    def __init__(self, registry: CollectorRegistry) -> None:
        ProcessCollector(namespace="linkgauge", registry=registry)
        version = importlib.metadata.version("linkgauge")
        Gauge(
            "linkgauge_build_info", "1, with what runs here", ["version", "python"], registry=registry
        ).labels(version, platform.python_version()).set(1)  # fmt: skip
        self.delay = Histogram(
            "linkgauge_event_loop_delay_seconds", "How late the event loop wakes up", buckets=_DELAY, registry=registry
        )
        self.free = Gauge(
            "linkgauge_disk_free_bytes", "Room left on the disk of a place: archive store", ["place"], registry=registry
        )
        self.store_bytes = Gauge(
            "linkgauge_store_bytes", "Bytes of the time series, where they are a file here", registry=registry
        )
        self.unsealed = Gauge(
            "linkgauge_archive_unsealed_days", "Finished days of our archive not packed yet", registry=registry
        )
        self.damaged = Gauge(
            "linkgauge_archive_damaged_bytes", "Bytes of our archive that were found damaged", registry=registry
        )
        self.held = Gauge("linkgauge_quarantine_payloads", "Payloads in quarantine", ["reason"], registry=registry)
        self.held_bytes = Gauge("linkgauge_quarantine_bytes", "Bytes of payloads in quarantine", registry=registry)
        self.gone = Gauge(
            "linkgauge_quarantine_gone_payloads", "Payloads that had to leave quarantine to make room",
            registry=registry,
        )  # fmt: skip


class Metrics:
    """All metrics of one process, with the prefix `linkgauge_`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._count()
        self._measure()
        self.ledger, self.rollups = LedgerMetrics(self.registry), RollupMetrics(self.registry)
        self.tell = TellMetrics(self.registry)
        self.flow, self.place = FlowMetrics(self.registry), PlaceMetrics(self.registry)
        self.lag = Spread("report_lag_seconds", "From the start of a measurement to its receipt", _LAG, self.registry)
        for counter, labels in _LABELS.items():
            for label in labels:  # from the start, or nobody could tell what rises from what was never told
                getattr(self, counter).labels(label)

    def _count(self) -> None:
        self.messages = self._counter("messages_received", "MQTT messages received", ["leaf"])
        self.overflow = self._counter("messages_dropped", "Messages dropped because the queue was full", ["queue"])
        self.refused = self._counter(
            "messages_refused",
            "Messages of agents dropped on arrival, by reason: rate full closed too_large",
            ["reason"],
        )
        self.decoded = self._counter("reports_decoded", "Elements of report messages that were looked at")
        self.written = self._counter("reports_written", "Reports durable in series and archive")
        self.known = self._counter("reports_known", "Reports that were archived already; only receipted")
        self.deferred = self._counter("reports_deferred", "Reports deferred", ["reason"])
        self.rejected = self._counter("reports_rejected", "Reports rejected, to quarantine", ["reason"])
        self.unreadable = self._counter("statuses_unreadable", "Statuses of agents that could not be read")
        self.abandoned = self._counter("reports_abandoned", "Reports left without receipt; agents send them again")
        self.points = self._counter("points_written", "Points written to the time series")
        self.retried = self._counter("store_retries", "Writes that had to be tried again", ["part"])
        self.receipts = self._counter("receipts_sent", "Receipt messages handed to the broker connection")
        self.resends = self._counter("resend_requests", "Requests to agents to send reports again", ["why"])
        self.reconnects = self._counter("broker_connections", "Connections made to the broker")
        self.faults = self._counter("faults", "Unexpected errors, by part; each one is in the log", ["part"])

    def _measure(self) -> None:
        self.reload_failures = self._counter(
            "config_reload_failures", "Bad configuration files that were not taken over"
        )
        self.config_bad = self._gauge("config_reload_bad", "1 while the file on disk is bad and an older one is in use")
        self.connected = self._gauge("broker_connected", "1 while connected to the broker")
        self.queued = self._gauge("queue_messages", "Messages waiting for the pipeline")
        self.queued_bytes = self._gauge("queue_bytes", "Bytes waiting for the pipeline")
        self.archive_bytes = self._gauge("archive_bytes", "Bytes of archive files")
        self.waiting = self._gauge("agents_waiting", "Agents that send reports and that nobody registered")
        self.agents = self._gauge("agents_heard", "Agents heard of")
        self.failures = self._counter("part_failures", "Times that a part stopped working", ["part"])
        self.up = self._gauge("part_up", "1 while this part works", ["part"])
        self.leader = self._gauge("leader", "1 while this process leads: judges, asks for gaps, rolls up")
        self.leader_since = self._gauge("leader_since_seconds", "Unix time since which it leads; 0 while it does not")
        self.events = self._counter(
            "events", "Events between processes, by what became of them: told lost heard unreadable", ["fate"]
        )
        self.store_latency = self._histogram("store_write_seconds", "Time of one write to the time series", _LATENCY)
        self.archive_latency = self._histogram("archive_append_seconds", "Time of one durable append", _LATENCY)

    def dropped(self, reason: str) -> None:
        """Count a message that was dropped on its way to the pipeline."""
        self.overflow.labels("in").inc()
        self.refused.labels(reason).inc()

    def exposition(self) -> bytes:
        """Write all metrics as text for Prometheus."""
        return generate_latest(self.registry)

    def totals(self) -> dict[str, float]:
        """Give every number by its name without the prefix, buckets left out: summed up, and as `name:label`."""
        totals: dict[str, float] = {}
        for family in self.registry.collect():
            for sample in family.samples:
                if not sample.name.endswith(("_bucket", "_created")):
                    name = sample.name.removeprefix("linkgauge_")
                    totals[name] = totals.get(name, 0.0) + sample.value
                    for label in sample.labels.values():
                        totals[f"{name}:{label}"] = sample.value
        return totals

    def _counter(self, name: str, words: str, labels: list[str] | None = None) -> Counter:
        return Counter(f"linkgauge_{name}", words, labels or (), registry=self.registry)

    def _gauge(self, name: str, words: str, labels: list[str] | None = None) -> Gauge:
        return Gauge(f"linkgauge_{name}", words, labels or (), registry=self.registry)

    def _histogram(self, name: str, words: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"linkgauge_{name}", words, buckets=buckets, registry=self.registry)


class Spread(Collector):
    """A histogram that takes many values at once: counting them one by one costs as much as receiving them."""

    def __init__(self, name: str, words: str, bounds: tuple[float, ...], registry: CollectorRegistry) -> None:
        self._name, self._words, self._bounds = f"linkgauge_{name}", words, bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0
        registry.register(self)

    @property
    def counts(self) -> list[int]:
        """How many fell into each bucket by itself; the last one has no bound."""
        return list(self._counts)

    def take(self, values: list[float]) -> None:
        """Count values; the list is left sorted."""
        values.sort()
        before = 0
        for number, bound in enumerate(self._bounds):
            below = bisect_right(values, bound)
            self._counts[number] += below - before
            before = below
        self._counts[-1] += len(values) - before
        self._sum += sum(values)

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """As prometheus_client.registry.Collector: what was counted so far."""
        names = [*map(str, self._bounds), "+Inf"]
        buckets = list(zip(names, accumulate(self._counts), strict=True))
        yield HistogramMetricFamily(self._name, self._words, buckets=buckets, sum_value=self._sum)


Witness = Literal["deed", "look"]
_STARTING: Final = "starting"


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Readiness:
    """What must work for this process to do its job, and why it does not. `say` hears each change once.

    A *look* sees that something answers, a *deed* that it works: what a deed complained of, no look takes back.
    Otherwise a database that can be read and not written would be ready and not ready in turn.
    """

    metrics: Metrics
    say: Callable[[str, str | None], None]
    now: Callable[[], datetime] = _utc_now
    _complaints: dict[str, dict[Witness, str]] = field(default_factory=dict)
    _last: dict[str, Trouble] = field(default_factory=dict)

    def expect(self, part: str, why: str = _STARTING) -> None:
        """Name a part that must work; not ready until it does."""
        self._complaints[part] = {"look": why}
        self.metrics.up.labels(part).set(0)

    def works(self, part: str, by: Witness = "deed") -> None:
        """Note that a part works."""
        self._set(part, None, by)

    def fails(self, part: str, why: str, by: Witness = "deed") -> None:
        """Note that a part does not work, and why; the same trouble is said once."""
        self._set(part, why, by)

    @property
    def reasons(self) -> Mapping[str, str]:
        """Give every part that does not work, with the reason; empty when ready."""
        return {part: _word(complaints) for part, complaints in self._complaints.items() if complaints}

    @property
    def troubles(self) -> list[Trouble]:
        """Give each part's last trouble, those that are over too."""
        return list(self._last.values())

    def _set(self, part: str, why: str | None, by: Witness) -> None:
        before = self._complaints.get(part, {})
        was_starting = _STARTING in before.values()
        after: dict[Witness, str] = {} if by == "deed" and why is None else {**before}
        after.pop(by, None)
        if why is not None:
            if was_starting:
                after.clear()
            after[by] = why
        self._complaints[part] = after
        self.metrics.up.labels(part).set(int(not after))
        self._remember(part, after)
        if bool(before) != bool(after) or was_starting:
            if after:
                self.metrics.failures.labels(part).inc()
            self.say(part, _word(after) if after else None)

    def _remember(self, part: str, complaints: Mapping[Witness, str]) -> None:
        last = self._last.get(part)
        is_open = last is not None and last.until is None
        if complaints:
            since = last.since if last is not None and is_open else self.now()
            self._last[part] = Trouble(part=part, why=_word(complaints)[:WHY_LENGTH], since=since)
        elif last is not None and is_open:
            self._last[part] = Trouble(part=part, why=last.why, since=last.since, until=self.now())


def _word(complaints: Mapping[Witness, str]) -> str:
    """What a deed said weighs more."""
    return complaints.get("deed") or complaints.get("look", "")
