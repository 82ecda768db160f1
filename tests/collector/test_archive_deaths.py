"""A process that dies right before each thing that it does to the archive's files: what is left is whole."""

import os
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from collector.archive.archive import Archive
from collector.archive.inventory import check
from collector.archive.seal import prepare
from tests.collector.entries import AT, entry, seqs

OLD, NEXT = AT - timedelta(days=60), AT + timedelta(days=1)
DEEDS = ("ftruncate", "replace", "unlink", "mkdir", "fsync")


def die_before(deed: int) -> None:
    """Die before the so-many-th change; of what is written, half is written first."""
    left = count(1 - deed)

    def dying(real: Callable[..., object], *, half: bool = False) -> Callable[..., object]:
        def call(*args: object, **keys: object) -> object:
            makes = real is not OPEN or bool(int(str(args[1])) & os.O_CREAT)
            if makes and next(left) == 0:
                if half:
                    os.pwrite(*(args[0], bytes(args[1])[:40], args[2]))  # type: ignore[arg-type,call-overload] # a pwrite's
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **keys)

        return call

    for name in DEEDS:
        setattr(os, name, dying(getattr(os, name)))
    os.open, os.pwrite = dying(OPEN), dying(os.pwrite, half=True)  # type: ignore[assignment] # same, but deadly


OPEN = os.open


def live(folder: Path, told: Path) -> None:
    """A life of an archive; what is durable is told, as with a receipt."""
    with told.open("a", buffering=1) as tell:
        archive = Archive(folder)
        for seq, at in enumerate((OLD, OLD, AT, AT, None, AT, NEXT), 1):
            if at is None:
                archive.close()
            archive.open()
            archive.append([one := entry(seq), entry(seq + 100)], at=at or AT)
            tell.write(f"{seq} {one.head.id}\n")
        tell.write("expiring\n")
        archive.expire(AT.date())
        for _ in range(2):  # prepared, and gone before it was put in place; prepared again
            archive.close()
            prepare(folder, AT.date(), level=1)
            archive.open()
        prepare(folder, AT.date(), level=1)
        archive.writer._replace(AT.date())  # as `seal` does, without a process apart
        archive.append([one := entry(8)], at=NEXT)
        tell.write(f"8 {one.head.id}\n")
        archive.close()


def died(deed: int, folder: Path, told: Path) -> bool:
    told.touch()
    child = os.fork()
    if child == 0:
        die_before(deed)
        try:
            live(folder, told)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.fixture
def in_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder without a disk to wait for: what a killed process wrote stays there all the same."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    with TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:  # noqa: S108 - of our own
        yield Path(folder)


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_nothing_is_lost_or_doubled_wherever_it_dies(in_memory: Path) -> None:
    ids: dict[int, str] = {}
    deed = 0
    for deed in count(1):
        folder, told = in_memory / f"a{deed}", in_memory / f"t{deed}"
        has_died = died(deed, folder, told)
        lines = [line.split() for line in told.read_text().splitlines()]
        ids = {int(line[0]): line[1] for line in lines if len(line) == 2}
        told_of = set(ids)
        if ["expiring"] in lines:
            ids = {seq: one for seq, one in ids.items() if seq > 2}
        with_reader(folder, ids)
        archive = Archive(folder)
        archive.open()
        found = seqs(archive)
        assert len(found) == len(set(found))
        assert ids.keys() <= set(found)
        assert all(archive.knows("a1", "e1", seq) for seq in told_of), "also of what expired"
        end = archive.end()
        archive.append([entry(50)], at=NEXT)
        assert seqs(archive, end) == ([50] if end else [*found, 50])
        assert not list(folder.rglob("*.new"))
        archive.close()
        assert not any(one.damaged or one.keys or one.unreadable for one in check(folder))
        assert not any(one.torn for one in check(folder, day=NEXT.date())), "cut off by the append"
        if not has_died:
            break
    assert deed > 50, "else it did nothing"
    assert sorted(ids) == [3, 4, 5, 6, 7, 8]


def with_reader(folder: Path, ids: dict[int, str]) -> None:
    """What is durable is found also before anybody has mended anything."""
    reader = Archive(folder, writer=False)
    reader.open()
    assert all(reader.read(one) is not None for one in ids.values())
    reader.close()
