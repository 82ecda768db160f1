"""What an import would do, as people read it before they agree: pure, and small however large the file is."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from collector.registry.difference import Change

SHOWN: Final = 200
FAULTS: Final = 10_000
_PLACE: Final = re.compile(r"(?:line (\d+)|cell ([A-Z]+)(\d+))(?:, column ([^:]+))?: (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and where: line, spreadsheet's cell and column as far as there are any."""

    line: int | None
    cell: str
    column: str
    what: str


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a file says, held against what is known. `given`, `held`: titles by key, of the file and of the registry."""

    changes: Sequence[Change]
    given: Mapping[str, str]
    held: Mapping[str, str]
    remarks: Sequence[str] = ()
    total: int = 0
    names: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """By key of a change and its field: how people call the place that is filed under a code there."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The first of a kind of thing, and how many there are."""

    first: tuple[tuple[str, str], ...]
    count: int

    @property
    def more(self) -> int:
        """How many are not listed."""
        return self.count - len(self.first)


@dataclass(frozen=True, slots=True)
class Preview:
    """What would happen. With `faults` nothing can: a file goes in whole or not at all.

    `mark` names exactly these changes: what is agreed to is what was seen.
    """

    added: tuple[Change, ...]
    changed: tuple[Change, ...]
    added_count: int
    changed_count: int
    unchanged: Listed
    gone: Listed
    faults: tuple[Fault, ...]
    fault_count: int
    remarks: tuple[Fault, ...]
    remark_count: int
    mark: str
    names: Mapping[tuple[str, str], str]

    @property
    def may(self) -> bool:
        """Whether there is something to agree to."""
        return not self.fault_count and bool(self.added_count or self.changed_count)


def previewed(weighed: Weighed, faults: Sequence[str] = ()) -> Preview:
    """A file's preview; `faults` as the readers of files say them."""
    added = [change for change in weighed.changes if change.is_new]
    changed = [change for change in weighed.changes if not change.is_new]
    shown = {change.key for change in (*added[:SHOWN], *changed[:SHOWN])}
    touched = {change.key for change in weighed.changes}
    return Preview(
        added=tuple(added[:SHOWN]),
        changed=tuple(changed[:SHOWN]),
        added_count=len(added),
        changed_count=len(changed),
        unchanged=_listed((key, title) for key, title in weighed.given.items() if key not in touched),
        gone=_listed((key, title) for key, title in weighed.held.items() if key not in weighed.given),
        faults=tuple(map(fault_of, faults[:FAULTS])),
        fault_count=len(faults),
        remarks=tuple(map(fault_of, weighed.remarks[:SHOWN])),
        remark_count=len(weighed.remarks),
        mark=mark_of(weighed.changes),
        names={key: name for key, name in weighed.names.items() if key[0] in shown},
    )


def mark_of(changes: Iterable[Change]) -> str:
    """A name of exactly these changes, whatever they were computed from."""
    digest = hashlib.sha256()
    for change in changes:
        digest.update(repr((change.key, change.is_new, *_said(change))).encode())
    return digest.hexdigest()[:32]


def _said(change: Change) -> Iterable[tuple[str, str, str]]:
    return ((one.field, one.before, one.after) for one in change.differences)


def fault_of(said: str) -> Fault:
    """A fault as the readers say it, taken apart: `cell C3, column kind: what`."""
    found = _PLACE.fullmatch(said)
    if not found:
        return Fault(None, "", "", said)
    line, letters, row, column, what = found.groups()
    return Fault(int(line or row), f"{letters}{row}" if letters else "", column or "", what)


def lines_of(faults: Iterable[str]) -> frozenset[int]:
    """The lines that have faults."""
    return frozenset(fault.line for fault in map(fault_of, faults) if fault.line is not None)


def _listed(things: Iterable[tuple[str, str]]) -> Listed:
    first: list[tuple[str, str]] = []
    count = 0
    for thing in things:
        count += 1
        if count <= SHOWN:
            first.append(thing)
    return Listed(tuple(first), count)
