"""The databases that registry, incidents and ledger promise to work on: each test of them runs on both."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collector.postgres import Postgres, is_missing, postgres
from tests.collector.tables import with_tables


@pytest.fixture(scope="session")
def cluster() -> Iterator[Postgres]:
    """One running PostgreSQL for all tests of this process."""
    if is_missing():
        pytest.skip("needs the program postgres")
    with postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database with all tables and nothing in them."""
    if request.param == "sqlite":
        yield with_tables(tmp_path)
        return
    server: Postgres = request.getfixturevalue("cluster")
    url = server.new_database(migrated=True)
    yield url
    if server.process is not None:
        server.drop(url)
