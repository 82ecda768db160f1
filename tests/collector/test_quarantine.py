"""Quarantine on a real file: bounded, durable, honest about what went."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.errors import StoreUnavailable, UsageError
from collector.ingest import Rejected
from collector.quarantine import Quarantine, listing, path_from_url

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
