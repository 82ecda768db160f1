"""The command line: one plain line for every fault, the contract's exit codes, and a light start."""

import io
import json
import logging
import os
import pty
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.commands import exit_code, held_back, host_id, notes_folder, options_of
from agent.config import parse
from agent.errors import AgentError, UsageError
from agent.probes import PROBES
from agent.wire.failure import Failure
from agent.wire.report import Measurement
from agent.wire.results import Direction, Ipv6, Latency, Result, Throughput

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "agent"]
GOOD = '[agent]\nid = "a1"\ndata = "{data}"\n[broker]\nurl = "mqtt://127.0.0.1:1"\n[peer]\nurls = ["{peer}"]\n'


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG"))}
    return subprocess.run(  # noqa: S603 - our own command lines
        [*PROGRAM, *words],
        cwd=ROOT,
        env=env | {"LANG": "C.UTF-8"} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )


@pytest.fixture(scope="module")
def peer() -> Iterator[dict[str, str]]:
    command = [
        *PROGRAM,
        "peer",
        "--listen",
        "127.0.0.1:0",
        "--stamp",
        "127.0.0.1:0",
        "--max-tests",
        "1",
        "--pace",
        "50",
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        yield dict(process.stdout.readline().split()[1:] for _ in range(2))
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 0


@pytest.fixture
def config(tmp_path: Path, peer: dict[str, str]) -> Path:
    path = tmp_path / "agent.toml"
    path.write_text(GOOD.format(data=tmp_path / "data", peer=f"stamp://{peer['stamp']}"))
    return path


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert done.stdout == ""
    return lines[0]


@pytest.mark.parametrize("command", [[], ["run"], ["probe"], ["peer"], ["status"], ["check-config"]])
def test_every_help_has_an_example(command: list[str]) -> None:
    done = run(*command, "--help")
    assert done.returncode == 0
    assert "example: linkgauge-agent" in done.stdout


def test_help_costs_less_than_0_4_s_of_cpu_and_loads_nothing_heavy() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run("--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.4
    # dnspython is not in the list: the MQTT library takes it whenever it is there.
    script = (
        "import sys, agent.service, agent.commands, agent.__main__\n"
        "heavy = {'rich', 'aiohttp', 'sqlalchemy', 'h11'} & set(sys.modules)\n"
        "sys.exit(' '.join(sorted(heavy)))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.stderr.strip() == ""


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["fly"], "invalid choice: 'fly'"),
        (["run", "--cfg", "x"], "unknown argument --cfg"),
        (["run", "--config", "/nowhere/a.toml"], "/nowhere/a.toml: cannot read the configuration"),
        (["check-config", "--config", "/nowhere/a.toml"], "No such file"),
        (["status", "--config", "/nowhere/a.toml"], "No such file"),
        (["probe"], "name what to measure: throughput, latency, ipv6"),
        (["probe", "radar", "--peer", "h:1"], 'no probe is called "radar"; there are throughput'),
        (["probe", "radar", "--list"], 'no probe is called "radar"'),
        (["probe", "latency", "--peer", "gopher://h"], "unknown scheme 'gopher'"),
        (["probe", "latency", "--peer", "stamp://h", "--cuont", "3"], "latency has no option 'cuont'"),
        (["probe", "latency", "--peer", "stamp://h", "--count"], "--count: a value is missing"),
        (["probe", "latency", "--peer", "stamp://h", "--option", "count"], "write it as NAME=VALUE"),
        (["probe", "latency", "more"], "unknown argument more"),
        (["probe", "latency", "--family", "5"], "invalid choice: '5'"),
        (["probe", "latency", "--max-seconds", "-3"], "is not a number of seconds"),
        (["probe", "latency", "--max-seconds", "soon"], "is not a number of seconds"),
        (["probe", "latency", "--max-bytes", "10"], "is not a number of bytes from 1024 up"),
        (["probe", "latency", "--max-bytes", "lots"], "is not a number of bytes"),
        (["peer", "--listen-tls", "127.0.0.1:0"], "needs --cert"),
        (["peer", "--cert", "peer.pem", "--key", "peer.key"], "--listen-tls"),
        (["peer", "--max-tests", "0"], "is not a number of tests"),
        (["peer", "--listen", "nowhere"], "nowhere"),
    ],
)
def test_wrong_usage_is_one_plain_line_and_exit_code_2(words: list[str], line: str) -> None:
    done = run(*words)
    assert done.returncode == 2
    assert line in one_line(done)


