"""`linkgauge-agent simulate` as an operator runs it, against a real broker and a collector that gives receipts."""

import asyncio
import csv
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.__main__ import main
from agent.wire.codec import encode
from tests.agent.delivery import Mosquitto, until
from tests.agent.simulate.receipts import Receipts
from tests.agent.uplinks import running

pytestmark = pytest.mark.program("mosquitto")
PROGRAM = (sys.executable, "-m", "agent", "simulate")


async def start(*words: object) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*PROGRAM, *map(str, words), stdout=pipe, stderr=pipe)


async def run(*words: object) -> tuple[int, str, str]:
    process = await start(*words)
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    try:
        code: object = main(["simulate", *words])
    except SystemExit as end:
        code = end.code
    assert code == 2
    said = capsys.readouterr()
    return said.out, said.err


def seqs(receipts: Receipts) -> dict[str, list[int]]:
    return {agent: sorted({report.seq for report in reports}) for agent, reports in receipts.reports.items()}


async def test_everything_that_is_made_gets_its_receipt_through_storms_and_outages(
    broker: Mosquitto, tmp_path: Path
) -> None:
    receipts = Receipts(broker.port)
    async with running(receipts.run()):
        await receipts.ready.wait()
        words = ["--agents", 12, "--processes", 2, "--rate", 120, "--reports", 20, "--prefill", 4, "--ramp", 0.2]
        words += ["--storm", "0.5:0.2", "--offline", "0.2:0.3", "--timer", "batch_s=0.05", "--seed", 3, "--json"]
        words += ["--timer", "reconnect_first_s=0.1", "--timer", "resend_first_s=1", "--folder", tmp_path / "fleet"]
        code, out, err = await run(*words, "--broker", f"mqtt://127.0.0.1:{broker.port}")
    assert (code, err) == (0, "")
    said: dict[str, Any] = json.loads(out)
    assert (said["produced"], said["receipted"], said["left"], said["rejected"]) == (240, 240, 0, 0)
    assert said["connects"] > 12
    assert seqs(receipts) == {f"sim-{number:05d}": list(range(1, 21)) for number in range(1, 13)}
    assert {path.name for path in (tmp_path / "fleet").iterdir()} == set(receipts.reports)
    assert receipts.statuses["offline"] > 0


async def test_the_same_seed_and_start_give_the_same_reports(broker: Mosquitto) -> None:
    found = []
    for _ in range(2):
        receipts = Receipts(broker.port)
        async with running(receipts.run()):
            await receipts.ready.wait()
            words = ["--agents", 3, "--rate", 100, "--reports", 10, "--ramp", 0, "--start", "2026-11-01T00:00:00Z"]
            code, _, err = await run(*words, "--broker", f"mqtt://127.0.0.1:{broker.port}", "--json")
            assert (code, err) == (0, "")
        plain = [report for reports in receipts.reports.values() for report in reports]
        found.append(sorted(encode(report).split(b'"epoch"')[0] for report in plain))
    assert found[0] == found[1]
    assert len(found[0]) == 30


async def test_ctrl_c_says_what_was_done(broker: Mosquitto) -> None:
    receipts = Receipts(broker.port)
    async with running(receipts.run()):
        await receipts.ready.wait()
        process = await start("--agents", 4, "--rate", 50, "--broker", f"mqtt://127.0.0.1:{broker.port}", "--ramp", 0)
        await until(lambda: len(receipts.reports) == 4, "reports come")
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert b"4 agents in 1 processes" in out
    assert b"reports made" in out


async def test_without_a_broker_it_says_so() -> None:
    words = ["--broker", "mqtt://127.0.0.1:9", "--seconds", 0.5, "--drain", 0.2, "--ramp", 0, "--agents", 2, "--json"]
    code, out, err = await run(*words)
    assert code == 3
    assert json.loads(out)["connects"] == 0
    assert err == "linkgauge-agent simulate: no agent reached the broker; check --broker, and that it runs\n"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "name the broker with --broker"),
        (["--broker", "ws://h:1"], "write mqtt:// or mqtts://HOST:PORT"),
        (["--broker", "mqtt://h:1", "--storm", "x"], "--storm: "),
        (["--broker", "mqtt://h:1", "--offline", "1:5"], "must be below 1"),
        (["--broker", "mqtt://h:1", "--kinds", "speed=1"], '--kinds: "speed=1"'),
        (["--broker", "mqtt://h:1", "--timer", "nonsense=1"], "--timer: "),
        (["--broker", "mqtt://h:1", "--start", "noon"], "--start: "),
        (["--broker", "mqtt://h:1", "--agents", "0"], "whole number from 1"),
    ],
)
def test_a_fault_is_one_plain_line(words: list[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = refused(words, capsys)
    assert out == ""
    assert err.count("\n") == 1
    assert why in err


async def test_a_fault_in_a_process_of_the_fleet_is_one_plain_line() -> None:
    words = ["--broker", "mqtt://h:1", "--password-file", "/nowhere", "--username", "x"]
    code, out, err = await run(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "broker.password_file" in err


def test_a_devices_own_spool_is_not_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "spool.db").write_bytes(b"precious")
    _, err = refused(["--broker", "mqtt://127.0.0.1:9", "--folder", str(tmp_path)], capsys)
    assert "a device's own spool" in err
    assert [path.name for path in tmp_path.iterdir()] == ["spool.db"]


def test_sites_and_agents_are_written_for_the_registry(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--agents", "30", "--write-sites", str(tmp_path / "sites.csv")]) == 0
    out = capsys.readouterr().out
    assert f"agent add --from {tmp_path}/sites.agents.csv" in out
    with (tmp_path / "sites.csv").open(encoding="utf-8", newline="") as file:
        sites = [row["id"] for row in csv.DictReader(file)]
    with (tmp_path / "sites.agents.csv").open(encoding="utf-8", newline="") as file:
        agents = [(row["agent"], row["site"]) for row in csv.DictReader(file)]
    assert agents == [(site, site) for site in sites]
    assert sites[0] == "sim-00001"
