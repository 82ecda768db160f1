"""Every change to the tables of the registry's database since the first, oldest first; run by `registry/schema.py`.

To change a table or add one:

1. Write `versions/vNNNN_what.py` after the newest: `revision` is its number, `down_revision` the one before. It says
   what to do with Alembic's operations and imports nothing of ours: tables go on changing, a migration never does.
   On SQLite a column is changed with `op.batch_alter_table`.
2. Raise `HEAD` in `registry/schema.py`.
3. Change the `Table`, and name its metadata in `tests/collector/registry/test_migrations.py`, which compares what
   the migrations make with what the code expects, on SQLite and on PostgreSQL, from every earlier version.

An upgrade is one transaction and excludes all writers. There is no way down: a backup from before the upgrade is.
"""
