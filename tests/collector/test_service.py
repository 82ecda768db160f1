"""The collector as a process: starts whatever is missing, says so once, stops in time, and loses nothing."""

import asyncio
import json
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from collector.archive.archive import Archive
from collector.metrics import Metrics, Readiness
from collector.registry.registry import Registry
from tests.collector.mosquitto import mosquitto
from tests.collector.rig import SITE, pen, report, until
from tests.collector.tables import with_tables
from tests.ports import free_port

REPO = Path(__file__).parents[2]


@dataclass
class Collector:
    """One process of `linkgauge-collector run`."""

    process: asyncio.subprocess.Process
    config: Path
    port: int
    log: Path

    async def get(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{self.port}{path}") as answer:
            return answer.status, await answer.text()

    async def answers(self, path: str, condition: Callable[[int, str], bool], *, within_s: float = 15.0) -> str:
        deadline = time.monotonic() + within_s
        words = "nobody listens"
        while time.monotonic() < deadline:
            try:
                status, words = await self.get(path)
            except aiohttp.ClientError:
                status = 0
            if condition(status, words):
                return words
            assert self.process.returncode is None, self.log.read_text()
            await asyncio.sleep(0.05)
        raise AssertionError(f"{path}: {words[:2000]}")

    async def stop(self, number: int = signal.SIGTERM) -> float:
        started = time.monotonic()
        self.process.send_signal(number)
        assert await self.process.wait() == 0, self.log.read_text()
        return time.monotonic() - started


@asynccontextmanager
async def collector(
    folder: Path, *, broker: str, roles: str = '["ingest", "web"]', more: str = "", series: Path | None = None
) -> AsyncIterator[Collector]:
    port = free_port()
    config = folder / "collector.toml"
    config.write_text(f"""
roles = {roles}
[broker]
url = "{broker}"
reconnect_max_s = 1
[store]
url = "sqlite:///{series or folder}/series.db"
{more}
[registry]
url = "sqlite:///{folder}/registry.db"
poll_s = 0.05
[archive]
url = "file://{folder}/archive"
[web]
listen = "127.0.0.1:{port}"
""")
    log = folder / "collector.log"
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "collector", "run", "--config", str(config), stdout=out, stderr=out, cwd=REPO
        )
    try:
        yield Collector(process, config, port, log)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def register(folder: Path) -> None:
    registry = Registry(with_tables(folder))
    registry.open()
    registry.import_sites([SITE], now=datetime.now(UTC))
    registry.add_agent("a1", "s1", now=datetime.now(UTC))
    registry.close()


def recent(seq: int) -> dict[str, Any]:
    return report(seq, started=(datetime.now(UTC) - timedelta(seconds=seq)).isoformat())


@pytest.mark.timeout(60)
@pytest.mark.program("mosquitto")
async def test_starts_without_a_broker_takes_it_up_and_stops_in_time(tmp_path: Path) -> None:
    register(tmp_path)
    with mosquitto(tmp_path) as broker:
        broker.kill()
        async with collector(tmp_path, broker=broker.url) as own:
            words = await own.answers("/readyz", lambda status, text: status == 503 and "store" not in text)
            assert list(json.loads(words)["reasons"]) == ["broker"]
            assert (await own.get("/healthz"))[0] == 200
            await asyncio.sleep(0.5)
            assert own.log.read_text().count("part=broker") == 1
            broker.start()
            await own.answers("/readyz", lambda status, _: status == 200)
            async with pen(broker.port) as agent:
                await agent.send(*[recent(seq) for seq in range(1, 21)])
                await until(lambda: len(agent.stored()) == 20)
            metrics = (await own.get("/metrics"))[1]
            assert "linkgauge_reports_written_total 20.0" in metrics
            assert 'linkgauge_part_up{part="store"} 1.0' in metrics
            assert await own.stop() < 3


