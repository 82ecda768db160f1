"""The golden samples of version 1: what agents in the field have sent must be readable for ever."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.wire import codec, control
from agent.wire.results import RESULTS

SAMPLES = Path(__file__).parent / "samples" / "v1"
CONTROLS: dict[str, type[control.Control]] = {
    "status": control.Status,
    "receipt": control.Receipt,
    "profile": control.Profile,
    "request": control.Request,
    "boot": control.Boot,
}


def _samples(prefix: str) -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in sorted(SAMPLES.glob(f"{prefix}*.json"))]


def _kept(sample: dict[str, Any], read: dict[str, Any]) -> None:
    """Every value of the sample that this version knows came back unchanged; nothing was invented."""
    for key, value in read.items():
        assert key in sample, f"{key} was invented"
        if isinstance(value, dict):
            _kept(sample[key], value)
        else:
            assert value == sample[key], key


@pytest.mark.parametrize("path", _samples("report"))
def test_reports_of_version_1_are_read_and_written_alike(path: Path) -> None:
    raw = path.read_bytes()
    (decoded,) = codec.decode_reports(raw)
    assert isinstance(decoded, codec.Accepted)
    assert decoded.raw == raw
    _kept(json.loads(raw), json.loads(codec.encode(decoded.report)))


@pytest.mark.parametrize("path", [p for prefix in CONTROLS for p in _samples(prefix)])
def test_control_messages_of_version_1_are_read_and_written_alike(path: Path) -> None:
    raw = path.read_bytes()
    message = codec.decode(raw, CONTROLS[path.stem.split("-")[0]])
    assert not isinstance(message, codec.Rejection)
    _kept(json.loads(raw), json.loads(codec.encode(message)))


def test_every_kind_has_a_sample_and_a_decoder() -> None:
    kinds = {json.loads(path.read_text())["kind"] for path in SAMPLES.glob("report-*.json")}
    assert kinds == set(RESULTS) == set(codec._REPORTS)  # noqa: SLF001 - the table must not drift from RESULTS


def test_fields_of_tomorrow_are_ignored_and_values_of_tomorrow_are_kept() -> None:
    (decoded,) = codec.decode_reports((SAMPLES / "report-later-fields.json").read_bytes())
    assert isinstance(decoded, codec.Accepted)
    assert decoded.report.doubts == ["a_doubt_of_tomorrow"]


def test_null_is_the_same_as_absent() -> None:
    tree = json.loads((SAMPLES / "report-latency.json").read_text())
    tree |= {"failure": None, "link": None, "request": None}
    (decoded,) = codec.decode_reports(msgspec.json.encode(tree))
    assert isinstance(decoded, codec.Accepted)
    assert b"null" not in codec.encode(decoded.report)
