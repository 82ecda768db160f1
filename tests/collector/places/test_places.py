"""What was imported can be counted without being read, on a file and on a server."""

from datetime import UTC, date, datetime
from pathlib import Path

from collector.places.places import Places, withdrawn_told
from collector.places.unit import Unit
from collector.registry.database import Database
from collector.registry.journal import Author, Journal, sealed
from tests.collector.postgres import Postgres

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
BEGINS = date(2026, 1, 1)
VILLAGES = [Unit(f"lang-son/huu-lung/thon-{n}", "village", f"Thôn {n}", "thôn") for n in range(3)]
OLD = [
    Unit("lang-son/xa-cu", "commune", "Xã Cũ", "xã", valid_until=date(2025, 6, 30), successors=("lang-son/huu-lung",)),
    Unit("lang-son/xa-moi", "commune", "Xã Mới", "xã", valid_from=BEGINS),
]


def test_units_are_counted(tmp_path: Path) -> None:
    counted(Database(f"sqlite:///{tmp_path}/registry.db"))


def test_units_are_counted_on_a_server_too(cluster: Postgres) -> None:
    counted(Database(cluster.new_database()))


def counted(database: Database) -> None:
    database.open()
    places = Places(database)
    assert places.counted() == (0, 0)
    places.import_units([*VILLAGES, *OLD], now=NOW)
    assert places.counted() == (3, 2) == (len(places.villages()), len(places.imported()))
    renamed = Unit(VILLAGES[0].path, "village", "Thôn Đổi Tên", "thôn")
    places.import_units([renamed], now=NOW)
    assert places.counted() == (3, 2), "a new version is the same unit"
    places.withdraw(renamed.path, None, now=NOW)
    places.withdraw(OLD[1].path, BEGINS, now=NOW)
    assert places.counted() == (2, 1) == (len(places.villages()), len(places.imported()))
    places.import_units([renamed], now=NOW)
    assert places.counted() == (3, 1), "what was taken back may come again"
    database.close()


def test_who_took_a_unit_back_is_recorded(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/registry.db")
    database.open()
    places = Places(database)
    places.import_units(VILLAGES, now=NOW)
    seal = sealed(Author("Lan", "terminal"), "places", withdrawn_told, now=NOW)
    places.withdraw(VILLAGES[0].path, None, now=NOW, seal=seal)
    (entry,) = Journal(database).list(limit=9)
    assert (entry.author.who, entry.changed, entry.differences[0].key) == ("Lan", 1, VILLAGES[0].path)
    database.close()
