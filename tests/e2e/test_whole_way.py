"""One machine, one command: from nothing to a real result and a verdict on a page, and nothing left behind."""

import json
import signal
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.async_api import Page, expect

from tests.browser.chromium import tab
from tests.e2e.processes import BIN, Process, ended, wait_for
from tests.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@contextmanager
def everything(folder: Path) -> Iterator[tuple[Process, str]]:
    """`linkgauge-collector up`, as a newcomer runs it."""
    port = free_port()
    command = [str(BIN / "linkgauge-collector"), "up", "--data", str(folder / "data"), "--listen", f"127.0.0.1:{port}"]
    process = Process("up", command, folder / "up.log", port)
    with ended([process]):
        process.start(within_s=60)
        yield process, f"http://127.0.0.1:{port}"


def ask(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own page
        found: dict[str, Any] = json.load(answer)
        return found


async def asks_for_a_test(page: Page) -> None:
    """The real agent, over the real broker, measures when somebody asks, and its answer stands on the page."""
    await page.locator("#test-kind").select_option("latency")
    await page.get_by_label("Your name").fill("Lan")
    await page.get_by_role("button", name="Measure now").click()
    await expect(page.locator("#test")).to_have_attribute("data-stage", "arrived", timeout=60_000)
    await expect(page.locator("#test .big").first).not_to_be_empty()


@pytest.mark.alone
@pytest.mark.program("chromium")
async def test_a_newcomer_sees_a_result_come_in_and_a_verdict_stand(tmp_path: Path) -> None:
    with everything(tmp_path) as (up, base):
        async with tab(f"{base}/sites/this-machine") as shown:
            rows = shown.page.locator("#download tbody tr")
            await expect(rows.first).to_be_attached(timeout=60_000)
            assert "first result" in up.said() or "page on" in up.said()
            await asks_for_a_test(shown.page)
            await expect(shown.page.locator(".verdict")).to_contain_text("Met", timeout=180_000)
            assert shown.complaints == []
            assert shown.elsewhere == []
        verdict = ask(f"{base}/api/v1/sites/this-machine")["verdict"]
        assert (verdict["verdict"], verdict["target"]) == ("met", 102.0)
        assert 10 <= verdict["n"] <= 12, "ten are needed; one or two more leave room for doubted ones"
        assert verdict["value"] == pytest.approx(300, rel=0.05), "the peer is paced to 300 Mbit/s"
        report = ask(f"{base}/api/v1/sites/this-machine")["last"]["throughput"]["id"]
        assert ask(f"{base}/api/v1/reports/{report}")["agent"] == "this-machine"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_it_ends_no_process_is_left(tmp_path: Path, number: signal.Signals) -> None:
    with everything(tmp_path) as (up, _):
        assert up.running is not None
        parent = psutil.Process(up.running.pid)
        wait_for(lambda: len(parent.children()) == 2, within_s=30, what="agent and peer run")
        family = parent.children(recursive=True)
        start = time.monotonic()
        up.running.send_signal(number)
        code = up.running.wait(10)
        took = time.monotonic() - start
        wait_for(lambda: not any(each.is_running() for each in family), within_s=5, what="no process is left")
        if number != signal.SIGKILL:
            assert code == 0
            assert took < 5
