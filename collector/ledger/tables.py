"""The ledger's tables, in the registry's database. All derived: they can be made anew from the archive."""

from typing import Final

from sqlalchemy import BigInteger, Column, Float, Index, Integer, MetaData, String, Table, Text

from collector.registry.database import Utc

METADATA: Final = MetaData()

STATE: Final = Table(  # row 1: the ledger; row 2: how much of it completeness has seen
    "ledger_state",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),  # rises with every flush of any process
    Column("generation", BigInteger, nullable=False),  # another one whenever the ledger is made anew
)

CHECKPOINTS: Final = Table(
    "ledger_checkpoints",
    METADATA,
    Column("slot", String(64), primary_key=True),  # of the archive
    Column("day", String(10), nullable=False),
    Column("reports", BigInteger, nullable=False),  # of that day's file are in the ledger
)

STORED: Final = Table(
    "ledger_stored",
    METADATA,
    Column("agent", String(63), primary_key=True),
    Column("epoch", String(64), primary_key=True),
    Column("first", BigInteger, primary_key=True),
    Column("last", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False, index=True),
)

SPANS: Final = Table(  # which numbers a day's reports had: a missing one belongs to the day that surrounds it
    "ledger_spans",
    METADATA,
    Column("agent", String(63), primary_key=True),
    Column("epoch", String(64), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
)
Index("ledger_spans_day", SPANS.c.day)

EXPLAINED: Final = Table(  # numbers that are not stored, and why
    "ledger_explained",
    METADATA,
    Column("agent", String(63), primary_key=True),
    Column("epoch", String(64), primary_key=True),
    Column("why", String(20), primary_key=True),
    Column("first", BigInteger, primary_key=True),
    Column("last", BigInteger, nullable=False),
    Column("at", Utc, nullable=False),
    Column("revision", BigInteger, nullable=False, index=True),
)

DAYS: Final = Table(
    "ledger_days",
    METADATA,
    Column("agent", String(63), primary_key=True),
    Column("day", String(10), primary_key=True),  # UTC, as the agents' own accounts count
    Column("kind", String(32), primary_key=True),
    Column("planned", BigInteger),  # empty: no account of that day yet
    Column("run", BigInteger),
    Column("skipped", Text),  # JSON: reason to number
    Column("received", BigInteger, nullable=False, server_default="0"),
    Column("late", BigInteger, nullable=False, server_default="0"),
    Column("duplicate", BigInteger, nullable=False, server_default="0"),
    Column("revision", BigInteger, nullable=False, index=True),
)
Index("ledger_days_day", DAYS.c.day)

ASKED: Final = Table(  # what agents were asked for, by epoch
    "ledger_asked",
    METADATA,
    Column("agent", String(63), primary_key=True),
    Column("epoch", String(64), primary_key=True),
    Column("top", BigInteger, nullable=False),  # the highest number that the agent is known to have given
    Column("times", Integer, nullable=False),
    Column("first", Utc, nullable=False),
    Column("last", Utc, nullable=False),
)

TOUCHED: Final = Table(
    "touched",
    METADATA,
    Column("measurement", String(32), primary_key=True),
    Column("site", String(63), primary_key=True),
    Column("hour", Utc, primary_key=True),
    Column("stamp", BigInteger, nullable=False),
)

COMPLETENESS: Final = Table(  # what the pages show: computed from all of the above
    "ledger_completeness",
    METADATA,
    Column("site", String(63), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("planned", BigInteger, nullable=False),
    Column("run", BigInteger, nullable=False),
    Column("skipped", Text, nullable=False),  # JSON: reason to number
    Column("produced", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("late", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("dropped", BigInteger, nullable=False),
    Column("missing", BigInteger, nullable=False),
    Column("duplicate", BigInteger, nullable=False),
    Column("ratio", Float(53)),  # empty: nobody can tell yet
    Column("accounted", Integer, nullable=False),  # 1: all its agents have said what they planned
)
Index("ledger_completeness_day", COMPLETENESS.c.day)
