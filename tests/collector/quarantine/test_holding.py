"""Quarantine on a real file: bounded, durable, honest about what went."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.errors import StoreUnavailable, UsageError
from collector.ingest import Rejected
from collector.quarantine import Quarantine, Search, listing, path_from_url

AT = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)


def rejected(raw: bytes, topic: str = "linkgauge/v1/a1/report") -> Rejected:
    return Rejected(topic, "a1", "malformed", "why", raw)


@pytest.fixture
def quarantine(tmp_path: Path) -> Iterator[Quarantine]:
    quarantine = Quarantine(tmp_path / "sub" / "quarantine.db", limit_bytes=10_000, limit_count=5)
    quarantine.open()
    yield quarantine
    quarantine.close()


def test_keeps_exact_bytes_with_topic_reason_and_time(quarantine: Quarantine) -> None:
    quarantine.put([rejected(b"\xff\x00bad", "strange \ud800 topic".encode("utf-8", "replace").decode())], at=AT)
    (held,) = quarantine.list()
    assert (held.reason, held.detail, held.times, held.bytes) == ("malformed", "why", 1, 5)
    assert held.first == "2026-11-22T01:02:03.000000Z"
    found = quarantine.show(held.number)
    assert found == (held, b"\xff\x00bad")
    assert quarantine.show(99) is None


def test_same_payload_again_is_one_entry_that_counts(quarantine: Quarantine) -> None:
    for minutes in range(3):
        quarantine.put([rejected(b"x"), rejected(b"x")], at=AT + timedelta(minutes=minutes))
    (held,) = quarantine.list()
    assert held.times == 6
    assert held.last > held.first


def test_oldest_go_by_count_and_by_bytes_and_are_counted(quarantine: Quarantine) -> None:
    for number in range(8):
        quarantine.put([rejected(b"%d" % number)], at=AT + timedelta(seconds=number))
    assert [quarantine.show(held.number) for held in quarantine.list()][-1] is not None
    assert len(quarantine.list()) == 5
    assert quarantine.gone() == 3
    quarantine.put([rejected(b"x" * 9_999)], at=AT + timedelta(hours=1))
    assert [held.bytes for held in quarantine.list()] == [9_999, 1]
    quarantine.put([rejected(b"y" * 50_000)], at=AT + timedelta(hours=2))
    assert [held.bytes for held in quarantine.list()] == [10_000]


def test_survives_a_restart_and_can_be_listed_by_a_command(quarantine: Quarantine) -> None:
    quarantine.put([rejected(b"x")], at=AT)
    looked_at = listing(quarantine.path)
    assert len(looked_at.list()) == 1
    looked_at.close()
    quarantine.close()
    with pytest.raises(StoreUnavailable, match="not open"):
        quarantine.list()
    quarantine.open()
    assert len(quarantine.list()) == 1


def test_disk_that_refuses_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="check the disk"):
        Quarantine(tmp_path / "file" / "q.db", limit_bytes=1, limit_count=1).open()
    with pytest.raises(UsageError, match="nothing was ever rejected"):
        listing(tmp_path / "none.db")


def test_place_by_url_or_beside_the_archive() -> None:
    archive = Path("/var/lib/linkgauge/archive")
    assert path_from_url(None, archive=archive) == Path("/var/lib/linkgauge/quarantine.db")
    assert path_from_url("sqlite:///q%20q.db", archive=archive) == Path("/q q.db")
    with pytest.raises(UsageError, match=r"quarantine\.url"):
        path_from_url("file:///x", archive=archive)


def test_a_file_that_is_no_quarantine_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing was ever rejected here"):
        listing(tmp_path / "none.db")
    (tmp_path / "a?b.db").write_bytes(b"nonsense" * 100)
    with pytest.raises(StoreUnavailable, match="not a database"):
        listing(tmp_path / "a?b.db")


def test_a_disk_that_refuses_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    quarantine = Quarantine(tmp_path / "file" / "q.db", limit_bytes=1000, limit_count=10)
    with pytest.raises(StoreUnavailable, match="check the disk"):
        quarantine.open()
    quarantine = Quarantine(tmp_path / "q.db", limit_bytes=1000, limit_count=10)
    quarantine.open()
    assert quarantine._database is not None  # noqa: SLF001 - as a full disk
    quarantine._database.execute("PRAGMA query_only = 1")  # noqa: SLF001 - as a full disk
    with pytest.raises(StoreUnavailable, match="readonly"):
        quarantine.put([Rejected("t", None, "malformed", "d", b"x")], at=datetime(2026, 11, 22, tzinfo=UTC))
    quarantine.close()


def test_searched_by_reason_agent_time_and_text(quarantine: Quarantine) -> None:
    items = [
        Rejected("linkgauge/v1/a1/report", "a1", "malformed", "no JSON", b'{"kind":"thr\xff'),
        Rejected("linkgauge/v1/a1/report", "a1", "version", "v 2", b'{"v":2}'),
        Rejected("linkgauge/v1/a10/report", "a10", "version", "v 3", b'{"v":3}'),
    ]
    for minute, item in enumerate(items):
        quarantine.put([item], at=AT + timedelta(minutes=minute))

    def found(search: Search) -> list[int]:
        return [held.number for held in quarantine.list(search)]

    assert found(Search(reason="version")) == [3, 2]
    assert found(Search(agent="a1")) == [2, 1]
    assert found(Search(since=AT + timedelta(minutes=2))) == [3]
    assert found(Search(text='"v":2')) == found(Search(text="v 2")) == [2]
    assert found(Search(text="a10")) == [3]
    assert found(Search(text="100%' OR 1=1")) == []
    assert found(Search(numbers=[1, 3, 99], agent="a1")) == [1]
    assert quarantine.count(Search(agent="a1")) == {"malformed": 1, "version": 1}
    assert quarantine.count() == {"malformed": 1, "version": 2}


def test_what_is_asked_for_is_claimed_once_however_many_processes_look(quarantine: Quarantine) -> None:
    quarantine.put([rejected(b"%d" % number) for number in range(5)], at=AT)
    other = Quarantine(quarantine.path, limit_bytes=10_000, limit_count=5)
    other.open()
    assert quarantine.claim(9, at=AT) == []
    assert quarantine.ask(Search(numbers=[1, 2, 3, 4]), who="me", at=AT) == [1, 2, 3, 4]
    claimed = [*quarantine.claim(3, at=AT), *other.claim(3, at=AT)]
    assert [(one.number, one.payload) for one in claimed] == [(1, b"0"), (2, b"1"), (3, b"2"), (4, b"3")]
    assert other.claim(9, at=AT + timedelta(seconds=59)) == []
    later = AT + timedelta(seconds=61)
    assert [one.number for one in other.claim(9, at=later)] == [1, 2, 3, 4]

    other.settle(1, "stored: it is", accepted=True, at=later)
    other.settle(2, "rejected: still", accepted=False, at=later)
    other.withdraw([3, 4, 5])
    assert quarantine.outcomes([1, 2, 3, 5, 99], since=AT) == {
        1: "stored: it is",
        2: "rejected: still",
        3: None,
        5: "went to make room, or was withdrawn",
        99: "went to make room, or was withdrawn",
    }
    assert quarantine.show(1) is None
    kept = quarantine.show(2)
    assert kept is not None
    assert (kept[0].asked, kept[0].outcome, kept[0].replayed) == (
        None,
        "rejected: still",
        "2026-11-22T01:03:04.000000Z",
    )
    other.close()


def test_a_new_reason_replaces_the_old_and_judging_again_is_not_coming_again(quarantine: Quarantine) -> None:
    quarantine.put([rejected(b"x")], at=AT)
    quarantine.put([Rejected("linkgauge/v1/a1/report", "a1", "version", "other", b"x")], at=AT + timedelta(minutes=1))
    (held,) = quarantine.list()
    assert (held.reason, held.detail, held.times) == ("version", "other", 2)
    quarantine.ask(Search(numbers=[held.number]), who="me", at=AT)
    quarantine.claim(1, at=AT)
    quarantine.put([rejected(b"x")], at=AT + timedelta(hours=1))
    (again,) = quarantine.list()
    assert (again.reason, again.times, again.last) == ("malformed", 2, held.last)


def test_a_file_of_the_first_version_is_taken_over(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "q.db")) as old:
        old.executescript(
            "CREATE TABLE payload (number INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE,"
            " first TEXT NOT NULL, last TEXT NOT NULL, times INTEGER NOT NULL, topic TEXT NOT NULL,"
            " reason TEXT NOT NULL, detail TEXT NOT NULL, payload BLOB NOT NULL);"
            "CREATE TABLE gone (id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL);"
            "INSERT INTO gone VALUES (1, 7);"
            "INSERT INTO payload VALUES (1, 'd1', 'f', '2', 1, 't', 'malformed', 'newer', 'x');"
            "INSERT INTO payload VALUES (2, 'd2', 'f', '1', 1, 't', 'version', 'older', 'x');"
            "INSERT INTO payload VALUES (3, 'd3', 'f', '1', 1, 't', 'version', 'another', 'y');"
        )
        old.execute("UPDATE payload SET payload = CAST(payload AS BLOB)")
        old.commit()
    quarantines = [Quarantine(tmp_path / "q.db", limit_bytes=10_000, limit_count=5) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(Quarantine.open, quarantines))
    for quarantine in quarantines:
        assert [(held.number, held.detail) for held in quarantine.list()] == [(1, "newer"), (3, "another")]
        assert quarantine.gone() == 7
        quarantine.close()
