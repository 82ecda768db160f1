"""Who leads, and each site's present verdict for processes that do not judge.

Programs from before migrations know only their own mark in `meta`: it is raised, so that they refuse this database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the two tables."""
    op.create_table(
        "leases",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("holder", sa.String(200)),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("clock", sa.String(80), nullable=False),
        sa.Column("renewed", sa.Float(53), nullable=False),
        sa.Column("lasts", sa.Float(53), nullable=False),
    )
    op.create_table(
        "present_verdicts",
        sa.Column("site", sa.String(63), primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False, index=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.execute("DELETE FROM meta WHERE key = 'schema_registry'")
    op.execute("INSERT INTO meta (key, value) VALUES ('schema_registry', '2')")
