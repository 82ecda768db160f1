"""Which method, rhythm and port a latency run has is settled before it begins."""

import argparse
import re
from pathlib import Path

import pytest

from agent.commands import order_of
from agent.config import ScheduleSettings, read
from agent.errors import UsageError
from agent.inspection import inspect
from agent.net.peer_url import parse
from agent.probes.latency import planned, probe
from agent.probes.probe import Task


def test_ports() -> None:
    assert planned({}, parse("msak+wss://peer.example:4443")).port == 8862
    assert planned({}, parse("peer.example:4443")).port == 8862
    assert planned({}, parse("stamp://peer.example:862")).port == 862
    assert planned({"port": "99"}, parse("msak+ws://peer.example")).port == 99
    assert planned({"method": "tcp"}, parse("msak+ws://peer.example:81")).port == 81
    assert planned({"method": "tcp", "port": "443"}, parse("stamp://peer.example:862")).port == 443


@pytest.mark.parametrize(
    ("url", "options", "may_ping", "method"),
    [
        ("stamp://p", {}, True, "stamp"),
        ("msak+wss://p", {}, True, "stamp"),
        ("ndt7+wss://p", {"method": "auto"}, False, "stamp"),
        ("iperf3://p", {}, True, "icmp"),
        ("librespeed+https://p", {}, False, "tcp"),
        ("iperf3://p", {"method": "stamp"}, False, "stamp"),
        ("stamp://p", {"method": "icmp"}, False, "icmp"),
        ("msak+wss://p", {"method": "tcp"}, True, "tcp"),
    ],
)
def test_the_method_is_chosen_once_before_the_run(
    url: str, options: dict[str, str], *, may_ping: bool, method: str
) -> None:
    assert planned(options, parse(url), may_ping=lambda: may_ping).method == method


def test_each_method_and_profile_has_its_own_rhythm() -> None:
    plan = planned({}, parse("stamp://p"))
    assert (plan.count, plan.interval_s, plan.timeout_s, plan.packet_bytes, plan.codec) == (200, 0.05, 2, 44, None)
    plan = planned({"method": "tcp"}, parse("iperf3://p"))
    assert (plan.count, plan.interval_s, plan.timeout_s, plan.port, plan.packet_bytes) == (20, 0.5, 2, 5201, None)
    plan = planned({"profile": "call"}, parse("stamp://p"))
    assert (plan.count, plan.interval_s, plan.packet_bytes, plan.codec) == (1000, 0.02, 160, "g711_plc")
    assert plan.count * plan.interval_s == 20
    plan = planned({"profile": "call", "codec": "g729a", "count": "50", "method": "icmp"}, parse("stamp://p"))
    assert (plan.count, plan.packet_bytes, plan.codec) == (50, 160, "g729a")
    assert planned({"size": "1000"}, parse("stamp://p")).packet_bytes == 1000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cuont": "3"}, "no option 'cuont'"),
        ({"count": "0"}, "count: expected a number from 1 to 10000, not '0'"),
        ({"count": "many"}, "count"),
        ({"interval": "nan"}, "interval"),
        ({"interval": "0"}, "interval"),
        ({"timeout": "inf"}, "timeout"),
        ({"hmac_key": "/nonexistent/key"}, "cannot read /nonexistent/key: No such file"),
        ({"hmac_key": "/dev/null"}, "is empty"),
        ({"method": "udp"}, "method: expected auto or stamp or icmp or tcp, not 'udp'"),
        ({"method": "tcp"}, "give option port"),
        ({"method": "icmp", "hmac_key": "/x"}, "hmac_key: icmp has no use for it"),
        ({"method": "icmp", "port": "7"}, "port: icmp has no use for it"),
        ({"method": "tcp", "port": "7", "size": "99"}, "size: tcp has no use for it"),
        ({"method": "tcp", "port": "7", "profile": "call"}, "profile: tcp has no use for it"),
        ({"profile": "film"}, "profile: expected call, not 'film'"),
        ({"profile": "call", "interval": "1"}, "interval: call has no use for it"),
        ({"codec": "g711"}, "codec: only with profile=call"),
        ({"profile": "call", "codec": "opus"}, "codec: expected g711_plc or g711 or g729a or gsm_efr, not 'opus'"),
        ({"method": "tcp", "port": "7", "interval": "0.01"}, "interval: expected a number from 0.05 to 60"),
        ({"method": "tcp", "port": "7", "timeout": "11"}, "timeout: expected a number from 0.05 to 10"),
        ({"size": "43"}, "size: expected a number from 44 to 1452"),
        ({"method": "icmp", "size": "15"}, "size: expected a number from 16 to 1452"),
    ],
)
def test_wrong_options_get_one_plain_line(options: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        planned(options, parse("stamp://peer.example"))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_run_takes_as_long_as_its_packets_and_the_last_ones_wait() -> None:
    assert planned({}, parse("stamp://p")).seconds == pytest.approx(199 * 0.05 + 2)
    assert planned({"count": "1", "timeout": "5"}, parse("stamp://p")).seconds == 5


def test_at_a_terminal_a_long_run_is_given_its_time() -> None:
    given = argparse.Namespace(
        kind="latency",
        peer="stamp://p",
        family="auto",
        max_bytes=None,
        max_seconds=None,
        option=["count=2000"],
        rest=[],
    )
    assert order_of(given, None).deadline_s > 1999 * 0.05 + 2
    given.option = []
    assert order_of(given, None).deadline_s == ScheduleSettings().latency.deadline_s


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('options = { count = "2000" }', "a run of 101.95 s does not fit into deadline_s = 60; send fewer packets"),
        ('max_bytes = 1024\noptions = { size = "1400" }', "the budget does not allow a single packet"),
        ('options = { count = "2000" }\nmax_seconds = 30', None),
    ],
)
def test_a_schedule_whose_runs_could_not_end_is_refused(tmp_path: Path, table: str, words: str | None) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(
        '[agent]\nid = "a1"\n[broker]\nurl = "mqtt://b.example"\n[peer]\nurls = ["stamp://p"]\n'
        f"[schedule.throughput]\nenabled = false\n[schedule.latency]\n{table}\n"
    )
    config = read(file, {}, check_peer=parse)
    if words is None:
        inspect(config)
        return
    with pytest.raises(UsageError, match=f"^schedule.latency: .*{re.escape(words)}$"):
        inspect(config)


@pytest.mark.parametrize("peer", ["mlab:", "ookla://3"])
def test_a_configuration_hears_at_once_of_a_peer_without_a_reflector(peer: str) -> None:
    with pytest.raises(UsageError, match="which has no reflector; give stamp://HOST:PORT"):
        planned({}, parse(peer))


@pytest.mark.parametrize("peer", ["mlab:", "ookla://3", "nonsense://x", ""])
async def test_a_peer_without_a_reflector_is_wrong_usage(peer: str) -> None:
    with pytest.raises(UsageError):
        await probe(Task(peer))