@pytest.mark.timeout(60)
async def test_embedded_broker_is_enough_and_batches_in_hand_are_finished_on_a_stop(tmp_path: Path) -> None:
    register(tmp_path)
    port = free_port()
    url, roles = f"mqtt://127.0.0.1:{port}", '["broker", "ingest", "web"]'
    async with collector(tmp_path, broker=url, roles=roles, more="batch_s = 30") as own:
        await own.answers("/readyz", lambda status, _: status == 200)
        async with pen(port) as agent:
            await agent.send(recent(1), recent(2))
            await own.answers("/metrics", lambda _, text: 'messages_received_total{leaf="report"} 1.0' in text)
            assert await own.stop(signal.SIGINT) < 3
    archive = Archive(tmp_path / "archive")
    archive.open()
    assert archive.missing("a1", "e1", 2) == []
    archive.close()


@pytest.mark.timeout(60)
@pytest.mark.program("mosquitto")
async def test_kill_at_any_instant_and_a_restart_store_every_report_once(tmp_path: Path) -> None:
    register(tmp_path)
    reports = {seq: recent(seq) for seq in range(1, 301)}
    with mosquitto(tmp_path) as broker:
        async with pen(broker.port) as agent:
            for round_number in range(3):
                async with collector(tmp_path, broker=broker.url, more="batch_reports = 7\nbatch_s = 0") as own:
                    await own.answers("/readyz", lambda status, _: status == 200)
                    async with asyncio.TaskGroup() as group:
                        group.create_task(_send_until(agent, reports, 100 * (round_number + 1)), name="agent")
                    if round_number < 2:
                        own.process.kill()
                        await own.process.wait()
                    else:
                        await _send_until(agent, reports, 300)
                        assert await own.stop() < 3
    archive = Archive(tmp_path / "archive")
    archive.open()
    assert archive.missing("a1", "e1", 300) == []
    assert all(archive.read(one["id"]) == json.dumps(one).encode() for one in reports.values())
    archive.close()


async def _send_until(agent: Any, reports: dict[int, dict[str, Any]], enough: int) -> None:  # noqa: ANN401 - a Pen
    deadline = time.monotonic() + 15
    while len(agent.stored()) < enough and time.monotonic() < deadline:
        left = [seq for seq in reports if seq not in agent.stored()][:50]
        for seq in left:
            await agent.send(reports[seq])
        with_receipt = len(agent.stored())
        try:
            await until(lambda: len(agent.stored()) > with_receipt, within_s=0.5)  # noqa: B023 - awaited at once
        except AssertionError:
            continue
    assert len(agent.stored()) >= enough


@pytest.mark.timeout(60)
async def test_reload_takes_over_what_it_can_and_survives_a_bad_file(tmp_path: Path) -> None:
    async with collector(tmp_path, broker=f"mqtt://127.0.0.1:{free_port()}") as own:
        await own.answers("/healthz", lambda status, _: status == 200)
        good = own.config.read_text()
        own.config.write_text(good + "nonsense = 1\n")
        own.process.send_signal(signal.SIGHUP)
        await own.answers("/metrics", lambda _, text: "linkgauge_config_reload_failures_total 1.0" in text)
        assert "linkgauge_config_reload_bad 1.0" in (await own.get("/metrics"))[1]
        own.config.write_text(good.replace("reconnect_max_s = 1", "reconnect_max_s = 2\nkeepalive_s = 77"))
        own.process.send_signal(signal.SIGHUP)
        await own.answers("/metrics", lambda _, text: "linkgauge_config_reload_bad 0.0" in text)
        assert "key=broker.keepalive_s" in own.log.read_text()
        assert await own.stop() < 3


