"""The quarantine for its page and the API: what was rejected, searched, and judged again on a person's word."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, TypeVar, get_args

import msgspec

from agent.wire.topics import parse
from collector.ingest import RejectReason
from collector.quarantine import Held, Search
from collector.web import incidents
from collector.web.sources import Detention, Sources

REASONS: Final[tuple[str, ...]] = get_args(RejectReason)
SHOWN: Final = 200
FILED: Final = 5000
"""So many stand in a file at most."""
_EXCERPT: Final = 300
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person looks for; empty words are no condition."""

    reason: str = ""
    agent: str = ""
    text: str = ""

    @property
    def search(self) -> Search:
        """The same for the quarantine."""
        return Search(reason=self.reason or None, agent=self.agent or None, text=self.text or None)


@dataclass(frozen=True, slots=True)
class Shown:
    """One payload on the page, with the beginning of its bytes as text."""

    held: Held
    agent: str
    excerpt: str

    @property
    def last(self) -> datetime:
        """When it came last."""
        return datetime.fromisoformat(self.held.last)


@dataclass(frozen=True, slots=True)
class View:
    """The page: the newest that fit, all that fit by reason, and how many went to make room."""

    rows: Sequence[Shown]
    counts: Mapping[str, int]
    gone: int

    @property
    def total(self) -> int:
        """How many fit."""
        return sum(self.counts.values())


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who wants which to be judged again."""

    who: incidents.Who
    numbers: Annotated[
        list[Annotated[int, msgspec.Meta(ge=0, lt=10**18)]], msgspec.Meta(min_length=1, max_length=10_000)
    ]


def wish_of(query: Mapping[str, str]) -> Wish:
    """What a page's address asks for."""
    reason = query.get("reason", "")
    return Wish(reason if reason in REASONS else "", query.get("agent", "")[:63], query.get("text", "")[:100])


async def view(sources: Sources, wish: Wish, *, most: int = SHOWN) -> View:
    """What the page shows, `most` of it; raises StoreUnavailable."""

    def look(found: Detention) -> View:
        rows: list[Shown] = []
        for held in found.list(wish.search, limit=most):
            one = found.show(held.number)
            agent = parse(held.topic)
            text = "" if one is None else one[1][:_EXCERPT].decode("utf-8", "backslashreplace")
            rows.append(Shown(held, agent[0] if agent else held.topic, text))
        return View(rows, found.count(wish.search), found.gone())

    return await ask(sources, look, View([], {}, 0))


async def mark(sources: Sources, numbers: Sequence[int], who: str) -> Sequence[int]:
    """Have payloads judged again; the numbers of those that are there. Raises StoreUnavailable."""
    return await ask(sources, lambda held: held.ask(Search(numbers=numbers), who=who, at=sources.now()), [])


async def ask(sources: Sources, question: Callable[[Detention], T], nothing: T) -> T:
    """Ask the quarantine, in a thread; `nothing` while there is none."""

    def put() -> T:
        held = sources.quarantine()
        return nothing if held is None else question(held)

    return await asyncio.to_thread(put)
