"""Numbers for Prometheus, and what keeps a process from being ready."""

from datetime import UTC, datetime, timedelta
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from collector.ingest import DeferReason, RejectReason
from collector.metrics import Metrics, Readiness, Spread
from collector.vitals import Trouble

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

BOUNDS = (0.1, 1.0, 60.0, 3600.0)
VALUES = st.lists(st.sampled_from((0.0, 0.1, 0.5, 1.0, 59.5, 60.0, 3600.0, 1e9)) | st.floats(0, 1e5), max_size=30)


@given(st.lists(VALUES, max_size=5))
def test_it_tells_what_a_histogram_tells(batches: list[list[float]]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    spread = Spread("lag_seconds", "words", BOUNDS, ours)
    histogram = Histogram("linkgauge_lag_seconds", "words", buckets=BOUNDS, registry=theirs)
    for batch in batches:
        for value in batch:
            histogram.observe(value)
        spread.take(list(batch))
    for bound in ("0.1", "1.0", "60.0", "3600.0", "+Inf"):
        name, labels = "linkgauge_lag_seconds_bucket", {"le": bound}
        assert ours.get_sample_value(name, labels) == theirs.get_sample_value(name, labels)
    for part in ("count", "sum"):
        name = f"linkgauge_lag_seconds_{part}"
        told, expected = ours.get_sample_value(name), theirs.get_sample_value(name)
        assert told is not None
        assert expected is not None
        assert abs(told - expected) <= 1e-6 * max(1.0, expected)


def test_every_reason_is_told_from_the_start() -> None:
    text = Metrics().exposition().decode()
    for reasons, name in ((DeferReason, "deferred"), (RejectReason, "rejected")):
        for reason in get_args(reasons):
            assert f'linkgauge_reports_{name}_total{{reason="{reason}"}} 0.0' in text


def test_no_look_takes_back_what_a_deed_complained_of() -> None:
    said: list[str | None] = []
    readiness = Readiness(Metrics(), lambda _, why: said.append(why))
    readiness.expect("registry")
    readiness.works("registry", by="look")
    readiness.fails("registry", "locked")
    for _ in range(3):
        readiness.works("registry", by="look")
    readiness.fails("registry", "gone", by="look")
    assert dict(readiness.reasons) == {"registry": "locked"}
    readiness.works("registry")
    assert dict(readiness.reasons) == {}
    assert said == [None, "locked", None]


def test_the_last_trouble_is_remembered_with_its_times() -> None:
    clock = iter(NOW + timedelta(seconds=number) for number in range(9))
    readiness = Readiness(Metrics(), lambda *_: None, now=lambda: next(clock))
    readiness.fails("store", "no route")
    readiness.fails("store", "refused")
    assert readiness.troubles == [Trouble(part="store", why="refused", since=NOW)]
    readiness.works("store")
    readiness.works("store")
    (over,) = readiness.troubles
    assert over == Trouble(part="store", why="refused", since=NOW, until=NOW + timedelta(seconds=1))
    readiness.fails("store", "x" * 1000)
    assert len(readiness.troubles[0].why) == 400
    count = readiness.metrics.registry.get_sample_value("linkgauge_part_failures_total", {"part": "store"})
    assert count == 2
