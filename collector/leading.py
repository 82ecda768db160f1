"""What the leader does: judging and telling, rolling up, keeping the ledger. Put together anew for each time it leads.

All of it writes through the lease: a process that wakes up after another one took over writes nothing more. A fault of
ours in one work stops neither the others nor the process: `Upholding` begins that work anew after a while.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from functools import cache
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

from agent.wire.control import Resend
from collector.figures.figures import Figures
from collector.judge.verdict import Verdict
from collector.judging.judging import Judging
from collector.leadership import LeadersStore
from collector.ledger.keeping import Keeping
from collector.ledger.ledger import Ledger
from collector.parts import Parts
from collector.places.gazetteer import Gazetteer
from collector.places.placement import called
from collector.places.places import Places
from collector.registry.lease import Lease
from collector.registry.registry import Registry
from collector.registry.site import Snapshot
from collector.rollups.rollups import Rollups
from collector.tell.place import Called
from collector.tell.standing import standings
from collector.tell.telling import Telling
from collector.upholding import Upholding

Request = Callable[[str, Resend], None]


async def lead(parts: Parts, lease: Lease, *, listening_since: Callable[[], datetime | None], request: Request) -> None:
    """Do all that one process at a time does, until cancelled. `request` asks an agent to send again."""
    series, registry = LeadersStore(parts.series, lease), Registry(lease.checked())
    places, judges = Places(registry.database), list[Judging]()

    def judging() -> Coroutine[Any, Any, None]:
        one = Judging(
            store=series,
            registry=registry,
            plans=parts.plans,
            fleet=parts.fleet,
            bus=parts.bus,
            clock=parts.now,
            settings=parts.settings().judge,
            listening_since=listening_since,
            late_s=lambda: parts.settings().ledger.late_s,
            verdicts=parts.verdicts,
            references=Figures(registry.database).references,
            metrics=parts.metrics,
            ticks=monotonic,
        )
        judges[:] = [one]
        return one.run()

    def rollups() -> Coroutine[Any, Any, None]:
        return Rollups(
            store=series,
            touches=Ledger(registry.database),
            registry=registry,
            plans=parts.plans,
            clock=parts.now,
            zone=ZoneInfo(parts.settings().web.zone),
            metrics=parts.metrics,
            settings=lambda: parts.settings().rollups,
            references=Figures(registry.database).references,
        ).run()

    def keeping() -> Coroutine[Any, Any, None]:
        one = Keeping(
            registry,
            settings=parts.settings,
            request=request,
            write=series.write,
            newest=parts.fleet.newest,
            now=parts.now,
        )
        one.missing = parts.metrics.ledger.gaps.set
        return one.run()

    def telling() -> Coroutine[Any, Any, None]:
        return Telling(
            registry.database,
            parts.settings(),
            parts.now,
            parts.metrics,
            parts.readiness,
            last_pass=lambda: judges[0].last_pass if judges else None,
            names=lambda sites: site_names(registry.snapshot(), sites),
            places=lambda: place_names(places.gazetteer(), parts),
            sites=lambda: standings(_verdicts(parts), registry.snapshot(), parts.now()),
        ).run()

    works = {"judging": judging, "telling": telling, "roll-ups": rollups, "ledger keeping": keeping}
    async with asyncio.TaskGroup() as group:
        for name, work in works.items():
            upholding = Upholding(name, parts.metrics, parts.readiness)
            group.create_task(upholding.run(work), name=name)


def _verdicts(parts: Parts) -> list[list[Verdict]]:
    return [present.verdicts for present in list(parts.verdicts.present().values())]


def place_names(gazetteer: Gazetteer, parts: Parts) -> Called:
    """What provinces and communes are called today."""
    today = parts.now().astimezone(ZoneInfo(parts.settings().web.zone)).date()
    return cache(lambda province, commune: called(gazetteer, province, commune, today))


def site_names(snapshot: Snapshot, sites: Sequence[str]) -> dict[str, str]:
    """What these sites are called now."""
    return {site.id: site.name for site in map(snapshot.site, sites) if site is not None}
