"""A real Mosquitto of one's own: a free port on loopback, no persistence, ended by its process id."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.ports import free_port

SEARCH = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
START_S = 10.0
CONFIG = """
listener {port} 127.0.0.1
allow_anonymous true
persistence false
log_type error
{limits}
"""
UNLIMITED = "max_inflight_messages 0\nmax_queued_messages 0"


@dataclass
class Mosquitto:
    """Started, killed and started again at the same port. `limits`: empty for the program's own."""

    folder: Path
    limits: str = UNLIMITED
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        program = shutil.which("mosquitto", path=SEARCH)
        assert program is not None
        conf = self.folder / "mosquitto.conf"
        conf.write_text(CONFIG.format(port=self.port, limits=self.limits))
        self.process = subprocess.Popen([program, "-c", str(conf)], stdin=subprocess.DEVNULL)  # noqa: S603 - our own file
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)
        raise TimeoutError("mosquitto does not listen")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def mosquitto(folder: Path, *, limits: str = UNLIMITED) -> Iterator[Mosquitto]:
    broker = Mosquitto(folder, limits)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()
