"""The databases that registry, incidents and ledger promise to work on: each test of them runs on both."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.registry.database import Database
from tests.collector.postgres import Postgres, is_missing, postgres


@pytest.fixture(scope="session")
def cluster() -> Iterator[Postgres]:
    """One running PostgreSQL for all tests of this process."""
    if is_missing():
        pytest.skip("needs the program postgres")
    with postgres() as server:
        yield server


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables and nothing in them, to be copied: migrating each anew takes longer."""
    path = tmp_path_factory.mktemp("blank") / "registry.db"
    database = Database(f"sqlite://{path}")
    database.open()
    database.close()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database with all tables and nothing in them."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("blank"), tmp_path / "registry.db")
        yield f"sqlite://{tmp_path}/registry.db"
        return
    server: Postgres = request.getfixturevalue("cluster")
    url = server.new_database(migrated=True)
    yield url
    if server.process is not None:
        server.drop(url)
