"""What the pages of administration read and change: the registry's parts over one database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from collector.figures.figures import Figures
from collector.places.places import Places
from collector.registry.journal import Journal
from collector.registry.registry import Registry


@dataclass(frozen=True, slots=True)
class Office:
    """The registry's parts. Sync and thread-safe: called in threads; all raise RegistryUnavailable."""

    registry: Registry
    places: Places
    figures: Figures
    journal: Journal
    origins: Mapping[str, Path] = field(default_factory=dict)
    """Where plans come from that are not shipped with the program."""
    replaced: frozenset[str] = frozenset()
    """Ids of shipped plans that a file of the operator stands for."""


def office_of(
    registry: Registry, *, origins: Mapping[str, Path] | None = None, replaced: frozenset[str] = frozenset()
) -> Office:
    """The office over a registry's database."""
    database = registry.database
    return Office(registry, Places(database), Figures(database), Journal(database), origins or {}, replaced)
