"""The registry's tables. Versions are only ever added; the rest says what is waiting and which tags were given out."""

from typing import Final

from sqlalchemy import Column, Float, Integer, MetaData, String, Table, Text

from collector.registry.database import Utc

METADATA: Final = MetaData()

SITES: Final = Table(
    "site_versions",
    METADATA,
    Column("site", String(63), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("since", Utc),  # empty: from the beginning
    Column("entered", Utc, nullable=False),
    Column("name", String(300), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("area", String(20), nullable=False),
    Column("province", String(63), nullable=False),
    Column("commune", String(63), nullable=False),
    Column("village", String(63)),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("access", String(20)),
    Column("provider", String(63)),
    Column("contract_down_mbps", Float),
    Column("contract_up_mbps", Float),
    Column("plan", String(63)),
)

AGENTS: Final = Table(
    "agent_versions",
    METADATA,
    Column("agent", String(63), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("since", Utc),  # empty: from the beginning
    Column("entered", Utc, nullable=False),
    Column("site", String(63)),  # empty: revoked
)

MARKS: Final = Table(
    "fixed_tags",
    METADATA,
    Column("site", String(63), primary_key=True),
    Column("until", Utc, nullable=False),
)

WAITING: Final = Table(
    "waiting_agents",
    METADATA,
    Column("agent", String(63), primary_key=True),
    Column("first", Utc, nullable=False),
    Column("last", Utc, nullable=False),
)

REVISION: Final = Table(
    "registry_revision",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("revision", Integer, nullable=False),
)

JOURNAL: Final = Table(
    "journal",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("at", Utc, nullable=False),
    Column("who", String(200), nullable=False),
    Column("way", String(20), nullable=False),  # page, terminal
    Column("subject", String(20), nullable=False),
    Column("about", String(300), nullable=False),  # the file's name; empty: none
    Column("added", Integer, nullable=False),
    Column("changed", Integer, nullable=False),
    Column("details", Text, nullable=False),  # JSON: the first differences
)