def test_a_fault_shows_where_only_with_debug() -> None:
    assert "Traceback" not in run("check-config", "--config", "/nowhere").stderr
    assert "Traceback" in run("check-config", "--config", "/nowhere", "--debug").stderr


def test_check_config_says_good_or_what_is_wrong(config: Path) -> None:
    done = run("check-config", "--config", str(config))
    assert done.returncode == 0
    assert "good; agent a1" in done.stdout
    config.write_text(config.read_text() + "[spol]\n")
    done = run("check-config", "--config", str(config))
    assert done.returncode == 2
    assert "unknown key spol; did you mean spool?" in one_line(done)


def test_check_config_looks_for_the_files_that_are_named(config: Path) -> None:
    done = run("check-config", "--config", str(config), LINKGAUGE_BROKER_CA="/nowhere/ca.pem")
    assert done.returncode == 2
    assert "broker.ca: /nowhere/ca.pem is not there" in one_line(done)


def test_check_config_notes_what_a_service_or_the_device_will_not_do(config: Path) -> None:
    done = run("check-config", "--config", str(config), LINKGAUGE_PEER_URLS="mlab:")
    assert done.returncode == 0
    assert "good; agent a1" in done.stdout
    assert "note: schedule.throughput: 6 runs a day with M-Lab" in done.stderr
    done = run("check-config", "--config", str(config), LINKGAUGE_PEER_URLS="iperf3://h:1", PATH="/nowhere")
    assert "good; agent a1" in done.stdout
    assert "note: schedule.throughput: the program iperf3 is not installed" in done.stderr
    done = run("check-config", "--config", str(config), LINKGAUGE_SCHEDULE_THROUGHPUT_PEER="stamp://h:1")
    assert done.returncode == 2
    assert "stamp measures no throughput" in one_line(done)


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ('options = { early = "no", strems = "4" }', "schedule.throughput: throughput has no option 'strems'"),
        (
            'options = { streams = "9" }',
            "schedule.throughput: throughput option streams: expected a number from 1 to 8, not '9'",
        ),
        ('options = { early = "perhaps" }', "schedule.throughput: option early: expected true or false"),
        ('options = { metered = "perhaps" }', "schedule.throughput: option metered: expected true or false"),
        ('options = { rehearsal = "perhaps" }', "schedule.throughput: option rehearsal: expected true or false"),
        ('options = { insecure = "perhaps" }', "schedule.throughput: option insecure: expected true or false"),
        (
            'options = { before_s = "soon" }',
            "schedule.throughput: throughput option before_s: expected a number from 0 to 60",
        ),
        ('options = { congestion = "vegas" }', "schedule.throughput: option congestion: expected one of bbr"),
        ('options = { ca = "/nowhere" }', "schedule.throughput: option ca: /nowhere is not a file"),
        ("max_seconds = 0.5", "schedule.throughput: throughput needs at least 1 s a direction"),
        ("first_runs = 1\nfirst_max_seconds = 0.5", "schedule.throughput: throughput needs at least 1 s a direction"),
        ('[schedule.latency]\noptions = { cuont = "4" }', "schedule.latency: latency has no option 'cuont'"),
        ('[schedule.latency]\noptions = { count = "0" }', "schedule.latency: latency option count: expected a number"),
        ('[schedule.ipv6]\noptions = { timeout = "x" }', "schedule.ipv6: ipv6 option timeout: expected a number"),
    ],
)
def test_check_config_reads_options_as_the_run_will(config: Path, more: str, complaint: str) -> None:
    config.write_text(f"{config.read_text()}\n[schedule.throughput]\n{more}\n")
    done = run("check-config", "--config", str(config), LINKGAUGE_PEER_URLS="msak+ws://h:1,stamp://h:1")
    assert done.returncode == 2
    assert complaint in one_line(done)
    assert str(config) in done.stderr


def test_check_config_says_which_kind_has_no_peer(config: Path) -> None:
    done = run("check-config", "--config", str(config), LINKGAUGE_PEER_URLS="ookla:")
    assert done.returncode == 0
    assert "note: schedule.latency: no peer for it among ookla:; add one, for example stamp://" in done.stderr


