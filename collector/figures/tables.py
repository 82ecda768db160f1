"""The table of figures. Versions are only ever added: the newest of a key holds, the rest says who changed what."""

from typing import Final

from sqlalchemy import Column, Float, Integer, MetaData, String, Table

from collector.registry.database import Utc

METADATA: Final = MetaData()

FIGURES: Final = Table(
    "figure_versions",
    METADATA,
    Column("plan", String(63), primary_key=True),  # empty: under none (a key has no NULL)
    Column("indicator", String(63), primary_key=True),
    Column("area", String(127), primary_key=True),  # empty: the plan's province, or the nation
    Column("period", String(40), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("value", Float),  # empty: taken back
    Column("unit", String(20), nullable=False),
    Column("source", String(300), nullable=False),
    Column("note", String(500)),
    Column("who", String(200), nullable=False),
    Column("entered", Utc, nullable=False),
)
