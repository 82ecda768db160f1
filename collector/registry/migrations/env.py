"""Alembic's entry: runs the migrations on the connection and in the transaction that `registry/schema.py` gives."""

from alembic import context

from collector.registry.schema import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
