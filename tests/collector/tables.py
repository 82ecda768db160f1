"""A registry's SQLite file with all tables and nothing in them: migrated once a process, then copied."""

import tempfile
from functools import cache
from pathlib import Path

from collector.registry.database import Database


def with_tables(folder: Path, name: str = "registry.db") -> str:
    """The address of the registry in this folder; where there is none yet, one that has just been migrated."""
    path = folder / name
    if not path.exists():
        path.write_bytes(_blank())
    return f"sqlite://{path}"


@cache
def _blank() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "registry.db"
        database = Database(f"sqlite://{path}")
        database.open()
        database.close()  # the last connection leaves everything in the one file
        return path.read_bytes()
