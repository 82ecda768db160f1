"""`up --demo` as a person runs it, in a small edition: filled the real way, alive, and none the worse for a kill -9."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
EDITION = "26x10"
LIMIT_S = 45.0
CAUSES = {"outage", "silent", "collapse", "below_target", "below_contract"}


@contextlib.contextmanager
def started(data: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "collector", "up", "--demo", "--data", str(data), "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(  # noqa: S603 - our own program
        command, env=os.environ | {"LINKGAUGE_DEMO": EDITION}, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


def heard(process: "subprocess.Popen[str]", words: str) -> str:
    """The first line that matches; what came before it is forgotten."""
    assert process.stderr is not None
    for line in process.stderr:
        found = re.search(words, line)
        if found:
            return found.group(found.lastindex or 0)
    raise AssertionError(f"it ended and never said {words}")


def asked(address: str) -> Any:  # noqa: ANN401 - JSON
    with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 - our own page
        assert answer.headers["Linkgauge-Demonstration"] == "true"
        return json.load(answer)


def live(api: str, *, ask: str | None = None) -> Any:  # noqa: ANN401 - JSON
    """The next report that arrives; with `ask` the one that answers this."""
    with urllib.request.urlopen(f"{api}/live?topics=report", timeout=20) as stream:  # noqa: S310 - our own page
        if ask is not None:
            wish = json.dumps({"who": "Hạnh", "kind": "latency"}).encode()
            with urllib.request.urlopen(urllib.request.Request(ask, wish), timeout=10) as answer:  # noqa: S310 - the same
                assert answer.status in (200, 202)
        for line in stream:
            if line.startswith(b"data: {") and b'"kind"' in line and (ask is None or b'"request":' in line):
                return json.loads(line[6:])
    raise AssertionError("the stream ended")


def until(condition: Any, limit_s: float = 20.0) -> None:  # noqa: ANN401 - whatever can be asked
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.1)


def test_a_demonstration_survives_a_kill_shows_every_cause_and_is_alive(tmp_path: Path) -> None:
    data = tmp_path / "demo"
    with started(data) as process:
        heard(process, "making 10 days")
        until((data / "series.db").exists)
        process.kill()
    with started(data) as process:
        address = heard(process, r"open (http://[^ ]+)")
        api = f"{address}/api/v1"
        assert len(asked(f"{api}/sites?limit=100")["items"]) == 26
        incidents = asked(f"{api}/incidents?limit=500")["items"]
        assert {one["cause"] for one in incidents} == CAUSES
        groups = {(one["cause"], one["state"] == "resolved") for one in incidents if one["site"] is None}
        assert {("silent", False), ("outage", True)} <= groups
        assert any(step["who"] != "rules" for one in incidents for step in one["history"])
        assert live(api)["kind"] in ("throughput", "latency", "dns", "web", "path", "ipv6", "radio")
        site = next(one["id"] for one in asked(f"{api}/sites?limit=100")["items"] if one["state"] == "met")
        assert live(api, ask=f"{api}/sites/{site}/test")["site"] == site
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT_S) == 0
    began = time.monotonic()
    with started(data) as process:
        heard(process, r"open (http://[^ ]+)")
        assert time.monotonic() - began < LIMIT_S
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT_S) == 0
