"""`linkgauge-agent survey` as people start it, stop it, and lose its power."""

import asyncio
import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.agent.box import ROOT, ended, until
from tests.agent.survey.ground import Asked, Ground, ground, kept, track

pytestmark = [pytest.mark.program("dbus-daemon"), pytest.mark.timeout(60)]


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Ground]:
    async with ground(tmp_path, [*track(200)]) as made:
        yield made


@contextmanager
def terminal(
    command: list[str], columns: int, rows: int, **environment: str
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A program on a terminal of this size, and the other end of it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    os.set_blocking(ours, False)
    plain = {name: value for name, value in os.environ.items() if name not in {"LC_ALL", "LANG", "COLUMNS", "LINES"}}
    env = plain | {"TERM": "xterm-256color", "PYTHONUTF8": "1"} | environment
    with subprocess.Popen(  # noqa: S603 - our own command line
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, env=env, start_new_session=True
    ) as run:
        os.close(theirs)
        try:
            yield run, ours
        finally:
            if run.poll() is None:
                run.kill()
            os.close(ours)


def drained(number: int, heard: bytearray) -> bytearray:
    """All that came from the terminal so far."""
    try:
        while some := os.read(number, 65536):
            heard += some
    except (BlockingIOError, OSError):
        pass
    return heard


async def lines_of(run: Any, count: int) -> list[str]:  # noqa: ANN401 - a process
    """The next lines that a process prints."""
    return [await asyncio.to_thread(run.stdout.readline) for _ in range(count)]


async def test_without_a_terminal_it_prints_a_line_a_sample_and_a_card_at_the_end(here: Ground) -> None:
    with here.survey("--every", "0.05", "--environment", "walking", "--keep") as run:
        lines = await lines_of(run, 10)
        run.send_signal(signal.SIGTERM)
        rest = await asyncio.to_thread(run.stdout.read)
        assert await ended(run) == 0
        assert run.stderr.read() == ""
    assert [line.split()[0] for line in lines] == [str(number) for number in range(1, 11)]
    assert all(line.rstrip().endswith("Viettel 4G  RSRP -97 dBm  fair") for line in lines)
    reports = kept(here.recorded)
    assert f"Samples: {len(reports)} samples, {len(reports)} with position" in rest
    assert "4G level: -97 best, -97 median, -97 worst dBm" in rest
    assert (here.data / "survey" / "waiting").exists(), "kept, as it was told to"


async def test_a_power_cut_costs_the_sample_in_work_and_the_next_walk_is_another(here: Ground) -> None:
    with here.survey("--every", "0.02") as run:
        printed = await lines_of(run, 25)
        run.kill()
        printed += await asyncio.to_thread(run.stdout.readlines)
    before = kept(here.recorded)
    assert len(before) >= len(printed) >= 25, "what was shown as a sample is on disk"
    assert not (here.data / "spool.db").exists()

    with here.survey("--every", "0.02") as run:
        await lines_of(run, 5)
        run.send_signal(signal.SIGINT)
        assert "sending" in await asyncio.to_thread(run.stderr.readline)
        run.send_signal(signal.SIGINT)
        out = await asyncio.to_thread(run.stdout.read)
        assert await ended(run, 15) == 0
    assert "reports wait on this device; with a network: linkgauge-agent survey --upload" in out
    reports = kept(here.data / "spool.db")
    assert [report["id"] for report in reports[: len(before)]] == [report["id"] for report in before]
    assert [report["seq"] for report in reports] == list(range(1, len(reports) + 1))
    assert len({report["epoch"] for report in reports}) == 1
    walks = {report["result"]["survey"] for report in reports}
    assert len(walks) == 2
    for walk in walks:
        numbers = [report["result"]["place_number"] for report in reports if report["result"]["survey"] == walk]
        assert numbers == list(range(1, len(numbers) + 1))
    assert not (here.data / "survey" / "waiting").exists()


@pytest.mark.parametrize(
    ("columns", "rows", "language", "words"),
    [(40, 20, "en_GB.UTF-8", "20 samples"), (80, 24, "vi_VN.UTF-8", "20 mẫu")],
)
async def test_on_a_terminal_it_draws_itself_hears_keys_and_leaves_the_terminal_as_it_was(
    here: Ground, columns: int, rows: int, language: str, words: str
) -> None:
    with terminal(here.command("--every", "0.05", "--keep"), columns, rows, LANG=language) as (run, screen):
        before = termios.tcgetattr(screen)
        heard = bytearray()
        await until(lambda: words.encode() in drained(screen, heard), 20)
        assert b"\x1b[?1049h" in heard
        assert "▲".encode() in heard
        assert termios.tcgetattr(screen)[6][termios.VSUSP] == b"\0", "Ctrl-Z would leave the drawing behind"
        os.write(screen, b"x\x1aq")
        await until(lambda: run.poll() is not None)
        drained(screen, heard)
        assert run.returncode == 0
        assert b"\x1b[?1049l" in heard
        after = bytes(heard).rpartition(b"\x1b[?1049l")[2].decode()
        assert "Viettel 4G (100 %)" in after
        assert termios.tcgetattr(screen) == before
    lines = bytes(heard).replace(b"\r", b"").split(b"\n")
    assert len(lines) > rows


async def test_a_terminal_that_hangs_up_ends_the_walk_and_loses_nothing(here: Ground) -> None:
    with terminal(here.command("--every", "0.05"), 80, 24) as (run, screen):
        heard = bytearray()
        await until(lambda: b"5 samples" in drained(screen, heard), 20)
        run.send_signal(signal.SIGHUP)
        await until(lambda: drained(screen, heard) is not None and run.poll() is not None, 5)
        assert run.returncode == 0
    assert len(kept(here.recorded)) >= 5
    assert (here.data / "survey" / "waiting").exists()


async def test_no_modem_is_told_once_tried_again_and_not_measured(here: Ground) -> None:
    here.manager.modems = asked = Asked()
    with here.survey("--every", "0.05", "--keep") as run:
        told = await asyncio.to_thread(run.stderr.readline)
        await until(lambda: asked.times >= 3)
        run.send_signal(signal.SIGTERM)
        assert await ended(run) == 4
        assert run.stderr.read() == ""
    assert "has found no modem" in told
    assert [report["failure"]["reason"] for report in kept(here.recorded)] == ["no_hardware"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--every", "0"], "not a number of seconds"),
        (["--route", "none.csv"], "--route: cannot read none.csv"),
        (["--environment", "flying"], "invalid choice"),
        (["--throughput", "--peer", "ftp://x"], "peer"),
        (["--gpsd", "host:none"], "gpsd"),
        (["--config", "none.toml"], "none.toml: cannot read"),
    ],
)
async def test_a_wrong_argument_is_one_plain_line(here: Ground, arguments: list[str], says: str) -> None:
    with here.survey(*arguments) as run:
        assert await ended(run, 15) == 2
        told = run.stderr.read()
    assert says in told
    assert told.count("\n") == 1
