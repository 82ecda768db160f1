"""A histogram that is fed by the batch counts as Prometheus' own does."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from collector.metrics import Spread

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
