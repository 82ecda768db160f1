"""The radio probe's options: read strictly, one plain line if wrong."""

import pytest

from agent.errors import UsageError
from agent.probes.probe import Task
from agent.probes.radio import Plan, planned
from agent.radio.modemmanager import Wanted


def test_defaults_and_every_option() -> None:
    assert planned(Task("")) == Plan(Wanted("", 5, 6.0, gnss=False, max_age_s=30.0, bus=None), None, None)
    options = {"modem": "1", "rate": "2", "wait": "3.5", "gnss": "true", "max_age": "60", "bus": "unix:path=/x"}
    assert planned(Task("", options=options)).wanted == Wanted("1", 2, 3.5, gnss=True, max_age_s=60, bus="unix:path=/x")
    assert planned(Task("", options={"device": "/dev/ttyUSB2"})).device == "/dev/ttyUSB2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("localhost", ("localhost", 2947)),
        ("127.0.0.1:2948", ("127.0.0.1", 2948)),
        ("[::1]", ("::1", 2947)),
        ("[::1]:2948", ("::1", 2948)),
    ],
)
def test_a_gpsd_is_a_host_and_perhaps_a_port(text: str, expected: tuple[str, int]) -> None:
    assert planned(Task("", options={"gpsd": text})).gpsd == expected


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"modme": "1"}, "no option 'modme'"),
        ({"rate": "0"}, "from 1 to 60"),
        ({"wait": "x"}, "from 1 to 20"),
        ({"gnss": "yes"}, "expected true or false"),
        ({"gpsd": ":2947"}, "expected HOST or HOST:PORT"),
        ({"gpsd": "host:99999"}, "expected HOST or HOST:PORT"),
        ({"gpsd": "host", "gnss": "true"}, "choose one"),
        ({"device": "/dev/ttyUSB2", "modem": "0"}, "does not go with device"),
    ],
)
def test_wrong_options_are_named(options: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        planned(Task("", options=options))
