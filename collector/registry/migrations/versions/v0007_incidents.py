"""Incidents of groups beside those of sites, what people have been told, and maintenance windows."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Rename what may be a group now, and add what is new."""
    op.execute("ALTER TABLE incidents RENAME COLUMN site TO subject")
    op.add_column("incidents", sa.Column("told", sa.String(10)))
    unsettled = sa.text("state = 'resolved' AND told = 'open'")
    op.create_index("incidents_unsettled", "incidents", ["subject"], sqlite_where=unsettled, postgresql_where=unsettled)
    op.add_column("incident_transitions", sa.Column("what", sa.String(20)))
    op.create_table(
        "maintenance_windows",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("extent", sa.String(10), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("starts", sa.String(27), nullable=False),
        sa.Column("ends", sa.String(27), nullable=False),
        sa.Column("who", sa.String(200), nullable=False),
        sa.Column("note", sa.Text),
        sa.Column("ended", sa.String(27)),
    )
    op.create_index("ix_maintenance_windows_ends", "maintenance_windows", ["ends"])
