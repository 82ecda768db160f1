"""Points as InfluxDB line protocol, and the text that line protocol can carry. Pure.

One line is one point: no newline gets into a line, in whatever text. What a tag cannot carry everywhere is replaced,
always the same way, so a point keeps its identity: control characters become spaces, and in tags a backslash becomes
a slash (before a comma, a space or the end, engines disagree about what it escapes). `text` and `tag_text` apply the
same rules for the embedded store, so every engine holds the same series.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from collector.store.store import FieldValue, Point

FIRST_NS: Final = -(2**63) + 2
LAST_NS: Final = 2**63 - 2
"""The times that InfluxDB can hold, both included."""
RESERVED: Final = "time"
TAG_LIMIT: Final = 1024
"""Characters of a tag's value; InfluxDB refuses a series key over 65,535 bytes."""
STRING_LIMIT: Final = 16_000
"""Characters of a string field; InfluxDB refuses one over 65,536 bytes."""

_CONTROLS: Final = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029), " ")
_KEY_ESCAPES: Final = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})
_MEASUREMENT_ESCAPES: Final = str.maketrans({",": "\\,", " ": "\\ "})


class PointError(ValueError):
    """A point that no engine can hold: no field left, a time out of range, or a name that is empty."""


def text(value: str) -> str:
    """The same text without what no engine carries: control characters become spaces, lone surrogates `?`."""
    if value.isprintable() and len(value) <= STRING_LIMIT:
        return value
    clean = value[:STRING_LIMIT].translate(_CONTROLS)
    return clean.encode("utf-8", "replace").decode()


def tag_text(value: str) -> str:
    """The form in which a tag's value is stored, by every engine; empty when nothing is left of it."""
    return text(value[:TAG_LIMIT]).replace("\\", "/").strip()


def field_value(value: FieldValue) -> FieldValue | None:
    """The form in which a field's value is stored; None for a number that is none (NaN, infinity)."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bool):
        return value
    number = float(value)
    return number if math.isfinite(number) else None


def check(point: Point) -> None:
    """Raise PointError for a point whose name or time no engine can hold."""
    if not FIRST_NS <= point.time_ns <= LAST_NS:
        raise PointError(f"time {point.time_ns} ns is out of range")
    if not tag_text(point.measurement):
        raise PointError("a measurement needs a name")
    if RESERVED in point.fields:
        raise PointError(f"{RESERVED} is no name for a field")  # InfluxDB would drop it in silence


def encode_line(point: Point) -> bytes:
    """Write one point as one line, without the newline.

    Raises:
        PointError: no field is left, or the time or a name cannot be held.
    """
    check(point)
    fields = [
        f"{key}={_WRITE[type(value)](value)}"
        for name, value in point.fields.items()
        if (key := _key(name)) and (type(value) is not float or math.isfinite(value))
    ]
    if not fields:
        raise PointError("a point needs a field")
    return f"{series_key(point.measurement, point.tags)} {','.join(fields)} {point.time_ns}".encode()


@lru_cache(maxsize=65_536)
def clean_tags(tags: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Tags as every engine stores them: sorted, none empty."""
    kept = sorted((tag_text(name), tag_text(value)) for name, value in tags)
    return tuple((name, value) for name, value in kept if name and value)


@lru_cache(maxsize=65_536)
def series_key(measurement: str, tags: tuple[tuple[str, str], ...]) -> str:
    """A series' key; a fleet has few of them, and each is written thousands of times."""
    name = tag_text(measurement).lstrip("#")
    if not name:
        raise PointError("a measurement needs a name")
    pairs = [f",{key.translate(_KEY_ESCAPES)}={value.translate(_KEY_ESCAPES)}" for key, value in clean_tags(tags)]
    return name.translate(_MEASUREMENT_ESCAPES) + "".join(pairs)


@lru_cache(maxsize=4096)
def _key(name: str) -> str:
    return tag_text(name).translate(_KEY_ESCAPES)


def _quoted(value: str) -> str:
    if value.isidentifier() and len(value) <= STRING_LIMIT:  # most are words
        return f'"{value}"'
    escaped = text(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_WRITE: Final[dict[type, Callable[..., str]]] = {
    float: repr,
    str: _quoted,
    bool: lambda value: "true" if value else "false",
    int: lambda value: repr(float(value)),
}
