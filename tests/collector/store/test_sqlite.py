"""The embedded store's own faults: power, disk, locks, damage; and the views that people read."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from collector.errors import PointsRefused, StoreFull, StoreUnavailable
from collector.store.points import known_columns, points_of
from collector.store.sqlite import SqliteStore
from tests.collector.store.samples import NOON, SECOND, SITE, THROUGHPUT, point, report

ALL = {"start_ns": NOON - 10**6 * SECOND, "end_ns": NOON + 10**6 * SECOND}
ROOT = Path(__file__).parents[3]

WRITER = """
import asyncio, sys
from pathlib import Path
from collector.store.sqlite import SqliteStore
from tests.collector.store.samples import point

async def main():
    store = SqliteStore(Path(sys.argv[1]))
    await store.open()
    number = 0
    while True:
        await store.write([point(number + more) for more in range(20)])
        number += 20
        print(number, flush=True)

asyncio.run(main())
"""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    found = SqliteStore(tmp_path / "deep" / "series.db", busy_s=0.1)
    await found.open()
    yield found
    await found.close()


def select(path: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


async def test_kill_9_loses_nothing_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "series.db"
    for _ in range(3):
        with subprocess.Popen(  # noqa: ASYNC220, S603 - our own program, and the test does nothing meanwhile
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, cwd=ROOT, text=True
        ) as child:
            assert child.stdout is not None
            acknowledged = max(int(child.stdout.readline()) for _ in range(15))
            os.kill(child.pid, signal.SIGKILL)
            acknowledged = max([acknowledged, *map(int, child.stdout.read().split())])
        survivor = SqliteStore(path)
        rows = await survivor.samples("throughput", site="a", **ALL)
        await survivor.close()
        assert [row.time_ns for row in rows][:acknowledged] == [NOON + n * SECOND for n in range(acknowledged)]
        assert select(path, "PRAGMA integrity_check") == [("ok",)]


async def test_every_commit_is_synchronous(store: SqliteStore) -> None:
    await store.write([point(1)])
    found = await store._writer.run(  # noqa: SLF001 - the setting is per connection, so only this one can tell
        lambda: [
            store._writer.layout.connection.execute(f"PRAGMA {name}").fetchone()[0]  # type: ignore[union-attr] # noqa: SLF001 - open
            for name in ("journal_mode", "synchronous")
        ]
    )
    assert found == ["wal", 2]


async def test_there_is_a_view_per_measurement_before_the_first_row(store: SqliteStore) -> None:
    for measurement, columns in known_columns().items():
        assert select(store.path, f'SELECT * FROM "{measurement}"') == []  # noqa: S608 - our own names
        names = {name for (_, name, *_) in select(store.path, f"PRAGMA table_info('{measurement}')")}
        assert names >= {"time", "utc", "site", "agent", "province", "peer", *columns}


async def test_a_view_reads_like_the_contract(store: SqliteStore) -> None:
    await store.write(points_of(report(result=THROUGHPUT), SITE))
    assert select(
        store.path,
        "SELECT utc, site, commune, engine, download_mbps, upload_mbps, idle_rtt_ms_min, conclusive, id"
        " FROM throughput",
    ) == [
        (
            "2026-11-22T01:02:03.123Z",
            "ls-huulung-th1",
            "huu-lung",
            "msak",
            118.4,
            57.25,
            11.8,
            1,
            "01936f0e-0000-7000-8000-000000000001",
        )
    ]


async def test_a_new_field_widens_the_table_and_its_view(store: SqliteStore) -> None:
    await store.write([point(1)])
    await store.write([point(2, brand_new_ms=4.5)])
    assert select(store.path, "SELECT brand_new_ms FROM throughput ORDER BY time") == [(None,), (4.5,)]


async def test_another_process_may_change_the_schema_and_drop_everything(store: SqliteStore) -> None:
    await store.write([point(1)])
    other = SqliteStore(store.path)
    await other.write([point(2, from_elsewhere=1.0)])
    await store.write([point(3, from_elsewhere=2.0)])
    rows = await store.samples("throughput", site="a", **ALL)
    assert [row.fields.get("from_elsewhere") for row in rows] == [None, 1.0, 2.0]
    await other.drop()
    await store.write([point(4, site="b"), point(5)])
    assert len(await other.samples("throughput", site="a", **ALL)) == 1
    await other.close()


async def test_a_site_window_is_read_by_the_key(store: SqliteStore) -> None:
    (plan,) = select(
        store.path,
        "EXPLAIN QUERY PLAN SELECT * FROM _throughput WHERE _site = 1 AND _time >= 5 AND _time < 9 ORDER BY _time DESC",
    )
    assert "USING PRIMARY KEY (_site=? AND _time>? AND _time<?)" in str(plan[3])


async def test_a_lock_held_elsewhere_is_try_again(store: SqliteStore) -> None:
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked by another program"):
            await store.write([point(1)])
        other.execute("ROLLBACK")
    await store.write([point(1)])
    assert len(await store.samples("throughput", site="a", **ALL)) == 1


async def test_readers_do_not_hold_up_the_writer(store: SqliteStore) -> None:
    await store.write([point(1)])
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN")
        assert other.execute("SELECT count(*) FROM throughput").fetchone() == (1,)
        await store.write([point(2)])
        assert other.execute("SELECT count(*) FROM throughput").fetchone() == (1,)
    assert len(await store.samples("throughput", site="a", **ALL)) == 2


@contextmanager
def tiny_disk(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)  # noqa: S603 - fixed
    try:
        yield folder
    finally:
        subprocess.run(["/bin/umount", "-l", str(folder)], check=True)  # noqa: S603 - fixed


async def until_full(store: SqliteStore) -> int:
    """Write until the disk is full; the number of points that the store said were durable."""
    for stored in range(0, 100_000, 100):
        try:
            await store.write([point(stored + more, word="x" * 500) for more in range(100)])
        except StoreFull:
            return stored
    raise AssertionError("the disk never filled")


@pytest.mark.root
async def test_a_full_disk_is_said_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    with tiny_disk(tmp_path / "disk", "4m") as disk:
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(2 * 2**20))
        store = SqliteStore(disk / "series.db")
        stored = await until_full(store)
        assert stored
        with pytest.raises(StoreFull):
            await store.write([point(stored + more, word="x" * 500) for more in range(3000)])
        assert len(await store.samples("throughput", site="a", **ALL)) == stored
        ballast.unlink()
        await store.write([point(stored)])
        assert len(await store.samples("throughput", site="a", **ALL)) == stored + 1
        await store.close()


@pytest.mark.root
@pytest.mark.parametrize("size", ["4k", "16k", "64k"])
async def test_a_disk_that_is_full_at_the_start_is_said(tmp_path: Path, size: str) -> None:
    """SQLite says it in two ways: no room for the file, and an I/O error where its shared memory has none."""
    with tiny_disk(tmp_path / "disk", size) as disk:
        store = SqliteStore(disk / "series.db")
        with pytest.raises(StoreFull, match="no room left"):
            await store.open()
        await store.close()


async def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "series.db"
    path.write_bytes(b"this is no database at all, but long enough to look like one" * 100)
    store = SqliteStore(path)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match=r"series\.db is damaged or no series file.*move it away"):
            await store.open()
    path.unlink()
    await store.open()
    await store.close()


async def test_a_page_damaged_while_in_use_is_named(store: SqliteStore) -> None:
    await store.write([point(number, word="x" * 400) for number in range(500)])
    await store.close()
    size = store.path.stat().st_size
    with store.path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    with pytest.raises(StoreUnavailable, match="damaged"):
        await store.write([point(1)])


async def test_a_deleted_file_is_noticed_and_made_anew(store: SqliteStore) -> None:
    await store.write([point(1)])
    assert await store.samples("throughput", site="a", **ALL)
    for path in store.path.parent.iterdir():
        path.unlink()
    with pytest.raises(StoreUnavailable, match="moved or deleted while in use"):
        await store.samples("throughput", site="a", **ALL)
    with pytest.raises(StoreUnavailable, match="unable to open"):
        await store.samples("throughput", site="a", **ALL)
    with pytest.raises(StoreUnavailable, match="moved or deleted while in use"):
        await store.write([point(2)])
    await store.write([point(2)])
    rows = await store.samples("throughput", site="a", **ALL)
    assert [row.fields["download_mbps"] for row in rows] == [2.0]


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = SqliteStore(tmp_path / "file" / "series.db")
    with pytest.raises(StoreUnavailable, match="check the folder and its rights"):
        await store.open()
    await store.close()


async def test_a_directory_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    with pytest.raises(StoreUnavailable, match="unable to open database file"):
        await store.open()
    await store.close()


async def test_writes_at_once_are_all_durable(store: SqliteStore) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(40):
            group.create_task(store.write([point(number)]), name=f"write {number}")
            group.create_task(store.samples("throughput", site="a", **ALL), name=f"read {number}")
    assert len(await store.samples("throughput", site="a", **ALL)) == 40


async def test_a_cancelled_write_leaves_the_store_usable(store: SqliteStore) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await store.write([point(number) for number in range(2000)])
    await store.write([point(1)])
    assert len(await store.samples("throughput", site="a", **ALL)) in (1, 2000)


async def test_names_that_sql_cannot_hold_are_refused_not_run(store: SqliteStore) -> None:
    evil = 'x" REAL); DROP TABLE _site; --'
    with pytest.raises(PointsRefused) as refusal:
        await store.write(
            [replace(point(1), fields={evil: 1.0}), point(2, measurement=evil), point(3, measurement="_site"), point(4)]
        )
    assert refusal.value.indices == (0, 1, 2)
    assert await store.samples(evil, site="a", **ALL) == []
    assert await store.summary("throughput", evil, **ALL) == {}
    assert len(await store.samples("throughput", site="a", **ALL)) == 1


async def test_a_measurement_has_room_for_so_many_fields_only(store: SqliteStore) -> None:
    with pytest.raises(PointsRefused, match="more than 1500 fields"):
        await store.write([replace(point(1), fields={f"f{number}": 1.0 for number in range(1501)})])
    await store.write([replace(point(1, measurement="wide"), fields={f"f{number}": 1.0 for number in range(1400)})])
    (row,) = await store.samples("wide", site="a", **ALL)
    assert len(row.fields) == 1400


async def test_ever_new_tag_sets_cost_no_memory(store: SqliteStore) -> None:
    await store.close()
    store.series_cached = 3
    points = [replace(point(number), tags=(("peer", f"p{number}"), ("site", "s"))) for number in range(10)]
    for _ in range(2):
        await store.write(points)
    assert store._writer.layout is not None  # noqa: SLF001 - what is held in memory
    assert len(store._writer.layout._series) <= 3  # noqa: SLF001
    rows = await store.samples(points[0].measurement, site="s", start_ns=0, end_ns=2 * NOON)
    assert [row.tags["peer"] for row in rows] == [f"p{number}" for number in range(10)]


async def test_many_rows_of_many_shapes_in_one_write_are_all_there(store: SqliteStore) -> None:
    """Rows go in by shape, many with one statement; a row that comes twice in a batch is merged as ever."""
    rows = [
        replace(point(number), fields={"id": str(number)} | {f"f{field}": 1.0 for field in range(number % 5 + 1)})
        for number in range(333)
    ]
    again = [replace(point(number), fields={"extra": 1.0, "id": f"{number}, again"}) for number in range(0, 333, 10)]
    await store.write([*rows, *again])
    found = await store.samples(rows[0].measurement, site=dict(rows[0].tags)["site"], start_ns=0, end_ns=2**62)
    assert [row.time_ns for row in found] == [one.time_ns for one in rows]
    for number, row in enumerate(found):
        told = {"extra": 1.0, "id": f"{number}, again"} if number % 10 == 0 else {}
        assert row.fields == {**rows[number].fields, **told}
