"""The ledger: what is stored, missing and why; and which hours, days and months are to be rolled up. All derived."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    _places()
    _days()
    _completeness()
    _touched()


def _places() -> None:
    op.create_table(
        "ledger_state",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "ledger_checkpoints",
        sa.Column("slot", sa.String(64), primary_key=True),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("reports", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "ledger_stored",
        sa.Column("agent", sa.String(63), primary_key=True),
        sa.Column("epoch", sa.String(64), primary_key=True),
        sa.Column("first", sa.BigInteger, primary_key=True),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "ledger_spans",
        sa.Column("agent", sa.String(63), primary_key=True),
        sa.Column("epoch", sa.String(64), primary_key=True),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
    )
    op.create_index("ledger_spans_day", "ledger_spans", ["day"])
    op.create_table(
        "ledger_explained",
        sa.Column("agent", sa.String(63), primary_key=True),
        sa.Column("epoch", sa.String(64), primary_key=True),
        sa.Column("why", sa.String(20), primary_key=True),
        sa.Column("first", sa.BigInteger, primary_key=True),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "ledger_asked",
        sa.Column("agent", sa.String(63), primary_key=True),
        sa.Column("epoch", sa.String(64), primary_key=True),
        sa.Column("top", sa.BigInteger, nullable=False),
        sa.Column("times", sa.Integer, nullable=False),
        sa.Column("first", sa.String(27), nullable=False),
        sa.Column("last", sa.String(27), nullable=False),
    )


def _days() -> None:
    op.create_table(
        "ledger_days",
        sa.Column("agent", sa.String(63), primary_key=True),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("planned", sa.BigInteger),
        sa.Column("run", sa.BigInteger),
        sa.Column("skipped", sa.Text),
        sa.Column("received", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("late", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("duplicate", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("revision", sa.BigInteger, nullable=False, index=True),
    )
    op.create_index("ledger_days_day", "ledger_days", ["day"])


def _completeness() -> None:
    op.create_table(
        "ledger_completeness",
        sa.Column("site", sa.String(63), primary_key=True),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("planned", sa.BigInteger, nullable=False),
        sa.Column("run", sa.BigInteger, nullable=False),
        sa.Column("skipped", sa.Text, nullable=False),
        sa.Column("produced", sa.BigInteger, nullable=False),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.Column("late", sa.BigInteger, nullable=False),
        sa.Column("rejected", sa.BigInteger, nullable=False),
        sa.Column("dropped", sa.BigInteger, nullable=False),
        sa.Column("missing", sa.BigInteger, nullable=False),
        sa.Column("duplicate", sa.BigInteger, nullable=False),
        sa.Column("ratio", sa.Float(53)),
        sa.Column("accounted", sa.Integer, nullable=False),
    )
    op.create_index("ledger_completeness_day", "ledger_completeness", ["day"])


def _touched() -> None:
    op.create_table(
        "touched",
        sa.Column("measurement", sa.String(32), primary_key=True),
        sa.Column("site", sa.String(63), primary_key=True),
        sa.Column("hour", sa.String(27), primary_key=True),
        sa.Column("stamp", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "rollup_due",
        sa.Column("measurement", sa.String(32), primary_key=True),
        sa.Column("site", sa.String(63), primary_key=True),
        sa.Column("level", sa.String(8), primary_key=True),
        sa.Column("start", sa.String(27), primary_key=True),
        sa.Column("due", sa.String(27), nullable=False),
        sa.Column("stamp", sa.BigInteger, nullable=False),
    )
    op.create_index("rollup_due_next", "rollup_due", ["due"])
