"""The page that explains one site: the same chain as `linkgauge-collector explain`."""

import asyncio
from datetime import datetime, timedelta

from collector.chain.course import Spacing
from collector.chain.marks import World
from collector.errors import UsageError
from collector.explain.account import Account
from collector.explain.reading import Wish, account
from collector.registry.site import Site, Snapshot
from collector.web.sources import Sources

STEPS = 60
"""So many of a detector's last steps are shown; the command shows all."""


async def explained(sources: Sources, site: Site, snapshot: Snapshot, *, plan: str | None) -> Account | None:
    """The chain of a site as of now; None for one that was registered for the future. Raises StoreUnavailable."""
    references = await asyncio.to_thread(sources.figures.references) if sources.figures is not None else {}
    world = World(sources.plans, references)
    wish = Wish(site.id, sources.now(), plan if plan in sources.plans else None)
    spacing = Spacing(timedelta(seconds=sources.spacing_s), timedelta(seconds=sources.spacing_s / 2))
    try:
        return await account(wish, snapshot, world, sources.store, sources.casebook.search, spacing)
    except UsageError:
        return None


def clock(at: datetime) -> str:
    """A moment to the second, in UTC: what the command prints."""
    return f"{at:%Y-%m-%d %H:%M:%S}"
