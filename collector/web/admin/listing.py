"""Long lists, a page at a time, found by code or name however it is typed. Pure."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

T = TypeVar("T")
PER_PAGE: Final = 100
_DIGITS: Final = 8
_MARKS: Final = re.compile(r"[\u0300-\u036f]")
_BETWEEN: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of what fits a search; pages count from 1, and there is always one."""

    rows: Sequence[T]
    query: str
    number: int
    pages: int
    total: int
    all: int

    @property
    def first(self) -> int:
        """The place of the first row among all that fit, from 1."""
        return (self.number - 1) * PER_PAGE + 1

    @property
    def last(self) -> int:
        """The place of the last row."""
        return self.first + len(self.rows) - 1


def folded(text: str) -> str:
    """A text as it is compared: without marks, capitals and punctuation."""
    plain = text.lower()
    if not plain.isascii():
        plain = _MARKS.sub("", unicodedata.normalize("NFKD", plain.replace("đ", "d")))
    return _BETWEEN.sub(" ", plain).strip()


def fitting(things: Iterable[T], query: str, text: Callable[[T], str]) -> list[T]:
    """What holds every word of the query; `text` gives what is searched of a thing, folded."""
    words = folded(query).split()
    if not words:
        return list(things)
    return [thing for thing in things if all(word in text(thing) for word in words)]


def paged(found: Sequence[T], query: str, number: str | None, *, known: int) -> Page[T]:
    """One page of what was found among `known`; a number beyond the last one is the last, and no number the first."""
    pages = max(1, -(-len(found) // PER_PAGE))
    asked = int(number[:_DIGITS]) if number and number.isdecimal() else 1
    at = min(max(asked, 1), pages)
    return Page(found[(at - 1) * PER_PAGE : at * PER_PAGE], query.strip(), at, pages, len(found), known)
