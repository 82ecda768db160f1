"""Units, villages and their people, as operators import them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
_TIME = sa.String(27)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "place_versions",
        sa.Column("path", sa.String(191), primary_key=True),
        sa.Column("begins", sa.String(10), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("entered", _TIME, nullable=False),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
        sa.Column("level", sa.String(20), nullable=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("kind", sa.String(40)),
        sa.Column("official", sa.String(20)),
        sa.Column("district", sa.String(63)),
        sa.Column("valid_until", sa.String(10)),
        sa.Column("successors", sa.Text, nullable=False),
        sa.Column("source", sa.String(300)),
        sa.Column("latitude", sa.Float),
        sa.Column("longitude", sa.Float),
        sa.Column("population", sa.Integer),
        sa.Column("households", sa.Integer),
    )
    op.create_table(
        "place_populations",
        sa.Column("path", sa.String(191), primary_key=True),
        sa.Column("year", sa.Integer, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("entered", _TIME, nullable=False),
        sa.Column("population", sa.Integer, nullable=False),
        sa.Column("households", sa.Integer),
        sa.Column("source", sa.String(300), nullable=False),
    )
    op.create_table(
        "place_revision",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
    )
