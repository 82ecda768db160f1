"""Ports for programs that must be told one before they start."""

import secrets
import socket
from contextlib import suppress
from typing import Final

_FIRST: Final = 12_000
_END: Final = 32_768  # what the system gives to whoever asks for any port begins here


def free_port() -> int:
    """A port of loopback that nobody listens on now, and that nobody is given who asks the system for any.

    A program takes seconds to start on a busy machine: by then a port of the system's own would be a stranger's.
    """
    while True:
        port = _FIRST + secrets.randbelow(_END - _FIRST)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
