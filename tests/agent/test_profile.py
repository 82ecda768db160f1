"""A profile is laid over the file, kept on disk, and refused whole if it asks too much."""

from pathlib import Path

import pytest

from agent import profile as profiles
from agent.config import AgentConfig, parse
from agent.errors import UsageError
from agent.net.peer_url import parse as parse_peer
from agent.wire.control import Profile, Slot

TEXT = """
[agent]
id = "a1"
[broker]
url = "mqtt://b"
[peer]
urls = ["msak+wss://peer.example:4443"]
[schedule.ipv6]
enabled = false
[schedule.latency]
options = { count = "7" }
"""


def _config() -> AgentConfig:
    return parse(TEXT, {}, name="agent.toml", check_peer=parse_peer)


def _apply(profile: Profile | None) -> AgentConfig:
    return profiles.apply(profile, _config(), check_peer=parse_peer)


def test_no_profile_changes_nothing() -> None:
    assert _apply(None) == _config()
    assert _apply(Profile(version="empty")) == _config()


def test_a_profile_sets_times_and_peers_and_leaves_the_rest() -> None:
    slots = {"latency": Slot(every_s=30), "ipv6": Slot(every_s=40), "radar": Slot(every_s=1)}
    applied = _apply(Profile(version="2", schedule=slots, peers=["stamp://h"]))
    assert applied.schedule.latency.every_s == 30
    assert applied.schedule.latency.options == {"count": "7"}
    assert applied.schedule.ipv6.enabled
    assert applied.schedule.throughput == _config().schedule.throughput
    assert applied.peer.urls == ["stamp://h"]
    assert applied.broker == _config().broker


@pytest.mark.parametrize(
    ("profile", "why"),
    [
        (Profile(version="3", schedule={"latency": Slot(every_s=0.1)}), "too often"),
        (Profile(version="3", schedule={"latency": Slot(every_s=1e308)}), "too seldom"),
        (Profile(version="3", schedule={"latency": Slot(every_s=31_622_401)}), "too seldom"),
        (Profile(version="3", peers=["gopher://h"]), "unknown scheme"),
    ],
)
def test_a_profile_that_asks_too_much_is_refused(profile: Profile, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        _apply(profile)


def test_a_profile_survives_a_restart(tmp_path: Path) -> None:
    assert profiles.load(tmp_path) is None
    profile = Profile(version="4", schedule={"latency": Slot(every_s=30)})
    profiles.keep(tmp_path, profile)
    assert profiles.load(tmp_path) == profile


def test_a_torn_profile_is_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / profiles.NAME).write_bytes(b'{"version":')
    assert profiles.load(tmp_path) is None
    assert "event=profile_unreadable" in caplog.text


def test_a_disk_that_refuses_costs_only_the_copy(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    profiles.keep(tmp_path / "gone", Profile(version="5"))
    assert "event=profile_unkept" in caplog.text
