"""What the file may say, and how each fault in it is told."""

from pathlib import Path

import pytest

from agent import config
from agent.errors import UsageError
from agent.net.peer_url import parse as parse_peer
from agent.speed import limits

SMALLEST = """
[agent]
id = "ls-huulung-th1"
[broker]
url = "mqtts://broker.langson.example:8883"
[peer]
urls = ["msak+wss://peer.langson.example:4443"]
"""


def _parse(text: str, **environment: str) -> config.AgentConfig:
    return config.parse(text, environment, name="agent.toml", check_peer=parse_peer)


def test_the_smallest_file_of_the_contract_works() -> None:
    read = _parse(SMALLEST)
    assert read.agent.id == "ls-huulung-th1"
    assert read.agent.data == "/var/lib/linkgauge-agent"
    assert 4 <= 86400 / read.schedule.throughput.every_s <= 8
    assert read.broker.resend_first_s == 60
    assert read.broker.resend_max_s == 3600
    assert set(read.schedule.kinds()) >= {"throughput", "latency", "ipv6", "dns", "web"}
    assert "radio" not in read.schedule.kinds()


def test_the_environment_overrides_keys_of_nested_tables() -> None:
    read = _parse(SMALLEST, LINKGAUGE_SCHEDULE_THROUGHPUT_EVERY_S="30", LINKGAUGE_BROKER_URL="ws://b:80/mqtt")
    assert read.schedule.throughput.every_s == 30
    assert read.broker.url == "ws://b:80/mqtt"


def test_a_kind_can_be_switched_off() -> None:
    kinds = _parse(SMALLEST + "[schedule.ipv6]\nenabled = false\n").schedule.kinds()
    assert set(_parse(SMALLEST).schedule.kinds()) - set(kinds) == {"ipv6"}


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (("ls-huulung-th1", "LS_1"), 'agent.id: "LS_1" is not an agent id'),
        (("ls-huulung-th1", "collector"), 'agent.id: "collector" is not'),
        (("mqtts://", "http://"), "broker.url: "),
        (("mqtts://", "mqtts://me:secret@"), "broker.url: no user or password"),
        (("example:8883", "example:88830"), "broker.url: "),
        (("msak+wss://", "masque://"), "peer.urls: "),
        (('["msak+wss://peer.langson.example:4443"]', "[]"), "peer.urls: name at least one"),
        (("[peer]", "[pear]"), "unknown key pear; did you mean peer?"),
        (("[peer]", '[broker2]\nurl=""\n[peer]'), "unknown key broker2; did you mean broker?"),
        (("[peer]", 'cert = "/c"\n[peer]'), "broker.cert and broker.key: set both"),
        (("[peer]", 'password_file = "/c"\n[peer]'), "broker.password_file: needs broker.username"),
        (("[peer]", "resend_max_s = 5\n[peer]"), "broker.resend_max_s: must not be below"),
        (("[peer]", "reconnect_first_s = 500\n[peer]"), "broker.reconnect_max_s: must not be below"),
        (("[peer]", "keepalive_s = 1\n[peer]"), "broker.keepalive_s: expected a whole number of at least 5"),
        (("[peer]", "[schedule.throughput]\nevery_ss = 3\n[peer]"), "did you mean schedule.throughput.every_s?"),
        (
            ("[peer]", "[schedule.latency]\nmax_seconds = 100\n[peer]"),
            "schedule.latency.max_seconds: must not be above",
        ),
        (
            ("[peer]", "[schedule.throughput]\nmax_seconds = 60\ndeadline_s = 15\n[peer]"),
            "two directions of 10 s do not fit into 15 s; allow 35 s",
        ),
        (
            ("[peer]", "[schedule.throughput]\nfirst_max_seconds = 4\ndeadline_s = 7\n[peer]"),
            "schedule.throughput.deadline_s: two directions of 4 s",
        ),
        (("[peer]", '[schedule.latency]\npeer = "stamp://"\n[peer]'), "schedule.latency.peer: "),
        (("[peer]", '[schedule.latency]\nfamily = "6"\n[peer]'), "schedule.latency.family: "),
        (("[peer]", "[peer"), "not valid TOML"),
    ],
)
def test_a_fault_gives_one_plain_line_that_names_the_file(fault: tuple[str, str], line: str) -> None:
    with pytest.raises(UsageError) as caught:
        _parse(SMALLEST.replace(*fault))
    assert str(caught.value).startswith("agent.toml: ")
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.toml: cannot read the configuration: No such file"):
        config.read(tmp_path / "nowhere.toml", {}, check_peer=parse_peer)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"binary\.toml: .*not UTF-8"):
        config.read(tmp_path / "binary.toml", {}, check_peer=parse_peer)


def test_a_file_is_read_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(SMALLEST)
    assert config.read(path, {}, check_peer=parse_peer).peer.urls == ["msak+wss://peer.langson.example:4443"]


def test_a_direction_counts_as_long_as_it_can_take() -> None:
    assert _parse(SMALLEST + "[schedule.throughput]\nmax_seconds = 60\n").schedule.throughput.max_seconds == 60
    assert config.DIRECTION_S == limits.FULL_S
