"""The archive on real files: what is durable stays readable, whatever happens around it."""

import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from collector.archive.archive import Archive, Entry, folder_from_url, head_of
from collector.errors import StoreFull, StoreUnavailable, UsageError
from tests.collector.entries import AT, entry, zcat

DAY = Path("2026/2026-11-22.zst")


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    archive = Archive(tmp_path / "archive")
    archive.open()
    yield archive
    archive.close()


def reopened(archive: Archive) -> Archive:
    archive.close()
    archive.open()
    return archive


def test_gives_back_the_exact_bytes(archive: Archive) -> None:
    head = entry(1).head
    strange = Entry(head, b'\n{"a":"\xc3\xa1\\n",\n\t"id":\t"%b"}\n\n' % head.id.upper().encode())
    others = [entry(seq, note="x" * seq * 50) for seq in range(2, 60)]
    archive.append([strange, *others], at=AT)
    for _ in range(2):
        for one in [strange, *others]:
            assert archive.read(one.head.id) == one.raw
            assert archive.holds(one.head.id.upper())
        reopened(archive)
    assert archive.read(str(uuid.uuid4())) is None


def test_file_is_readable_with_zcat_and_says_when_and_how_long(archive: Archive) -> None:
    one, two = entry(1), entry(2)
    archive.append([one], at=AT)
    archive.append([two], at=AT)
    text = zcat((archive.folder / DAY).read_bytes())
    stamp = b"2026-11-22T01:02:03.456789Z"
    assert text == b"".join(b"%s\t%d\t%s\n" % (stamp, len(item.raw), item.raw) for item in (one, two))
    assert archive.size() == (archive.folder / DAY).stat().st_size


def test_days_are_those_of_utc_and_a_clock_that_goes_back_does_no_harm(archive: Archive) -> None:
    entries = [entry(seq) for seq in range(1, 4)]
    for one, at in zip(entries, (AT, AT + timedelta(days=1), AT), strict=True):
        archive.append([one], at=at)
    assert sorted(path.name for path in archive.folder.glob("2026/*.zst")) == ["2026-11-22.zst", "2026-11-23.zst"]
    assert all(archive.read(one.head.id) == one.raw for one in entries)


def test_knows_places_and_names_what_is_missing(archive: Archive) -> None:
    archive.append([entry(seq) for seq in (1, 2, 5, 9)], at=AT)
    for _ in range(2):
        assert archive.knows("a1", "e1", 5)
        assert not archive.knows("a1", "e1", 6)
        assert not archive.knows("a1", "e2", 5)
        assert not archive.knows("a2", "e1", 5)
        assert archive.missing("a1", "e1", 10) == [(3, 4), (6, 8), (10, 10)]
        assert archive.missing("a2", "e1", 2) == [(1, 2)]
        reopened(archive)


def test_what_a_ledger_declares_dropped_is_no_gap_even_after_the_index_was_lost(archive: Archive) -> None:
    archive.append([entry(1), entry(9, dropped=[(3, 4), (7, 8)])], at=AT)
    archive.declare_never("a1", "e1", [2])
    assert archive.missing("a1", "e1", 9) == [(5, 6)]
    assert reopened(archive).missing("a1", "e1", 9) == [(5, 6)]
    archive.close()
    (archive.folder / "index.db").unlink()
    archive.open()
    assert archive.missing("a1", "e1", 9) == [(2, 2), (5, 6)]


