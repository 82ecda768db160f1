"""Who changed what is recorded with the change itself: both are there, or neither."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection

from collector.errors import UsageError
from collector.places.commands import add_commands as add_place_commands
from collector.registry import commands
from collector.registry.changes import SiteChange, agent_told, site_told
from collector.registry.journal import KEPT, Author, Journal, person, sealed
from collector.registry.registry import Registry
from collector.registry.site import Site
from tests.collector.postgres import Postgres
from tests.collector.tables import with_tables

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
SITE = Site("a", "Trường A", "school", "rural", "lang-son", "huu-lung")
LAN = Author("Lan", "page", "diem-do.csv")


def opened(url: str) -> Registry:
    made = Registry(url)
    made.open()
    return made


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return opened(with_tables(tmp_path))


def test_an_act_and_its_author_are_one_transaction(registry: Registry) -> None:
    one_transaction(registry)


def test_they_are_on_a_server_too(cluster: Postgres) -> None:
    one_transaction(opened(cluster.new_database(migrated=True)))


def one_transaction(registry: Registry) -> None:
    assert len(registry.import_sites([SITE], now=NOW, dry=True)) == 1
    registry.import_sites([SITE], now=NOW, seal=sealed(LAN, "sites", site_told, now=NOW))
    registry.import_sites([SITE], now=NOW, seal=sealed(LAN, "sites", site_told, now=NOW))
    registry.add_agent("b", "a", now=NOW, seal=sealed(LAN, "agents", agent_told, now=NOW))
    journal = Journal(registry.database)
    assert [(one.subject, one.added, one.changed) for one in journal.list(limit=9)] == [
        ("agents", 1, 0),
        ("sites", 1, 0),
    ], "what changes nothing leaves no entry"
    assert [one.number for one in journal.list(limit=9, before=2)] == [1]
    registry.close()


def test_what_a_seal_refuses_never_was(registry: Registry) -> None:
    def refuse(_: Connection, changes: Sequence[SiteChange]) -> None:
        assert len(changes) == 1
        raise UsageError("no")

    with pytest.raises(UsageError):
        registry.import_sites([SITE], now=NOW, seal=refuse)
    assert registry.snapshot().sites == {}
    assert registry.revision() == 0
    assert registry.import_sites([SITE], now=NOW, dry=True, seal=refuse)[0].before is None, "a dry run is not sealed"
    registry.close()


def test_a_large_act_keeps_its_first_differences_and_all_its_counts(registry: Registry) -> None:
    sites = [Site(f"s-{n}", "Trường", "school", "rural", "lang-son", "huu-lung") for n in range(KEPT + 50)]
    registry.import_sites(sites, now=NOW, seal=sealed(LAN, "sites", site_told, now=NOW))
    (entry,) = Journal(registry.database).list(limit=9)
    assert (entry.added, len(entry.differences), entry.author) == (KEPT + 50, KEPT, LAN)
    registry.close()


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers()
    commands.add_commands(subparsers, clock=lambda: NOW)
    add_place_commands(subparsers, clock=lambda: NOW)
    options = parser.parse_args(words)
    code: int = options.func(options)
    return code


def test_the_terminal_says_who_too(tmp_path: Path, registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    where = ("--registry", f"sqlite:///{tmp_path}/registry.db")
    file = tmp_path / "sites.csv"
    file.write_text("id,name,kind,area,province,commune\na,A,school,rural,lang-son,huu-lung\n", "utf-8")
    run("site", "import", str(file), "--who", "Phòng BCVT", *where)
    run("site", "import", str(file), "--dry-run", *where)
    run("agent", "add", "b", "--site", "a", "--who", "Minh", *where)
    run("agent", "revoke", "b", "--who", "Minh", *where)
    villages = tmp_path / "villages.csv"
    villages.write_text("code,name,commune,province\nx,Thôn X,huu-lung,lang-son\n", "utf-8")
    run("village", "import", str(villages), "--who", "Hoa", *where)
    told = [(one.author.who, one.author.way, one.subject) for one in Journal(registry.database).list(limit=9)]
    assert told == [
        ("Hoa", "terminal", "villages"),
        ("Minh", "terminal", "agents"),
        ("Minh", "terminal", "agents"),
        ("Phòng BCVT", "terminal", "sites"),
    ]
    with pytest.raises(UsageError, match="--who"):
        run("agent", "revoke", "b", "--who", "=x", *where)
    assert capsys.readouterr().out
    registry.close()


def test_a_person_has_a_name() -> None:
    assert person(None, user=lambda: "lan") == "lan"
    with pytest.raises(UsageError, match="is empty"):
        person("  ")
