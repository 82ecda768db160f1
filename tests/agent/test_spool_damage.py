"""A spool through damage, kill -9, full disks and files that cannot be opened."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from agent.errors import SpoolError
from agent.spool import Spool
from agent.wire.results import Throughput
from tests.agent.delivery import HERE, START, measurement
from tests.agent.spools import fill, opened, stored_bytes, waiting

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("damage", ["garbage", "truncated", "schema", "bad page", "empty"])
def test_a_damaged_file_is_moved_aside_and_a_new_epoch_begins(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path) as spool:
        fill(spool, 300)
        before = spool.epoch
    path = tmp_path / "spool.db"
    content = path.read_bytes()
    if damage == "schema":
        with sqlite3.connect(path) as db:
            db.execute("DROP TABLE kinds")
        db.close()
    else:
        path.write_bytes(
            {
                "garbage": b"no database at all" * 500,
                "truncated": content[: len(content) // 2],
                "bad page": content[:8192] + os.urandom(8192) + content[16384:],
                "empty": b"",
            }[damage]
        )
    with opened(tmp_path) as spool:
        assert spool.epoch != before
        assert [report.seq for report in fill(spool, 1)] == [1]
    aside = [path.name for path in tmp_path.iterdir() if ".corrupt-" in path.name and "-wal" not in path.name]
    assert len(aside) == (0 if damage == "empty" else 1)
    assert caplog.text.count("event=spool_corrupt") == len(aside)


def test_damage_that_shows_in_use_is_survived_and_counted(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        for number in range(1, 61):
            large = Throughput(cipher="x" * 60_000)  # more than the cache holds
            spool.put(msgspec.structs.replace(measurement(number, "throughput"), result=large))
        before = spool.epoch
    path = tmp_path / "spool.db"
    with opened(tmp_path) as spool:
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(os.urandom(path.stat().st_size - 4096))
        assert spool.recent(100) == []
        assert spool.epoch != before
        fill(spool, 1)
        assert (spool.spooled, spool.dropped) == (1, 60)


def test_spoilt_bytes_of_one_report_are_dropped_not_sent_for_ever(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        fill(spool, 3)
    db = sqlite3.connect(tmp_path / "spool.db")
    db.execute("UPDATE reports SET body = X'7B00FF' WHERE place % 4 = 2")
    db.commit()
    db.close()
    with opened(tmp_path) as spool:
        assert len(stored_bytes(spool)) == 2
        assert (spool.dropped_ranges(), spool.spooled) == ([(2, 2)], 2)


def test_a_report_of_newer_software_is_left_to_the_collector(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        fill(spool, 1)
        newer = stored_bytes(spool)[0].replace(b'"v":1', b'"v":2')
        spool._db.execute("UPDATE reports SET body = ?", (newer,))  # type: ignore[union-attr]  # noqa: SLF001 - a downgrade
        assert stored_bytes(spool) == [newer]
        assert spool.move(spool.epoch, [1]) == 1
        assert (spool.spooled, spool.dropped, spool.dropped_ranges()) == (0, 1, [])


def test_two_agents_cannot_have_one_spool(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(SpoolError, match="another agent uses this spool") as caught:
        Spool(tmp_path / "spool.db", identity=HERE).open()
    assert isinstance(caught.value.__cause__, BlockingIOError)


def test_a_folder_that_cannot_be_made_is_one_plain_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match=r"cannot open the spool: .*; check the folder"):
        Spool(tmp_path / "file" / "spool.db", identity=HERE).open()


def test_a_spool_that_could_not_be_opened_opens_later(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("")
    spool = Spool(tmp_path / "folder" / "spool.db", identity=HERE)
    with pytest.raises(SpoolError):
        spool.put(measurement(1))
    (tmp_path / "folder").unlink()
    try:
        assert [report.seq for report in fill(spool, 1)] == [1]
    finally:
        spool.close()


PUTTER = """
import sys
from pathlib import Path
from tests.agent.delivery import HERE, START, measurement
from agent.spool import Spool
spool = Spool(Path(sys.argv[1]), identity=HERE, limit_bytes=1 << 20)
spool.open()
number = spool.newest_seq
while True:
    number += 1
    report = spool.put(measurement(number, "throughput" if number % 7 == 0 else "latency"))
    if number % 3 == 0:
        spool.stored(report.epoch, [(report.seq - 1, report.seq)], START)
    print(report.seq, flush=True)
