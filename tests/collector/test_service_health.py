"""A real service tells the truth of itself: every number with its words, every trouble with its reason."""

import asyncio
import json
import re
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.collector.influxd import running_influxd
from tests.collector.mosquitto import Mosquitto, mosquitto
from tests.collector.rig import pen, until
from tests.collector.test_service import REPO, Collector, recent, register
from tests.e2e.disk import Disk
from tests.ports import free_port

CONFIG = """
roles = ["ingest", "judge", "web"]
[broker]
url = "{broker}"
reconnect_first_s = 0.05
reconnect_max_s = 0.2
[store]
url = "{store}"
retry_first_s = 0.05
retry_max_s = 0.2
check_s = 0.2
batch_s = 0.05
[registry]
url = "sqlite:///{folder}/registry.db"
poll_s = 0.05
timeout_s = 0.3
[ledger]
flush_s = 0.1
[rollups]
every_s = 0.2
[archive]
url = "file://{archive}"
[quarantine]
url = "sqlite:///{folder}/quarantine.db"
[web]
listen = "127.0.0.1:{port}"
[log]
format = "json"
"""
PROMISED = {
    "counter": """messages_received messages_received_bytes messages_dropped messages_refused reports_decoded
        reports_written reports_known reports_deferred reports_rejected reports_abandoned points_written store_retries
        receipts_sent broker_connections faults part_failures ledger_reports ledger_reports_late rollup_points_written
        rollup_work_seconds process_cpu_seconds events statuses_unreadable resend_requests""",
    "gauge": """queue_messages queue_bytes queue_oldest_seconds broker_connected leader part_up archive_bytes
        archive_unsealed_days archive_damaged_bytes store_bytes disk_free_bytes ledger_behind ledger_reports_waiting
        ledger_gap_reports completeness_yesterday_ratio rollup_buckets_waiting rollup_overdue_seconds
        quarantine_payloads quarantine_bytes quarantine_gone_payloads process_resident_memory_bytes build_info
        process_start_time_seconds agents_waiting""",
    "histogram": """batch_reports receipt_latency_seconds report_lag_seconds store_write_seconds
        archive_append_seconds ledger_flush_seconds event_loop_delay_seconds""",
}
# Of whole things without a unit of measure the name says what is counted.
UNITS = re.compile(
    r"(seconds|bytes|ratio|info|messages|reports|points|payloads|days|buckets_waiting|reports_waiting|late|duplicate"
    r"|fds|up|connected|leader|behind|bad|heard|agents_waiting|alerts|unknown)$"
)


@asynccontextmanager
async def service(
    folder: Path, broker: Mosquitto, *, store: str | None = None, archive: Path | None = None
) -> AsyncIterator[Collector]:
    """All roles in one process, ready."""
    register(folder)
    port, config, log = free_port(), folder / "collector.toml", folder / "collector.log"
    own = {"store": store or f"sqlite:///{folder}/series.db", "archive": archive or folder / "archive"}
    config.write_text(CONFIG.format(broker=broker.url, folder=folder, port=port, **own))
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "collector", "run", "--config", str(config), stdout=out, stderr=out, cwd=REPO
        )
    try:
        made = Collector(process, config, port, log)
        await made.answers("/readyz", lambda status, _: status == 200)
        yield made
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def families(text: str) -> Iterator[tuple[str, str, str]]:
    for family in text_string_to_metric_families(text):
        if not family.name.endswith("_created"):
            yield family.name, family.type, family.documentation


