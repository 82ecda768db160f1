"""What an act does to a thing, field by field, for whoever has to agree to it or asks afterwards. Pure."""

from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from collector.registry.cells import written


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of one thing before and after, as files write them; `field` empty: the thing itself came or went."""

    key: str
    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """What an act does to one thing. New ones list the fields that they fill."""

    key: str
    title: str
    is_new: bool
    differences: tuple[Difference, ...]


def compared(key: str, title: str, before: object | None, after: Any) -> Change:  # noqa: ANN401 - any dataclass
    """What became of one thing, two values of one dataclass; of a new one the fields that it fills."""
    differences = []
    for field in fields(after):
        old, new = _text(getattr(before, field.name, None)), _text(getattr(after, field.name))
        if old != new:
            differences.append(Difference(key, field.name, old, new))
    return Change(key, title, before is None, tuple(differences))


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return " | ".join(map(str, value))
    text = getattr(value, "text", None)  # a period
    if isinstance(text, str):
        return text
    return written(value) if isinstance(value, str | float | int | date) or value is None else str(value)
