"""What became of one attempt to tell something. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from collector.tell.news import News

Outcome = Literal["confirmed", "refused", "unreached"]
SAID_LENGTH: Final = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """`unreached`: no answer at all, so nobody else would get one now. `wait_s`: what the receiver asked for."""

    outcome: Outcome
    said: str
    wait_s: float | None = None


@dataclass(frozen=True, slots=True)
class Parcel:
    """One thing to tell, with all that any channel needs. `id` is the same at every attempt.

    `thread`: the id of the parcel that first told of this incident here, which may be this one. `earlier`: whether
    there was one. `before`: the letter that was told last. `bodies`: the letters themselves as JSON, one or, of a
    summary, several. `names`: what sites are called. `spoken`: `news` with places by their names,
    for people; empty: as they are.
    """

    id: str
    kind: str
    bodies: tuple[str, ...]
    news: tuple[News, ...]
    thread: str
    earlier: bool = False
    before: News | None = None
    written: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    spoken: tuple[News, ...] = ()


class Channel(Protocol):
    """A way to tell; any number of attempts of one parcel may be made."""

    async def send(self, parcel: Parcel) -> Answer:
        """Make one attempt; never raises for what a receiver or the network does."""


def said(text: str) -> str:
    """One plain line of what a receiver said, short enough to keep."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:SAID_LENGTH]
