"""What may be asked: a Struct's fields are an address's parameters, for the document and for the check alike. Pure."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from collector.errors import UsageError
from collector.plans.types import Text

T = TypeVar("T", bound=msgspec.Struct)
_BELOW: Final = 32
_DELETE: Final = 127
_SHOWN: Final = 60
_PAGING: Final = ("limit", "cursor")


class Wrong(Exception):  # noqa: N818 - a state of the question, named as readers say it
    """A question that cannot be answered as it is: which parameter, what is wrong with it, what is allowed."""

    def __init__(self, parameter: str, why: str, allowed: str, *, status: int = 400) -> None:
        super().__init__(f"{parameter}: {why}; {allowed}" if allowed else f"{parameter}: {why}")
        self.parameter = parameter
        self.allowed = allowed
        self.status = status


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. `kind`: its type without None; `schema`: the same as JSON Schema; `check`: what else must hold."""

    name: str
    place: Literal["path", "query"]
    required: bool
    kind: Any
    schema: Mapping[str, Any]
    said: Text
    check: Callable[[str], object] | None = None

    @property
    def allowed(self) -> str:
        """What it may be, in words for a problem."""
        schema = self.schema
        if "enum" in schema:
            return f"write one of {', '.join(map(str, schema['enum']))}"
        if schema.get("type") == "integer":
            return f"write a whole number from {schema.get('minimum')} to {schema.get('maximum')}"
        if schema.get("type") == "boolean":
            return "write true or false"
        examples = schema.get("examples")
        length = schema.get("maxLength")
        return f"such as {', '.join(examples)}" if examples else f"at most {length} characters"


def says(vi: str, en: str, **limits: Any) -> msgspec.Meta:  # noqa: ANN401 - the limits that Meta knows
    """What a parameter is, in both languages, with its limits."""
    check = limits.pop("check", None)
    extra = {"said": Text(vi=vi, en=en)} | ({} if check is None else {"check": check})
    return msgspec.Meta(extra=extra, **limits)


@cache
def parameters(kind: type[msgspec.Struct], path: str) -> tuple[Parameter, ...]:
    """The parameters of an operation: those that its path names, and the rest in the query."""
    found = [_parameter(field, path) for field in msgspec.structs.fields(kind)]
    return tuple(sorted(found, key=lambda one: (one.place != "path", one.name in _PAGING)))


def _parameter(field: msgspec.structs.FieldInfo, path: str) -> Parameter:
    kind = _present(field.type)
    schema = {name: value for name, value in msgspec.json.schema(kind).items() if name != "description"}
    if "enum" in schema:
        schema = {"type": "string"} | schema
    if field.default not in (msgspec.NODEFAULT, None):
        schema["default"] = field.default
    extra = _extra(kind)
    named = f"{{{field.encode_name}}}" in path or f"{{{field.encode_name}:" in path
    said = extra.get("said", Text(vi=field.encode_name, en=field.encode_name))
    return Parameter(
        name=field.encode_name,
        place="path" if named else "query",
        required=field.required,
        kind=kind,
        schema=schema,
        said=said,
        check=extra.get("check"),
    )


def _present(kind: Any) -> Any:  # noqa: ANN401 - a type as it is written
    """A field's type without None."""
    if get_origin(kind) not in (Union, UnionType):
        return kind
    (only,) = (one for one in get_args(kind) if one is not NoneType)
    return only


def _extra(kind: Any) -> dict[str, Any]:  # noqa: ANN401 - a type as it is written
    if get_origin(kind) is not Annotated:
        return {}
    found: dict[str, Any] = {}
    for meta in get_args(kind)[1:]:
        found |= getattr(meta, "extra", None) or {}
    return found


def asked(kind: type[T], path: str, named: Mapping[str, str], query: Iterable[tuple[str, str]]) -> T:
    """What a request asks for, converted and within its limits; raises Wrong, which names the parameter."""
    known = {one.name: one for one in parameters(kind, path)}
    given: dict[str, str] = dict(named)
    for name, text in query:
        if name not in known or known[name].place == "path":
            raise Wrong(name[:_SHOWN], "there is no such parameter", _nearest(name, known.values()))
        if name in given:
            raise Wrong(name, "it is given twice", "give it once")
        given[name] = text
    missing = next((one for one in known.values() if one.required and one.name not in given), None)
    if missing is not None:
        raise Wrong(missing.name, "it is missing", missing.allowed)
    return kind(**{name: _value(known[name], text) for name, text in given.items()})


def _value(one: Parameter, text: str) -> Any:  # noqa: ANN401 - as the parameter's type has it
    status = 404 if one.place == "path" else 400
    shown = repr(text[:_SHOWN])
    if any(ord(letter) < _BELOW or ord(letter) == _DELETE for letter in text):
        raise Wrong(one.name, f"{shown} has control characters", one.allowed, status=status)
    try:
        if one.check is not None:
            one.check(text)
        return msgspec.convert(_number(text) if one.schema.get("type") == "integer" else text, one.kind, strict=False)
    except msgspec.ValidationError:
        raise Wrong(one.name, f"it cannot be {shown}", one.allowed, status=status) from None
    except UsageError as error:
        raise Wrong(one.name, str(error), "", status=status) from None


def _number(text: str) -> object:
    """A whole number as people write one; others are left as they are, to be refused."""
    return int(text) if text.isascii() and text.removeprefix("-").isdecimal() and len(text) <= len(str(2**63)) else None


def _nearest(name: str, known: Iterable[Parameter]) -> str:
    names = [one.name for one in known if one.place == "query"]
    near = difflib.get_close_matches(name[:_SHOWN], names, n=1, cutoff=0.5)
    if near:
        return f"did you mean {near[0]}?"
    return f"there are {', '.join(names)}" if names else "this address takes none"
