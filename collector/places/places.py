"""The places that people imported, kept in the registry's database, above those that are known without asking."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Select, and_, exists, func, insert, select, update

from collector.errors import UsageError
from collector.places.catalogue import catalogue
from collector.places.gazetteer import Gazetteer, faults_of
from collector.places.tables import POPULATIONS, REVISION, UNITS
from collector.places.unit import LEVELS, Level, Population, Unit
from collector.registry.database import Transactions
from collector.registry.difference import Change, Difference, compared
from collector.registry.journal import Seal, unsealed

_ABOVE: Final = tuple(level for level in LEVELS if level != "village")
_OWN: Final = (
    "level",
    "name",
    "kind",
    "official",
    "district",
    "source",
    "latitude",
    "longitude",
    "population",
    "households",
)
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class UnitChange:
    """A period of a unit that was added (`before` None) or corrected."""

    before: Unit | None
    after: Unit


@dataclass(frozen=True, slots=True)
class PopulationChange:
    """A figure that was added (`before` None) or corrected."""

    before: Population | None
    after: Population


def period_key(unit: Unit) -> str:
    """What people tell a period of a unit by: its path, and its first day if it has one."""
    return f"{unit.path} {unit.valid_from}" if unit.valid_from else unit.path


def unit_told(change: UnitChange) -> Change:
    """What became of a period of a unit, field by field."""
    return compared(period_key(change.after), change.after.title, change.before, change.after)


def withdrawn_told(unit: Unit) -> Change:
    """A period that was taken back."""
    begins = unit.valid_from.isoformat() if unit.valid_from else ""
    return Change(unit.path, unit.title, is_new=False, differences=(Difference(unit.path, "valid_from", begins, ""),))


def population_told(change: PopulationChange) -> Change:
    """What became of a figure of people."""
    return compared(f"{change.after.path} {change.after.year}", change.after.path, change.before, change.after)


@dataclass(frozen=True, slots=True)
class Entry:
    """A period of a unit as somebody entered it, or took it back."""

    at: datetime
    unit: Unit
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a unit cannot be: which, in what column, and what is wrong."""

    unit: Unit
    column: str
    what: str


