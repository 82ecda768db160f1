"""What a demonstration stands on: registered sites, agents, villages, reported figures, planned work; and its parts."""

from dataclasses import replace

from collector.config import CollectorConfig
from collector.demonstration.clock import Clock
from collector.demonstration.people import work
from collector.demonstration.world import World
from collector.incidents.calendar import Calendar
from collector.ledger.journal import Journal
from collector.parts import Parts
from collector.registry.registry import Registry
from collector.roles import Process


def register(registry: Registry, world: World) -> None:
    """Enter sites and agents as of the beginning of the past; what stands there already stays."""
    start = world.start
    registry.import_sites([one.site for one in world.sites], now=start)
    registry.add_agents({one.site.id: one.site.id for one in world.sites}, now=start)
    calendar = Calendar(registry.database)
    if not calendar.list():
        for window in work(world.origin):
            calendar.add(window, at=min(window.starts, world.origin))


def parts_of(config: CollectorConfig, clock: Clock) -> Parts:
    """The parts of a collector that lives by another clock."""
    parts = Process(lambda: config).parts
    ledger = config.ledger
    journal = Journal(parts.registry, parts.archive, settings=lambda: ledger, metrics=parts.metrics, now=clock.now)
    return replace(parts, now=clock.now, leading=lambda: True, journal=journal)