@pytest.mark.parametrize(
    ("variables", "chosen"),
    [
        ({"XDG_STATE_HOME": "{}/x", "HOME": "{}/h"}, "{}/x/linkgauge"),
        ({"XDG_STATE_HOME": "relative", "HOME": "{}/h"}, "{}/h/.local/state/linkgauge"),
        ({"HOME": "{}/h"}, "{}/h/.local/state/linkgauge"),
        ({}, None),
        ({"HOME": "{}/file"}, None),
    ],
)
def test_small_facts_are_kept_in_the_users_folder_for_state(
    tmp_path: Path, variables: dict[str, str], chosen: str | None
) -> None:
    (tmp_path / "file").write_text("no folder")
    environment = {name: value.format(tmp_path) for name, value in variables.items()}
    folder = notes_folder(None, environment)
    assert folder == (Path(chosen.format(tmp_path)) if chosen else None)
    assert folder is None or folder.is_dir()


def test_small_facts_are_kept_with_the_service_where_its_folder_may_be_written(tmp_path: Path) -> None:
    text = GOOD.format(data=tmp_path, peer="h:1")
    service = parse(text, {}, name="a.toml", check_peer=lambda _: None)
    assert notes_folder(service, {"HOME": str(tmp_path / "home")}) == tmp_path
    gone = parse(text, {"LINKGAUGE_AGENT_DATA": "/nowhere"}, name="a.toml", check_peer=lambda _: None)
    assert notes_folder(gone, {"HOME": str(tmp_path / "home")}) == tmp_path / "home/.local/state/linkgauge"


def test_the_environment_reaches_the_configuration(config: Path) -> None:
    done = run("check-config", "--config", str(config), LINKGAUGE_SCHEDULE_LATENCY_EVERY_S="7")
    assert "latency every 7 s" in done.stdout
    done = run("check-config", "--config", str(config), LINKGAUGE_SCHEDULE_LATENCY_EVERY_S="7200")
    assert "latency every 2 h" in done.stdout


def test_list_names_every_kind_and_explains_one() -> None:
    listed = run("probe", "--list")
    lines = [line for line in listed.stdout.splitlines()[1:] if not line.startswith(" ")]
    assert [line.partition(":")[0] for line in lines] == list(PROBES)
    for kind in PROBES:
        explained = run("probe", kind, "--list").stdout
        assert "Options:" in explained
        assert "Peer:" in explained or "No peer" in explained
        assert "agent." not in explained, "nobody who measures has to know our modules"
    explained = run("probe", "throughput", "--list").stdout
    for words in ("from 1 to 8", "4443", "8080", "5201", "ookla://ID"):
        assert words in explained


def test_a_warning_waits_until_the_card_stands() -> None:
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    logging.getLogger().addHandler(handler)
    try:
        with held_back():
            logging.getLogger("linkgauge.test").warning("old")
            assert said.getvalue() == ""
        assert said.getvalue() == "old\n"
    finally:
        logging.getLogger().removeHandler(handler)


def test_json_is_one_line_with_the_measurement(peer: dict[str, str]) -> None:
    done = run("probe", "latency", "--peer", f"stamp://{peer['stamp']}", "--count", "5", "--interval=0.01", "--json")
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    made = msgspec.json.decode(done.stdout, type=Measurement[Latency])
    assert made.result is not None
    assert made.result.sent == 5
    assert not {"epoch", "seq"} & json.loads(done.stdout).keys()


def test_a_network_failure_is_exit_code_3_and_a_card(peer: dict[str, str]) -> None:
    del peer
    done = run("probe", "latency", "--peer", "stamp://127.0.0.1:1", "--family", "4")
    assert done.returncode == 3
    assert "Check: is the peer running" in done.stdout
    assert run("probe", "latency", "--peer", "stamp://127.0.0.1:1", LANG="vi_VN.UTF-8").stdout.startswith("Độ trễ")


