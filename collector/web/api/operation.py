"""One operation of the API as a value: how it is asked, what it answers, what can go wrong. Pure."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from collector.plans.types import Text

JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"
BODY_BYTES: Final = 256 * 1024
"""What a request's body may weigh."""
_EXPRESSION: Final = re.compile(r"\{(\w+):[^{}]*(?:\{[^{}]*\}[^{}]*)*\}")
Tag = Literal["sites", "measurements", "verdicts", "plans", "incidents", "running", "document"]
TAGS: Final[dict[Tag, Text]] = {
    "sites": Text(vi="Điểm đo", en="Sites"),
    "measurements": Text(vi="Kết quả đo", en="Measurements"),
    "verdicts": Text(vi="Kết luận", en="Verdicts"),
    "plans": Text(vi="Kế hoạch", en="Plans"),
    "incidents": Text(vi="Sự cố và bảo trì", en="Incidents and maintenance"),
    "running": Text(vi="Vận hành", en="Running it"),
    "document": Text(vi="Tài liệu này", en="This document"),
}


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An RFC 9457 problem: what is wrong (`detail`) and what to do; of a question, with which `parameter`."""

    type: str
    title: str
    status: int
    detail: str
    parameter: str | None = None


class Nothing(msgspec.Struct, frozen=True):
    """An operation without parameters."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What an answer looks like: of one of these types, or (none) bytes that have no schema here."""

    said: Text
    kinds: tuple[Any, ...] = ()
    content: str = JSON
    also: tuple[str, ...] = ()
    """Other content types that it has where they are asked for."""


@dataclass(frozen=True, slots=True)
class Example:
    """How it is asked: values of parameters; of a change, the body too."""

    values: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One line of the table.

    `does` gets what was asked (`asks`), of a change the body (`body`), and what the API stands on; None: the address
    is answered elsewhere and is only described here. `tagged`: the answer has an ETag.
    """

    name: str
    tag: Tag
    path: str
    summary: Text
    more: Text | None = None
    answer: Shape
    status: Literal[200, 202] = 200
    does: Callable[..., Awaitable[object]] | None
    asks: type[msgspec.Struct] = Nothing
    body: type[msgspec.Struct] | None = None
    example: Example = field(default_factory=Example)
    errors: tuple[int, ...] = ()
    tagged: bool = True

    @property
    def method(self) -> Literal["GET", "POST"]:
        """A change has a body."""
        return "GET" if self.body is None else "POST"

    @property
    def template(self) -> str:
        """The path with names of parameters only."""
        return _EXPRESSION.sub(r"{\1}", self.path)
