"""Which version the tables are of, and bringing them up to date. Alembic is loaded only when there is work for it."""

import logging
from typing import Final

from sqlalchemy import Connection, inspect, text

from collector.errors import UsageError

LOG: Final = logging.getLogger(__name__)
HEAD: Final = "0009"
"""The version that this program works with: the newest file in `migrations/versions`."""
VERSION_TABLE: Final = "alembic_version"


def version(connection: Connection) -> str | None:
    """The version of the tables; None where no migration has run: nothing yet, or made before there were any."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found: str | None = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608 - a constant
    return found


def check(found: str | None, name: str) -> bool:
    """Whether the tables are up to date; raises UsageError when a newer program made them."""
    if found is not None and found > HEAD:
        raise UsageError(
            f"{name} was made by a newer linkgauge (tables version {found}, this program knows {HEAD}): "
            "install that version, or restore the backup that belongs to this one; there is no way down"
        )
    return found == HEAD


def upgrade(connection: Connection, name: str) -> None:
    """Bring the tables to this program's version, in the write transaction that the connection is in: all or nothing.

    That transaction excludes every other, so of several processes that start at once one does it.
    """
    found = version(connection)
    if check(found, name):
        return
    from pathlib import Path

    from alembic import command
    from alembic.config import Config

    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    command.upgrade(config, HEAD)
    LOG.info("registry.upgraded database=%s from=%s to=%s", name, found or "none", HEAD)
