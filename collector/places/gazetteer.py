"""All units that are known, by path and day: what a place was, what it became, and what was meant. Pure."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from collector.places.unit import HOMES, Level, Unit
from collector.registry.codes import nearest_code

_Names = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Present:
    """What a unit is on a day. Several `units`: it is one of them, not known which; none: it ended, unknown in what.

    `ended`: the units on the way that are no more, the first one first. `lost`: those of them that nobody says the
    successors of.
    """

    units: tuple[Unit, ...]
    ended: tuple[Unit, ...] = ()
    lost: tuple[Unit, ...] = ()


class Gazetteer:
    """Units by path. Immutable once made; safe to share between threads."""

    def __init__(self, units: Iterable[Unit]) -> None:
        """Take units; of two with the same path and first day the later one holds."""
        periods: dict[str, dict[date | None, Unit]] = {}
        for unit in units:
            periods.setdefault(unit.path, {})[unit.valid_from] = unit
        self._periods: Mapping[str, tuple[Unit, ...]] = {
            path: tuple(sorted(found.values(), key=_begin)) if len(found) > 1 else tuple(found.values())
            for path, found in periods.items()
        }
        self._named: dict[tuple[str | None, Level], tuple[_Names, _Names]] = {}  # filled as it is asked for

    def __contains__(self, path: str) -> bool:
        """Whether there is, or was, a unit of this path."""
        return path in self._periods

    def __iter__(self) -> Iterator[Unit]:
        """Every period of every unit."""
        for found in self._periods.values():
            yield from found

    def periods(self, path: str) -> tuple[Unit, ...]:
        """The periods of a path, the oldest first."""
        return self._periods.get(path, ())

    def unit_at(self, path: str, day: date) -> Unit | None:
        """What a path named on a day."""
        return next((unit for unit in reversed(self.periods(path)) if unit.holds_on(day)), None)

    def newest(self, path: str, day: date) -> Unit | None:
        """What a path names on a day, or the last that it named before; None where it named nothing until then."""
        begun = (unit for unit in reversed(self.periods(path)) if unit.valid_from is None or unit.valid_from <= day)
        return next(begun, None)

    def current_of(self, unit: Unit, day: date) -> Present:
        """Follow successors until the day. It ends: a successor counts only if it outlives what it follows."""
        if not unit.ended_before(day):
            return Present((unit,))
        following = unit.day_after()
        found = [self.unit_at(path, following) for path in unit.successors] if following else []
        heirs = [heir for heir in found if heir is not None]
        if not heirs:
            return Present((), (unit,), (unit,))
        ways = [self.current_of(heir, day) for heir in heirs]
        return Present(
            _unique(last for way in ways for last in way.units),
            (unit, *_unique(ended for way in ways for ended in way.ended)),
            _unique(lost for way in ways for lost in way.lost),
        )

    def predecessors(self, unit: Unit) -> tuple[Unit, ...]:
        """The units that name this one as what they became."""
        return tuple(each for each in self._heirs.get(unit.path, ()) if self._follows(each, unit))

    def _follows(self, earlier: Unit, unit: Unit) -> bool:
        following = earlier.day_after()
        return following is not None and unit.holds_on(following)

    def within(self, parent: str | None, level: Level | None = None) -> tuple[Unit, ...]:
        """All periods of the units in a parent (None: provinces)."""
        found = self._children.get(parent, ())
        return tuple(unit for unit in found if level is None or unit.level == level)

    def named(self, text: str, parent: str | None, level: Level) -> tuple[str, ...]:
        """Paths of what a text may mean in a parent: exactly written names first, then codes and official numbers."""
        exact, loose = self._names(parent, level)
        return exact.get(text.strip().casefold()) or loose.get(nearest_code(text)) or ()

    def nearest(self, text: str, parent: str | None, level: Level) -> Unit | None:
        """The unit in a parent that is called most like a text, if one is."""
        _, loose = self._names(parent, level)
        found = difflib.get_close_matches(nearest_code(text), loose, n=1, cutoff=0.7)
        return self._periods[loose[found[0]][0]][-1] if found else None

    def _names(self, parent: str | None, level: Level) -> tuple[_Names, _Names]:
        """Names as written, and as codes, of the units in a parent."""
        known = self._named.get((parent, level))
        if known is None:
            exact: dict[str, dict[str, None]] = {}
            loose: dict[str, dict[str, None]] = {}
            for unit in self.within(parent, level):
                for name in (unit.code, unit.name, unit.title):
                    exact.setdefault(name.casefold(), {})[unit.path] = None
                    loose.setdefault(nearest_code(name), {})[unit.path] = None
                if unit.official:
                    loose.setdefault(unit.official, {})[unit.path] = None
            known = _frozen(exact), _frozen(loose)
            self._named[parent, level] = known
        return known

    @cached_property
    def _children(self) -> Mapping[str | None, list[Unit]]:
        found: dict[str | None, list[Unit]] = {}
        for unit in self:
            found.setdefault(unit.parent, []).append(unit)
        return found

    @cached_property
    def _heirs(self) -> Mapping[str, list[Unit]]:
        found: dict[str, list[Unit]] = {}
        for unit in self:
            for path in unit.successors:
                found.setdefault(path, []).append(unit)
        return found


def faults_of(gazetteer: Gazetteer, units: Iterable[Unit]) -> Iterator[tuple[Unit, str, str]]:
    """What cannot be of these units among all: the unit, the column at fault, and what is wrong."""
    for unit in units:
        yield from ((unit, "valid_from", said) for said in _overlaps(gazetteer, unit))
        yield from ((unit, "successors", said) for said in _heir_faults(gazetteer, unit))
        yield from ((unit, "parent", said) for said in _parent_faults(gazetteer, unit))


def _overlaps(gazetteer: Gazetteer, unit: Unit) -> Iterator[str]:
    for other in gazetteer.periods(unit.path):
        if other.valid_from == unit.valid_from:
            continue
        first, second = sorted((unit, other), key=_begin)
        if first.valid_until is None or (second.valid_from and first.valid_until >= second.valid_from):
            yield f"{unit.path} {span(unit)} overlaps {other.title} {span(other)}"


def _heir_faults(gazetteer: Gazetteer, unit: Unit) -> Iterator[str]:
    following = unit.day_after()
    if unit.successors and following is None:
        yield "there are successors, but no valid_until: from when?"
        return
    for path in unit.successors:
        heir = gazetteer.unit_at(path, following) if following else None
        if heir is not None:
            continue
        if path == unit.path:
            yield f"{path} would become itself: there is no {path} on {following}"
        elif path not in gazetteer:
            yield f"{path} is not known"
        else:
            yield f"{path} is not there on {following} ({', '.join(map(span, gazetteer.periods(path)))})"


def _parent_faults(gazetteer: Gazetteer, unit: Unit) -> Iterator[str]:
    parent = unit.parent
    if parent is None:
        return
    found = gazetteer.periods(parent)
    if not found:
        yield f"{parent} is not known"
    elif all(_apart(unit, each) for each in found):
        yield f"{parent} is not there {span(unit)}, but {' '.join(map(span, found))}"
    elif any(each.level != HOMES[unit.level] for each in found):
        yield f"{parent} is a {found[0].level}; a {unit.level} lies in a {HOMES[unit.level] or 'country'}"


def _apart(unit: Unit, other: Unit) -> bool:
    """Whether two periods have no day in common."""
    first, second = sorted((unit, other), key=_begin)
    return first.valid_until is not None and second.valid_from is not None and first.valid_until < second.valid_from


def meant(unit: Unit | None) -> str:
    """The nearest known unit as a question, if there is one."""
    return f"; did you mean {unit.code} ({unit.title})?" if unit else ""


def span(unit: Unit) -> str:
    """From when to when, in words."""
    if unit.valid_from and unit.valid_until:
        return f"({unit.valid_from} to {unit.valid_until})"
    if unit.valid_from:
        return f"(since {unit.valid_from})"
    return f"(until {unit.valid_until})" if unit.valid_until else "(without dates)"


def _begin(unit: Unit) -> date:
    return unit.valid_from or date.min


def _frozen(names: Mapping[str, Iterable[str]]) -> _Names:
    return {name: tuple(paths) for name, paths in names.items()}


def _unique(units: Iterable[Unit]) -> tuple[Unit, ...]:
    return tuple(dict.fromkeys(units))
