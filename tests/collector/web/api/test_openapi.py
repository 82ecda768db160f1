"""The document: whole, of the version that it says, in two languages, and the same as what is answered."""

import html
import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.web.api import openapi, view
from collector.web.api.asking import asked
from collector.web.api.document import DOCUMENT
from collector.web.api.operation import Operation
from collector.web.api.schemas import PUBLIC
from collector.web.api.table import OPERATIONS
from collector.web.words import Language
from tests.collector.web.house import province

EVERY = (*OPERATIONS, DOCUMENT)


def document(language: Language) -> dict[str, Any]:
    made = openapi.document(EVERY, language, version="0.1.0", demonstration=False)
    whole: dict[str, Any] = json.loads(msgspec.json.encode(made))
    return whole


ENGLISH = document("en")


def inside(found: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - any JSON
    """Every object in it, however deep."""
    if isinstance(found, dict):
        yield found
    for one in found.values() if isinstance(found, dict) else found if isinstance(found, list) else ():
        yield from inside(one)


def test_every_reference_leads_somewhere_and_no_name_tells_a_module() -> None:
    known = {f"#/components/{part}/{name}" for part in ("schemas", "responses") for name in ENGLISH["components"][part]}
    used = {one["$ref"] for one in inside(ENGLISH) if isinstance(one.get("$ref"), str)}
    assert used == known, "and nothing stands there that is used nowhere"
    assert all(name.isalnum() for name in ENGLISH["components"]["schemas"])
    names = [one["operationId"] for path in ENGLISH["paths"].values() for one in path.values()]
    assert len(names) == len(set(names)) == len(EVERY)


def test_both_languages_say_the_same_in_their_own_words() -> None:
    vietnamese = document("vi")
    assert vietnamese["components"]["schemas"] == ENGLISH["components"]["schemas"]
    for path, methods in ENGLISH["paths"].items():
        for method, one in methods.items():
            other = vietnamese["paths"][path][method]
            assert one["summary"] != other["summary"]
            assert one["responses"].keys() == other["responses"].keys()
    assert "Phiên bản" in vietnamese["info"]["description"]


@pytest.mark.parametrize("operation", EVERY, ids=lambda operation: operation.name)
def test_examples_may_be_asked(operation: Operation) -> None:
    given = operation.example.values
    named = {name: text for name, text in given.items() if f"{{{name}}}" in operation.template}
    query = [(name, text) for name, text in given.items() if name not in named]
    asked(operation.asks, operation.path, named, query)
    if operation.body is not None:
        msgspec.convert(operation.example.body, operation.body)


async def test_every_address_is_described_and_every_description_is_answered(tmp_path: Path) -> None:
    async with province(tmp_path) as house:
        app = house.client.app
        assert app is not None
        routes = {
            (route.method, resource.canonical)
            for resource in app.router.resources()
            for route in resource
            if resource.canonical.startswith("/api/") and route.method != "HEAD"
        }
    described = {(one.method, one.template) for one in EVERY}
    assert routes == described, "what other modules answer is described in collector/web/api/elsewhere.py"


async def test_the_document_is_served_and_people_read_the_same(tmp_path: Path) -> None:
    async with province(tmp_path) as house:
        answer = await house.client.get(DOCUMENT.path)
        assert await answer.json() == ENGLISH
        page = await (await house.client.get("/api?lang=vi")).text()
        origin = str(house.client.make_url("/").origin())
    for one in chain.from_iterable(group.entries for group in view.groups(document("vi"), origin)):
        assert f'id="{one.id}"' in page
        assert one.summary in page
    for name in ENGLISH["components"]["schemas"]:
        assert f'id="schema-{name}"' in page
    assert f"curl &#39;{origin}/api/v1/sites?state=below&amp;limit=50&#39;" in page
    assert "style=" not in page


def test_types_have_names_that_say_what_they_are() -> None:
    names = set(ENGLISH["components"]["schemas"])
    assert set(PUBLIC.values()) <= names
    assert not names & PUBLIC.keys()
    assert len(set(PUBLIC.values())) == len(PUBLIC)


async def test_examples_name_what_is_there(tmp_path: Path) -> None:
    async with province(tmp_path) as house:
        page = await (await house.client.get("/api?lang=en")).text()
        (incident,) = house.sources.casebook.search()
        calls = [html.unescape(one).split()[1].strip("'") for one in re.findall(r"<code>(curl [^-].*?)</code>", page)]
        seen = {}
        for url in calls:
            if "/live" in url or "/test/" in url or "/quarantine/" in url:
                continue  # endless; not asked for yet; nothing was rejected
            async with house.client.session.get(url) as answer:
                seen[answer.url.path] = answer.status
        assert f"/api/v1/incidents/{incident.id}" in seen
        assert {status for path, status in seen.items() if "outlines" not in path and "reports/" not in path} == {200}


def test_a_call_may_be_pasted_into_a_shell() -> None:
    calls = {one.id: one.call for group in view.groups(ENGLISH, "http://h:1") for one in group.entries}
    assert calls["getSite"] == "curl http://h:1/api/v1/sites/th-huu-lung"
    assert calls["listVerdicts"] == "curl 'http://h:1/api/v1/verdicts?plan=lang-son-2025&period=2026-10'"
    assert calls["endMaintenance"] == (
        "curl -X POST http://h:1/api/v1/maintenance/7/end \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        """  -d '{"who": "Trần Văn Minh"}'"""
    )


def test_types_are_told_in_words() -> None:
    def said(schema: dict[str, Any]) -> str:
        return "".join(text for text, _ in view.kind_of(schema).parts)

    reference = {"$ref": "#/components/schemas/Site"}
    assert said({"anyOf": [reference, {"type": "null"}]}) == "Site | null"
    assert said({"type": "array", "items": reference}) == "[ Site ]"
    assert said({"type": "object", "additionalProperties": {"type": "number"}}) == "{ … : number }"
    assert said({"type": "string", "format": "date-time"}) == "date-time"
    assert said({"enum": ["a"]}) == "string"
    assert said({}) == "any"


def test_every_moment_is_marked_as_one() -> None:
    schemas = ENGLISH["components"]["schemas"]
    moment = {"type": "string", "format": "date-time"}
    assert schemas["VerdictWindow"]["properties"]["from"] == moment
    assert schemas["Incident"]["properties"]["resolved"]["anyOf"] == [moment, {"type": "null"}]
    assert schemas["Report"]["properties"]["time"] == moment
    assert "format" not in schemas["Report"]["properties"]["id"]
