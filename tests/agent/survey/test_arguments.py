"""What a walk's arguments and the configuration make of the modem, the position and the speed test."""

import argparse
from typing import Any

import pytest

from agent.config import AgentConfig, parse
from agent.errors import UsageError
from agent.net.peer_url import parse as parse_peer
from agent.probes.probe import Task
from agent.probes.radio import planned
from agent.survey_command import radio_options, speed_order

CONFIG = """
[agent]
id = "a"
[broker]
url = "mqtt://127.0.0.1"
[peer]
urls = ["stamp://192.0.2.1", "msak+wss://peer.example:4443"]
ca = "/ca.pem"
"""


def configured(options: str = "", more: str = "") -> AgentConfig:
    text = CONFIG + (f"[schedule.radio]\noptions = {{ {options} }}\n" if options else "") + more
    return parse(text, {}, name="test", check_peer=parse_peer)


def arguments(**given: Any) -> argparse.Namespace:  # noqa: ANN401 - of any argument
    names = ("modem", "device", "gpsd", "bus", "peer", "max_bytes")
    return argparse.Namespace(**dict.fromkeys(names) | {"every": 3.0} | given)


@pytest.mark.parametrize(
    ("options", "given", "expected"),
    [
        ("", {}, {"gnss": "true"}),
        ("", {"gpsd": "localhost"}, {"gpsd": "localhost"}),
        ('gpsd = "box:2947"', {}, {"gpsd": "box:2947"}),
        ('gnss = "true"', {"gpsd": "localhost"}, {"gpsd": "localhost"}),
        ('modem = "1", gnss = "true"', {"device": "/dev/ttyUSB2"}, {"device": "/dev/ttyUSB2"}),
        ('device = "/dev/ttyUSB2"', {"modem": "0"}, {"modem": "0", "gnss": "true"}),
        ('device = "/dev/ttyUSB2"', {"gpsd": "localhost"}, {"device": "/dev/ttyUSB2", "gpsd": "localhost"}),
        ('wait = "20", rate = "60"', {}, {"gnss": "true"}),
    ],
)
def test_the_modem_and_the_position(options: str, given: dict[str, str], expected: dict[str, str]) -> None:
    found = radio_options(arguments(**given), configured(options))
    assert found == expected | {"wait": "3", "rate": "3", "max_age": "10"}
    planned(Task("", options=found))


@pytest.mark.parametrize(
    ("every", "wait", "rate"), [(0.02, "2", "1"), (1.0, "2", "1"), (5.4, "5.4", "5"), (600, "6", "60")]
)
def test_the_pace_of_the_walk_is_the_modem_s(every: float, wait: str, rate: str) -> None:
    found = radio_options(arguments(every=every), configured())
    assert (found["wait"], found["rate"]) == (wait, rate)
    planned(Task("", options=found))


def test_a_speed_test_is_small_and_goes_to_a_peer_that_fits() -> None:
    order = speed_order(arguments(), configured())
    assert (order.task.peer, order.task.max_bytes) == ("msak+wss://peer.example:4443", 20_000_000)
    assert order.task.options["ca"] == "/ca.pem"
    order = speed_order(arguments(peer="ndt7+ws://192.0.2.9:80", max_bytes=5), configured())
    assert (order.task.peer, order.task.max_bytes) == ("ndt7+ws://192.0.2.9:80", 5)
    with pytest.raises(UsageError):
        speed_order(arguments(peer="ftp://x"), configured())
