"""Settings are read strictly, and every mistake is one line that says what would be right."""

import msgspec
import pytest

from agent.wire.settings import SettingsError, load


class Broker(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    keepalive_s: int = 30


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    every_s: float = 60.0


class Config(msgspec.Struct, frozen=True, kw_only=True):
    broker: Broker
    roles: list[str] = []
    schedule: dict[str, Slot] = {}


GOOD = '[broker]\nurl = "mqtt://127.0.0.1"\n'


def test_the_smallest_file_works_with_defaults() -> None:
    assert load(GOOD, Config, {}) == Config(broker=Broker(url="mqtt://127.0.0.1"))


def test_the_environment_overrides_the_file() -> None:
    environment = {"LINKGAUGE_BROKER_KEEPALIVE_S": "7", "LINKGAUGE_BROKER_URL": "mqtts://b", "LINKGAUGE_ROLES": "a, b"}
    config = load(GOOD, Config, environment)
    assert config == Config(broker=Broker(url="mqtts://b", keepalive_s=7), roles=["a", "b"])


def test_a_section_may_come_from_the_environment_alone() -> None:
    assert load("", Config, {"LINKGAUGE_BROKER_URL": "mqtt://b"}).broker.url == "mqtt://b"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param('[brokr]\nurl="x"', "unknown key brokr; did you mean broker?", id="section"),
        pytest.param(
            GOOD + "keepalives = 3", "unknown key broker.keepalives; did you mean broker.keepalive_s?", id="key"
        ),
        pytest.param(
            GOOD + "[schedule.latency]\nevery=3", "unknown key schedule.latency.every; did you mean", id="named"
        ),
        pytest.param("[broker]\nurl = 3", "broker.url: expected str, got int", id="type"),
        pytest.param("[broker]", "url", id="missing"),
        pytest.param("[broker\n", "not valid TOML", id="toml"),
        pytest.param(GOOD + "zzz = 1", "known here: keepalive_s, url", id="nothing near"),
        pytest.param("broker = 3", "broker: expected object, got int", id="not a table"),
    ],
)
def test_each_mistake_is_one_line(text: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(text, Config, {})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bad_value_in_the_environment_names_the_variable() -> None:
    with pytest.raises(SettingsError, match="LINKGAUGE_BROKER_KEEPALIVE_S"):
        load(GOOD, Config, {"LINKGAUGE_BROKER_KEEPALIVE_S": "soon"})
