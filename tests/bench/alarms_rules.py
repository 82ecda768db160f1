"""The rules that are compared, each one sample at a time: ours as the product runs it, and what others do.

A rule is told the hours since the start and log(value / mark), and says whether it is open (alarmed) after it.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import exp, log
from typing import Final, Protocol

from collector.detect import collapse, shortfall
from collector.detect.observation import Observation
from tests.bench.alarms_fleet import moment

MARK: Final = 100.0


class Rule(Protocol):
    """One site's rule, with its state."""

    is_open: bool

    def see(self, hours: float, level: float) -> None:
        """Take in one more conclusive sample."""


@dataclass(slots=True)
class Ours:
    """The product's test for shortfalls."""

    is_open: bool = False
    state: shortfall.State = shortfall.START

    def see(self, hours: float, level: float) -> None:
        """Take in one more conclusive sample."""
        self.state = shortfall.advance(self.state, Observation(moment(hours), MARK * exp(level), MARK))
        self.is_open = self.state.episode is not None


@dataclass(slots=True)
class Collapse:
    """The product's test for collapses."""

    is_open: bool = False
    state: collapse.State = collapse.START

    def see(self, hours: float, level: float) -> None:
        """Take in one more conclusive sample."""
        self.state = collapse.advance(self.state, Observation(moment(hours), MARK * exp(level), MARK))
        self.is_open = self.state.episode is not None


@dataclass(slots=True)
class Cusum:
    """The plain CUSUM of the issue, and the same mirrored for its end."""

    needs: float = 1.4
    clip: float = 0.45
    ref: float = 0.06
    is_open: bool = False
    sum: float = 0.0

    def see(self, hours: float, level: float) -> None:  # noqa: ARG002 - it does not look at time
        """Take in one more conclusive sample."""
        x = min(max(level, -self.clip), self.clip)
        self.sum = max(0.0, self.sum + (x if self.is_open else -x) - self.ref)
        if self.sum >= self.needs:
            self.sum, self.is_open = 0.0, not self.is_open


@dataclass(slots=True)
class Windowed:
    """The product's former rule: opens when 9 of the newest 10 are below, ends when 9 of 10 reach 105 %."""

    is_open: bool = False
    newest: deque[float] = field(default_factory=lambda: deque(maxlen=10))

    def see(self, hours: float, level: float) -> None:  # noqa: ARG002 - it does not look at time
        """Take in one more conclusive sample."""
        self.newest.append(level)
        if len(self.newest) < 10:
            return
        if self.is_open:
            self.is_open = sum(one >= log(1.05) for one in self.newest) < 9
        else:
            self.is_open = sum(one < 0.0 for one in self.newest) >= 9


@dataclass(slots=True)
class Tolerant:
    """OpenWISP's: two or more weak samples that span 30 min with no good one between them; back the same way.

    It looks back only as far as the tolerance; with six hours between samples it could never decide, so here it looks
    back to the sample before, however long ago.
    """

    is_open: bool = False
    weak: bool = False
    first: float | None = None

    def see(self, hours: float, level: float) -> None:
        """Take in one more conclusive sample."""
        weak = level < 0.0
        if self.first is None or weak != self.weak:
            self.weak, self.first = weak, hours
        elif hours - self.first >= 0.5:
            self.is_open = weak


@dataclass(slots=True)
class Each:
    """speedtest-tracker's: each result against the threshold. It tells every weak one; here each run of them is one."""

    is_open: bool = False

    def see(self, hours: float, level: float) -> None:  # noqa: ARG002 - it does not look at time
        """Take in one more conclusive sample."""
        self.is_open = level < 0.0


RULES: Final[Mapping[str, Callable[[], Rule]]] = {
    "linkgauge": Ours,
    "plain CUSUM 0.45 / 0.06 / 1.4": Cusum,
    "9 of 10 (ours, before)": Windowed,
    "OpenWISP, 30 min tolerance": Tolerant,
    "speedtest-tracker, each result": Each,
}