"""


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_kill_9_at_any_moment_leaves_neither_gap_nor_duplicate(tmp_path: Path) -> None:
    path, promised, epochs = tmp_path / "spool.db", 0, set()
    for round_ in range(6):
        command = [sys.executable, "-c", PUTTER, str(path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})  # noqa: S603 - ours
        assert process.stdout is not None
        first = process.stdout.readline()  # from then on: how long a start takes says nothing of the spool
        timer = threading.Timer(0.3 + 0.13 * round_, process.send_signal, [signal.SIGKILL])
        timer.start()
        told = [int(line) for line in (first, *process.stdout) if line.endswith(b"\n")]
        process.wait(10)
        timer.join()
        process.stdout.close()
        assert told == [*range(promised + 1, promised + len(told) + 1)], "no gap, no duplicate, nothing given back"
        promised += len(told)
        with opened(tmp_path, limit_bytes=1 << 20) as spool:
            assert spool.newest_seq - promised in (0, 1), "all that was promised is here, at most one more"
            promised = spool.newest_seq
            epochs.add(spool.epoch)
            rows = sqlite3.connect(path).execute("SELECT place & 0xFFFFFFFFFF FROM reports ORDER BY place").fetchall()
            gone = {seq for first, last in spool.dropped_ranges() for seq in range(first, last + 1)}
            kept = {seq for _, seq in waiting(spool)}
            assert kept <= {seq for (seq,) in rows}
            assert not kept & gone
            assert max((seq for (seq,) in rows), default=0) == spool.newest_seq
    assert len(epochs) == 1
    assert promised > 50


@pytest.mark.root
def test_a_full_disk_refuses_then_recovers(tmp_path: Path) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(mount)], check=True)  # noqa: S603, S607
    try:
        with opened(mount) as spool:
            with pytest.raises(SpoolError, match=r"full|disk I/O"):
                fill(spool, 100_000)
            count = spool.newest_seq
            before = spool.epoch
            assert spool.spooled == count > 500
            (mount / "hog").write_bytes(b"x" * shutil.disk_usage(mount).free)
            assert shutil.disk_usage(mount).free == 0, "now to the last byte"
            assert spool.dropped == 0, "what has no receipt is not given up for a disk that others filled"
            assert spool.stored(spool.epoch, [(1, count // 2)], START) > 0, "a receipt can be noted on a full disk"
            reports = fill(spool, 20, first=count + 1)
            assert [report.seq for report in reports] == [*range(count + 1, count + 21)], "receipted ones made room"
            with pytest.raises(SpoolError, match="full"):
                fill(spool, 100_000, first=count + 21)
            count = spool.newest_seq
            assert spool.stored(spool.epoch, [(1, count)], START) > 0, "and it does not matter how often"
            (mount / "hog").unlink()
            fill(spool, 1, first=count + 1)
        with opened(mount) as spool:
            assert spool.epoch == before
            assert spool.newest_seq == count + 1
    finally:
        subprocess.run(["umount", str(mount)], check=True)  # noqa: S603, S607


LIMITED = """
import resource, sys
from pathlib import Path
from agent.errors import SpoolError
from agent.spool import Spool
from tests.agent.delivery import HERE, START, measurement
spool = Spool(Path(sys.argv[1]), identity=HERE)
spool.open()
for number in range(1, 21):
    spool.put(measurement(number))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
number = 20
try:
    while True:
        spool.put(measurement(number + 1))
        number += 1
except SpoolError as error:
    print("refused", error)
assert spool.newest_seq == number, (spool.newest_seq, number)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert spool.put(measurement(number + 1)).seq == number + 1
assert spool.spooled == number + 1
spool.close()
"""


def test_a_quota_refuses_then_recovers(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "spool.db")]
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr.decode()
    assert b"refused" in done.stdout
