"""Which fields a message type makes in a series: nested names joined by `_`, read from the wire types themselves.

Pure. Numbers become floats, words strings, flags booleans. Lists, dates and times are not fields. A part that
carries its own failure makes no number (the contract: a failure is never a zero), only its failure and its words.
"""

import re
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from agent.wire.failure import Failure
from collector.store.store import FieldValue

Form = Literal["number", "word", "flag", "failure", "part", "table"]

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
TABLE_KEYS: Final = 64
"""Keys of a table that become field names: an agent must not be able to grow the schema without bound."""

_FORMS: Final[dict[type, Form]] = {float: "number", int: "number", str: "word", bool: "flag", Failure: "failure"}
_TYPES: Final[dict[Form, type]] = {"number": float, "word": str, "flag": bool, "failure": str}
_CONVERT: Final[dict[Form, Callable[[Any], FieldValue]]] = {
    "number": float,
    "word": str,
    "flag": bool,
    "failure": str,
}


@dataclass(frozen=True, slots=True)
class Leaf:
    """One attribute of a message: its name on the wire, what it becomes, and its type where that is nested."""

    attribute: str
    name: str
    form: Form
    inner: Any = None


def fields_of(message: msgspec.Struct, skip: frozenset[str] = frozenset()) -> dict[str, FieldValue]:
    """Everything in a message that a series can carry, by field name; `skip` names attributes to leave out."""
    into: dict[str, FieldValue] = {}
    _read(message, "", skip, into)
    return into


def columns_of(kind: type[msgspec.Struct], skip: frozenset[str] = frozenset(), prefix: str = "") -> dict[str, type]:
    """The names and types (float, str, bool) of the fields that a message type can make, tables left out."""
    columns: dict[str, type] = {}
    for leaf in leaves(kind):
        name = f"{prefix}{leaf.name}"
        if leaf.name in skip:
            continue
        if leaf.form == "part":
            columns |= columns_of(leaf.inner, prefix=f"{name}_")
        elif leaf.form != "table":
            columns[name] = _TYPES[leaf.form]
    return columns


@lru_cache(maxsize=256)
def leaves(kind: type[msgspec.Struct]) -> tuple[Leaf, ...]:
    """What a message type holds that a series can carry."""
    hints = get_type_hints(kind)
    return tuple(_leaves(kind, hints))


def _leaves(kind: type[msgspec.Struct], hints: Mapping[str, Any]) -> Iterator[Leaf]:
    for field in msgspec.structs.fields(kind):
        hint = _without_none(hints[field.name])
        if get_origin(hint) is dict:
            yield Leaf(field.name, field.encode_name, "table", _without_none(get_args(hint)[1]))
        elif hint in _FORMS:
            yield Leaf(field.name, field.encode_name, _FORMS[hint])
        elif isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            yield Leaf(field.name, field.encode_name, "part", hint)


def _without_none(hint: Any) -> Any:  # noqa: ANN401 - any annotation may come
    if get_origin(hint) in (types.UnionType, Union):
        some = [arm for arm in get_args(hint) if arm is not type(None)]
        return some[0] if len(some) == 1 else object
    return hint


def _read(message: msgspec.Struct, prefix: str, skip: frozenset[str], into: dict[str, FieldValue]) -> None:
    failed = getattr(message, "failure", None) is not None
    for leaf in leaves(type(message)):
        value = getattr(message, leaf.attribute)
        if value is None or leaf.name in skip or (failed and leaf.form in ("number", "part", "table")):
            continue
        name = f"{prefix}{leaf.name}"
        if leaf.form == "part":
            _read(value, f"{name}_", frozenset(), into)
        elif leaf.form == "table":
            _read_table(value, name, leaf.inner, into)
        else:
            into[name] = _CONVERT[leaf.form](value)


def _read_table(table: Mapping[str, Any], prefix: str, inner: Any, into: dict[str, FieldValue]) -> None:  # noqa: ANN401 - any annotation may come
    form = _FORMS.get(inner)
    for key in sorted(filter(NAME.fullmatch, table))[:TABLE_KEYS]:
        name = f"{prefix}_{key}"
        if form is not None:
            into[name] = _CONVERT[form](table[key])
        elif isinstance(table[key], msgspec.Struct):
            _read(table[key], f"{name}_", frozenset(), into)