class PlaceError(Exception):
    """Units that contradict each other or what is known; nothing was imported."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = tuple(faults)


class Places:
    """Units and figures of the operator. Sync and thread-safe; every time is passed in.

    Every method raises RegistryUnavailable when the database cannot be used now.
    """

    def __init__(self, database: Transactions) -> None:
        self._database = database
        self._read: tuple[int, Gazetteer] | None = None

    def gazetteer(self) -> Gazetteer:
        """All units but villages; all who ask share one until something changes."""
        with self._database.read() as connection:
            revision = _revision(connection)
            known = self._read
            if known is not None and known[0] == revision:
                return known[1]
            found = Gazetteer([*catalogue(), *_held(connection, _ABOVE).values()])
            self._read = revision, found
            return found

    def villages(self) -> list[Unit]:
        """Every period of every village, by path."""
        with self._database.read() as connection:
            return list(_held(connection, ("village",)).values())

    def revision(self) -> int:
        """A number that rises with every change to units by any process; cheap."""
        with self._database.read() as connection:
            return _revision(connection)

    def village_names(self) -> list[tuple[str, str]]:
        """Path and name of every period of every village, by path: what a search needs, of a hundred thousand."""
        newest = _newest(UNITS.c.level == "village").with_only_columns(UNITS.c.path, UNITS.c.name, UNITS.c.withdrawn)
        with self._database.read() as connection:
            return [(path, name) for path, name, withdrawn in connection.execute(newest) if not withdrawn]

    def some(self, paths: Collection[str]) -> list[Unit]:
        """Every period of a few units, by path."""
        with self._database.read() as connection:
            rows = connection.execute(_newest(UNITS.c.path.in_(paths))).mappings()
            return [_unit(row) for row in rows if not row["withdrawn"]]

    def counted(self) -> tuple[int, int]:
        """How many periods of villages, and of the other units, were imported; without reading them."""
        later = UNITS.alias()
        same = and_(later.c.path == UNITS.c.path, later.c.begins == UNITS.c.begins, later.c.version > UNITS.c.version)
        gone = and_(UNITS.c.withdrawn, ~exists().where(same))
        query = select(UNITS.c.level, func.count()).group_by(UNITS.c.level)
        with self._database.read() as connection:
            left = Counter(dict(tuple(row) for row in connection.execute(query.where(UNITS.c.version == 1))))
            left.subtract(dict(tuple(row) for row in connection.execute(query.where(gone))))
        villages = left.pop("village", 0)
        return villages, left.total()

    def imported(self) -> list[Unit]:
        """Every period of every unit that was imported, but villages, by path."""
        with self._database.read() as connection:
            return list(_held(connection, _ABOVE).values())

    def history(self, path: str) -> list[Entry]:
        """What was entered of a unit, the oldest first."""
        query = select(UNITS).where(UNITS.c.path == path).order_by(UNITS.c.entered, UNITS.c.version)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings()
            return [Entry(row["entered"], _unit(row), row["withdrawn"]) for row in rows]

    def periods(self, path: str) -> list[Unit]:
        """The periods of one imported unit, the oldest first."""
        with self._database.read() as connection:
            return list(_held(connection, LEVELS, path=path).values())

    def import_units(
        self,
        units: Sequence[Unit],
        *,
        now: datetime,
        keep: Collection[str] = (),
        dry: bool = False,
        seal: Seal[UnitChange] = unsealed,
    ) -> list[UnitChange]:
        """Add and correct units in one transaction; unchanged ones make no version, absent ones stay as they are.

        `keep` names fields in which a known period keeps its own value. Raises PlaceError for what cannot be, with
        nothing written. With `dry` nothing is written at all. `seal` ends the transaction.
        """
        levels: tuple[Level, ...] = ("village",) if all(unit.level == "village" for unit in units) else LEVELS
        with self._database.read() if dry else self._database.write() as connection:
            held = _held(connection, LEVELS)
            wished = [_kept(unit, held.get(_key(unit)), keep) for unit in units]
            changes = [UnitChange(held.get(_key(unit)), unit) for unit in wished if held.get(_key(unit)) != unit]
            whole = Gazetteer([*catalogue(), *held.values(), *wished])
            touched = {unit.path for unit in wished}
            affected = wished if levels == ("village",) else [*wished, *_naming(held.values(), touched)]
            faults = [Fault(*fault) for fault in faults_of(whole, affected)]
            if faults:
                raise PlaceError(faults)
            if not dry:
                if changes:
                    _write(connection, [change.after for change in changes], now, withdrawn=False)
                seal(connection, changes)
        return changes

    def withdraw(self, path: str, begins: date | None, *, now: datetime, seal: Seal[Unit] = unsealed) -> Unit:
        """Take back a period that was imported; raises UsageError for one that was not, or that others lead to."""
        with self._database.write() as connection:
            held = _held(connection, LEVELS)
            unit = held.pop((path, begins.isoformat() if begins else ""), None)
            if unit is None:
                known = ", ".join(begun or "the beginning" for own, begun in held if own == path)
                raise UsageError(f"{path} was not imported from {begins or 'the beginning'} on" + _told(known))
            rest = Gazetteer([*catalogue(), *held.values()])
            affected = [each for each in held.values() if path in each.successors or each.path.startswith(f"{path}/")]
            for needing, _, what in faults_of(rest, affected):
                raise UsageError(f"{path} is still needed by {needing.path}: {what}")
            _write(connection, [unit], now, withdrawn=True)
            seal(connection, [unit])
        return unit

    def import_populations(
        self,
        figures: Sequence[Population],
        *,
        now: datetime,
        dry: bool = False,
        seal: Seal[PopulationChange] = unsealed,
    ) -> list[PopulationChange]:
        """Add and correct figures in one transaction; unchanged ones make no version. `seal` ends the transaction."""
        with self._database.read() if dry else self._database.write() as connection:
            held = {(each.path, each.year): each for each in _populations(connection)}
            changes = [
                PopulationChange(held.get((figure.path, figure.year)), figure)
                for figure in figures
                if held.get((figure.path, figure.year)) != figure
            ]
            if changes and not dry:
                versions = _population_versions(connection)
                rows = [
                    {name: getattr(figure, name) for name in ("path", "year", "population", "households", "source")}
                    | {"version": versions.get((figure.path, figure.year), 0) + 1, "entered": now}
                    for figure in (change.after for change in changes)
                ]
                connection.execute(insert(POPULATIONS), rows)
            if not dry:
                seal(connection, changes)
        return changes

    def populations(self, path: str | None = None) -> list[Population]:
        """The figures of a unit (None: of all) as they hold, by year."""
        with self._database.read() as connection:
            return _populations(connection, path)


def _kept(unit: Unit, held: Unit | None, keep: Collection[str]) -> Unit:
    return replace(unit, **{name: getattr(held, name) for name in keep}) if held and keep else unit


def _naming(held: Iterable[Unit], touched: AbstractSet[str]) -> list[Unit]:
    """The units that are held already and lead to, or lie in, one of those touched: a change may break them."""
    return [unit for unit in held if unit.parent in touched or not touched.isdisjoint(unit.successors)]


def _key(unit: Unit) -> Key:
    return unit.path, unit.valid_from.isoformat() if unit.valid_from else ""


def _newest(*where: Any) -> Select[Any]:  # noqa: ANN401 - conditions of SQLAlchemy
    """Each period's newest version."""
    newest = select(UNITS.c.path, UNITS.c.begins, func.max(UNITS.c.version).label("version")).where(*where)
    last = newest.group_by(UNITS.c.path, UNITS.c.begins).subquery()
    same = and_(
        UNITS.c.path == last.c.path, UNITS.c.begins == last.c.begins, UNITS.c.version == last.c.version
    )  # fmt: skip
    return select(UNITS).join(last, same).order_by(UNITS.c.path, UNITS.c.begins)


