"""The tables of telling, in the registry's database."""

from typing import Final

from sqlalchemy import Column, Index, Integer, MetaData, String, Table, Text

from collector.registry.database import Utc

METADATA: Final = MetaData()

DELIVERIES: Final = Table(
    "deliveries",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),  # the order of what one route is told
    Column("id", String(40), nullable=False, unique=True),  # the same at every attempt; drawn when it is made
    Column("route", String(63), nullable=False),
    Column("kind", String(16), nullable=False),  # news reminder summary digest test
    Column("key", String(255), nullable=False),  # what is told once only
    Column("incident", String(160)),
    Column("body", Text, nullable=False),
    Column("state", String(16), nullable=False),  # waiting sent silenced summed superseded expired
    Column("made", Utc, nullable=False),
    Column("due", Utc, nullable=False),  # not to be tried before
    Column("attempts", Integer, nullable=False),
    Column("tried", Utc),
    Column("told", Utc),
    Column("answer", String(300)),
    Column("silenced_by", String(300)),
    sqlite_autoincrement=True,
)
Index("deliveries_once", DELIVERIES.c.route, DELIVERIES.c.key, unique=True)
Index("deliveries_state", DELIVERIES.c.state, DELIVERIES.c.route, DELIVERIES.c.number)
Index("deliveries_told", DELIVERIES.c.route, DELIVERIES.c.told)
Index("deliveries_made", DELIVERIES.c.made)

KNOWN: Final = Table(
    "tell_known",  # what each route was told last of each incident
    METADATA,
    Column("route", String(63), primary_key=True),
    Column("incident", String(160), primary_key=True),
    Column("thread", String(40), nullable=False),  # the delivery that told of it first
    Column("body", Text, nullable=False),
    Column("active", Integer, nullable=False),
    Column("at", Utc, nullable=False),
    Column("reminded", Utc),
)
Index("tell_known_active", KNOWN.c.active, KNOWN.c.route)
