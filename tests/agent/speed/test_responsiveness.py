"""The draft's formula by its own words (draft-ietf-ippm-responsiveness-09, 1.2, 5.3.1 and 5.4.1)."""

import pytest

from agent.speed.responsiveness import (
    RAW_MOST,
    Parameters,
    Probe,
    Probes,
    confidence,
    responsiveness,
    rpm,
    trimmed_mean,
)

ONE_SECOND = Parameters(interval_s=1.0)


def constant(ms: float, *, start_s: float = 0.0, end_s: float = 6.0, step_s: float = 0.1) -> list[Probe]:
    return [Probe(start_s + step * step_s, ms) for step in range(round((end_s - start_s) / step_s))]


def all_of(ms: float) -> Probes:
    return Probes(tcp=constant(ms), http=constant(ms), own=constant(ms), tls=constant(ms))


@pytest.mark.parametrize(("ms", "expected"), [(200, 300), (60, 1000), (10, 6000)])
def test_the_bounds_of_the_drafts_grades(ms: float, expected: float) -> None:
    assert rpm(all_of(ms)) == pytest.approx(expected)


def test_with_tls_three_parts_weigh_alike_and_both_kinds_weigh_alike() -> None:
    # Foreign 60000 / ((30 + 60 + 90) / 3) = 1000, loaded 60000 / 120 = 500, their mean 750.
    probes = Probes(tcp=constant(30), tls=constant(60), http=constant(90), own=constant(120))
    assert rpm(probes) == pytest.approx(750)


def test_without_tls_two_parts_weigh_alike() -> None:
    # Foreign 60000 / ((30 + 90) / 2) = 1000; a zero for TLS would make it 1500.
    assert rpm(Probes(tcp=constant(30), http=constant(90), own=constant(120))) == pytest.approx(750)


def test_it_is_the_mean_of_two_rates_and_not_the_rate_of_a_mean() -> None:
    # 100 ms and 300 ms: (600 + 200) / 2, where goresponsiveness would say 60000 / 200 = 300.
    assert rpm(Probes(tcp=constant(100), http=constant(100), own=constant(300))) == pytest.approx(400)


@pytest.mark.parametrize(
    ("values", "keep", "mean"),
    [
        ([float(n) for n in range(1, 21)], 0.95, 10.0),  # 20 is left out: 1 to 19
        ([1.0] * 19 + [1000.0], 0.95, 1.0),
        ([1.0] * 18 + [1000.0], 0.95, 1018 / 19),  # a twentieth of 19 is less than one
        ([5.0, 1.0, 3.0], 0.5, 2.0),
        ([7.0], 0.5, 7.0),
        ([4.0, 6.0], 1.0, 5.0),
    ],
)
def test_the_worst_are_left_out_and_never_the_best(values: list[float], keep: float, mean: float) -> None:
    assert trimmed_mean(values, keep) == pytest.approx(mean)


def test_nothing_is_no_figure() -> None:
    assert trimmed_mean([], 0.95) is None
    assert rpm(Probes(tcp=constant(1), http=constant(1), own=[])) is None
    assert rpm(Probes(tcp=[], http=constant(1), own=constant(1))) is None
    assert rpm(Probes(tcp=constant(1), http=constant(1), own=constant(1), tls=[])) is None
    assert rpm(Probes(tcp=constant(0), http=constant(0), own=constant(1))) is None
    assert responsiveness(Probes(tcp=[], http=[], own=constant(9)), 0, 6, ONE_SECOND) is None


def test_confidence_is_low_before_four_intervals_high_when_they_agree_and_else_medium() -> None:
    steady = all_of(50)
    assert confidence(steady, 0, 3.9, ONE_SECOND) == "low"
    assert confidence(steady, 0, 6, Parameters()) == "low"  # the draft's interval is 5 s
    assert confidence(steady, 0, 4, ONE_SECOND) == "high"
    assert confidence(all_of(50), 0, 6, ONE_SECOND) == "high"
    gap = [probe for probe in constant(50) if not 0 <= probe.at_s < 1.5]
    assert confidence(Probes(gap, gap, gap), 0, 4, ONE_SECOND) == "medium"
    growing = [Probe(at / 10, 50.0 + at) for at in range(100)]
    assert confidence(Probes(growing, growing, growing), 0, 10, ONE_SECOND) == "medium"


def test_only_the_last_four_intervals_count_and_only_the_loaded_time() -> None:
    early, late = constant(500, end_s=6), constant(100, start_s=6, end_s=10)
    both = [*early, *late, Probe(10.5, 9999.0)]
    found = responsiveness(Probes(tcp=both, http=both, own=both), 2, 10, ONE_SECOND)
    assert found is not None
    assert (found.rpm, found.formula, found.confidence) == (600.0, "ippm09_http1", "medium")
    assert found.tcp_ms == [100.0] * 40
    assert found.tls_ms is None
    short = responsiveness(Probes(tcp=both, http=both, own=both, tls=both), 5.95, 6.25, ONE_SECOND)
    assert short is not None
    assert (short.formula, short.confidence, short.tls_ms) == ("ippm09_http1_tls", "low", [100.0] * 3)


def test_raw_probes_are_kept_without_a_figure_and_never_too_many() -> None:
    many = [Probe(at / 1000, at + 0.126) for at in range(1000)]
    found = responsiveness(Probes(tcp=many, http=[], own=[]), 0, 1, ONE_SECOND)
    assert found is not None
    assert (found.rpm, found.confidence, found.http_ms) == (None, None, None)
    assert found.tcp_ms is not None
    assert len(found.tcp_ms) == RAW_MOST
    assert found.tcp_ms[:2] == [0.13, 10.13]
