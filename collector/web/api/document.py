"""The operation that gives the document of all operations, this one included."""

from typing import Annotated, Any, Final

import msgspec

from collector.plans.types import Text
from collector.web.api import openapi
from collector.web.api.asking import says
from collector.web.api.here import Here
from collector.web.api.operation import Example, Operation, Shape
from collector.web.api.table import OPERATIONS
from collector.web.sources import Sources
from collector.web.words import Language


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """In which language it explains itself."""

    lang: Annotated[Language, says("Ngôn ngữ của phần giải thích", "The language of its explanations")] = "en"


async def _give(asked: Told, here: Here) -> object:
    return described(here.sources, asked.lang)


DOCUMENT: Final = Operation(
    name="getOpenApi",
    tag="document",
    path="/api/v1/openapi.json",
    summary=Text(vi="Tài liệu OpenAPI 3.1 của API này", en="The OpenAPI 3.1 document of this API"),
    answer=Shape(Text(vi="Tài liệu", en="The document"), (dict[str, Any],)),
    does=_give,
    asks=Told,
    example=Example({"lang": "vi"}),
)


def described(sources: Sources, language: Language) -> dict[str, Any]:
    """The document of this collector."""
    every = (*OPERATIONS, DOCUMENT)
    return openapi.document(every, language, version=sources.version, demonstration=sources.demonstration)
