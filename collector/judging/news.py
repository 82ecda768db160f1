"""What has come in and was not looked at yet."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from agent.wire.report import Time
from collector.chain.rows import SHAPES
from collector.events import Event

_KINDS = frozenset(shape.kind for shape in SHAPES)
Since = dict[str, dict[str, datetime]]
"""By site and kind, from when on there are reports that were not read."""


@dataclass(slots=True)
class News:
    """Which sites have news, and from when on. `unread`: nothing of what is in memory is certain any more.

    `unjudged`: every site is to be judged again, from what is in memory. `missed`: news were lost, so there may be late
    rows that nobody knows of.
    """

    since: Since = field(default_factory=dict)
    unread: bool = True
    unjudged: bool = True
    missed: bool = False
    lost: int = 0
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, event: Event) -> None:
        """Take in that a report is stored; one without a readable time is looked for from its arrival on."""
        kind, site = event.data.get("kind", "throughput"), event.site
        if event.topic != "report" or site is None or kind not in _KINDS:
            return
        self.note(site, kind, oldest(event))
        self.wake.set()

    def note(self, site: str, kind: str, at: datetime) -> None:
        """Remember the earliest of what a site has new."""
        kinds = self.since.setdefault(site, {})
        kinds[kind] = min(at, kinds.get(kind, at))

    def note_all(self, sites: Iterable[str], now: datetime) -> None:
        """News were lost: whatever is newer than what is known is read now, all else when it is time for that."""
        self.missed = True
        for site in sites:
            for kind in _KINDS:
                self.note(site, kind, now)

    def take(self) -> "News":
        """Everything so far, to be looked at now; what comes meanwhile is kept for the next time."""
        taken = News(self.since, self.unread, self.unjudged)
        self.since, self.unread, self.unjudged = {}, False, False
        self.wake.clear()
        return taken

    def give_back(self, taken: "News") -> None:
        """Nothing came of it: it is looked at again."""
        self.unread |= taken.unread
        self.unjudged |= taken.unjudged
        for site, kinds in taken.since.items():
            for kind, at in kinds.items():
                self.note(site, kind, at)


def oldest(event: Event) -> datetime:
    """When the oldest report that an event speaks of started."""
    for name in ("oldest", "started"):
        try:
            return msgspec.convert(event.data.get(name), Time)
        except msgspec.ValidationError:
            continue
    return event.at
