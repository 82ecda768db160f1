"""Which fields a message type makes in a series: nested names joined by `_`, read from the wire types themselves.

Pure. Numbers become floats, words strings, flags booleans. Lists, dates and times are not fields. A part that
carries its own failure makes no number (the contract: a failure is never a zero), only its failure and its words.

Each type becomes a small function, made once as source text from the type alone (as `dataclasses` does), never from
data. Walking the types anew for each report costs three times as much, and was a fifth of what a report cost.
"""

import re
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from agent.wire.failure import Failure
from collector.store.line import text
from collector.store.store import FieldValue

Form = Literal["number", "count", "word", "flag", "failure", "part", "table"]

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
TABLE_KEYS: Final = 64
"""Keys of a table that become field names: an agent must not be able to grow the schema without bound."""

_FORMS: Final[dict[type, Form]] = {float: "number", int: "count", str: "word", bool: "flag", Failure: "failure"}
_TYPES: Final[dict[Form, type]] = {"number": float, "count": float, "word": str, "flag": bool, "failure": str}
_VALUES: Final[dict[Form, str]] = {
    "number": "v",
    "count": "float(v)",
    "word": "text(v)",
    "flag": "bool(v)",
    "failure": "text(str(v))",
}
_NUMBERS: Final = ("number", "count", "part", "table")
"""What a failure leaves without meaning."""
Read = Callable[[Any, dict[str, FieldValue]], None]


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
    reader(type(message), "", skip)(message, into)
    return into


@lru_cache(maxsize=1024)
def reader(kind: type[msgspec.Struct], prefix: str = "", skip: frozenset[str] = frozenset()) -> Read:
    """A function that puts a message's fields into a dictionary, in the form in which they are stored."""
    names: dict[str, Any] = {"text": text, "inner": _inner(kind, prefix)}
    exec("\n".join(("def walk(m, into):", *_body(kind, prefix, skip), "    return")), names)  # noqa: S102 - made of wire types, not of data
    walk: Read = names["walk"]
    return walk


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


def _body(kind: type[msgspec.Struct], prefix: str, skip: frozenset[str]) -> Iterator[str]:
    """What a function does: each leaf looked at once; numbers, and what holds them, only without a failure."""
    fails = any(leaf.attribute == "failure" for leaf in leaves(kind))
    for leaf in leaves(kind):
        if leaf.name in skip:
            continue
        healthy = " and m.failure is None" if fails and leaf.form in _NUMBERS else ""
        name = f"{prefix}{leaf.name}"
        put = f"into[{name!r}] = {_VALUES[leaf.form]}" if leaf.form in _VALUES else f"inner[{name!r}](v, into)"
        yield f"    v = m.{leaf.attribute}"
        yield f"    if v is not None{healthy}:"
        yield f"        {put}"


def _inner(kind: type[msgspec.Struct], prefix: str) -> dict[str, Read]:
    """What reads the nested ones, by the name that theirs begin with."""
    functions: dict[str, Read] = {}
    for leaf in leaves(kind):
        name = f"{prefix}{leaf.name}"
        if leaf.form == "part":
            functions[name] = reader(leaf.inner, f"{name}_")
        elif leaf.form == "table":
            functions[name] = partial(_read_table, name, leaf.inner)
    return functions


def _read_table(prefix: str, inner: Any, table: Mapping[str, Any], into: dict[str, FieldValue]) -> None:  # noqa: ANN401 - any annotation may come
    form = _FORMS.get(inner)
    for key in sorted(filter(NAME.fullmatch, table))[:TABLE_KEYS]:
        value = table[key]
        if form is not None:
            into[f"{prefix}_{key}"] = (
                float(value) if form in _NUMBERS else value if form == "flag" else text(str(value))
            )
        elif isinstance(value, msgspec.Struct):
            into |= {f"{prefix}_{key}_{name}": field for name, field in fields_of(value).items()}
