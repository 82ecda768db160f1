"""Reported figures and reference series, with all that they were before."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "figure_versions",
        sa.Column("plan", sa.String(63), primary_key=True),
        sa.Column("indicator", sa.String(63), primary_key=True),
        sa.Column("area", sa.String(127), primary_key=True),
        sa.Column("period", sa.String(40), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("value", sa.Float),
        sa.Column("unit", sa.String(20), nullable=False),
        sa.Column("source", sa.String(300), nullable=False),
        sa.Column("note", sa.String(500)),
        sa.Column("who", sa.String(200), nullable=False),
        sa.Column("entered", sa.String(27), nullable=False),
    )
