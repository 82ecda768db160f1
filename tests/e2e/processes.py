"""Real processes for the end-to-end tests: started, killed at any moment, started again, ended by pid."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

BIN = Path(sys.executable).parent


def wait_for(condition: Callable[[], bool], *, within_s: float, what: str) -> None:
    """Wait until a condition holds; says what did not happen otherwise."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s:g} s: {what}")
        time.sleep(0.1)


def answers(port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@dataclass
class Process:
    """One program with its own log file. `port`, if given, is waited for after each start."""

    name: str
    command: Sequence[str]
    log: Path
    port: int | None = None
    environment: Mapping[str, str] | None = None
    kills: int = 0
    running: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self, *, within_s: float = 30) -> None:
        """Start it and wait for its port."""
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(  # noqa: S603 - our own programs with our own arguments
                self.command, stdout=log, stderr=log, env=self.environment
            )
        if (port := self.port) is not None:
            wait_for(lambda: answers(port), within_s=within_s, what=f"{self.name} listens on {port}")

    def kill(self) -> None:
        """SIGKILL: no goodbye."""
        if self.running is not None and self.running.poll() is None:
            self.running.kill()
            self.running.wait()
            self.kills += 1

    def stop(self, *, within_s: float = 10) -> int:
        """SIGTERM and wait; the exit code."""
        if self.running is None:
            return 0
        if self.running.poll() is None:
            self.running.send_signal(signal.SIGTERM)
        try:
            return self.running.wait(within_s)
        except subprocess.TimeoutExpired:
            self.running.kill()
            raise AssertionError(f"{self.name} did not stop within {within_s:g} s, see {self.log}") from None

    def alive(self) -> bool:
        """Whether it runs now."""
        return self.running is not None and self.running.poll() is None

    def said(self) -> str:
        """Its whole log."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""


@contextmanager
def ended(processes: Sequence[Process]) -> Iterator[None]:
    """Leave no process behind, whatever happens."""
    try:
        yield
    finally:
        for process in processes:
            process.kill()


def mosquitto(folder: Path, port: int) -> Process:
    """A broker without persistence that takes anybody on loopback."""
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
        "max_inflight_messages 1000\nmax_queued_messages 10000\nmessage_size_limit 300000\nlog_type error\n",
        "utf-8",
    )
    return Process("mosquitto", ["mosquitto", "-c", str(config)], folder / "mosquitto.log", port)
