"""Figures of a bucket are exact, and count what the flags say."""

import statistics
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.rollups.fields import FAILURES, FIELDS
from collector.rollups.figures import Marks, columns, figures, percentile, spread
from collector.statistics.order import median_of
from collector.store.points import known_columns
from collector.store.store import Values

NUMBERS = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=60)


def row(kind: str, time: int = 0, **values: Any) -> Values:  # noqa: ANN401 - a field's value
    return (time, *(values.get(name) for name in columns(kind)))


def test_every_rolled_up_field_is_a_number_that_a_report_can_make() -> None:
    known = known_columns()
    for kind, fields in FIELDS.items():
        assert [name for name in fields if known[kind].get(name) is not float] == []
        assert all(known[kind][name] is str for name in FAILURES.get(kind, ()))


def test_five_and_ninety_five_percent_lie_between_samples() -> None:
    found = spread([float(number) for number in range(101)])
    assert (found["p5"], found["median"], found["p95"]) == (5.0, 50.0, 95.0)
    assert percentile([10.0, 20.0], 0.05) == pytest.approx(10.5)
    assert set(spread([7.0]).values()) == {1.0, 7.0}


@given(NUMBERS)
def test_order_statistics_agree_with_others_and_stay_in_order(values: list[float]) -> None:
    found = spread(sorted(values))
    other = median_of(values)
    assert other is not None
    assert found["n"] == len(values)
    assert found["median"] == pytest.approx(other.value) or abs(other.value) == float("inf")
    assert found["min"] <= found["p5"] <= found["median"] <= found["p95"] <= found["max"]
    assert found["min"] <= found["mean"] <= found["max"]


@given(st.lists(st.floats(0, 1e4), min_size=2, max_size=60))
def test_percentiles_are_those_of_the_standard_library(values: list[float]) -> None:
    found = spread(sorted(values))
    cuts = statistics.quantiles(values, n=20, method="inclusive")
    assert found["p5"] == pytest.approx(cuts[0])
    assert found["p95"] == pytest.approx(cuts[-1])
    assert found["mean"] == pytest.approx(statistics.fmean(values))


def test_only_conclusive_values_count_and_each_direction_has_its_flag() -> None:
    found = figures(
        "throughput",
        [
            row("throughput", conclusive=True, upload_conclusive=False, download_mbps=80.0, upload_mbps=1.0),
            row("throughput", conclusive=False, upload_conclusive=True, download_mbps=1.0, upload_mbps=40),
            row("throughput", conclusive=False, upload_conclusive=False, download_mbps=2.0, upload_mbps=3.0),
            row("throughput", conclusive=False, failure="connect:timeout"),
            row("throughput", conclusive=False, upload_conclusive=True, download_failure="transfer:reset"),
        ],
    )
    assert (found["download_mbps_n"], found["download_mbps_mean"]) == (1.0, 80.0)
    assert (found["upload_mbps_n"], found["upload_mbps_max"]) == (1.0, 40.0)
    assert (found["reports_n"], found["failed_n"], found["doubted_n"]) == (5.0, 2.0, 1.0)
    assert all(type(value) is float for value in found.values())
    assert "idle_rtt_ms_median_n" not in found


def test_a_share_is_of_those_that_a_target_bound_when_they_were_measured() -> None:
    rows = [row("throughput", time, conclusive=True, download_mbps=float(time)) for time in (10, 60, 70, 80, 90)]
    steps = Marks("download_mbps", ((0, None), (50, 75.0), (85, 100.0)))
    found = figures("throughput", rows, steps)
    assert found["download_mbps_n"] == 5.0
    assert (found["download_mbps_share_n"], found["download_mbps_share"]) == (4.0, 0.25)
    assert found["download_mbps_target"] == 100.0
    assert "download_mbps_share" not in figures("throughput", rows, Marks("download_mbps", ((0, None),)))
    assert "download_mbps_target" not in figures("throughput", rows)


def test_five_g_and_four_g_stay_apart_and_a_walk_says_nothing_of_the_site() -> None:
    found = figures(
        "radio",
        [
            row("radio", conclusive=True, rsrp_dbm=-100.0),
            row("radio", conclusive=True, rsrp_dbm=-90.0, nr_rsrp_dbm=-70.0),
            row("radio", conclusive=True, rsrp_dbm=-50.0, survey="walk-1"),
        ],
    )
    assert (found["rsrp_dbm_n"], found["rsrp_dbm_max"]) == (2.0, -90.0)
    assert (found["nr_rsrp_dbm_n"], found["nr_rsrp_dbm_max"]) == (1.0, -70.0)
    assert found["reports_n"] == 2.0


def test_nothing_is_no_point() -> None:
    assert figures("dns", []) == {}
    assert figures("radio", [row("radio", conclusive=True, rsrp_dbm=-50.0, survey="walk-1")]) == {}
