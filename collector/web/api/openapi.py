"""The OpenAPI 3.1 document, made from the table of operations: what it says is what is checked. Pure."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from collector.plans.types import Text
from collector.web.api.asking import Parameter, parameters
from collector.web.api.guide import GUIDE, STATUS, TITLE
from collector.web.api.operation import BODY_BYTES, JSON, PROBLEM, TAGS, Operation, Problem
from collector.web.words import Language

_REF: Final = "#/components/schemas/{name}"
_GENERIC: Final = re.compile(r"^(\w+?)_(\w+)_$")
_ETAG: Final = {"description": "What this answer is called; strong.", "schema": {"type": "string"}}
Json = dict[str, Any]


def document(operations: Sequence[Operation], language: Language, *, version: str, demonstration: bool) -> Json:
    """The whole document in one language."""
    names, components = _schemas(tuple(_kinds(operations)))
    say = _Voice(language)
    paths: dict[str, Json] = {}
    for one in operations:
        paths.setdefault(one.template, {})[one.method.lower()] = _operation(one, names, say)
    notes = [f"## {say(title)}\n\n{say(words)}" for title, words in GUIDE]
    if demonstration:
        warning = Text(vi="**Dữ liệu trình diễn: mọi số liệu đều do máy tạo ra.**", en="**All data here are made up.**")
        notes.insert(0, say(warning))
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {"title": say(TITLE), "version": version, "description": "\n\n".join(notes)},
        "servers": [{"url": "/"}],
        "tags": [{"name": tag, "description": say(words)} for tag, words in TAGS.items()],
        "paths": paths,
        "components": {"schemas": components, "responses": {str(code): _problem(code, say) for code in _PROBLEMS}},
    }


_PROBLEMS: Final = tuple(code for code in STATUS if code >= 400)  # noqa: PLR2004 - where errors begin


class _Voice:
    """Says a text in one language."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def __call__(self, text: Text) -> str:
        return text.vi if self._language == "vi" else text.en


def _kinds(operations: Sequence[Operation]) -> Iterator[Any]:
    yield Problem
    for one in operations:
        yield from one.answer.kinds
        if one.body is not None:
            yield one.body


@lru_cache
def _schemas(kinds: tuple[Any, ...]) -> tuple[Mapping[Any, Json], Json]:
    """The schema of each type, and the components that they refer to, under names that say no module."""
    unique = list(dict.fromkeys(kinds))
    made, components = msgspec.json.schema_components(unique, ref_template=_REF)
    short = {name: _short(name) for name in components}
    plain = {
        short[name]: {"title": short[name]} | {key: value for key, value in schema.items() if key != "title"}
        for name, schema in components.items()
    }
    return dict(zip(unique, (_renamed(one, short) for one in made), strict=True)), _renamed(plain, short)


def _short(name: str) -> str:
    """`collector.incidents.maintenance.Window` is MaintenanceWindow, and `Listing_Site_` ListingOfSite."""
    *modules, last = name.split(".")
    generic = _GENERIC.match(name)
    if generic is not None:
        return f"{generic[1]}Of{_short(generic[2].replace('_', '.'))}" if "." in name else f"{generic[1]}Of{generic[2]}"
    prefix = modules[-1].title().replace("_", "") if modules else ""
    return prefix + last.lstrip("_")


def _renamed(found: Any, names: Mapping[str, str]) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(found, dict):
        start = _REF.format(name="")
        return {
            key: start + names[value.removeprefix(start)] if key == "$ref" else _renamed(value, names)
            for key, value in found.items()
        }
    return [_renamed(one, names) for one in found] if isinstance(found, list) else found


def _operation(one: Operation, names: Mapping[Any, Json], say: _Voice) -> Json:
    made: Json = {"operationId": one.name, "tags": [one.tag], "summary": say(one.summary)}
    if one.more is not None:
        made["description"] = say(one.more)
    found = parameters(one.asks, one.path)
    if found:
        made["parameters"] = [_parameter(each, one, say) for each in found]
    if one.body is not None:
        content: Json = {"schema": names[one.body]}
        if one.example.body is not None:
            content["examples"] = {"example": {"value": one.example.body}}
        made["requestBody"] = {"required": True, "content": {JSON: content}, "description": f"<= {BODY_BYTES} bytes"}
    made["responses"] = _responses(one, names, say)
    return made


def _parameter(one: Parameter, of: Operation, say: _Voice) -> Json:
    made = {"name": one.name, "in": one.place, "required": one.required, "description": say(one.said)}
    schema = dict(one.schema)
    example = of.example.values.get(one.name)
    return made | {"schema": schema} | ({} if example is None else {"example": _typed(example, schema)})


def _typed(example: str, schema: Json) -> object:
    return json.loads(example) if schema.get("type") in ("integer", "boolean") else example


def _responses(one: Operation, names: Mapping[Any, Json], say: _Voice) -> Json:
    shape = one.answer
    schemas = [names[kind] for kind in shape.kinds]
    body: Json = {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}} if schemas else {}
    good: Json = {"description": say(shape.said), "content": {shape.content: body}}
    good["content"] |= {content: {} for content in shape.also}
    found: Json = {str(one.status): good}
    if one.tagged and one.body is None:
        good["headers"] = {"ETag": _ETAG}
        found["304"] = {"description": say(STATUS[304]), "headers": {"ETag": _ETAG}}
    for status in failures(one):
        found[str(status)] = {"$ref": f"#/components/responses/{status}"}
    return found


def failures(one: Operation) -> list[int]:
    """Every status of an error that it may answer."""
    found = {503, *one.errors}
    places = {each.place for each in parameters(one.asks, one.path)}
    if "path" in places:
        found.add(404)
    found |= {400, 403, 409, 413} if one.body is not None else {400}  # an unknown parameter is a wrong question
    return sorted(found)


def _problem(code: int, say: _Voice) -> Json:
    return {
        "description": say(STATUS[code]),
        "content": {PROBLEM: {"schema": {"$ref": _REF.format(name=Problem.__name__)}}},
    }
