"""What each route is to be told of incidents, was told and answered."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
_TIME = sa.String(27)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "deliveries",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(40), nullable=False, unique=True),
        sa.Column("route", sa.String(63), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("incident", sa.String(160)),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("made", _TIME, nullable=False),
        sa.Column("due", _TIME, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("tried", _TIME),
        sa.Column("told", _TIME),
        sa.Column("answer", sa.String(300)),
        sa.Column("silenced_by", sa.String(300)),
        sqlite_autoincrement=True,
    )
    op.create_index("deliveries_once", "deliveries", ["route", "key"], unique=True)
    op.create_index("deliveries_state", "deliveries", ["state", "route", "number"])
    op.create_index("deliveries_told", "deliveries", ["route", "told"])
    op.create_index("deliveries_made", "deliveries", ["made"])
    op.create_table(
        "tell_known",
        sa.Column("route", sa.String(63), primary_key=True),
        sa.Column("incident", sa.String(160), primary_key=True),
        sa.Column("thread", sa.String(40), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("active", sa.Integer, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("reminded", _TIME),
    )
    op.create_index("tell_known_active", "tell_known", ["active", "route"])