def _held(connection: Connection, levels: Sequence[Level], path: str | None = None) -> dict[Key, Unit]:
    where = [UNITS.c.level.in_(levels)] if path is None else [UNITS.c.path == path]
    rows = connection.execute(_newest(*where)).mappings()
    return {(row["path"], row["begins"]): _unit(row) for row in rows if not row["withdrawn"]}


def _unit(row: RowMapping) -> Unit:
    return Unit(
        path=row["path"],
        valid_from=date.fromisoformat(row["begins"]) if row["begins"] else None,
        valid_until=date.fromisoformat(row["valid_until"]) if row["valid_until"] else None,
        successors=tuple(row["successors"].split("\n")) if row["successors"] else (),
        **{name: row[name] for name in _OWN},
    )


def _write(connection: Connection, units: Sequence[Unit], now: datetime, *, withdrawn: bool) -> None:
    newest = select(UNITS.c.path, UNITS.c.begins, func.max(UNITS.c.version)).group_by(UNITS.c.path, UNITS.c.begins)
    versions: Mapping[Key, int] = {(path, begins): version for path, begins, version in connection.execute(newest)}
    rows = [
        _row(unit) | {"version": versions.get(_key(unit), 0) + 1, "entered": now, "withdrawn": withdrawn}
        for unit in units
    ]
    connection.execute(insert(UNITS), rows)
    raised = update(REVISION).values(revision=REVISION.c.revision + 1)
    if not connection.execute(raised).rowcount:
        connection.execute(insert(REVISION).values(id=1, revision=1))


def _row(unit: Unit) -> dict[str, Any]:
    path, begins = _key(unit)
    return {name: getattr(unit, name) for name in _OWN} | {
        "path": path,
        "begins": begins,
        "valid_until": unit.valid_until.isoformat() if unit.valid_until else None,
        "successors": "\n".join(unit.successors),
    }


def _revision(connection: Connection) -> int:
    return connection.scalar(select(REVISION.c.revision)) or 0


def _populations(connection: Connection, path: str | None = None) -> list[Population]:
    query = select(POPULATIONS).order_by(POPULATIONS.c.path, POPULATIONS.c.year, POPULATIONS.c.version)
    rows = connection.execute(query if path is None else query.where(POPULATIONS.c.path == path))
    found = {
        (row.path, row.year): Population(row.path, row.year, row.population, row.source, row.households) for row in rows
    }
    return list(found.values())


def _population_versions(connection: Connection) -> dict[tuple[str, int], int]:
    rows: Iterator[Any] = iter(
        connection.execute(
            select(POPULATIONS.c.path, POPULATIONS.c.year, func.max(POPULATIONS.c.version)).group_by(
                POPULATIONS.c.path, POPULATIONS.c.year
            )
        )
    )
    return {(path, year): version for path, year, version in rows}


def _told(known: str) -> str:
    return f"; it was from {known}" if known else ""
