"""What a probe is: a function from a task to an outcome, and nothing else.

Rules. One attempt, its steps spelled out; no timeout of its own around the whole (`measure` has the deadline), no
retry, no fallback to the other address family. A network failure is raised as `Failed`, or, for one part of a
result, written into that part. A thing the device cannot do is `Failed` at stage `device`. No logging of outcomes.
"""

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from agent.errors import Failed
from agent.wire.report import Link, Peer
from agent.wire.results import Result

Family = Literal["ipv4", "ipv6"]


def family_of(text: str) -> Family | None:
    """Read `ipv4`, `ipv6`, `4` or `6`; None, which means auto, for anything else."""
    families: dict[str, Family] = {"4": "ipv4", "6": "ipv6"}
    return families.get(text.removeprefix("ipv"))


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is, for a progress bar: share done (0 to 1), a word for the phase, the live value and unit."""

    done: float
    phase: str
    value: float | None = None
    unit: str = ""


def _silent(_: Progress) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Task:
    """What one run is asked to do.

    `family` None means auto: IPv6 if the box has a global IPv6 address and route and the peer an AAAA, else IPv4,
    decided once before the run. `options` are the kind's own, as strings from the command line or the file.
    `folder`: where small facts may be kept between runs (None: nowhere); `at`: when the run began, by the wall clock.
    """

    peer: str
    family: Family | None = None
    max_bytes: int | None = None
    max_seconds: float | None = None
    options: dict[str, str] = field(default_factory=dict)
    progress: Callable[[Progress], None] = _silent
    folder: Path | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run found, and through what: the parts of a report that only the probe can know."""

    result: Result
    family: Family | None = None
    peer: Peer | None = None
    link: Link | None = None
    doubts: tuple[str, ...] = ()


@contextlib.contextmanager
def reaching(peer: Peer, family: Family | None) -> Iterator[None]:
    """Let a failure inside say whom the run tried to reach, and over which family."""
    try:
        yield
    except Failed as failed:
        failed.peer, failed.family = peer, family
        raise


ProbeFn = Callable[[Task], Awaitable[Outcome]]
