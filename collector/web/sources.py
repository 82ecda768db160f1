"""Where pages get their facts: the parts of a running collector, behind the few questions that the web asks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from agent.wire.control import Request
from collector.events import Bus
from collector.figures.figure import Entry
from collector.fleet import Fleet
from collector.incidents.acts import Decision
from collector.incidents.incident import Incident, Transition
from collector.incidents.maintenance import Window
from collector.judge.verdict import Verdict
from collector.ledger.accounts import SiteDay, Told
from collector.places.catalogue import known
from collector.places.gazetteer import Gazetteer
from collector.plans.reference import References
from collector.plans.types import Plan
from collector.quarantine import Held, Search
from collector.registry.changes import Waiting
from collector.registry.site import Snapshot
from collector.rollups.recent import Recent
from collector.store.store import Store
from collector.verdicts import Present
from collector.vitals import Board
from collector.web.admin.office import Office


class Places(Protocol):
    """The registry, as far as pages read it. Sync: called in a thread."""

    def snapshot(self) -> Snapshot:
        """The whole registry now."""

    def waiting(self) -> list[Waiting]:
        """Agents that nobody has registered."""


class Originals(Protocol):
    """The archive, as far as pages read it. Sync: called in a thread."""

    def read(self, report_id: str) -> bytes | None:
        """The exact bytes of an accepted report."""


class Judged(Protocol):
    """The judge's present word."""

    def current(self) -> Mapping[str, Verdict]:
        """Each site's verdict on its plan's download speed."""

    def present(self) -> Mapping[str, Present]:
        """All that is said of each site."""


class Completeness(Protocol):
    """What became of what was planned. Sync: called in a thread."""

    def read(self, start: date, end: date, *, sites: Sequence[str] | None = None) -> list[SiteDay]:
        """The days of sites (None: of all) from `start` to `end`, both included."""

    def told(self, start: date, end: date) -> Mapping[str, Told]:
        """What the days of each site say together."""


class Casebook(Protocol):
    """The incidents. Sync: called in a thread."""

    def search(
        self,
        *,
        active: bool | None = None,
        site: str | None = None,
        limit: int | None = 1000,
        before: tuple[datetime, str] | None = None,
    ) -> list[Incident]:
        """Incidents, the last changed first; `before`: after the one that changed then and has this id."""

    def count(self) -> int:
        """How many are active."""

    def get(self, incident: str) -> Incident | None:
        """One incident."""

    def decide(self, incident: str, decision: Decision, *, at: datetime) -> Incident:
        """Record a person's decision; raises UsageError for one that makes no sense."""

    def transitions(self, incident: str) -> list[Transition]:
        """All that happened to an incident, oldest first."""


class Planned(Protocol):
    """Maintenance windows. Sync: called in a thread."""

    def list(self, *, since: datetime | None = None) -> Sequence[Window]:
        """Windows by their start; only those that end later."""

    def add(self, window: Window, *, at: datetime) -> Window:
        """Plan work; raises UsageError for what makes no sense."""

    def end(self, number: int, *, who: str, at: datetime) -> Window:
        """End work now; raises UsageError when there is none to end."""


class Detention(Protocol):
    """The quarantine. Sync: called in a thread; raises StoreUnavailable."""

    def list(self, search: Search | None = None, *, limit: int = 50) -> Sequence[Held]:
        """What is held and fits, newest first."""

    def count(self, search: Search | None = None) -> dict[str, int]:
        """What is held and fits, by reason."""

    def show(self, number: int) -> tuple[Held, bytes] | None:
        """One payload."""

    def gone(self) -> int:
        """How many had to go to make room."""

    def ask(self, search: Search, *, who: str, at: datetime) -> Sequence[int]:
        """Mark what fits to be judged again."""


class Reported(Protocol):
    """Figures that somebody reported. Sync: called in a thread; raises RegistryUnavailable."""

    def references(self) -> References:
        """The nation's figures as series."""

    def entries(self, *, plan: str | None = None) -> list[Entry]:
        """What was entered under a plan, by whom and when."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything that pages read."""

    store: Store
    places: Places
    originals: Originals
    judged: Judged
    casebook: Casebook
    calendar: Planned
    completeness: Completeness
    fleet: Fleet
    bus: Bus
    plans: Mapping[str, Plan]
    now: Callable[[], datetime]
    zone: ZoneInfo
    version: str
    quarantine: Callable[[], Detention | None] = lambda: None
    board: Board = field(default_factory=Board)
    recents: Callable[[], Mapping[str, Recent]] = dict
    """What the leader rolled up of each site's newest throughput. Sync: called in a thread."""
    unsettled: Callable[[datetime, datetime], int] = lambda _since, _until: 0
    """Of how many sites something that begins within a span is still to be rolled up. Sync: called in a thread."""
    gazetteer: Callable[[], Gazetteer] = known
    """Provinces and communes with dates. Sync: called in a thread."""
    figures: Reported | None = None
    spacing_s: float = 7200.0
    """How far apart results count in full for the detectors."""
    ask: Callable[[str, Request], None] | None = None
    """Has an agent asked to run a probe now; None where this process has no way to the broker."""
    outlines: Callable[[], bytes | None] = lambda: None
    """GeoJSON of communes and provinces that the operator supplies, for the map. Sync: called in a thread."""
    demonstration: bool = False
    """Everything here is made up, and every page says so."""
    office: Office | None = None
    """What administration reads and changes; None where nothing is administered."""
