"""How the embedded store lays series out in a SQLite file, and the views that people read.

Per measurement a table `_<measurement>` whose primary key starts with site and time, so one site's window is one
run of the disk, and a view `<measurement>` with the contract's tags as columns. Tag sets and sites are kept once,
in `_series` and `_site`. Names that start with `_` are ours; measurements and fields never do.
"""

import json
import re
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from collector.store.points import EXTRA_TAGS, TAGS, known_columns

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,119}")
COLUMN_LIMIT: Final = 1500
"""Fields of a measurement; SQLite's own limit is 2,000 columns."""

SHAPES_CACHED: Final = 4096
SERIES_CACHED: Final = 65_536
"""Tag sets whose ids are remembered."""

RARE: Final[Mapping[str, tuple[str, ...]]] = {"throughput": ("doubts", "download_early_mbps", "upload_early_mbps")}
"""Fields that few rows have and that are looked for in all sites: each has an index of those rows only."""

_BASE: Final = """
CREATE TABLE IF NOT EXISTS _site (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS _series (
  id INTEGER PRIMARY KEY, site INTEGER NOT NULL REFERENCES _site (id), tags TEXT NOT NULL UNIQUE
);
"""
_DECLARED: Final[Mapping[type, str]] = {float: "REAL", str: "TEXT", bool: "BOOLEAN"}
_TYPES: Final[Mapping[str, type]] = {declared: kind for kind, declared in _DECLARED.items()}

Tags = tuple[tuple[str, str], ...]
Shape = tuple[str, tuple[str, ...], tuple[type, ...]]
"""A measurement, the fields of a row, and their types where the names do not say them."""


@dataclass(slots=True)
class Layout:
    """What one connection knows of the file; forgotten as soon as anyone changes the schema, or a write fails."""

    connection: sqlite3.Connection
    series_cached: int = SERIES_CACHED
    _version: int | None = None
    _columns: dict[str, dict[str, type]] = field(default_factory=dict)
    _series: dict[Tags, tuple[int, int]] = field(default_factory=dict)
    _fits: set[Shape] = field(default_factory=set)

    def refresh(self) -> None:
        """Forget what another connection may have changed: columns come and go only with the schema's version."""
        version: int = self.connection.execute("PRAGMA schema_version").fetchone()[0]
        if version != self._version:
            self.forget()
            self._version = version

    def forget(self) -> None:
        """Read everything again when it is next needed."""
        self._version = None
        self._columns.clear()
        self._series.clear()
        self._fits.clear()

    def fits(self, shape: Shape) -> bool:
        """Whether rows of this shape are known to fit the columns there are."""
        return shape in self._fits

    def fit(self, shape: Shape) -> None:
        """Note that they do; columns are only ever added, so it stays so."""
        if len(self._fits) >= SHAPES_CACHED:
            self._fits.clear()
        self._fits.add(shape)

    def create(self) -> None:
        """Make what is missing, in the open transaction; known measurements get their views before their first row."""
        for statement in filter(str.strip, _BASE.split(";")):
            self.connection.execute(statement)
        for measurement, columns in known_columns().items():
            self.widen(measurement, columns)
        for measurement, fields in RARE.items():
            for name in fields:
                self.connection.execute(
                    f'CREATE INDEX IF NOT EXISTS "{index_name(measurement, name)}" ON "_{measurement}" (_site, _time)'
                    f' WHERE "{name}" IS NOT NULL'
                )

    def drop(self) -> None:
        """Remove every point and every series, in the open transaction."""
        for measurement in self.measurements():
            self.connection.execute(f'DROP VIEW IF EXISTS "{measurement}"')
            self.connection.execute(f'DROP TABLE "_{measurement}"')
        for table in ("_series", "_site"):
            self.connection.execute(f"DROP TABLE IF EXISTS {table}")
        self.forget()

    def measurements(self) -> list[str]:
        """The measurements that have a table."""
        tables = self.connection.execute(
            r"SELECT substr(name, 2) FROM sqlite_schema WHERE type = 'table' AND name LIKE '\_%' ESCAPE '\'"
            " AND name NOT IN ('_site', '_series') ORDER BY name"
        )
        return [name for (name,) in tables]

    def columns(self, measurement: str) -> dict[str, type]:
        """A measurement's fields and their types, in the table's order; empty when there is no such table."""
        if measurement not in self._columns:
            found = self.connection.execute("SELECT name, type FROM pragma_table_info(?)", (f"_{measurement}",))
            self._columns[measurement] = {name: _TYPES[kind] for name, kind in found if not name.startswith("_")}
        return self._columns[measurement]

    def widen(self, measurement: str, fields: Mapping[str, type]) -> None:
        """Add the columns that a measurement lacks, in the open transaction."""
        known = self.columns(measurement)
        new = {name: kind for name, kind in fields.items() if name not in known}
        if not new:
            return
        declared = [f'"{name}" {_DECLARED[kind]}' for name, kind in new.items()]
        if known:
            for column in declared:
                self.connection.execute(f'ALTER TABLE "_{measurement}" ADD COLUMN {column}')
        else:  # at once: SQLite reads the whole schema anew for each column that is added
            self.connection.execute(
                f'CREATE TABLE "_{measurement}" ('
                f"_site INTEGER NOT NULL, _time INTEGER NOT NULL, _series INTEGER NOT NULL, {', '.join(declared)},"
                " PRIMARY KEY (_site, _time, _series)) WITHOUT ROWID"
            )
        self._columns.pop(measurement, None)
        self.connection.execute(f'DROP VIEW IF EXISTS "{measurement}"')
        self.connection.execute(_view(measurement, self.columns(measurement)))

    def series(self, tags: Tags) -> tuple[int, int]:
        """The ids of a tag set and of its site (no name without one), made when new, in the open transaction."""
        ids = self._series.get(tags)
        if ids is None:
            if len(self._series) >= self.series_cached:  # agents choose some tags; memory is not theirs
                self._series.clear()
            site = self._id("_site", ("name",), (dict(tags).get("site", ""),))
            text = json.dumps(dict(tags), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
            ids = self._series[tags] = (self._id("_series", ("tags", "site"), (text, site)), site)
        return ids

    def _id(self, table: str, columns: tuple[str, ...], values: tuple[str | int, ...]) -> int:
        marks = ", ".join("?" * len(values))
        self.connection.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT DO NOTHING",  # noqa: S608 - fixed names
            values,
        )
        found = self.connection.execute(f"SELECT id FROM {table} WHERE {columns[0]} = ?", values[:1])  # noqa: S608 - fixed names
        number: int = found.fetchone()[0]
        return number


