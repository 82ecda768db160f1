"""Every number that the collector tells Prometheus, and the facts behind /readyz."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LAG = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0, 600.0, 3600.0, 86400.0, 2592000.0)


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


class Metrics:
    """All metrics of one process, with the prefix `linkgauge_`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
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
        self.up = self._gauge("part_up", "1 while this part works", ["part"])
        self.leader = self._gauge("leader", "1 while this process leads: judges, asks for gaps, rolls up")
        self.leader_since = self._gauge("leader_since_seconds", "Unix time since which it leads; 0 while it does not")
        self.events = self._counter(
            "events", "Events between processes, by what became of them: told lost heard unreadable", ["fate"]
        )
        self.store_latency = self._histogram("store_write_seconds", "Time of one write to the time series", _LATENCY)
        self.archive_latency = self._histogram("archive_append_seconds", "Time of one durable append", _LATENCY)
        self.ledger, self.rollups = LedgerMetrics(self.registry), RollupMetrics(self.registry)
        self.lag = Spread("report_lag_seconds", "From the start of a measurement to its receipt", _LAG, self.registry)

    def dropped(self, reason: str) -> None:
        """Count a message that was dropped on its way to the pipeline."""
        self.overflow.labels("in").inc()
        self.refused.labels(reason).inc()

    def exposition(self) -> bytes:
        """Write all metrics as text for Prometheus."""
        return generate_latest(self.registry)

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


@dataclass(slots=True)
class Readiness:
    """What must work for this process to do its job, and why it does not. `say` hears each change once."""

    metrics: Metrics
    say: Callable[[str, str | None], None]
    _troubles: dict[str, str | None] = field(default_factory=dict)

    def expect(self, part: str, why: str = "starting") -> None:
        """Name a part that must work; not ready until it does."""
        self._troubles[part] = why
        self.metrics.up.labels(part).set(0)

    def works(self, part: str) -> None:
        """Note that a part works."""
        self._set(part, None)

    def fails(self, part: str, why: str) -> None:
        """Note that a part does not work, and why; the same trouble is said once."""
        self._set(part, why)

    @property
    def reasons(self) -> Mapping[str, str]:
        """Give every part that does not work, with the reason; empty when ready."""
        return {part: why for part, why in self._troubles.items() if why is not None}

    def _set(self, part: str, why: str | None) -> None:
        before = self._troubles.get(part)
        self._troubles[part] = why
        self.metrics.up.labels(part).set(int(why is None))
        if (before is None) != (why is None) or before == "starting":
            self.say(part, why)