@pytest.mark.timeout(60)
async def test_plans_are_read_at_the_start_and_on_reload_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "plans"
    folder.mkdir()
    example = (REPO / "deploy/collector/plans/example-2030.toml").read_text("utf-8")
    more = f'[plans]\nfolder = "{folder}"'
    async with collector(tmp_path, broker=f"mqtt://127.0.0.1:{free_port()}", roles='["web"]', more=more) as own:
        await own.answers("/healthz", lambda status, _: status == 200)
        assert (await own.get("/api/v1/plans/example-2030"))[0] == 404
        (folder / "example-2030.toml").write_text(example, "utf-8")
        own.process.send_signal(signal.SIGHUP)
        await own.answers("/api/v1/plans/example-2030", lambda status, _: status == 200)
        (folder / "example-2030.toml").write_text(f"nonsense = 1\n{example}", "utf-8")
        own.process.send_signal(signal.SIGHUP)
        await own.answers("/metrics", lambda _, text: "linkgauge_config_reload_bad 1.0" in text)
        assert (await own.get("/api/v1/plans/example-2030"))[0] == 200
        assert f"config.reload_failed error={folder}/example-2030.toml: " in own.log.read_text()
        assert await own.stop() < 3


async def _ends(own: Collector) -> tuple[int, str]:
    async with asyncio.timeout(15):
        code = await own.process.wait()
    return code, own.log.read_text()


@pytest.mark.timeout(60)
async def test_what_no_retry_can_mend_ends_with_one_line(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    archive.open()
    async with collector(tmp_path, broker="mqtt://127.0.0.1:1") as own:
        code, words = await _ends(own)
    archive.close()
    assert code == 2
    assert "in use by another collector" in words
    assert "Traceback" not in words


async def _http(port: int) -> asyncio.Server:
    return await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port)


@pytest.mark.timeout(60)
async def test_taken_port_ends_with_one_line(tmp_path: Path) -> None:
    async with collector(tmp_path, broker="mqtt://127.0.0.1:1") as own:
        server = await _http(own.port)
        code, words = await _ends(own)
        server.close()
    assert code == 2
    assert "address already in use; stop what listens there" in words
    assert "Traceback" not in words


@pytest.mark.timeout(60)
async def test_ready_tells_the_truth_of_a_store_that_nobody_writes_to(tmp_path: Path) -> None:
    more = "check_s = 0.1\nretry_max_s = 0.5"
    folder = tmp_path / "series"
    async with collector(tmp_path, broker=f"mqtt://127.0.0.1:{free_port()}", more=more, series=folder) as own:
        await own.answers("/readyz", lambda status, text: status == 503 and "store" not in text)
        shutil.rmtree(folder)
        folder.touch()
        words = await own.answers("/readyz", lambda status, text: status == 503 and "store" in text)
        assert "series" in json.loads(words)["reasons"]["store"]
        folder.unlink()
        await own.answers("/readyz", lambda status, text: status == 503 and "store" not in text)
        assert own.log.read_text().count("part.fails part=store") == 1
        assert await own.stop() < 3


@pytest.mark.timeout(60)
async def test_a_clean_start_and_a_clean_stop_say_nothing_alarming(tmp_path: Path) -> None:
    register(tmp_path)
    url, roles = f"mqtt://127.0.0.1:{free_port()}", '["broker", "ingest", "judge", "web"]'
    async with collector(tmp_path, broker=url, roles=roles) as own:
        await own.answers("/readyz", lambda status, _: status == 200)
        assert await own.stop(signal.SIGINT) < 3
        words = own.log.read_text()
    assert "part.works part=broker" in words
    assert [line for line in words.splitlines() if " INFO " not in line] == []


def test_each_trouble_is_said_once() -> None:
    said: list[tuple[str, str | None]] = []
    readiness = Readiness(Metrics(), lambda part, why: said.append((part, why)))
    readiness.expect("store")
    assert dict(readiness.reasons) == {"store": "starting"}
    for why in ("no route", "no route", "refused"):
        readiness.fails("store", why)
    assert dict(readiness.reasons) == {"store": "refused"}
    for _ in range(2):
        readiness.works("store")
    readiness.fails("archive", "full")
    assert said == [("store", "no route"), ("store", None), ("archive", "full")]
