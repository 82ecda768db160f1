"""A real InfluxDB 1.x of one's own: free ports, own directory, killed and restarted by its process id."""

import base64
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from tests.ports import free_port

SEARCH = "/usr/bin:/usr/sbin:/usr/local/bin:/usr/local/sbin"
START_S = 15.0

CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{data}/meta"
[data]
  dir = "{data}/data"
  wal-dir = "{data}/wal"
  query-log-enabled = false
  max-series-per-database = {series}
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{http}"
  auth-enabled = {auth}
  log-enabled = false
  max-body-size = {body}
[continuous_queries]
  enabled = false
"""


class Influxd:
    """One server. Its address stays the same over `kill` and `restart`, and so does what it stored."""

    def __init__(
        self,
        folder: Path,
        *,
        auth: bool = False,
        max_series: int = 1_000_000,
        max_body: int = 25_000_000,
        start_s: float = START_S,
    ) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._http, rpc = _free_ports()
        self._auth = auth
        self._start_s = start_s
        self.url = f"http://127.0.0.1:{self._http}"
        self._config = folder / "influxdb.conf"
        folder.mkdir(parents=True, exist_ok=True)
        self._config.write_text(
            CONFIG.format(
                data=folder,
                rpc=rpc,
                http=self._http,
                auth=str(auth).lower(),
                series=max_series,
                body=max_body,
            )
        )

    def store_url(self, database: str, user: str = "") -> str:
        """The address of a database on this server, as the collector's configuration writes it."""
        return f"influxdb1://{user}{'@' if user else ''}127.0.0.1:{self._http}/{database}"

    @property
    def pid(self) -> int | None:
        """The running server's process id."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the server and wait until it answers."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a fixed program with our own configuration
                [shutil.which("influxd", path=SEARCH) or "influxd", "-config", str(self._config)],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + self._start_s
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"influxd did not start: {(self._folder / 'log').read_text()[-2000:]}")
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL, as a power cut would; returns when the process is gone."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP, until every thread has stopped: connections open, nothing answers."""
        if self._process:
            self._process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """SIGCONT."""
        if self._process:
            self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End the server in order."""
        self._end(signal.SIGTERM)

    def restart(self) -> None:
        """Start again on the same ports and data; kills the server first if it still runs."""
        self.kill()
        self.start()

    def query(self, statement: str, database: str = "", user: str = "") -> str:
        """Run InfluxQL and give the raw answer; for setting up and for looking behind the store's back."""
        body = urlencode({"q": statement, "db": database}).encode()
        request = urllib.request.Request(f"{self.url}/query", data=body)  # noqa: S310 - our own server, http
        if user:
            request.add_header("Authorization", "Basic " + base64.b64encode(user.encode()).decode())
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own server, http
            text: str = answer.read().decode()
        return text

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/ping", timeout=2) as answer:  # noqa: S310 - our own server, http
                return bool(answer.status == 204)
        except (urllib.error.URLError, OSError):
            return False

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.send_signal(number)
        self._process.wait(timeout=START_S)
        self._process = None


@contextmanager
def running_influxd(
    folder: Path,
    *,
    auth: bool = False,
    max_series: int = 1_000_000,
    max_body: int = 25_000_000,
    start_s: float = START_S,
) -> Iterator[Influxd]:
    """A server that lives as long as the context, with its files in `folder`."""
    server = Influxd(folder, auth=auth, max_series=max_series, max_body=max_body, start_s=start_s)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def _free_ports() -> tuple[int, int]:
    http, rpc = free_port(), free_port()
    return (http, rpc) if http != rpc else _free_ports()