@lru_cache(maxsize=1024)
def index_name(measurement: str, field: str) -> str:
    """The index of the rows that have a field; no measurement's table is called so."""
    return f"_{measurement}.{field}"


def upsert(measurement: str, columns: tuple[str, ...], rows: int = 1) -> str:
    """The statement that writes rows as InfluxDB does: fields merge, a new value of the same field wins."""
    names = [f'"{name}"' for name in columns]
    keys = ["_site", "_time", "_series"]
    row = f"({', '.join('?' * (len(keys) + len(names)))})"
    merged = ", ".join(f"{name} = excluded.{name}" for name in names)
    return (
        f'INSERT INTO "_{measurement}" ({", ".join(keys + names)}) VALUES {", ".join([row] * rows)}'  # noqa: S608 - names are checked
        f" ON CONFLICT DO UPDATE SET {merged}"
    )


@lru_cache(maxsize=65_536)
def tags_of(text: str) -> Mapping[str, str]:
    """A series' tags from their stored form."""
    tags: dict[str, str] = json.loads(text)
    return tags


def _view(measurement: str, columns: Iterable[str]) -> str:
    tags = ", ".join(f"series.tags ->> '{tag}' AS \"{tag}\"" for tag in (*TAGS, *EXTRA_TAGS))
    fields = "".join(f', point."{name}"' for name in columns if name not in {*TAGS, *EXTRA_TAGS, "time", "utc"})
    return (
        f'CREATE VIEW "{measurement}" AS SELECT point._time AS time,'  # noqa: S608 - names are checked
        " strftime('%Y-%m-%dT%H:%M:%fZ', point._time / 1e9, 'unixepoch') AS utc,"
        f' {tags}{fields} FROM "_{measurement}" AS point JOIN _series AS series ON series.id = point._series'
    )