@pytest.mark.parametrize("damage", ["delete", "garbage", "cut"])
def test_index_is_derived(archive: Archive, damage: str) -> None:
    entries = [entry(seq) for seq in range(1, 30)]
    archive.append(entries, at=AT)
    archive.close()
    index = archive.folder / "index.db"
    if damage == "delete":
        index.unlink()
    elif damage == "garbage":
        index.write_bytes(os.urandom(20_000))
    else:
        os.truncate(index, index.stat().st_size // 2)
    archive.open()
    assert archive.missing("a1", "e1", 29) == []
    assert all(archive.read(one.head.id) == one.raw for one in entries)


def test_index_from_another_archive_is_not_believed(archive: Archive) -> None:
    archive.append([entry(1)], at=AT)
    archive.append([entry(2)], at=AT)
    archive.close()
    first, second = entry(7), entry(8, note="other")
    (archive.folder / DAY).unlink()
    other = Archive(archive.folder.parent / "other")
    other.open()
    other.append([first], at=AT)
    other.append([second], at=AT)
    other.close()
    (other.folder / DAY).rename(archive.folder / DAY)
    archive.open()
    assert archive.missing("a1", "e1", 8) == [(1, 6)]
    assert archive.read(second.head.id) == second.raw


def test_archive_older_than_its_index_loses_what_it_does_not_hold(archive: Archive) -> None:
    archive.append([entry(1)], at=AT)
    backup = (archive.folder / DAY).read_bytes()
    archive.append([entry(2)], at=AT)
    archive.close()
    (archive.folder / DAY).write_bytes(backup)
    archive.open()
    assert archive.missing("a1", "e1", 2) == [(2, 2)]


@pytest.mark.parametrize("tail", [b"\x28\xb5\x2f\xfd\x00", b"\0" * 5000, None, b"noise"])
def test_torn_tail_is_cut_and_the_rest_stays(archive: Archive, tail: bytes | None) -> None:
    one, two, three = entry(1), entry(2), entry(3)
    archive.append([one], at=AT)
    archive.append([two], at=AT)
    archive.close()
    path = archive.folder / DAY
    if tail is None:
        os.truncate(path, path.stat().st_size - 3)
    else:
        path.write_bytes(path.read_bytes() + tail)
    archive.open()
    archive.append([three], at=AT)
    kept = [one, three] if tail is None else [one, two, three]
    assert archive.missing("a1", "e1", 3) == ([(2, 2)] if tail is None else [])
    assert all(archive.read(item.head.id) == item.raw for item in kept)
    assert zcat(path.read_bytes()).count(b"\n") == len(kept)


def test_damage_in_the_middle_costs_only_that_batch(archive: Archive) -> None:
    entries = [entry(seq, note=str(uuid.uuid4())) for seq in range(1, 4)]
    ends = []
    for one in entries:
        archive.append([one], at=AT)
        ends.append(archive.size())
    archive.close()
    path = archive.folder / DAY
    content = bytearray(path.read_bytes())
    content[ends[0] + 30 : ends[0] + 40] = b"\xff" * 10
    path.write_bytes(content)
    (archive.folder / "index.db").unlink()
    archive.open()
    assert archive.damaged == ends[1] - ends[0]
    assert archive.missing("a1", "e1", 3) == [(2, 2)]
    assert archive.read(entries[2].head.id) == entries[2].raw
    assert path.stat().st_size == ends[2]


def test_full_disk_leaves_nothing_half_written(archive: Archive) -> None:
    one, two, three = entry(1), entry(2, note=os.urandom(300_000).hex()), entry(3)
    archive.append([one], at=AT)
    size = archive.size()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 200_000, hard))
    try:
        with pytest.raises(StoreFull):
            archive.append([two], at=AT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert (archive.folder / DAY).stat().st_size == size
    assert not archive.knows("a1", "e1", 2)
    archive.append([three], at=AT)
    for _ in range(2):
        assert archive.read(two.head.id) is None
        assert archive.read(three.head.id) == three.raw
        reopened(archive)


def test_file_replaced_under_a_running_collector_is_refused_not_written_to(archive: Archive) -> None:
    archive.append([entry(1)], at=AT)
    (archive.folder / DAY).rename(archive.folder / "moved")
    with pytest.raises(StoreUnavailable, match="restart"):
        archive.append([entry(2)], at=AT)


def test_index_that_cannot_be_written_keeps_nothing_from_being_found(archive: Archive) -> None:
    one, two = entry(1), entry(2)
    blocker = sqlite3.connect(archive.folder / "index.db", isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    archive._opened._database.execute("PRAGMA busy_timeout = 1")  # noqa: SLF001 - else the test waits 5 s
    archive.append([one], at=AT)
    assert archive.knows("a1", "e1", 1)
    assert archive.read(one.head.id) == one.raw
    blocker.execute("ROLLBACK")
    blocker.close()
    archive.append([two], at=AT)
    assert reopened(archive).read(one.head.id) == one.raw


def test_second_collector_on_the_same_folder_is_told(archive: Archive) -> None:
    other = Archive(archive.folder)
    with pytest.raises(UsageError, match="in use by another collector"):
        other.open()
    one = entry(1)
    archive.append([one], at=AT)
    reader = Archive(archive.folder, writer=False)
    reader.open()
    assert reader.read(one.head.id) == one.raw
    reader.close()


def test_expired_days_go_and_stay_known(archive: Archive) -> None:
    one, two = entry(1), entry(2)
    archive.append([one], at=AT - timedelta(days=40))
    archive.append([two], at=AT)
    assert archive.expire(date(2026, 11, 1)) == 1
    assert archive.read(one.head.id) is None
    assert archive.read(two.head.id) == two.raw
    assert reopened(archive).missing("a1", "e1", 2) == []
    assert archive.has_expired(AT - timedelta(days=40))
    assert not archive.has_expired(AT)
    assert archive.has_expired(datetime.min.replace(tzinfo=timezone(timedelta(hours=14))))


def test_day_that_cannot_be_forgotten_is_said_and_goes_another_time(archive: Archive) -> None:
    archive.append([entry(1)], at=AT - timedelta(days=40))
    archive._opened._database.execute("PRAGMA busy_timeout = 50")  # noqa: SLF001 - 5 s are long in a test
    with closing(sqlite3.connect(archive.folder / "index.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match=r"cannot delete 2026-10-13"):
            archive.expire(date(2026, 11, 1))
        other.execute("ROLLBACK")
    assert archive.expire(date(2026, 11, 1)) == 1


@pytest.mark.parametrize("url", ["file://host/x", "archive", "s3://b", "file:relative"])
def test_other_places_are_refused(url: str) -> None:
    with pytest.raises(UsageError, match=r"archive\.url"):
        folder_from_url(url)
    assert folder_from_url("file:///var/lib/l%20g") == Path("/var/lib/l g")


_APPENDER = """
import sys, json, uuid
from datetime import UTC, datetime
from pathlib import Path
from collector.archive.archive import Archive, Entry, head_of
archive = Archive(Path(sys.argv[1])); archive.open()
seq = int(sys.argv[2])
while True:
    batch = []
    for _ in range(20):
        seq += 1
        report = str(uuid.uuid4())
        raw = json.dumps({"id": report, "agent": "a1", "epoch": "e1", "seq": seq, "pad": "x" * 300}).encode()
        batch.append(Entry(head_of(report, place=("a1", "e1", seq), kind="k"), raw))
    archive.append(batch, at=datetime.now(UTC))
    print(seq, batch[-1].head.id, flush=True)
"""


@pytest.mark.timeout(60)
def test_kill_at_any_instant_loses_nothing_that_append_returned(tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    archive = Archive(folder)
    start = 0
    for round_number in range(3):
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and script
            [sys.executable, "-c", _APPENDER, str(folder), str(start)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        promised = [process.stdout.readline() for _ in range(10 + 14 * round_number)]
        process.kill()
        promised += process.stdout.read().splitlines(keepends=True)
        process.wait()
        process.stdout.close()
        last, last_id = next(line for line in reversed(promised) if line.endswith("\n")).split()
        archive.open()
        assert archive.missing("a1", "e1", int(last)) == []
        raw = archive.read(last_id)
        assert raw is not None
        assert json.loads(raw)["seq"] == int(last)
        start = int(last)
        while archive.knows("a1", "e1", start + 1):
            start += 1
        archive.close()
    lines = zcat(b"".join(path.read_bytes() for path in sorted(folder.glob("2*/*.zst")))).splitlines()
    assert [json.loads(line.split(b"\t", 2)[2])["seq"] for line in lines] == list(range(1, start + 1))


def test_a_disk_that_refuses_is_said_and_tried_again(archive: Archive) -> None:
    archive.append([entry(1)], at=AT)
    archive.close()
    assert not archive.is_open
    parked = archive.folder.with_name("parked")
    archive.folder.rename(parked)
    archive.folder.touch()
    with pytest.raises(StoreUnavailable, match="check the disk"):
        archive.open()
    archive.folder.unlink()
    parked.rename(archive.folder)
    archive.open()
    assert archive.missing("a1", "e1", 1) == []


def test_a_damaged_member_is_said_when_it_is_read(archive: Archive) -> None:
    one = entry(1, note="x" * 500)
    archive.append([one], at=AT)
    file = archive.folder / DAY
    for damage in (b"\0" * 40, b""):
        content = file.read_bytes()
        file.write_bytes(content[:20] + damage + content[60:] if damage else content[:20])
        with pytest.raises(StoreUnavailable, match=one.head.id):
            archive.read(one.head.id)


def test_keys_that_cannot_be_asked_stop_deciding_instead_of_guessing(archive: Archive) -> None:
    one = entry(1)
    archive.append([one], at=AT)
    reopened(archive)  # its keys are on disk now
    keys = archive.folder / f"{DAY}.keys"
    for harm in (lambda: keys.rename(keys.with_name("away")), lambda: keys.write_bytes(b"other")):
        harm()
        for ask in (archive.holds, archive.read):
            with pytest.raises(StoreUnavailable, match=r"keys|change"):
                ask(one.head.id)
    keys.unlink()
    assert reopened(archive).read(one.head.id) == one.raw


def test_index_on_disk_says_what_memory_says_also_after_failed_writes(tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 - a test repeats itself
    archive = Archive(tmp_path / "archive")
    archive.open()
    places = [(epoch, seq) for epoch in ("e1", "e2") for seq in range(1, 200)]
    chance.shuffle(places)
    knowledge = archive._opened  # noqa: SLF001 - what is held in memory and written down
    for number in range(40):
        first = chance.randrange(1, 300)
        some = [entry(seq, epoch=epoch) for epoch, seq in places[number * 8 : number * 8 + 8]]
        archive.append([*some, entry(1000 + number, dropped=[(first, first + 5)])], at=AT)
        archive.declare_never("a1", "e1", [chance.randrange(1, 300), 2**53])
        knowledge._database.execute(f"PRAGMA query_only = {number % 3 == 1}")  # noqa: SLF001 - as a full disk
        with suppress(sqlite3.OperationalError):
            knowledge.save(())
    knowledge._database.execute("PRAGMA query_only = 0")  # noqa: SLF001 - there is room again
    known, never = knowledge.known["a1"], knowledge.never
    archive.close()
    archive.open()
    again = archive._opened  # noqa: SLF001
    assert {epoch: held.ranges() for epoch, held in known.items()} == {
        epoch: held.ranges() for epoch, held in again.known["a1"].items()
    }
    assert {key: held.ranges() for key, held in never.items()} == {
        key: held.ranges() for key, held in again.never.items()
    }
    archive.close()


def test_lines_that_are_no_reports_of_ours_stop_nothing(archive: Archive) -> None:
    """As another program, or a version to come, may have left them."""
    archive.append([entry(1)], at=AT)
    archive.close()
    lines = [b"{}", b"\xff", json.dumps({"id": str(uuid.uuid4()), "agent": "a", "epoch": "e", "seq": 2**80}).encode()]
    text = b"".join(b"2026-11-22T02:00:00.000000Z\t%d\t%b\n" % (len(line), line) for line in lines)
    with (archive.folder / DAY).open("ab") as file:
        file.write(subprocess.run(["zstd", "-q"], input=text, stdout=subprocess.PIPE, check=True).stdout)  # noqa: S607 - a standard tool
    (archive.folder / f"{DAY}.keys").unlink()
    (archive.folder / "index.db").unlink()
    archive.open()
    one = entry(2)
    assert archive.append([one], at=AT).reports == 5
    assert [raw for _, some in archive.since(None) for _, raw in some][1:4] == lines
    assert reopened(archive).read(one.head.id) == one.raw
    assert archive.missing("a1", "e1", 2) == []


def test_an_id_that_is_none_is_refused_before_anything_is_written(archive: Archive) -> None:
    bad = Entry(head_of("x", place=("a1", "e1", 1), kind="k"), b"{}")
    with pytest.raises(ValueError, match="x"):
        archive.append([entry(1), bad], at=AT)
    assert archive.size() == 0
    assert archive.missing("a1", "e1", 1) == [(1, 1)]