async def reasons(own: Collector, part: str) -> str:
    words = await own.answers("/readyz", lambda status, text: status == 503 and f'"{part}"' in text, within_s=8)
    said: str = json.loads(words)["reasons"][part]
    return said


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """As another program that writes and does not end."""
    connection = sqlite3.connect(database, isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")
    finally:
        connection.close()


async def recovers(own: Collector) -> None:
    await own.answers("/readyz", lambda status, _: status == 200, within_s=8)


@pytest.mark.timeout(60)
@pytest.mark.program("mosquitto")
async def test_every_number_is_promised_and_has_words_and_every_trouble_its_reason(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:
        async with service(tmp_path, broker) as own:
            async with pen(broker.port) as agent, pen(broker.port, "stranger") as stranger:
                first = [recent(seq) for seq in range(1, 21)]
                await agent.send(*first)
                await until(lambda: len(agent.stored()) == 20)
                await agent.send(*first)
                await agent.send_raw(b"rubbish")
                await stranger.send(recent(1) | {"agent": "stranger"})
                await until(lambda: "unknown_agent" in stranger.reasons("deferred").values())
                await own.answers("/metrics", lambda _, text: "linkgauge_ledger_reports_total 20.0" in text)
                _check(await _settled(own))
                await own.answers("/pipe?lang=en", lambda _, text: text.count('<li class="stage ') == 8)
                with locked(tmp_path / "registry.db"):
                    await agent.send(recent(21))
                    assert "locked" in await reasons(own, "ledger")
                    await until(lambda: 21 in agent.stored())
                await recovers(own)
            broker.kill()
            assert broker.url in await reasons(own, "broker")
            broker.start()
            await recovers(own)
            assert await own.stop() < 3
        _check_logs(own.log.read_text())


async def _settled(own: Collector) -> str:
    """The numbers, once what is looked at every few seconds has been looked at."""
    return await own.answers("/metrics", lambda _, text: "linkgauge_reports_known_total 20.0" in text)


def _check(text: str) -> None:
    found = {name: (kind, words) for name, kind, words in families(text)}
    for name, (_, words) in found.items():
        assert name.startswith("linkgauge_"), name
        assert words[:1].isalnum(), name
        assert len(words) > 5, name
        assert UNITS.search(name) or found[name][0] == "counter", name
    for kind, names in PROMISED.items():
        for name in names.split():
            assert found.get(f"linkgauge_{name}", ("missing",))[0] == kind, name
    for line in text.splitlines():
        if line.startswith("# TYPE") and line.endswith(" counter"):
            assert line.split()[2].endswith("_total"), line
    for told in (
        'reports_deferred_total{reason="unknown_agent"} 1.0',
        'reports_rejected_total{reason="malformed"} 1.0',
    ):
        assert f"linkgauge_{told}" in text


def _check_logs(text: str) -> None:
    lines = [json.loads(line) for line in text.splitlines()]
    assert all({"time", "level", "logger", "event", "message", "fields"} <= line.keys() for line in lines)
    assert {"collector.started", "part.works", "part.fails", "leader.leads"} <= {line["event"] for line in lines}
    fields = [line["fields"] for line in lines if line["event"] == "part.fails"]
    assert {"broker", "ledger"} <= {one["part"] for one in fields}
    assert len(fields) < 8, "a trouble is said once, and does not flap"


@pytest.mark.timeout(60)
@pytest.mark.program("mosquitto")
@pytest.mark.program("influxd")
@pytest.mark.root
async def test_a_dead_database_and_a_full_archive_are_said_and_recover_by_themselves(tmp_path: Path) -> None:
    with (
        mosquitto(tmp_path) as broker,
        running_influxd(tmp_path / "influx") as influx,
        Disk(tmp_path / "disk") as disk,
    ):
        async with service(tmp_path, broker, store=influx.store_url("lg"), archive=disk.path / "archive") as own:
            async with pen(broker.port) as agent:
                await agent.send(recent(1))
                await until(lambda: agent.stored() == {1})
                influx.kill()
                assert "cannot be reached" in await reasons(own, "store")
                await agent.send(recent(2))
                influx.restart()
                await recovers(own)
                await until(lambda: agent.stored() == {1, 2})
                disk.fill([own.process.pid])
                assert "No space left" in await reasons(own, "archive")
                for start in range(3, 303, 50):  # the first few may find room in a page that is begun
                    await agent.send(*[recent(seq) for seq in range(start, start + 50)])
                await until(lambda: "store_full" in agent.reasons("deferred").values())
                disk.free()
                await recovers(own)
            assert await own.stop() < 3
