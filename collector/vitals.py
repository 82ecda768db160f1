"""How well each process of the collector is, in figures: what it tells the others, and who remembers them. Pure.

Counts only rise while a process lives; levels are of this moment. A figure that a process cannot know is None. What
comes from another process is checked like anything from outside, and what is kept is bounded.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import msgspec

from agent.wire.report import Time

EVERY_S: Final = 5.0
"""Between two words of one process."""
SILENT: Final = timedelta(seconds=20)
"""A process that has said nothing for so long is not counted on any more."""
FORGOTTEN: Final = timedelta(minutes=30)
SPAN: Final = timedelta(minutes=5)
WHY_LENGTH: Final = 400
RECEIPT_BOUNDS: Final = (
    0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0,
)  # fmt: skip
"""Upper bounds of the buckets that receipt latencies fall into, in seconds."""
OWN: Final = ""
"""The origin of this process itself on its own board."""
_PROCESSES: Final = 50
_WORDS: Final = int(SPAN.total_seconds() / EVERY_S) + 2
_Name = Annotated[str, msgspec.Meta(max_length=200)]


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """A part that does not work, or did not until some time ago."""

    part: Annotated[str, msgspec.Meta(max_length=40)]
    why: Annotated[str, msgspec.Meta(max_length=WHY_LENGTH)]
    since: Time
    until: Time | None = None


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What has happened since the process began. Reports unless the name says otherwise."""

    messages: float = 0.0
    decoded: float = 0.0
    written: float = 0.0
    known: float = 0.0
    deferred: float = 0.0
    rejected: float = 0.0
    abandoned: float = 0.0
    dropped: float = 0.0
    points: float = 0.0
    retried: float = 0.0
    receipts: float = 0.0
    receipts_dropped: float = 0.0
    ledger: float = 0.0
    rollups: float = 0.0
    faults: float = 0.0
    connections: float = 0.0
    cpu_s: float = 0.0
    store_s: float = 0.0
    store_writes: float = 0.0
    archive_s: float = 0.0
    archive_appends: float = 0.0


class Levels(msgspec.Struct, frozen=True, kw_only=True):
    """What is now. Sizes in bytes, ages in seconds."""

    connected: bool | None = None
    leader: bool = False
    queue: float | None = None
    queue_bytes: float | None = None
    queue_s: float | None = None
    ledger_waiting: float | None = None
    ledger_behind: bool | None = None
    rollups_waiting: float | None = None
    rollups_overdue_s: float | None = None
    gaps: float | None = None
    completeness: float | None = None
    archive_bytes: float | None = None
    archive_free: float | None = None
    unsealed_days: float | None = None
    store_bytes: float | None = None
    store_free: float | None = None
    quarantine: float | None = None
    quarantine_gone: float | None = None
    resident_bytes: float | None = None
    loop_s: float | None = None


class Vitals(msgspec.Struct, frozen=True, kw_only=True):
    """One word of a process about itself. `receipts`: how many latencies fell into each bucket so far."""

    name: _Name
    roles: Annotated[list[Annotated[str, msgspec.Meta(max_length=20)]], msgspec.Meta(max_length=10)]
    started: Time
    at: Time
    counts: Counts
    levels: Levels
    receipts: Annotated[list[int], msgspec.Meta(max_length=len(RECEIPT_BOUNDS) + 1)] = []
    troubles: Annotated[list[Trouble], msgspec.Meta(max_length=20)] = []


@dataclass(frozen=True, slots=True)
class Heard:
    """A word and when it came, by our own clock."""

    at: datetime
    vitals: Vitals


@dataclass(frozen=True, slots=True)
class Sighting:
    """One process: its words of the last minutes, the newest last; `own`: it is this one."""

    own: bool
    words: Sequence[Heard]

    @property
    def newest(self) -> Vitals:
        """Its last word."""
        return self.words[-1].vitals

    @property
    def heard(self) -> datetime:
        """When that came."""
        return self.words[-1].at

    def steps(self) -> Iterator[tuple[Heard, Heard]]:
        """Two words after each other, each time."""
        yield from zip(self.words[:-1], self.words[1:], strict=True)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Board:
    """The last words of every process that was heard, this one included; at most so many, for so long."""

    now: Callable[[], datetime] = _utc_now
    _words: dict[str, deque[Heard]] = field(default_factory=dict)

    def put(self, origin: str, vitals: Vitals) -> None:
        """Remember a word; the longest silent process makes room for a new one."""
        now = self.now()
        words = self._words.get(origin)
        if words is None:
            self._make_room(now)
            words = self._words[origin] = deque(_birth(vitals, now), maxlen=_WORDS)
        words.append(Heard(now, vitals))

    def sightings(self) -> list[Sighting]:
        """Give all processes by name, those that fell silent some time ago too."""
        oldest = self.now() - FORGOTTEN
        found = [
            Sighting(origin == OWN, tuple(words)) for origin, words in self._words.items() if words[-1].at > oldest
        ]
        return sorted(found, key=lambda one: (one.newest.name, one.newest.started))

    def _make_room(self, now: datetime) -> None:
        for origin in [origin for origin, words in self._words.items() if words[-1].at <= now - FORGOTTEN]:
            del self._words[origin]
        others = [origin for origin in self._words if origin != OWN]
        if len(others) >= _PROCESSES:
            del self._words[min(others, key=lambda origin: self._words[origin][-1].at)]


def _birth(vitals: Vitals, now: datetime) -> Iterator[Heard]:
    """Where a young process began: at nothing. Its first words may have been lost."""
    age = vitals.at - vitals.started
    if timedelta(0) < age < SPAN:
        born = msgspec.structs.replace(vitals, at=vitals.started, counts=Counts(), receipts=[0] * len(vitals.receipts))
        yield Heard(now - age, born)
