"""What a client may ask for in the address of a throughput test. Pure: path and query in, a plan or a refusal out.

Rules of msak throughput1 and ndt7 as their reference servers enforce them, and as their specifications state them.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl

import msgspec

Protocol = Literal["msak", "ndt7"]
Direction = Literal["download", "upload"]

SUBPROTOCOLS: Mapping[Protocol, str] = {
    "msak": "net.measurementlab.throughput.v1",
    "ndt7": "net.measurementlab.ndt.v7",
}
ROUTES: Mapping[str, tuple[Protocol, Direction]] = {
    "/throughput/v1/download": ("msak", "download"),
    "/throughput/v1/upload": ("msak", "upload"),
    "/ndt/v7/download": ("ndt7", "download"),
    "/ndt/v7/upload": ("ndt7", "upload"),
}
FIRST_MESSAGE: Mapping[Protocol, int] = {"msak": 1 << 10, "ndt7": 1 << 13}
LARGEST_MESSAGE = 1 << 20
NDT7_DURATION_S = 10.0
MSAK_DEFAULT_MS = 5000
EARLY_EXIT_MB = "250"
CONGESTION = frozenset({"reno", "cubic", "bbr"})

_MSAK_OPTIONS = frozenset({"streams", "duration", "delay", "cc", "access_token", "mid", "bytes"})
_MAX_QUERY = 4096
_MAX_KEYS = 64
_MAX_KEY = 50
_MAX_VALUE = 512
_MAX_DIGITS = 15
_JWT_PARTS = 3


class BadQueryError(Exception):
    """The client asked for something outside its protocol; HTTP 400."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One stream as it was asked for.

    `test` names the test that the stream belongs to (None: a test of its own). `byte_limit` is counted as the
    protocol does: msak download in payload sent, msak upload in TCP bytes received, ndt7 download in TCP bytes
    acknowledged.
    """

    protocol: Protocol
    direction: Direction
    duration_s: float
    test: str | None = None
    byte_limit: int | None = None
    congestion: str | None = None


class _Claims(msgspec.Struct):
    """The one claim of an access token that matters here."""

    jti: str = ""


def plan_of(protocol: Protocol, direction: Direction, query: str) -> Plan:
    """Return the plan that `query` asks for, or raise BadQueryError with the reason in a few words."""
    options = _options(query)
    if protocol == "ndt7":
        return _ndt7(direction, query, options)
    return _msak(direction, options)


def next_size(size: int, sent: int) -> int:
    """Return the size of the next message: twice as large once it is at most 1/16 of the bytes sent, up to 1 MiB."""
    return size * 2 if size < LARGEST_MESSAGE and size <= sent // 16 else size


def _options(query: str) -> dict[str, str]:
    """Split the query into its options; a key that comes twice is refused."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_KEYS)
    except ValueError as error:
        raise BadQueryError("too many query keys") from error
    options = dict(pairs)
    if len(options) != len(pairs):
        raise BadQueryError("duplicate query key")
    return options


def _ndt7(direction: Direction, query: str, options: dict[str, str]) -> Plan:
    """Apply ndt7's rules: metadata of at most 4096 bytes without empty values, and the one early exit it knows."""
    if len(query) > _MAX_QUERY:
        raise BadQueryError("query longer than 4096 bytes")
    if any(not value for value in options.values()):
        raise BadQueryError("empty query value")
    early_exit = options.get("early_exit", EARLY_EXIT_MB)
    if early_exit != EARLY_EXIT_MB:
        raise BadQueryError("early_exit must be 250")
    limited = direction == "download" and "early_exit" in options
    return Plan("ndt7", direction, NDT7_DURATION_S, byte_limit=int(EARLY_EXIT_MB) * 10**6 if limited else None)


def _msak(direction: Direction, options: dict[str, str]) -> Plan:
    """Apply throughput1's rules: mid (or a token that has one) and streams are required, the rest has defaults."""
    test = _token_id(options.get("access_token", "")) or options.get("mid", "")
    if not test or len(test) > _MAX_VALUE:
        raise BadQueryError("mid or access_token required")
    if not options.get("streams"):
        raise BadQueryError("streams required")
    congestion = options.get("cc") or None
    if congestion is not None and congestion not in CONGESTION:
        raise BadQueryError("unknown cc")
    metadata = [(key, value) for key, value in options.items() if key not in _MSAK_OPTIONS]
    if any(len(key) > _MAX_KEY or len(value) > _MAX_VALUE for key, value in metadata):
        raise BadQueryError("metadata too long")
    duration_ms = _number("duration", options.get("duration", ""), MSAK_DEFAULT_MS)
    limit = _number("bytes", options.get("bytes", ""), 0)
    return Plan("msak", direction, duration_ms / 1000, test, limit or None, congestion)


def _number(name: str, text: str, default: int) -> int:
    """Read a decimal count; absent or empty means `default`."""
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise BadQueryError(f"{name} must be a whole number")
    return int(text)


def _token_id(token: str) -> str:
    """Return the id inside a JWT, unverified: it only groups the streams of one test. Empty if there is none."""
    parts = token.split(".")
    if len(parts) != _JWT_PARTS:
        return ""
    try:
        body = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        return msgspec.json.decode(body, type=_Claims).jti
    except (binascii.Error, ValueError, RecursionError):
        return ""
