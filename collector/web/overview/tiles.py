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
    judged: int

    @property
    def met(self) -> int:
        """The sites that reach theirs."""
        return self.counts["met"]

    @property
    def share(self) -> float | None:
        """The part that reaches its target, from 0 to 1; None where none has one.

        Silent and inconclusive sites count as not shown: knowing nothing of a site makes no share better. Grafana's
        share is the same.
        """
        return self.met / self.judged if self.judged else None


def tiles(lines: Iterable[Line]) -> Tiles:
    """The tiles of these lines."""
    known = list(lines)
    return Tiles(counts(known), sum(line.troubled for line in known), sum(_bound(line) for line in known))


def _bound(line: Line) -> bool:
    """Whether a target binds it; of a silent one nobody may know."""
    row = line.row
    return row.state != "unjudged" and (row.state != "silent" or row.target_mbps is not None)
