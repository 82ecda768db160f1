"""The archive's bytes as facts, stretch by stretch. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from collector.archive.position import Position
from collector.ledger.facts import Fact, Sites, fact_from
from collector.registry.site import Snapshot

_REPORTS: Final = 5_000  # in one transaction: others want to write too
Lines = list[tuple[datetime, bytes]]


def stretches(pieces: Iterable[tuple[Position, Lines]], sites: Sites) -> Iterator[tuple[list[list[Fact]], Position]]:
    """Read pieces of the archive as facts, about as many at a time as go into one transaction."""
    frames: list[list[Fact]] = []
    count, end = 0, None
    for position, lines in pieces:
        frames.append([fact for at, raw in lines if (fact := fact_from(raw, sites=sites, received=at)) is not None])
        count, end = count + len(lines), position
        if count >= _REPORTS:
            yield frames, end
            frames, count = [], 0
    if frames and end is not None:
        yield frames, end


def sites_of(snapshot: Snapshot) -> Sites:
    """Give where an agent stood when, as far as the registry knew then."""

    def site(agent: str, started: datetime) -> str | None:
        found = snapshot.site_of(agent, started)
        return found.id if found is not None else None

    return site