def test_the_file_gives_peer_and_agent(config: Path) -> None:
    done = run("probe", "latency", "--config", str(config), "--option", "count=2", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["agent"] == "a1"


def test_status_of_a_service_that_never_ran(config: Path) -> None:
    done = run("status", "--config", str(config))
    assert done.returncode == 2
    assert "has the service run" in one_line(done)


def test_a_terminal_shows_a_bar_and_then_a_card(peer: dict[str, str]) -> None:
    words = ["probe", "throughput", "--peer", f"msak+ws://{peer['plain']}", "--max-seconds", "1"]
    master, slave = pty.openpty()
    env = os.environ | {"TERM": "xterm-256color", "LANG": "C.UTF-8", "COLUMNS": "100"}
    with subprocess.Popen([*PROGRAM, *words], cwd=ROOT, env=env, stdout=slave, stderr=slave) as process:  # noqa: S603
        os.close(slave)
        seen = _drain(master)
        assert process.wait(20) == 0
    assert "Mbit/s" in seen
    assert "⠋" in seen
    assert "╭─" in seen
    assert "█" in seen
    assert seen.index("⠋") < seen.index("╭─")


def test_ctrl_c_stops_a_probe_without_a_traceback(peer: dict[str, str]) -> None:
    words = ["probe", "latency", "--peer", f"stamp://{peer['stamp']}", "--count", "10000", "--debug"]
    with subprocess.Popen([*PROGRAM, *words], cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stderr is not None
        while "event=measuring" not in (line := process.stderr.readline()):
            assert line
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 1
        assert process.stderr.read().splitlines()[-1] == "linkgauge-agent probe: stopped"


def test_a_reader_that_leaves_is_no_fault() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as gone:
        done = subprocess.run(  # noqa: S603 - our own command line
            [*PROGRAM, "probe", "--list"], cwd=ROOT, stdout=gone, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.stderr == ""


def _drain(master: int) -> str:
    seen = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # the other end was closed
            part = b""
        if not part:
            os.close(master)
            return seen.decode("utf-8", "replace")
        seen += part


def _made(result: Result | None = None, failure: Failure | None = None) -> Measurement[Any]:
    return msgspec.convert(
        {"id": "01936f0e-0000-7000-8000-000000000000", "agent": "a", "kind": "k", "started": "2026-11-22T00:00:00Z"}
        | {"duration_s": 1.0, "result": result, "failure": failure},
        Measurement[Any],
    )


BROKEN = Direction(failure=Failure("transfer", "reset"))


@pytest.mark.parametrize(
    ("result", "failure", "code"),
    [
        (Throughput(download=Direction(mbps=1), upload=Direction(mbps=1)), None, 0),
        (Throughput(download=Direction(mbps=1), upload=BROKEN), None, 3),
        (Throughput(download=BROKEN, upload=Direction(failure=Failure("device", "budget"))), None, 3),
        (Throughput(upload=Direction(failure=Failure("device", "internal"))), None, 4),
        (Latency(method="stamp", sent=5, received=0), None, 3),
        (Latency(method="stamp", sent=5, received=4), None, 0),
        (Ipv6(status="ipv4_only"), None, 0),
        (Ipv6(status="broken"), None, 3),
        (None, Failure("connect", "refused"), 3),
        (None, Failure("device", "no_permission"), 4),
    ],
)
def test_exit_codes(result: Result | None, failure: Failure | None, code: int) -> None:
    assert exit_code(_made(result, failure)) == code


def test_options_of_a_kind_are_read_in_every_form() -> None:
    assert options_of(["a=1", "b-c=x=y"], ["--count", "5", "--hmac-key=/k", "--neg", "-1"]) == {
        "a": "1",
        "b_c": "x=y",
        "count": "5",
        "hmac_key": "/k",
        "neg": "-1",
    }
    with pytest.raises(UsageError, match="value is missing"):
        options_of([], ["--count", "--port", "5"])


@pytest.mark.parametrize(
    ("name", "agent"),
    [
        ("PC-Phong_Hoc.local", "pc-phong-hoc-local"),
        ("collector", "agent"),
        ("", "agent"),
        ("---", "agent"),
        ("a" * 99, "a" * 63),
    ],
)
def test_a_host_name_becomes_an_agent_id(name: str, agent: str) -> None:
    assert host_id(name) == agent


def test_errors_of_ours_carry_their_exit_code() -> None:
    assert (AgentError.exit_code, UsageError.exit_code) == (1, 2)
