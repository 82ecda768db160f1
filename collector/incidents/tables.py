"""The tables of incidents, in the registry's database."""

from typing import Final

from sqlalchemy import Column, Index, Integer, MetaData, String, Table, Text, text

from collector.registry.database import Utc

METADATA: Final = MetaData()

INCIDENTS: Final = Table(
    "incidents",
    METADATA,
    Column("id", String(160), primary_key=True),
    Column("subject", String(63), nullable=False),  # a site's id or a group's key
    Column("cause", String(20), nullable=False),
    Column("state", String(20), nullable=False),
    Column("opened", Utc, nullable=False),
    Column("updated", Utc, nullable=False, index=True),
    Column("told", String(10)),  # as what people know it; empty: not at all, or recorded before this was kept
    Column("body", Text, nullable=False),  # the contract's object as JSON: the truth; the columns are for looking up
)
Index("incidents_newest", INCIDENTS.c.subject, INCIDENTS.c.cause, INCIDENTS.c.opened)
Index(
    "incidents_one_active",
    INCIDENTS.c.subject,
    INCIDENTS.c.cause,
    unique=True,
    sqlite_where=text("state != 'resolved'"),
    postgresql_where=text("state != 'resolved'"),
)

Index(
    "incidents_unsettled",
    INCIDENTS.c.subject,
    sqlite_where=text("state = 'resolved' AND told = 'open'"),
    postgresql_where=text("state = 'resolved' AND told = 'open'"),
)

TRANSITIONS: Final = Table(
    "incident_transitions",
    METADATA,
    Column("incident", String(160), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", Utc, nullable=False),
    Column("state", String(20), nullable=False),
    Column("who", String(200), nullable=False),
    Column("note", Text),
    Column("what", String(20)),
)

OUTBOX: Final = Table(
    "incident_outbox",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("incident", String(160), nullable=False),
    Column("body", Text, nullable=False),  # as it was at that transition
    Column("delivered", Utc, index=True),  # empty: still to be told
)

JUDGED: Final = Table(
    "judged_until",
    METADATA,
    Column("site", String(63), primary_key=True),
    Column("newest", Utc, nullable=False),  # the newest sample that the incident rules have seen
)

WINDOWS: Final = Table(
    "maintenance_windows",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("extent", String(10), nullable=False),
    Column("name", String(200), nullable=False),
    Column("starts", Utc, nullable=False),
    Column("ends", Utc, nullable=False, index=True),
    Column("who", String(200), nullable=False),
    Column("note", Text),
    Column("ended", Utc),
)
