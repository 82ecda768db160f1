"""The tables of places. Versions are only ever added: the newest of a path and first day holds, the rest is history."""

from typing import Final

from sqlalchemy import Boolean, Column, Float, Integer, MetaData, String, Table, Text

from collector.registry.database import Utc

METADATA: Final = MetaData()

UNITS: Final = Table(
    "place_versions",
    METADATA,
    Column("path", String(191), primary_key=True),
    Column("begins", String(10), primary_key=True),  # YYYY-MM-DD; empty: from before anyone asked (a key has no NULL)
    Column("version", Integer, primary_key=True),
    Column("entered", Utc, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("level", String(20), nullable=False),
    Column("name", String(300), nullable=False),
    Column("kind", String(40)),
    Column("official", String(20)),
    Column("district", String(63)),
    Column("valid_until", String(10)),
    Column("successors", Text, nullable=False),  # paths, a line each
    Column("source", String(300)),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("population", Integer),
    Column("households", Integer),
)

POPULATIONS: Final = Table(
    "place_populations",
    METADATA,
    Column("path", String(191), primary_key=True),
    Column("year", Integer, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("entered", Utc, nullable=False),
    Column("population", Integer, nullable=False),
    Column("households", Integer),
    Column("source", String(300), nullable=False),
)

REVISION: Final = Table(
    "place_revision",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("revision", Integer, nullable=False),
)
