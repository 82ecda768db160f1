"""What the parts of one collector process work with, put together in `roles.py`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from collector.archive.archive import Archive
from collector.config import CollectorConfig
from collector.events import Bus
from collector.fleet import Fleet
from collector.inbox import Inbox
from collector.ledger.journal import Journal
from collector.metrics import Metrics, Readiness
from collector.plans.current import Plans
from collector.quarantine import Quarantine
from collector.registry.registry import Registry
from collector.store.store import Store
from collector.verdicts import Verdicts
from collector.vitals import Board

Send = Callable[[str, bytes, int], None]


@dataclass(frozen=True, slots=True)
class Parts:
    """One of each. `settings` gives the configuration of this moment; `send` takes topic, payload and QoS, at once.

    `leading`: whether this process does now what one process at a time does. `journal`: only where reports are taken.
    `plans`: read once and on SIGHUP, where sites are judged or shown.
    """

    settings: Callable[[], CollectorConfig]
    series: Store
    archive: Archive
    quarantine: Quarantine
    registry: Registry
    fleet: Fleet
    bus: Bus
    inbox: Inbox
    metrics: Metrics
    readiness: Readiness
    send: Send
    now: Callable[[], datetime]
    leading: Callable[[], bool] = lambda: True
    journal: Journal | None = None
    plans: Plans = field(default_factory=Plans)
    verdicts: Verdicts = field(default_factory=Verdicts)
    board: Board = field(default_factory=Board)
