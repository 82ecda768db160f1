"""What the API's operations stand on: the parts of the running collector, and what they keep between questions."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from collector.registry.site import Site, Snapshot
from collector.verdicts import Present
from collector.web.scoreboard import Boards
from collector.web.sources import Sources


@dataclass(frozen=True, slots=True)
class Written:
    """A site as JSON with what names it, and what it was written from."""

    site: Site
    agents: list[str]
    present: Present | None
    body: msgspec.Raw
    mark: str


@dataclass(slots=True)
class Shelf:
    """Sites as they were written last: of two thousand few have changed since the list was asked for before."""

    snapshot: Snapshot | None = None
    agents: Mapping[str, list[str]] = field(default_factory=dict)
    sites: dict[str, Written] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Here:
    """For one application."""

    sources: Sources
    boards: Boards
    shelf: Shelf = field(default_factory=Shelf)
