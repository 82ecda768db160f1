"""The OpenAPI 3.1 document, made from the table of operations: what it says is what is checked. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from collector.plans.types import Text
from collector.web.api.asking import Parameter, parameters
from collector.web.api.guide import GUIDE, STATUS, TITLE
from collector.web.api.operation import BODY_BYTES, JSON, PROBLEM, TAGS, Operation, Problem
from collector.web.api.schemas import REF, schemas
from collector.web.words import Language

_ETAG: Final = {"description": "What this answer is called; strong.", "schema": {"type": "string"}}
Json = dict[str, Any]


def document(operations: Sequence[Operation], language: Language, *, version: str, demonstration: bool) -> Json:
    """The whole document in one language."""
    names, components = schemas(tuple(dict.fromkeys(_kinds(operations))))
    say = _Voice(language)
    paths: dict[str, Json] = {}
    for one in operations:
        paths.setdefault(one.template, {})[one.method.lower()] = _operation(one, names, say)
    notes = [f"## {say(title)}\n\n{say(words)}" for title, words in GUIDE]
    if demonstration:
        warning = Text(vi="**Dữ liệu minh họa: mọi số liệu đều do máy tạo ra.**", en="**All data here are made up.**")
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
    found_in = [names[kind] for kind in shape.kinds]
    body: Json = {"schema": found_in[0] if len(found_in) == 1 else {"anyOf": found_in}} if found_in else {}
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
        "content": {PROBLEM: {"schema": {"$ref": REF.format(name=Problem.__name__)}}},
    }
