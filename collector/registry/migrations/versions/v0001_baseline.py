"""The tables as they were before migrations were counted: sites, agents, dates, incidents.

A database of that time has some of them or all (a part made its own when it was first used), so each table is made
where it is missing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what is missing."""
    known = set(sa.inspect(op.get_bind()).get_table_names())
    for name, make in _TABLES.items():
        if name not in known:
            make()
    op.execute(
        "INSERT INTO registry_revision (id, revision) SELECT 1, 0 WHERE NOT EXISTS (SELECT 1 FROM registry_revision)"
    )


def _meta() -> None:
    op.create_table(
        "meta",
        sa.Column("key", sa.String(40), primary_key=True),
        sa.Column("value", sa.String(200), nullable=False),
    )


def _site_versions() -> None:
    op.create_table(
        "site_versions",
        sa.Column("site", sa.String(63), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("since", sa.String(27)),
        sa.Column("entered", sa.String(27), nullable=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("area", sa.String(20), nullable=False),
        sa.Column("province", sa.String(63), nullable=False),
        sa.Column("commune", sa.String(63), nullable=False),
        sa.Column("village", sa.String(63)),
        sa.Column("latitude", sa.Float),
        sa.Column("longitude", sa.Float),
        sa.Column("access", sa.String(20)),
        sa.Column("provider", sa.String(63)),
        sa.Column("contract_down_mbps", sa.Float),
        sa.Column("contract_up_mbps", sa.Float),
        sa.Column("plan", sa.String(63)),
    )


def _agent_versions() -> None:
    op.create_table(
        "agent_versions",
        sa.Column("agent", sa.String(63), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("since", sa.String(27)),
        sa.Column("entered", sa.String(27), nullable=False),
        sa.Column("site", sa.String(63)),
    )


def _fixed_tags() -> None:
    op.create_table(
        "fixed_tags",
        sa.Column("site", sa.String(63), primary_key=True),
        sa.Column("until", sa.String(27), nullable=False),
    )


def _waiting_agents() -> None:
    op.create_table(
        "waiting_agents",
        sa.Column("agent", sa.String(63), primary_key=True),
        sa.Column("first", sa.String(27), nullable=False),
        sa.Column("last", sa.String(27), nullable=False),
    )


def _registry_revision() -> None:
    op.create_table(
        "registry_revision",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
    )


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", sa.String(160), primary_key=True),
        sa.Column("site", sa.String(63), nullable=False),
        sa.Column("cause", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("opened", sa.String(27), nullable=False),
        sa.Column("updated", sa.String(27), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("ix_incidents_updated", "incidents", ["updated"])
    op.create_index("incidents_newest", "incidents", ["site", "cause", "opened"])
    active = sa.text("state != 'resolved'")
    op.create_index(
        "incidents_one_active",
        "incidents",
        ["site", "cause"],
        unique=True,
        sqlite_where=active,
        postgresql_where=active,
    )


def _incident_transitions() -> None:
    op.create_table(
        "incident_transitions",
        sa.Column("incident", sa.String(160), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("who", sa.String(200), nullable=False),
        sa.Column("note", sa.Text),
    )


def _incident_outbox() -> None:
    op.create_table(
        "incident_outbox",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("incident", sa.String(160), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("delivered", sa.String(27)),
    )
    op.create_index("ix_incident_outbox_delivered", "incident_outbox", ["delivered"])


def _judged_until() -> None:
    op.create_table(
        "judged_until",
        sa.Column("site", sa.String(63), primary_key=True),
        sa.Column("newest", sa.String(27), nullable=False),
    )


_TABLES = {
    "meta": _meta,
    "site_versions": _site_versions,
    "agent_versions": _agent_versions,
    "fixed_tags": _fixed_tags,
    "waiting_agents": _waiting_agents,
    "registry_revision": _registry_revision,
    "incidents": _incidents,
    "incident_transitions": _incident_transitions,
    "incident_outbox": _incident_outbox,
    "judged_until": _judged_until,
}
