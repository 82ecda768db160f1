"""What the examples on the page /api name: things that this collector has, so that they work when they are pasted."""

import asyncio
from datetime import timedelta
from typing import Final

from collector.errors import CollectorError
from collector.store.points import nanoseconds
from collector.web.sources import Sources

_LATELY: Final = timedelta(days=30)


async def known(sources: Sources) -> dict[str, str]:
    """A site, plan, incident and report by the parameters' names; what is not there, or not to be read now, is left."""
    found: dict[str, str] = {}
    try:
        snapshot = await asyncio.to_thread(sources.places.snapshot)
        sites = [snapshot.sites[name][-1].value for name in sorted(snapshot.sites)]
        site = next((one for one in sites if one.plan), sites[0] if sites else None)
        if site is None:
            return found
        found["site"] = site.id
        found |= {"plan": site.plan} if site.plan else {}
        incidents = await asyncio.to_thread(sources.casebook.search, active=True, limit=1)
        incidents = incidents or await asyncio.to_thread(sources.casebook.search, limit=1)
        found |= {"incident": incidents[0].id} if incidents else {}
        now = sources.now()
        span = {"start_ns": nanoseconds(now - _LATELY), "end_ns": nanoseconds(now)}
        rows = await sources.store.samples("throughput", site=site.id, limit=1, **span)
        found |= {"report": str(rows[0].fields["id"])} if rows and rows[0].fields.get("id") else {}
    except CollectorError:  # the page explains the API also while a database is away
        return found
    return found
