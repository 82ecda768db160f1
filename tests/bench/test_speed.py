import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bench import speed
from tests.bench.invented import run
from tests.bench.store import Run, Store
from tests.netlab.namespace import ROOT, tool

HEADINGS = ("# Speed", "| clean | worst error |", "## Each link", "- machine: two cores")


def stored(path: Path, *runs: Run) -> None:
    store = Store.opened(path)
    for one in runs:
        store.add(one)


def test_a_report_measures_nothing_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "runs.jsonl"
    stored(path, run("clean/102/40/ipv4", machine="two cores"), run("clean/102/40/ipv4", repeat=1))
    assert speed.main(["--report", "--results", str(path)]) == 0
    assert "no goal missed" in capsys.readouterr().out
    text = path.with_suffix(".md").read_text("utf-8")
    assert all(heading in text for heading in HEADINGS)
    assert "measured 2026-01-02" in text


def test_a_missed_goal_is_listed_and_the_exit_code_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "runs.jsonl"
    stored(path, run("clean/102/40/ipv4", doubts=["cpu_bound"]))
    assert speed.main(["--report", "--results", str(path)]) == 1
    assert "clean/102/40/ipv4 #0: cpu_bound" in capsys.readouterr().out
    assert "## What missed a goal" in path.with_suffix(".md").read_text("utf-8")


@pytest.mark.parametrize("words", [["--only", "nonsense"], ["--cells", "nowhere/*"], ["--repeats", "0"]])
def test_a_wrong_wish_is_refused_in_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert speed.main(words) == 2
    assert capsys.readouterr().out.count("\n") == 1


def test_the_list_tells_what_would_be_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert speed.main(["--list", "--only", "peers", "--cells", "clean/42/*/ipv4"]) == 0
    out = capsys.readouterr().out
    assert "clean/42/80/ipv4" in out
    assert "9 runs" in out


def spaces_of(pid: int) -> list[str]:
    said = subprocess.run([tool("ip"), "netns"], capture_output=True, text=True, check=True).stdout  # noqa: S603 - fixed
    return [line for line in said.splitlines() if line.startswith(f"nl{pid}-")]


@pytest.mark.root
@pytest.mark.timeout(60)
def test_a_stop_ends_what_runs_removes_the_networks_and_keeps_no_half_run(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    command = [sys.executable, "-m", "tests.bench.speed", "--cells", "clean/42/80/ipv4", "--no-peers"]
    with subprocess.Popen([*command, "--results", str(path)], cwd=ROOT, stdout=subprocess.DEVNULL) as bench:  # noqa: S603 - ours
        deadline = time.monotonic() + 20
        while not spaces_of(bench.pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert spaces_of(bench.pid)
        os.kill(bench.pid, signal.SIGTERM)
        assert bench.wait(timeout=20) == speed.STOPPED
    assert not spaces_of(bench.pid)
    assert not Store.opened(path).runs
