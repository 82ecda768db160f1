"""What a walk amounts to so far: counts and levels, in constant memory. Pure."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from agent.survey.level import FIELDS, Mark, level_of, mark_of
from agent.wire.results import Radio

_NAMES: Final = 20
_TENTHS: Final = 10


class Levels(NamedTuple):
    """The levels of one field over a walk, in dBm."""

    best: float
    median: float
    worst: float


@dataclass(slots=True)
class Tally:
    """Counts. `unkept`: samples that the disk refused; `failures`: times that the modem could not be asked."""

    samples: int = 0
    placed: int = 0
    unkept: int = 0
    failures: int = 0
    tests: int = 0
    marks: Counter[Mark] = field(default_factory=Counter)
    networks: Counter[str] = field(default_factory=Counter)
    _levels: dict[str, Counter[int]] = field(default_factory=dict)

    def add(self, radio: Radio) -> None:
        """Take in a sample."""
        self.samples += 1
        self.placed += radio.latitude is not None
        self.marks[mark_of(radio)] += 1
        if (name := network_of(radio)) and (name in self.networks or len(self.networks) < _NAMES):
            self.networks[name] += 1
        shown = level_of(radio)
        for name in FIELDS:
            dbm: float | None = getattr(radio, name)
            # RSSI stands for a sample only where nothing better does.
            if dbm is not None and (name != "rssi_dbm" or (shown is not None and shown.field == name)):
                self._levels.setdefault(name, Counter())[round(dbm * _TENTHS)] += 1

    def levels(self) -> dict[str, Levels]:
        """Give best, median and worst of each field that was read."""
        return {name: _summed(self._levels[name]) for name in FIELDS if name in self._levels}


def network_of(radio: Radio) -> str:
    """Name the operator and the technology, as far as known."""
    return " ".join(part for part in (radio.operator or radio.mcc_mnc, radio.technology) if part)


def _summed(tenths: Counter[int]) -> Levels:
    values, count = sorted(tenths), tenths.total()
    low, high = _nth(tenths, values, (count - 1) // 2), _nth(tenths, values, count // 2)
    median = round((low + high) / 2 / _TENTHS, 1)
    return Levels(values[-1] / _TENTHS, median, values[0] / _TENTHS)


def _nth(tenths: Counter[int], values: list[int], at: int) -> int:
    passed = 0
    for value in values:
        passed += tenths[value]
        if passed > at:
            return value
    return values[-1]
