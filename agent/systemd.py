"""What systemd wants to hear (sd_notify(3)): ready, alive, reloading, stopping. Silence where nobody listens."""

import os
import socket
from collections.abc import Mapping


class Notifier:
    """The way to systemd's socket; every send is best effort, for a lost word must not stop a measurement."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        path = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self.watchdog_s = _watchdog_s(environment)

    def ready(self) -> None:
        """The service is up."""
        self._send("READY=1")

    def reloading(self, monotonic_s: float) -> None:
        """A new configuration is being read; `ready` ends it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={int(monotonic_s * 1_000_000)}")

    def alive(self) -> None:
        """The service is not stuck."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The end has begun."""
        self._send("STOPPING=1")

    def say(self, words: str) -> None:
        """One line for `systemctl status`."""
        self._send("STATUS=" + words.replace("\n", " "))

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.setblocking(False)  # noqa: FBT003 - the socket's own interface
                channel.sendto(message.encode(), self._address)
        except OSError:
            return


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    """How often to say that we are alive: half of what systemd allows; None if it does not watch this process."""
    limit, process = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not limit.isdecimal() or (process and process != str(os.getpid())):
        return None
    return int(limit) / 2_000_000 or None
