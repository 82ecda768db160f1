"""Settings are read strictly, and every mistake is one line that says what would be right."""

from typing import Annotated, Literal

import msgspec
import pytest

from agent.wire.settings import SettingsError, load


class Broker(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    keepalive_s: int = 30
    mood: Literal["calm", "keen"] = "calm"
    patience_s: Annotated[float, msgspec.Meta(gt=0)] | None = None


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
        pytest.param("[broker]\nurl = 3", "broker.url: expected text, got a whole number", id="type"),
        pytest.param("[broker]", "broker.url is missing: write url = … under [broker]", id="missing"),
        pytest.param("", "broker is missing: write [broker]", id="missing table"),
        pytest.param("[broker\n", "not valid TOML: expected ']' at the end of a table", id="toml"),
        pytest.param("[broker]\nurl mqtt\n", "(at line 2, column 5)", id="toml with its line"),
        pytest.param('[broker]\nurl = "mqtt', "(in line 2, the last, or left open before it)", id="toml, open"),
        pytest.param(
            GOOD + '[schedule.a]\nevery_s = "x"', "every_s: expected a number, got text", id="text for a number"
        ),
        pytest.param(GOOD + 'roles = "web"', "unknown key broker.roles", id="in the wrong table"),
        pytest.param(
            'roles = "web"\n' + GOOD, 'roles: expected a list, such as ["a", "b"], got text', id="text for a list"
        ),
        pytest.param(
            GOOD + 'mood = "sad"', "broker.mood: expected one of calm, keen, got 'sad'", id="none of the words"
        ),
        pytest.param(GOOD + "patience_s = 0", "broker.patience_s: expected a number above 0", id="bounds"),
        pytest.param(GOOD + "zzz = 1", "known here: keepalive_s, mood, patience_s, url", id="nothing near"),
        pytest.param("broker = 3", "broker: expected a table, got a whole number", id="not a table"),
    ],
)
def test_each_mistake_is_one_line(text: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(text, Config, {})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bad_value_in_the_environment_names_the_variable() -> None:
    with pytest.raises(SettingsError, match="LINKGAUGE_BROKER_KEEPALIVE_S: expected a whole number, got text"):
        load(GOOD, Config, {"LINKGAUGE_BROKER_KEEPALIVE_S": "soon"})
