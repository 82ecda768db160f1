"""The command for people: what it understands, what it says, and that it exits as its command does."""

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.netlab import namespace, tun
from tests.netlab.arguments import milliseconds, parser, queue, rate, share, specs
from tests.netlab.spec import LinkSpec
from tests.netlab.trace import Step

COMMAND = [sys.executable, "-m", "tests.netlab"]


def netlab(*words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own program
        [*COMMAND, *words],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=15,
        cwd=namespace.ROOT,
        env=namespace.environment(),
    )


def test_amounts_are_read_as_people_write_them() -> None:
    assert [rate(text) for text in ("102mbit", "1gbit", "500kbit", "20", "1.5Mbit")] == [102, 1000, 0.5, 20, 1.5]
    assert [milliseconds(text) for text in ("40", "40ms", "1.5s")] == [40, 40, 1500]
    assert [share(text) for text in ("0.5%", "0.005", "0")] == [0.005, 0.005, 0]
    assert [queue(text) for text in ("50ms", "15kB", "15000b")] == [(50, None), (None, 15_000), (None, 15_000)]


def test_a_pair_is_for_down_and_up(tmp_path: Path) -> None:
    (tmp_path / "lte.csv").write_text("100,5\n", "utf-8")
    words = f"--trace {tmp_path}/lte.csv --up 20 --rtt 40 --loss 1%/0 --jitter 3 --queue 15kB/20ms --burst 2".split()
    assert specs(parser().parse_args(words)) == (
        LinkSpec(trace=(Step(100, 5),), rtt_ms=40, jitter_ms=3, loss=0.01, burst=2, queue_bytes=15_000),
        LinkSpec(rate_mbps=20, rtt_ms=40, jitter_ms=3, burst=2, queue_ms=20),
    )


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("--down 5x", "5x is not a rate, such as 102mbit"),
        ("--down 0", "rate_mbps must be above 0"),
        ("--down -5", "-5 is not a rate"),
        ("--loss 200%", "loss must be a share from 0 to 1"),
        ("--loss 1/2/3", "must be one value, or DOWN/UP"),
        ("--queue 5", "5 is not a queue, such as 50ms or 15kB"),
        ("--rtt soon", "soon is not a time"),
        ("--trace /nowhere", "the trace /nowhere cannot be read: No such file"),
        ("--down 3 --trace /dev/null", "at least one step"),
        ("--dwn 5", "unrecognized arguments: --dwn"),
    ],
)
def test_a_wrong_argument_is_one_line(words: str, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises((SystemExit, ValueError, argparse.ArgumentTypeError)) as caught:
        specs(parser().parse_args(words.split()))
    said = capsys.readouterr().err or str(caught.value)
    assert complaint in said
    assert said.strip().count("\n") == 0


@pytest.mark.parametrize(("rtt", "queue_ms"), [("10", 50), ("120", 120)])
def test_the_queue_holds_a_round_trip_unless_told_otherwise(rtt: str, queue_ms: float) -> None:
    down, up = specs(parser().parse_args(["--rtt", rtt]))
    assert down.queue_ms == up.queue_ms == queue_ms


def test_help_has_examples() -> None:
    done = netlab("--help")
    assert done.returncode == 0
    assert "examples:" in done.stdout


@pytest.mark.root
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--", "true"], 0),
        (["--", "sh", "-c", "exit 7"], 7),
        (["--", "sh", "-c", "kill -9 $$"], 137),
        (["--down", "5x", "--", "true"], 2),
        (["--loss", "2", "--", "true"], 2),
        (["--congestion", "nothing", "--", "true"], 1),
        (["--server", "nosuchserver -s", "--", "true"], 2),
        (["--server", "", "--", "true"], 2),
        (["--server", "sh -c 'exit 3'", "--", "sleep", "0.5"], 1),
        (["--server", "sh -c 'exit 3'", "--", "sh", "-c", "sleep 0.5; exit 7"], 7),
        (["--server", "sleep 100", "--", "true"], 0),
    ],
)
def test_it_exits_as_the_command_does(words: list[str], code: int) -> None:
    done = netlab(*words)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("netlab: ")


@pytest.mark.root
def test_without_a_command_it_is_a_shell_behind_the_line() -> None:
    done = netlab("--down", "10mbit", "--server", "echo beyond", text="ip -brief address show eth0\nexit 3\n")
    assert done.returncode == 3
    assert "10.77.1.2/24" in done.stdout
    assert "the server is 10.77.2.2 and 2001:db8:77:2::2" in done.stderr
    assert "beyond" in done.stderr
    assert re.search(r"netlab: [\d.]+ s, down [\d.]+ MB in \d+ packets .*, up ", done.stderr)


@pytest.mark.root
def test_on_a_terminal_it_shows_what_passes() -> None:
    ours, theirs = os.openpty()
    with subprocess.Popen(  # noqa: S603 - our own program
        [*COMMAND, "--", "sleep", "1"],
        stderr=theirs,
        stdin=subprocess.DEVNULL,
        cwd=namespace.ROOT,
        env=namespace.environment(),
    ) as process:
        process.wait(timeout=15)
    os.close(theirs)
    said = os.read(ours, 65_536).decode()
    os.close(ours)
    assert re.search(r"down +[\d.]+ Mbit/s \(\d+ kB waiting, .*emulator \d+% of a core", said)


@pytest.mark.root
def test_ended_from_outside_it_leaves_nothing() -> None:
    with subprocess.Popen(  # noqa: S603 - our own program
        [*COMMAND, "--", "sh", "-c", "echo begun; sleep 1000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=namespace.ROOT,
        env=namespace.environment(),
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=15) == 128 + signal.SIGTERM
        assert time.monotonic() - began < 10
    assert not [path for path in tun.NAMESPACES.iterdir() if path.name.startswith(f"nl{process.pid}-")]
