"""Bytes to messages and back. Any bytes give a message or a typed rejection, never another exception."""

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar, get_args

import msgspec

from agent.wire.control import Control
from agent.wire.report import VERSION, Measurement, Report
from agent.wire.results import RESULTS

REPORT_LIMIT: Final = 64 * 1024
ARRAY_LIMIT: Final = 256 * 1024
ARRAY_LENGTH: Final = 50
CONTROL_LIMIT: Final = 64 * 1024

AnyReport = Report[Any]
AnyMeasurement = Measurement[Any]
RejectionReason = Literal["malformed", "version", "too_large"]
C = TypeVar("C", bound=Control)


@dataclass(frozen=True, slots=True)
class Rejection:
    """Bytes that can never be accepted: why, in words, and the place in the spool if it could still be read."""

    reason: RejectionReason
    detail: str
    raw: bytes
    epoch: str | None = None
    seq: int | None = None


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """A readable report of this version with its exact bytes."""

    report: AnyReport
    raw: bytes


@dataclass(frozen=True, slots=True)
class Unknown:
    """A well-formed report of a kind that this version cannot read: to be deferred, not rejected."""

    kind: str
    epoch: str
    seq: int
    raw: bytes


Decoded = Accepted | Unknown | Rejection


class _Head(msgspec.Struct, frozen=True):
    v: int | None = None
    kind: str | None = None
    epoch: str | None = None
    seq: int | None = None


_HEAD = msgspec.json.Decoder(_Head)
_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])
_REPORTS: Final[dict[str, msgspec.json.Decoder[AnyReport]]] = {
    kind: msgspec.json.Decoder(Report[result])  # type: ignore[valid-type]
    for kind, result in RESULTS.items()
}
_DECODERS: Final = {kind.encode(): decoder for kind, decoder in _REPORTS.items()}
_UNKNOWN: Final[msgspec.json.Decoder[AnyReport]] = msgspec.json.Decoder(Report[dict[str, Any]])  # type: ignore[type-var]
_CONTROLS: Final[dict[type, msgspec.json.Decoder[Any]]] = {
    kind: msgspec.json.Decoder(kind) for kind in get_args(Control)
}
_ENCODER = msgspec.json.Encoder()
# How our own encoder begins a report, so its version is surely there; whoever writes otherwise is read in two steps.
_OURS: Final = b'{"v":%d,' % VERSION
_KIND: Final = b'"kind":"'
# msgspec raises these, by test, for hostile bytes: bad JSON or values; bad UTF-8; nesting too deep.
HOSTILE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def encode(message: Control | Report[Any] | Measurement[Any]) -> bytes:
    """Write a message as compact JSON."""
    return _ENCODER.encode(message)


def decode(payload: bytes, kind: type[C]) -> C | Rejection:
    """Read one control message."""
    if len(payload) > CONTROL_LIMIT:
        return Rejection("too_large", f"{len(payload)} bytes, at most {CONTROL_LIMIT}", payload)
    try:
        payload.decode()
        message: C = _CONTROLS[kind].decode(payload)
    except HOSTILE as error:
        return Rejection("malformed", _words(error), payload)
    return message


def decode_reports(payload: bytes) -> list[Decoded]:
    """Read a report, or an array of reports of which each element is judged alone."""
    if len(payload) > ARRAY_LIMIT:
        return [Rejection("too_large", f"{len(payload)} bytes, at most {ARRAY_LIMIT}", payload)]
    if payload[:1] != b"[" and payload.lstrip(b" \t\r\n")[:1] != b"[":
        return [_decode_report(payload)]
    try:
        payload.decode()
        elements = [bytes(element) for element in _ELEMENTS.decode(payload)]
    except HOSTILE as error:
        return [Rejection("malformed", _words(error), payload)]
    if len(elements) > ARRAY_LENGTH:
        return [Rejection("too_large", f"{len(elements)} reports in one array, at most {ARRAY_LENGTH}", payload)]
    return [_decode_report(element) for element in elements]


def join(reports: list[bytes]) -> bytes:
    """Make one payload of reports that were encoded before; a single one stays itself."""
    return reports[0] if len(reports) == 1 else b"[" + b",".join(reports) + b"]"


def _decode_report(raw: bytes) -> Decoded:
    """Read one report: in one pass if it is a good one, else by steps that say what it is.

    Which kind it is, is guessed from the first place that looks like it; what was read with the wrong guess says so.
    """
    if raw.startswith(_OURS) and len(raw) <= REPORT_LIMIT:
        start = raw.find(_KIND) + len(_KIND)
        decoder = _DECODERS.get(raw[start : raw.find(b'"', start)])
        if decoder is not None:
            try:
                if not raw.isascii():
                    raw.decode()  # also where nobody reads it
                report = decoder.decode(raw)
            except HOSTILE:
                return _decode_by_steps(raw)
            good = decoder is _REPORTS.get(report.kind) and report.v == VERSION
            if good and (report.result is None) != (report.failure is None):
                return Accepted(report, raw)
    return _decode_by_steps(raw)


def _decode_by_steps(raw: bytes) -> Decoded:
    try:
        raw.decode()
        head = _HEAD.decode(raw)
    except HOSTILE as error:
        return Rejection("malformed", _words(error), raw)
    seq = head.seq if head.seq is not None and 1 <= head.seq <= 2**53 else None
    if head.v != VERSION:
        return Rejection("version", f"version {head.v}, not {VERSION}", raw, head.epoch, seq)
    if len(raw) > REPORT_LIMIT:
        return Rejection("too_large", f"{len(raw)} bytes, at most {REPORT_LIMIT}", raw, head.epoch, seq)
    try:
        return _decode_kind(raw, _REPORTS.get(head.kind or ""))
    except HOSTILE as error:
        return Rejection("malformed", _words(error), raw, head.epoch, seq)


def _decode_kind(raw: bytes, decoder: msgspec.json.Decoder[AnyReport] | None) -> Decoded:
    report = (decoder or _UNKNOWN).decode(raw)
    if (report.result is None) == (report.failure is None):
        return Rejection("malformed", "not exactly one of result and failure", raw, report.epoch, report.seq)
    if decoder is None:
        return Unknown(report.kind, report.epoch, report.seq, raw)
    return Accepted(report, raw)


def _words(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 text (byte {error.start})"
    return (str(error) or type(error).__name__)[:300]
