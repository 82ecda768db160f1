"""The tiles above the list: how many sites are in each state, each a filter. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from collector.web.overview.line import Line
from collector.web.overview.selection import counts
from collector.web.pages import State


@dataclass(frozen=True, slots=True)
class Tiles:
    """`counts` by state. `troubled` sites have an open incident; `judged` ones have a target, and `met` reach it."""

    counts: Mapping[State, int]
    troubled: int
    total: int

    @property
    def judged(self) -> int:
        """The sites that a target binds."""
        return self.total - self.counts["unjudged"]

    @property
    def met(self) -> int:
        """The sites that reach theirs."""
        return self.counts["met"]

    @property
    def share(self) -> float | None:
        """The part that reaches its target, from 0 to 1; None where none has one."""
        return self.met / self.judged if self.judged else None


def tiles(lines: Iterable[Line]) -> Tiles:
    """The tiles of these lines."""
    known = list(lines)
    return Tiles(counts(known), sum(line.troubled for line in known), len(known))
