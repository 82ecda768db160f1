"""How both sides read their TOML: strictly. An unknown key names the nearest known one; nothing is guessed.

It lives in the contract because `contract.md` ("Configuration") fixes these rules for both programs alike.
Pure: text and environment come in, a frozen struct comes out.
"""

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

S = TypeVar("S", bound=msgspec.Struct)
PREFIX: Final = "LINKGAUGE_"
_TYPE: Final = re.compile(r"`([^`]+)`")
_MISSING: Final = re.compile(r"Object missing required field `(.+)`")
_PLACE: Final = re.compile(r"\[\d+\]")
_TYPES: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": 'a list, such as ["a", "b"]',
    "object": "a table",
}


class SettingsError(ValueError):
    """One plain line: which key, what is wrong with it, what would be right."""


def load(text: str, kind: type[S], environment: Mapping[str, str]) -> S:
    """Read TOML into `kind`; `LINKGAUGE_<SECTION>_<KEY>` in the environment overrides a key.

    Raises:
        SettingsError: for bad TOML, an unknown key, a wrong type or a value out of range.
    """
    try:
        tree: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"not valid TOML: {_placed(str(error), text)}") from error
    _check_keys(tree, kind, "")
    _override(tree, kind, environment)
    try:
        return msgspec.convert(tree, kind, strict=True)
    except msgspec.ValidationError as error:
        raise SettingsError(_plain(str(error), kind)) from error


def _placed(message: str, text: str) -> str:
    """Name the line where it is also known to be the last: what is missing there was begun before."""
    lines = len(text.rstrip().splitlines()) or 1
    said = message.replace("(at end of document)", f"(in line {lines}, the last, or left open before it)")
    return f"{said[:1].lower()}{said[1:]}"


def _plain(message: str, kind: type[msgspec.Struct]) -> str:
    """What msgspec says, in the words of whoever writes the file."""
    what, _, where = message.partition(" - at `$")
    key = where.rstrip("`").lstrip(".").replace("[...]", "")
    if missing := _MISSING.fullmatch(what):
        return _lacks(f"{key}.{missing[1]}" if key else missing[1])
    what = _TYPE.sub(lambda found: " or ".join(_TYPES.get(word, word) for word in found[1].split(" | ")), what)
    what = what.replace(" or null", "").replace(" >= ", " of at least ").replace(" <= ", " of at most ")
    what = what.replace(" > ", " above ").replace(" < ", " below ").removesuffix(".0")
    what = what.replace("Invalid enum value ", _choices(kind, key))
    return f"{key}: {what[:1].lower()}{what[1:]}" if key else what


def _lacks(key: str) -> str:
    table, _, name = key.rpartition(".")
    return f"{key} is missing: write {name} = … under [{table}]" if table else f"{key} is missing: write [{key}]"


def _choices(kind: type[msgspec.Struct], key: str) -> str:
    """Name what a key of fixed words may be, in a list of tables too."""
    hint: Any = kind
    for name in _PLACE.sub("", key).split("."):
        inner = _struct_in(hint)
        hint = _sections(inner).get(name) if inner is not None else None
    words = next((each for each in (hint, *get_args(hint)) if get_origin(each) is Literal), None)
    return f"expected one of {', '.join(map(str, get_args(words)))}, got " if words is not None else "got "


@cache  # working the annotations out took nine tenths of reading a long file
def _sections(kind: type[msgspec.Struct]) -> Mapping[str, Any]:
    hints = get_type_hints(kind)
    return {field.encode_name: hints[field.name] for field in msgspec.structs.fields(kind)}


def _struct_in(hint: Any) -> type[msgspec.Struct] | None:  # noqa: ANN401 - any annotation may come
    for candidate in (hint, *get_args(hint)):
        if isinstance(candidate, type) and issubclass(candidate, msgspec.Struct):
            return candidate
    return None


def _check_keys(tree: Mapping[str, Any], kind: type[msgspec.Struct], path: str) -> None:
    known = _sections(kind)
    for key, value in tree.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            hint = f"; did you mean {path}{near[0]}?" if near else f"; known here: {', '.join(sorted(known))}"
            raise SettingsError(f"unknown key {path}{key}{hint}")
        for place, table, inner in _tables(value, known[key], f"{path}{key}"):
            _check_keys(table, inner, f"{place}.")


def _tables(value: Any, hint: Any, place: str) -> Iterator[tuple[str, dict[str, Any], type[msgspec.Struct]]]:  # noqa: ANN401 - any annotation may come
    """Every table of structs below a key: the section itself, each of a list, each of a table of named ones."""
    inner = _struct_in(hint)
    if inner is None:
        return
    if isinstance(value, list):
        named = [(f"{place}[{number}]", item) for number, item in enumerate(value)]
    elif isinstance(value, dict) and not _is_plain(hint, inner):
        named = [(f"{place}.{name}", item) for name, item in value.items()]
    else:
        named = [(place, value)]
    for name, item in named:
        if isinstance(item, dict):
            yield name, item, inner


def _is_plain(hint: Any, inner: type[msgspec.Struct]) -> bool:  # noqa: ANN401 - any annotation may come
    """Whether a table under this annotation is the struct itself, not a table of named structs."""
    return getattr(hint, "__origin__", None) is not dict and (hint is inner or inner in get_args(hint))


def _override(tree: dict[str, Any], kind: type[msgspec.Struct], environment: Mapping[str, str], path: str = "") -> None:
    """Write each key that the environment names into the tree, at any depth of plain tables."""
    for key, hint in _sections(kind).items():
        inner = _struct_in(hint)
        if inner is None or not _is_plain(hint, inner) or getattr(hint, "__origin__", None) is list:
            name = f"{PREFIX}{path}{key.upper()}"
            if name in environment:
                tree[key] = _value(environment[name], hint, name)
            continue
        table = tree.get(key, {})
        if isinstance(table, dict):
            _override(table, inner, environment, f"{path}{key.upper()}_")
            if table:
                tree[key] = table


def _value(text: str, hint: Any, name: str) -> Any:  # noqa: ANN401 - any annotation may come
    """Read an environment value as the key's type; lists are comma-separated."""
    if getattr(hint, "__origin__", None) is list:
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        return msgspec.convert(text, hint, strict=False)
    except msgspec.ValidationError as error:
        plain = _plain(str(error), msgspec.Struct)
        raise SettingsError(f"{name}: {plain[:1].lower()}{plain[1:]}") from error
