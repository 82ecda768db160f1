"""A real Alertmanager of one's own: a free port on loopback, its own folder, and ended by its process id."""

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.ports import free_port

SEARCH = "/usr/bin:/usr/sbin:/usr/local/bin:/usr/local/sbin"
START_S = 15.0
CONFIG = """
route:
  receiver: hook
  group_by: [incident, alertname]
  group_wait: 50ms
  group_interval: 100ms
  repeat_interval: 1h
receivers:
  - name: hook
    webhook_configs:
      - url: {hook}
        send_resolved: true
"""


def program() -> str | None:
    """The program, where it is installed."""
    return shutil.which("prometheus-alertmanager", path=SEARCH) or shutil.which("alertmanager", path=SEARCH)


@dataclass
class Alertmanager:
    """One server. Its address and what it keeps stay the same over `kill` and `start`. `hook`: whom it notifies."""

    folder: Path
    hook: str
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        binary = program()
        assert binary is not None
        self.folder.mkdir(exist_ok=True)
        conf = self.folder / "alertmanager.yml"
        conf.write_text(CONFIG.format(hook=self.hook))
        command = [
            binary,
            f"--config.file={conf}",
            f"--storage.path={self.folder}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
            "--data.maintenance-interval=100ms",  # what was notified is on disk as soon as that, for kills
            "--log.level=error",
        ]
        with (self.folder / "log").open("ab") as log:
            environment = {**os.environ, "GOMAXPROCS": "1"}
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)  # noqa: S603 - our own file
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            with suppress(OSError):
                self.ask("/-/ready", as_json=False)
                return
            time.sleep(0.02)
        raise TimeoutError("alertmanager does not listen")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def has_saved(self, since: float) -> bool:
        """Whether what it had notified by then (time of the file system) survives a kill now."""
        log = self.folder / "nflog"
        return log.exists() and log.stat().st_size > 0 and log.stat().st_mtime > since

    def alerts(self) -> list[dict[str, Any]]:
        """What it knows to be active."""
        found: list[dict[str, Any]] = self.ask("/api/v2/alerts?active=true")
        return found

    def silence(self, matchers: Sequence[dict[str, Any]], *, lasts: timedelta = timedelta(hours=1)) -> str:
        """Silence alerts from now on; gives the silence's id."""
        now = datetime.now(UTC)
        body = {
            "matchers": matchers,
            "startsAt": now.isoformat(),
            "endsAt": (now + lasts).isoformat(),
            "createdBy": "test",
            "comment": "test",
        }
        made: str = self.ask("/api/v2/silences", body)["silenceID"]
        return made

    def unsilence(self, silence: str) -> None:
        """End a silence now."""
        self.ask(f"/api/v2/silence/{silence}", method="DELETE", as_json=False)

    def ask(self, path: str, body: object = None, *, method: str | None = None, as_json: bool = True) -> Any:  # noqa: ANN401 - any JSON
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)  # noqa: S310 - our own
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - our own
            came = answer.read()
        return json.loads(came) if as_json else None


@contextmanager
def alertmanager(folder: Path, hook: str) -> Iterator[Alertmanager]:
    """One that runs, and that is gone at the end."""
    server = Alertmanager(folder, hook)
    server.start()
    try:
        yield server
    finally:
        server.kill()
