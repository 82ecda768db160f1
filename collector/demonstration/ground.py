"""What a demonstration stands on: registered sites, agents, villages, reported figures, planned work; and its parts."""

from dataclasses import replace
from typing import Final

from msgspec.structs import replace as replace_struct

from collector.config import CollectorConfig
from collector.demonstration.clock import Clock
from collector.demonstration.people import work
from collector.demonstration.reported import figures, nation, villages
from collector.demonstration.world import EVERY, World
from collector.figures.figures import Figures
from collector.incidents.calendar import Calendar
from collector.ledger.journal import Journal
from collector.parts import Parts
from collector.places.places import Places
from collector.plans.load import load_plans
from collector.registry.registry import Registry
from collector.roles import Process

WHO: Final = "Sở KH&CN (minh họa)"


def register(registry: Registry, world: World) -> None:
    """Enter sites, agents, villages and reported figures; what stands there already stays."""
    for start in sorted({world.begun(one) for one in world.sites}):
        made = [one.site for one in world.sites if world.begun(one) == start]
        registry.import_sites(made, now=start)
        registry.add_agents({site.id: site.id for site in made}, now=start)
    today = world.origin.date()
    plans = load_plans().values()
    told = [*figures(plans, today, world.seed), *nation(today)]
    Figures(registry.database).bring(told, who=WHO, now=world.origin)
    Places(registry.database).import_units(villages(), now=world.origin)
    calendar = Calendar(registry.database)
    if not calendar.list():
        for window in work(world.origin):
            calendar.add(window, at=min(window.starts, world.origin))


def parts_of(config: CollectorConfig, clock: Clock) -> Parts:
    """The parts of a collector that lives by another clock."""
    parts = Process(lambda: config).parts
    ledger = replace_struct(config.ledger, late_s=EVERY.total_seconds() * 2 + config.ledger.late_s)  # between looks
    journal = Journal(parts.registry, parts.archive, settings=lambda: ledger, metrics=parts.metrics, now=clock.now)
    return replace(parts, now=clock.now, leading=lambda: True, journal=journal)
