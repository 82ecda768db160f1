"""The service through dead peers and brokers, kills, full disks and clocks that jump; nothing measured is lost."""

import itertools
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import msgspec
import pytest

from agent.ledger import Book
from agent.wire import codec
from tests.agent.box import QUICK, Box, Listener, broker, ended, listening, until
from tests.ports import free_port

pytestmark = [pytest.mark.program("mosquitto"), pytest.mark.timeout(60)]


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    folder.mkdir()
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=4m", "linkgauge-test", str(folder)], check=True)  # noqa: S603 - our own
    try:
        yield
    finally:
        subprocess.run(["/bin/umount", "-l", str(folder)], check=True)  # noqa: S603 - our own


async def test_a_broker_that_is_not_there_is_said_once_and_waited_for(box: Box) -> None:
    box.configure(f"[schedule.latency]\n{QUICK}")
    with box.agent() as run:
        await until(lambda: (told := box.status()) is not None and (told.status.spooled or 0) >= 2)
        with broker(box.folder, box.port):
            async with listening(box.port) as heard:
                await until(lambda: {1, 2} <= {report.seq for report in heard.reports})
                run.send_signal(signal.SIGINT)
                assert await ended(run, 3) == 0
        assert run.stderr is not None
        assert run.stderr.read().count("event=broker_unreachable") == 1


async def test_a_peer_that_is_not_there_gives_failures_not_a_fault(box: Box) -> None:
    box.peers = f'["stamp://127.0.0.1:{free_port()}"]'
    box.configure(f"[schedule.latency]\n{QUICK}")
    with broker(box.folder, box.port), box.agent() as run:
        async with listening(box.port) as heard:
            await until(lambda: heard.reports)
            run.terminate()
            assert await ended(run, 3) == 0
    assert str(heard.reports[0].failure) == "connect:refused"


async def test_a_bad_new_file_keeps_the_old_one_and_says_so(box: Box) -> None:
    path = box.configure()
    with broker(box.folder, box.port), box.agent() as run:
        async with listening(box.port) as heard:
            await until(lambda: heard.statuses)
            path.write_text(path.read_text() + "[spol]\n")
            run.send_signal(signal.SIGHUP)
            await until(
                lambda: (health := heard.statuses[-1].health) and "unknown key spol" in (health.config_error or "")
            )
            box.configure(f"[schedule.latency]\n{QUICK}")
            run.send_signal(signal.SIGHUP)
            await until(lambda: heard.reports)
            await until(lambda: (health := heard.statuses[-1].health) and not health.config_error)


async def test_a_kill_loses_nothing_that_was_measured(box: Box) -> None:
    box.configure(f"[schedule.latency]\n{QUICK}first_runs = 100\nfirst_every_s = 0.05\n")
    for _ in range(3):
        with box.agent() as run:
            await until(
                lambda: (told := box.status()) is not None and told.pid == run.pid and (told.status.seq or 0) > 2
            )
            run.kill()
    box.configure()
    with broker(box.folder, box.port), box.agent():
        async with listening(box.port) as heard:
            await until(lambda: (told := box.status()) is not None and told.status.spooled == 0)
            seqs = {report.seq for report in heard.reports}
    assert seqs == set(range(1, max(seqs) + 1))
    assert len({report.epoch for report in heard.reports}) == 1


async def test_a_second_agent_on_the_same_data_is_refused_in_one_line(box: Box) -> None:
    box.configure()
    with box.agent():
        await until(box.status)
        with box.agent() as second:
            assert await ended(second) == 1
            assert second.stderr is not None
            lines = second.stderr.read().splitlines()
    assert len(lines) == 1
    assert "another agent uses this spool" in lines[0]


@pytest.mark.root
async def test_a_full_disk_does_not_stop_the_measuring(box: Box) -> None:
    box.configure(f"[schedule.latency]\n{QUICK}first_runs = 1000\nfirst_every_s = 0.05\n")
    with small_disk(box.data), broker(box.folder, box.port), box.agent() as run:
        async with listening(box.port) as heard:
            heard.gives_receipts = False  # else the spool makes room by giving up what has one
            await until(lambda: heard.reports)
            fill(box.data / "ballast")
            await until(lambda: (health := heard.statuses[-1].health) is not None and health.spool_error)
            assert run.poll() is None
            (box.data / "ballast").unlink()
            await until(lambda: (health := heard.statuses[-1].health) is not None and not health.spool_error)
            newest = heard.statuses[-1].seq or 0
            heard.gives_receipts = True
            await until(lambda: any(report.seq > newest for report in heard.reports))
            run.terminate()
            assert await ended(run, 3) == 0
    starts = {report.seq: report.started for report in heard.reports}
    assert [starts[seq] for seq in sorted(starts)] == sorted(starts.values())


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass


