"""Which runs count, and what is said of those that do not."""

from datetime import timedelta

import pytest

from collector.chain.evidence import Span, contacts, evidence, pace_of, told
from collector.chain.rows import IPV6, Rows
from collector.judge.sample import Sample
from collector.store.points import nanoseconds
from tests.collector.chain.rig import HOUR, NOW, latency, latency_row, run_row, speeds, throughput

MONTH = Span(NOW - timedelta(days=30), NOW + timedelta(minutes=5))


def test_what_counts_failed_and_is_doubted_is_told_apart_for_each_direction() -> None:
    rows = throughput(
        [
            run_row(NOW - 5 * HOUR, 99.0),
            run_row(NOW - 4 * HOUR, None, failure="connect:timeout"),
            run_row(NOW - 3 * HOUR, 12.0, doubts="wifi_bound,cpu_bound"),
            run_row(NOW - 2 * HOUR, 13.0, doubts="wifi_bound"),
            run_row(NOW - HOUR, 80.0, conclusive=True, upload_failure="transfer:timeout"),
        ]
    )
    found = evidence(rows, "download_mbps", MONTH)
    assert found.samples == [Sample(NOW - 5 * HOUR, 99.0), Sample(NOW - HOUR, 80.0)]
    assert (found.failed, found.doubted, found.uncounted) == (1, {"wifi_bound": 2, "cpu_bound": 1}, 2)
    up = evidence(rows, "upload_mbps", MONTH)
    assert [sample.value for sample in up.samples] == [49.5]
    assert (up.failed, up.doubted, up.uncounted) == (2, {"wifi_bound": 2, "cpu_bound": 1}, 2)
    assert [one.fate for one in told(rows, "upload_mbps")] == ["counts", "failed", "doubted", "doubted", "failed"]
    assert told(rows, "upload_mbps")[-1].failure == "transfer:timeout"


def test_a_direction_that_was_not_measured_is_neither_failed_nor_doubted() -> None:
    at, down, _, *words = run_row(NOW, 50.0)
    rows = throughput([(at, down, None, *words)])
    assert told(rows, "upload_mbps") == []
    found = evidence(rows, "upload_mbps", Span(NOW - HOUR, NOW))
    assert (found.samples, found.failed, found.doubted, found.uncounted) == ([], 0, {}, 0)


def test_what_failed_on_the_line_before_is_not_held_against_this_one() -> None:
    runs = [run_row(NOW - hours * HOUR, None, failure="connect:timeout") for hours in (9, 8, 7, 2)]
    doubted = [run_row(NOW - 6 * HOUR, 9.0, doubts="wifi_bound"), run_row(NOW - HOUR, 9.0, doubts="cpu_bound")]
    good = [run_row(NOW - hours * HOUR, 50.0) for hours in (5, 4)]
    rows = throughput(sorted([*runs, *doubted, *good]))
    changed = Span(MONTH.since, MONTH.until, NOW - 4 * HOUR)
    found = evidence(rows, "download_mbps", changed)
    assert (found.failed, found.doubted, found.uncounted) == (1, {"cpu_bound": 1}, 1)
    assert len(found.samples) == 2, "it is the judge who cuts them, and says so"
    assert evidence(rows, "download_mbps", MONTH).failed == 4
    at, then = nanoseconds(NOW), nanoseconds(NOW - 5 * HOUR)
    six = Rows(IPV6)
    six.put(0, [(then, None, False, "dns:timeout", None), (at, None, False, "dns:timeout", None)])
    assert (evidence(six, "ipv6", changed).failed, evidence(six, "ipv6", MONTH).failed) == (1, 2)


def test_only_what_started_within_the_span_is_evidence() -> None:
    rows = throughput([run_row(NOW - 2 * HOUR, 1.0), run_row(NOW, 2.0), run_row(NOW + HOUR, 3.0)])
    assert [sample.value for sample in evidence(rows, "download_mbps", Span(NOW - HOUR, NOW)).samples] == [2.0]
    assert evidence(None, "download_mbps", Span(NOW, NOW)).samples == ()


@pytest.mark.parametrize(
    ("status", "value"), [("dual_stack", 1.0), ("ipv6_only", 1.0), ("ipv4_only", 0.0), ("broken", 0.0), ("none", 0.0)]
)
def test_ipv6_works_or_it_does_not(status: str, value: float) -> None:
    rows = Rows(IPV6)
    rows.put(0, [(nanoseconds(NOW), status, True, None, None), (nanoseconds(NOW) + 1000, status, False, None, "tunnel"),
                 (nanoseconds(NOW) + 2000, None, False, "device:no_address", None)])  # fmt: skip
    found = evidence(rows, "ipv6", MONTH)
    assert [sample.value for sample in found.samples] == [value]
    assert (found.failed, found.doubted) == (1, {"tunnel": 1})


def test_contact_is_what_got_through_and_a_fault_of_the_device_is_none() -> None:
    rows = latency(
        [
            latency_row(NOW, 0.2),
            latency_row(NOW + HOUR, 1.0),
            latency_row(NOW + 2 * HOUR, failure="connect:timeout", peer="p2"),
            latency_row(NOW + 3 * HOUR, failure="device:no_interface"),
            latency_row(NOW + 4 * HOUR, failure="peer:busy"),
        ]
    )
    assert [(one.at, one.reached, one.peer) for one in contacts(rows, "latency")] == [
        (NOW, True, "p1"),
        (NOW + HOUR, False, "p1"),
        (NOW + 2 * HOUR, False, "p2"),
    ]
    runs = throughput([run_row(NOW, 5.0), run_row(NOW + HOUR, None, failure="connect:refused")])
    assert [one.reached for one in contacts(runs, "throughput")] == [True, False]


def test_the_pace_is_that_of_the_last_week_or_of_a_younger_site() -> None:
    assert pace_of(evidence(throughput(speeds(*[9.0] * 100)), "download_mbps", MONTH), NOW) == 4.0
    assert pace_of(evidence(throughput(speeds(*[9.0] * 9)), "download_mbps", MONTH), NOW) == 4.5
    assert pace_of(evidence(throughput(speeds(*[9.0] * 3)), "download_mbps", MONTH), NOW) == 3.0
    assert pace_of(evidence(throughput([]), "download_mbps", MONTH), NOW) is None
