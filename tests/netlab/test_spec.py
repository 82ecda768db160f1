import json
from pathlib import Path
from typing import Any

import pytest

from tests.netlab import trace
from tests.netlab.spec import LinkSpec, payload_ceiling
from tests.netlab.trace import Step


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"rate_mbps": 0}, "rate_mbps must be above 0"),
        ({"rate_mbps": -1}, "rate_mbps"),
        ({"rate_mbps": float("nan")}, "rate_mbps"),
        ({"delay_ms": -1}, "delay_ms must be 0 or more"),
        ({"rtt_ms": float("inf")}, "rtt_ms"),
        ({"jitter_ms": -0.1}, "jitter_ms"),
        ({"loss": 1.1}, "loss must be a share from 0 to 1"),
        ({"loss": -0.1}, "loss"),
        ({"burst": 0.5}, "burst must be 1 or more"),
        ({"loss": 0.9, "burst": 2}, "cannot add up"),
        ({"queue_bytes": 0}, "queue_bytes must be above 0"),
        ({"queue_ms": 20, "queue_bytes": 1}, "not both"),
        ({"rate_mbps": 1, "trace": (Step(1, 1),)}, "not both"),
        ({"trace": ()}, "at least one step"),
        ({"trace": (Step(0, 1),)}, "longer than 0 ms"),
        ({"trace": (Step(1, -1),)}, "0 or more"),
        ({"trace": (Step(1, 0),)}, "at least one step with a rate above 0"),
    ],
)
def test_settings_without_sense_are_refused_in_one_line(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        LinkSpec(**settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "spec",
    [
        LinkSpec(),
        LinkSpec(rate_mbps=102, delay_ms=20, jitter_ms=3, loss=0.005, burst=4, queue_bytes=15_000),
        LinkSpec(trace=(Step(1000, 20), Step(300, 0)), rtt_ms=50, queue_ms=100),
    ],
)
def test_a_spec_survives_the_control_socket(spec: LinkSpec) -> None:
    assert LinkSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_half_of_the_round_trip_is_each_ways() -> None:
    assert LinkSpec(rtt_ms=40, delay_ms=1).one_way_ms == 21


@pytest.mark.parametrize(
    ("rate", "family", "ceiling"),
    [(42, "ipv4", 40.544), (102, "ipv4", 98.464), (1000, "ipv4", 965.333), (1000, "ipv6", 952.0)],
)
def test_the_ceiling_is_what_the_headers_leave(rate: float, family: str, ceiling: float) -> None:
    assert payload_ceiling(rate, family) == pytest.approx(ceiling)


def test_a_trace_is_read() -> None:
    assert trace.parse("# LTE\n1000, 20\n\n300,0 # tunnel\n0.5,7.5\n") == (Step(1000, 20), Step(300, 0), Step(0.5, 7.5))


@pytest.mark.parametrize("line", ["20", "1,2,3", "a,b", "1,", "1;2"])
def test_a_wrong_line_of_a_trace_is_named(line: str) -> None:
    with pytest.raises(ValueError, match=r"line 2 of the trace"):
        trace.parse(f"10,10\n{line}\n")


def test_a_trace_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.csv cannot be read: No such file"):
        trace.read(tmp_path / "none.csv")
    (tmp_path / "some.csv").write_text("5,6\n", "utf-8")
    assert trace.read(tmp_path / "some.csv") == (Step(5, 6),)