def assert_places(reports: list[codec.AnyReport]) -> None:
    """Each place once, none left out, and `started` rises, in each epoch."""
    for epoch in {report.epoch for report in reports}:
        places = {report.seq: report.started for report in reports if report.epoch == epoch}
        assert sorted(places) == list(range(1, len(places) + 1))
        starts = [places[seq] for seq in sorted(places)]
        assert all(earlier < later for earlier, later in itertools.pairwise(starts))


async def test_what_was_measured_before_the_clock_was_set_gets_its_true_time(box: Box) -> None:
    box.configure(f"[schedule.latency]\n{QUICK}")
    box.set_clock(-1_700_000_000)
    began = datetime.now(UTC)
    with box.agent_with_another_clock() as run:
        await until(lambda: (told := box.status()) is not None and (told.status.spooled or 0) >= 2)
        run.kill()
    with broker(box.folder, box.port):
        async with listening(box.port) as heard:
            with box.agent_with_another_clock() as run:
                before = len(heard.statuses)
                await until(lambda: len(heard.statuses) > before + 1 and (heard.statuses[-1].spooled or 0) >= 4)
                assert heard.reports == []
                assert heard.statuses[-1].seq == 0
                box.set_clock(0)
                set_at = datetime.now(UTC)
                await until(lambda: sum(report.started > set_at for report in heard.reports) >= 2)
                await until(lambda: (told := box.status()) is not None and told.at > set_at and told.since > began)
                run.terminate()
                assert await ended(run, 3) == 0
    assert_places(heard.reports)
    assert len({report.epoch for report in heard.reports}) == 1
    early = [report for report in heard.reports if report.started < set_at]
    assert len(early) >= 4
    assert began <= min(report.started for report in early)
    assert all(report.clock and report.clock.rebased and "clock_unset" in report.doubts for report in early)
    late = [report for report in heard.reports if report.started > set_at + timedelta(seconds=1)]
    assert not any(report.clock and report.clock.rebased for report in late)


async def test_a_clock_that_jumps_by_hours_stops_nothing_and_bends_no_time(box: Box) -> None:
    box.configure(f"[schedule.latency]\n{QUICK}")
    box.set_clock(0)
    with broker(box.folder, box.port):
        async with listening(box.port) as heard:
            with box.agent_with_another_clock() as run:
                for shift_s in (0, 5 * 3600, 0, -3 * 3600):
                    box.set_clock(shift_s)
                    expected = datetime.now(UTC) + timedelta(seconds=shift_s)
                    await until(partial(has_two_since, heard, expected), 12)
                run.terminate()
                assert await ended(run, 3) == 0
    assert_places(heard.reports)
    assert len({report.epoch for report in heard.reports}) == 3, "a new one each time the clock was put back"
    book = msgspec.json.decode((box.data / "ledger.json").read_bytes(), type=Book)
    assert book.kinds["latency"].skipped.get("late", 0) <= 4, "no hours of slots that never were"


def has_two_since(heard: Listener, moment: datetime) -> bool:
    """Whether two reports began within the minute after a moment."""
    return sum(moment < report.started < moment + timedelta(minutes=1) for report in heard.reports) >= 2


async def test_the_loss_of_the_broker_shows_in_the_status_at_once(box: Box) -> None:
    box.configure()
    path = box.folder / "agent.toml"
    path.write_text(path.read_text().replace("status_file_s = 0.2", "status_file_s = 3600"))
    with box.agent():
        with broker(box.folder, box.port):
            await until(lambda: (told := box.status()) and told.broker and told.broker.connected)
        await until(lambda: (told := box.status()) and told.broker and not told.broker.connected)
        told = box.status()
        assert told is not None
        assert told.broker is not None
        assert told.broker.last_error


async def test_what_a_killed_agent_left_half_written_is_cleared_away(box: Box) -> None:
    box.configure()
    box.data.mkdir()
    for name in ("status.json", "ledger.json", "profile.json"):
        (box.data / f".{name}.x1y2").write_bytes(b"half")
    with box.agent():
        await until(box.status)
        await until(lambda: not list(box.data.glob(".*.x1y2")))
