"""What systemd hears, on a real socket."""

import os
import socket
from pathlib import Path

import pytest

from agent.systemd import Notifier


def _listen(address: str) -> socket.socket:
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    channel.bind(address)
    channel.settimeout(5)
    return channel


def test_every_word_reaches_a_socket_in_the_file_system(tmp_path: Path) -> None:
    path = str(tmp_path / "n")
    with _listen(path) as channel:
        notifier = Notifier({"NOTIFY_SOCKET": path})
        notifier.ready()
        notifier.alive()
        notifier.say("two\nlines")
        notifier.reloading(1.5)
        notifier.stopping()
        heard = [channel.recv(1000) for _ in range(5)]
    assert heard == [
        b"READY=1",
        b"WATCHDOG=1",
        b"STATUS=two lines",
        b"RELOADING=1\nMONOTONIC_USEC=1500000",
        b"STOPPING=1",
    ]


def test_an_abstract_socket_is_reached() -> None:
    name = f"linkgauge-test-{os.getpid()}"
    with _listen("\0" + name) as channel:
        Notifier({"NOTIFY_SOCKET": "@" + name}).ready()
        assert channel.recv(1000) == b"READY=1"


def test_nobody_listening_is_no_fault(tmp_path: Path) -> None:
    Notifier({}).ready()
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()


def test_a_full_socket_does_not_block(tmp_path: Path) -> None:
    path = str(tmp_path / "n")
    with _listen(path):
        notifier = Notifier({"NOTIFY_SOCKET": path})
        for _ in range(2000):
            notifier.alive()


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_asked(environment: dict[str, str], seconds: float | None) -> None:
    assert Notifier(environment).watchdog_s == seconds
