"""What the leader does: judging and telling, rolling up, keeping the ledger. Put together anew for each time it leads.

All of it writes through the lease: a process that wakes up after another one took over writes nothing more.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from agent.wire.control import Resend
from collector.judging import Judging
from collector.leadership import LeadersStore
from collector.ledger.keeping import Keeping
from collector.ledger.ledger import Ledger
from collector.parts import Parts
from collector.plans.load import load_plans
from collector.registry.lease import Lease
from collector.registry.registry import Registry
from collector.rollups.rollups import Rollups

Request = Callable[[str, Resend], None]


async def lead(parts: Parts, lease: Lease, *, listening_since: Callable[[], datetime | None], request: Request) -> None:
    """Do all that one process at a time does, until cancelled. `request` asks an agent to send again."""
    series, registry = LeadersStore(parts.series, lease), Registry(lease.checked())
    plans = load_plans()
    judging = Judging(
        store=series,
        registry=registry,
        plans=plans,
        fleet=parts.fleet,
        bus=parts.bus,
        clock=parts.now,
        settings=parts.settings().judge,
        listening_since=listening_since,
        verdicts=parts.verdicts,
    )
    rollups = Rollups(
        store=series,
        touches=Ledger(registry.database),
        registry=registry,
        plans=plans,
        clock=parts.now,
        zone=ZoneInfo(parts.settings().web.zone),
        metrics=parts.metrics,
        settings=lambda: parts.settings().rollups,
    )
    keeping = Keeping(
        registry,
        settings=parts.settings,
        request=request,
        write=series.write,
        newest=parts.fleet.newest,
        now=parts.now,
    )
    keeping.missing = parts.metrics.ledger.gaps.set
    async with asyncio.TaskGroup() as group:
        group.create_task(judging.run(), name="judging")
        group.create_task(rollups.run(), name="roll-ups")
        group.create_task(keeping.run(), name="ledger")
