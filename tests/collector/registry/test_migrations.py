"""Migrations on both real databases: from nothing and from every earlier version, once, and never past a newer one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, MetaData, select, text

from collector.errors import UsageError
from collector.figures.tables import METADATA as FIGURES
from collector.incidents.history import History
from collector.incidents.tables import METADATA as INCIDENTS
from collector.ledger.tables import METADATA as LEDGER
from collector.places.tables import METADATA as PLACES
from collector.registry import migrations, schema
from collector.registry.database import Database
from collector.registry.engine import Reach, new_engine, url_of
from collector.registry.lease import METADATA as LEASES
from collector.registry.registry import Registry
from collector.registry.tables import MARKS
from collector.registry.tables import METADATA as REGISTRY
from collector.rollups.due import METADATA as ROLLUPS
from collector.rollups.recents import METADATA as RECENTS
from collector.tell.tables import METADATA as TELL
from collector.verdicts import METADATA as VERDICTS
from tests.collector.postgres import Postgres
from tests.collector.registry import old_database

REPO = Path(__file__).parents[3]
FOLDER = Path(migrations.__file__).parent
METADATA: tuple[MetaData, ...] = (
    REGISTRY,
    INCIDENTS,
    LEASES,
    VERDICTS,
    LEDGER,
    ROLLUPS,
    RECENTS,
    TELL,
    PLACES,
    FIGURES,
)
MARK = datetime(2026, 11, 20, tzinfo=UTC)
VERSIONS = [path.name[1:5] for path in sorted((FOLDER / "versions").glob("v[0-9]*.py"))]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite://{tmp_path}/registry.db"
    server: Postgres = request.getfixturevalue("cluster")
    return server.new_database()


@contextmanager
def engine_of(url: str) -> Iterator[Engine]:
    engine = new_engine(url_of(url), Reach(), name=url)
    try:
        yield engine
    finally:
        engine.dispose()


def opened(url: str) -> Database:
    database = Database(url)
    database.open()
    return database


def migrate(url: str, version: str) -> None:
    """Bring a database to an earlier version, as the program of that time did."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    with engine_of(url) as engine, engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)


def differences(connection: Connection) -> list[Any]:
    whole = MetaData()
    for each in METADATA:
        for table in each.tables.values():
            table.to_metadata(whole)
    ours = {*whole.tables}

    def is_ours(_item: object, name: str | None, kind: str, reflected: bool, _other: object) -> bool:  # noqa: FBT001 - Alembic's call
        return kind != "table" or name in ours or not reflected

    options = {"compare_type": True, "include_object": is_ours}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), whole))


def test_the_newest_migration_is_what_the_program_works_with() -> None:
    script = ScriptDirectory(str(FOLDER))
    assert script.get_heads() == [schema.HEAD]
    assert [f"{number:04d}" for number in range(1, int(schema.HEAD) + 1)] == VERSIONS


def test_migrations_make_what_the_code_expects(empty_url: str) -> None:
    opened(empty_url).close()
    with engine_of(empty_url) as engine, engine.connect() as connection:
        assert differences(connection) == []
        tables = {name for each in METADATA for name in each.tables}
        found = connection.dialect.get_table_names(connection)
        assert tables <= set(found)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_earlier_version_is_brought_up(empty_url: str, version: str) -> None:
    migrate(empty_url, version)
    database = opened(empty_url)
    assert database.version() == schema.HEAD
    database.close()
    with engine_of(empty_url) as engine, engine.connect() as connection:
        assert differences(connection) == []


@pytest.mark.parametrize("incidents", [True, False])
def test_a_file_from_before_migrations_keeps_what_it_has(tmp_path: Path, incidents: bool) -> None:  # noqa: FBT001 - a parameter
    path = tmp_path / "registry.db"
    old_database.make(path, incidents=incidents)
    registry = Registry(f"sqlite://{path}")
    registry.open()
    assert registry.revision() == 2
    site = registry.snapshot().site_of("a1", MARK)
    assert site is not None
    assert site.name == "Trường TH 1"
    history = History(registry.database)
    assert [incident.cause for incident in history.search()] == (["silent"] if incidents else [])
    assert history.judged() == ({"ls-th1": MARK} if incidents else {})
    with registry.database.read() as connection:
        assert connection.execute(select(MARKS)).all() == [("ls-th1", MARK)]
        assert differences(connection) == []
        # What an old program looks at: it refuses a file that it does not know.
        assert connection.scalar(text("SELECT value FROM meta WHERE key = 'schema_registry'")) == "2"
    registry.close()


def test_several_processes_that_start_at_once_migrate_once(empty_url: str) -> None:
    code = "import sys; from collector.registry.database import Database as D; d = D(sys.argv[1]); d.open(); d.close()"
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    command_line = [sys.executable, "-c", code, empty_url]
    started = [subprocess.Popen(command_line, stderr=subprocess.PIPE, env=environment) for _ in range(2)]  # noqa: S603 - our own
    said = [process.communicate(timeout=15)[1] for process in started]
    assert [process.returncode for process in started] == [0] * 2, said
    database = opened(empty_url)
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1
        assert connection.execute(text("SELECT count(*) FROM registry_revision")).scalar() == 1
    database.close()


def test_a_current_database_needs_nothing_of_alembic(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path}/registry.db"
    opened(url).close()
    code = (
        "import sys; from collector.registry.database import Database as D; d = D(sys.argv[1]); d.open(); d.close();"
        "sys.exit('alembic' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, url], check=True, env={**os.environ, "PYTHONPATH": str(REPO)})  # noqa: S603 - our own


def test_a_newer_database_is_left_alone(empty_url: str) -> None:
    database = opened(empty_url)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(UsageError, match=r"newer linkgauge .*there is no way down"):
        opened(empty_url)


def test_older_tables_are_refused_where_nobody_may_change_them(empty_url: str) -> None:
    database = Database(empty_url, migrate=False)
    with pytest.raises(UsageError, match=r"of version none, .*registry upgrade"):
        database.open()
    assert database.version() is None
    migrate(empty_url, "0001")
    with pytest.raises(UsageError, match="of version 0001"):
        database.open()
    opened(empty_url).close()
    database.open()
    database.close()


def test_a_migration_that_fails_leaves_everything_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    old_database.make(path, incidents=True)
    with engine_of(f"sqlite://{path}") as engine, engine.begin() as connection:
        connection.execute(text("CREATE TABLE present_verdicts (x INTEGER)"))
    with pytest.raises(Exception, match="present_verdicts"):
        opened(f"sqlite://{path}")
    with engine_of(f"sqlite://{path}") as engine, engine.begin() as connection:
        assert "leases" not in connection.dialect.get_table_names(connection)
        assert "alembic_version" not in connection.dialect.get_table_names(connection)
