"""Any bytes give a message or a typed rejection, never another exception."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.wire import codec, control

SAMPLES = Path(__file__).parent / "samples" / "v1"
REPORTS = [path.read_bytes().strip() for path in sorted(SAMPLES.glob("report-*.json"))]
THROUGHPUT: dict[str, Any] = json.loads((SAMPLES / "report-throughput.json").read_text())
CONTROLS: list[type[control.Control]] = [
    control.Status,
    control.Receipt,
    control.Profile,
    control.Request,
    control.Boot,
]
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def _bytes(tree: object) -> bytes:
    return json.dumps(tree).encode()


def _one(payload: bytes) -> codec.Decoded:
    (decoded,) = codec.decode_reports(payload)
    return decoded


@given(st.binary(max_size=300))
def test_any_bytes_are_judged(payload: bytes) -> None:
    for decoded in codec.decode_reports(payload):
        assert isinstance(decoded, codec.Rejection)
    for kind in CONTROLS:
        message = codec.decode(payload, kind)
        assert isinstance(message, kind | codec.Rejection)


@given(st.sampled_from(REPORTS), st.data())
@settings(max_examples=300)
def test_mutated_reports_are_judged(sample: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(sample)))
    cut = data.draw(st.integers(0, 20))
    mutated = sample[:at] + data.draw(st.binary(max_size=10)) + sample[at + cut :]
    for decoded in codec.decode_reports(mutated):
        assert isinstance(decoded, codec.Accepted | codec.Rejection | codec.Unknown)
        if isinstance(decoded, codec.Accepted):
            again = _one(codec.encode(decoded.report))
            assert isinstance(again, codec.Accepted)
            assert again.report == decoded.report


@given(st.sampled_from(sorted(THROUGHPUT)), JSON_VALUES)
@settings(max_examples=300)
def test_reports_with_any_value_anywhere_are_judged(key: str, value: object) -> None:
    decoded = _one(_bytes(THROUGHPUT | {key: value}))
    assert isinstance(decoded, codec.Accepted | codec.Rejection | codec.Unknown)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        pytest.param(b"", "malformed", id="empty"),
        pytest.param(b"{", "malformed", id="cut"),
        pytest.param(b"\xef\xbb\xbf{}", "malformed", id="byte order mark"),
        pytest.param(b'{"v":1,"x":"\xff"}', "malformed", id="not UTF-8, in a field nobody reads"),
        pytest.param(b'{"v":1,"x":' + b"[" * 60_000 + b"}", "malformed", id="deep nesting"),
        pytest.param(b"[" * 100_000, "malformed", id="deep array"),
        pytest.param(_bytes(THROUGHPUT | {"v": 2}), "version", id="version 2"),
        pytest.param(_bytes({k: v for k, v in THROUGHPUT.items() if k != "v"}), "version", id="no version"),
        pytest.param(_bytes(THROUGHPUT | {"pad": "x" * 65_536}), "too_large", id="over 64 KiB"),
        pytest.param(b" " * (256 * 1024 + 1), "too_large", id="payload over 256 KiB"),
        pytest.param(b"[" + b",".join([b"{}"] * 51) + b"]", "too_large", id="51 in an array"),
        pytest.param(_bytes(THROUGHPUT | {"seq": 0}), "malformed", id="seq 0"),
        pytest.param(_bytes(THROUGHPUT | {"seq": 10**30}), "malformed", id="huge seq"),
        pytest.param(_bytes(THROUGHPUT | {"started": "2026-11-22T01:02:03"}), "malformed", id="time without zone"),
        pytest.param(_bytes(THROUGHPUT | {"duration_s": -1}), "malformed", id="negative duration"),
        pytest.param(_bytes(THROUGHPUT | {"agent": "../x"}), "malformed", id="bad agent"),
        pytest.param(_bytes(THROUGHPUT).replace(b"118.4", b"NaN"), "malformed", id="NaN"),
        pytest.param(_bytes(THROUGHPUT).replace(b"118.4", b"1e999"), "malformed", id="infinite"),
        pytest.param(_bytes(THROUGHPUT).replace(b"118.4", b"-1"), "malformed", id="sentinel -1"),
        pytest.param(_bytes(THROUGHPUT | {"result": None}), "malformed", id="neither result nor failure"),
        pytest.param(
            _bytes(THROUGHPUT | {"failure": {"stage": "connect", "reason": "timeout"}}), "malformed", id="both"
        ),
    ],
)
def test_bad_payloads_are_rejected_precisely(payload: bytes, reason: str) -> None:
    decoded = _one(payload)
    assert isinstance(decoded, codec.Rejection)
    assert decoded.reason == reason
    assert decoded.detail


def test_a_rejection_names_the_report_when_it_still_can() -> None:
    decoded = _one(_bytes(THROUGHPUT | {"duration_s": "long"}))
    assert isinstance(decoded, codec.Rejection)
    assert (decoded.epoch, decoded.seq) == (THROUGHPUT["epoch"], 42)
    assert "duration_s" in decoded.detail


def test_each_element_of_an_array_is_judged_alone_with_its_exact_bytes() -> None:
    good, odd = _bytes(THROUGHPUT), json.dumps(THROUGHPUT | {"seq": 43}, indent=2).encode()
    decoded = codec.decode_reports(b" [ " + good + b' , {"v":1,"seq":7} ,' + odd + b"]")
    assert [type(each) for each in decoded] == [codec.Accepted, codec.Rejection, codec.Accepted]
    assert decoded[0].raw == good
    assert decoded[2].raw == odd
    assert isinstance(decoded[1], codec.Rejection)
    assert decoded[1].seq == 7


def test_a_report_of_an_unknown_kind_is_not_rejected() -> None:
    decoded = _one(_bytes(THROUGHPUT | {"kind": "tomorrow", "result": {"deep": [1]}}))
    assert isinstance(decoded, codec.Unknown)
    assert (decoded.kind, decoded.seq) == ("tomorrow", 42)


def test_joined_reports_come_apart_again() -> None:
    for count in (1, 2, 50):
        assert [each.raw for each in codec.decode_reports(codec.join([REPORTS[0]] * count))] == [REPORTS[0]] * count


def test_a_control_message_over_its_limit_is_too_large() -> None:
    rejection = codec.decode(b" " * (codec.CONTROL_LIMIT + 1), control.Status)
    assert isinstance(rejection, codec.Rejection)
    assert rejection.reason == "too_large"
