"""View model of the page /api: the OpenAPI document as a person reads it, and nothing else. Pure."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

Json = Mapping[str, Any]
_LIMITS: Final = {"minimum": "≥ {}", "exclusiveMinimum": "> {}", "maximum": "≤ {}", "exclusiveMaximum": "< {}"}


@dataclass(frozen=True, slots=True)
class Kind:
    """A type in words: text, and the schema that it names, in turn."""

    parts: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a field of a schema."""

    name: str
    kind: Kind
    said: str = ""
    place: str = ""
    required: bool = False
    limits: tuple[str, ...] = ()
    longest: int | None = None
    values: tuple[str, ...] = ()
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One status that may come."""

    status: str
    said: str
    contents: tuple[tuple[str, Kind | None], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation; `call`: how a shell asks it."""

    id: str
    method: str
    path: str
    summary: str
    more: str
    fields: tuple[Field, ...]
    body: Kind | None
    answers: tuple[Answer, ...]
    call: str


@dataclass(frozen=True, slots=True)
class Group:
    """Operations on the same things."""

    tag: str
    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Schema:
    """One object that answers hold."""

    name: str
    said: str
    fields: tuple[Field, ...]


def groups(document: Json, origin: str, *, known: Mapping[str, str] | None = None) -> list[Group]:
    """Every operation, in the document's order, by tag; `origin`: what addresses begin with.

    `known`: what examples name instead of the document's, by parameter: what there is here.
    """
    found: dict[str, list[Entry]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            found[one["tags"][0]].append(
                _entry(document, (method.upper(), path), one, origin=origin, known=known or {})
            )
    titles = {tag["name"]: tag["description"] for tag in document["tags"]}
    return [Group(tag, titles[tag], tuple(entries)) for tag, entries in found.items() if entries]


def schemas(document: Json) -> list[Schema]:
    """Every object with its fields, by name."""
    return [
        Schema(name, one.get("description", ""), tuple(_fields(one)))
        for name, one in sorted(document["components"]["schemas"].items())
    ]


def _entry(document: Json, at: tuple[str, str], one: Json, *, origin: str, known: Mapping[str, str]) -> Entry:
    method, path = at
    parameters = [
        {**each, "example": known.get(each["name"], each["example"])} if "example" in each else each
        for each in one.get("parameters", ())
    ]
    body = one.get("requestBody", {}).get("content", {}).get("application/json")
    return Entry(
        id=one["operationId"],
        method=method,
        path=path,
        summary=one["summary"],
        more=one.get("description", ""),
        fields=tuple(_field(each["name"], each["schema"], each) for each in one.get("parameters", ())),
        body=None if body is None else kind_of(body["schema"]),
        answers=tuple(_answer(document, status, each) for status, each in one["responses"].items()),
        call=_call(method, origin + path, parameters, body),
    )


def _answer(document: Json, status: str, given: Json) -> Answer:
    if "$ref" in given:
        given = document["components"]["responses"][given["$ref"].rpartition("/")[2]]
    contents = given.get("content", {}).items()
    kinds = ((content, kind_of(one["schema"]) if one.get("schema") else None) for content, one in contents)
    return Answer(status, given["description"], tuple(kinds))


def _call(method: str, address: str, parameters: Sequence[Json], body: Json | None) -> str:
    examples = {each["name"]: each for each in parameters if "example" in each}
    asked = []
    for name, each in examples.items():
        text = str(each["example"])
        if each["in"] == "path":
            address = address.replace(f"{{{name}}}", quote(text, safe=""))
        else:
            asked.append((name, text))
    words = [shlex.quote(f"{address}?{urlencode(asked)}" if asked else address)]
    if body is None:
        return f"curl {words[0]}"
    value = body.get("examples", {}).get("example", {}).get("value", {})
    sent = shlex.quote(json.dumps(value, ensure_ascii=False))
    return f"curl -X {method} {words[0]} \\\n  -H 'Content-Type: application/json' \\\n  -d {sent}"


def _fields(schema: Json) -> Iterator[Field]:
    required = schema.get("required", ())
    for name, one in schema.get("properties", {}).items():
        yield _field(name, one, {"required": name in required, "description": one.get("description", "")})


def _field(name: str, schema: Json, about: Json) -> Field:
    default = schema.get("default")
    limits = (form.format(schema[key]) for key, form in _LIMITS.items() if key in schema)
    return Field(
        name=name,
        kind=kind_of(schema),
        said=about.get("description", ""),
        place=about.get("in", ""),
        required=about["required"],
        limits=tuple(limits),
        longest=schema.get("maxLength"),
        values=tuple(map(str, schema.get("enum", ()))),
        default=None if default is None or default in ([], {}, "") else json.dumps(default, ensure_ascii=False),
    )


def kind_of(schema: Json) -> Kind:
    """A type in words: `string`, `list of` Site, number `or null`."""
    return Kind(tuple(_parts(schema)))


def _parts(schema: Json) -> Iterator[tuple[str, str | None]]:
    several = schema.get("anyOf")
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        yield name, name
    elif several:
        for number, one in enumerate(several):
            if number:
                yield " | ", None
            yield from _parts(one)
    elif schema.get("type") == "array" and isinstance(schema.get("items"), Mapping):
        yield "[ ", None
        yield from _parts(schema["items"])
        yield " ]", None
    elif isinstance(schema.get("additionalProperties"), Mapping):
        yield "{ … : ", None
        yield from _parts(schema["additionalProperties"])
        yield " }", None
    else:
        yield _plain(schema), None


def _plain(schema: Json) -> str:
    if "const" in schema or "enum" in schema:
        return "string"
    return str(schema.get("format") or schema.get("type") or "any")
