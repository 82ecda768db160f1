"""The connection to the broker in trouble: what is dropped is counted, what is wrong is said, and nothing stalls."""

import asyncio
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from collector.errors import RegistryUnavailable, StoreUnavailable
from collector.inbox import Letter
from collector.ingest import Arrival, unpack
from collector.subscribe import feed
from tests.collector.mosquitto import mosquitto
from tests.collector.rig import NOW, Pen, Rig, pen, report, until


def letter(*seqs: int) -> Letter:
    return Letter("linkgauge/v1/a1/report", b"[" + b",".join(_body(seq) for seq in seqs) + b"]")


def _body(seq: int) -> bytes:
    return b'{"v":1,"id":"01936f0e-0000-7000-8000-%012d","epoch":"e1","seq":%d}' % (seq, seq)


async def test_receipts_that_nobody_fetches_are_dropped_and_counted(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "mqtt://127.0.0.1:1", BROKER_OUTBOX_MESSAGES="3")
    for _ in range(5):
        rig.subscriber.send("linkgauge/v1/a1/receipt", b"{}", 0)
    assert rig.count("messages_dropped_total", queue="out") == 2


@pytest.mark.parametrize(
    ("key", "words"),
    [("BROKER_CA", "broker.ca, broker.cert or broker.key"), ("BROKER_PASSWORD_FILE", "broker.password_file")],
)
async def test_a_file_that_cannot_be_read_is_named_and_tried_again(tmp_path: Path, key: str, words: str) -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    rig = Rig(tmp_path, f"mqtts://127.0.0.1:{port}", **{key: str(tmp_path / "none"), "BROKER_USERNAME": "c"})
    async with server, asyncio.TaskGroup() as group:
        task = group.create_task(rig.subscriber.run(), name="subscriber")
        await until(lambda: words in rig.readiness.reasons.get("broker", ""))
        task.cancel()


async def test_one_letter_takes_no_other_down(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig(tmp_path, "mqtt://127.0.0.1:1")
    done: list[int | None] = []

    async def process(arrivals: Sequence[Arrival]) -> None:
        seqs = [getattr(arrival.decoded, "seq", None) for arrival in arrivals]
        if 2 in seqs:
            raise ZeroDivisionError
        done.extend(seqs)

    for number in (1, 2, 3):
        rig.inbox.offer(letter(number))
    rig.inbox.close()
    with caplog.at_level(logging.CRITICAL, "collector.subscribe"):
        await feed(rig.inbox, process, lambda: rig.config, rig.metrics)
    assert done == [1, 3]
    assert rig.count("faults_total", part="pipeline") == 2


async def test_a_stop_gives_up_what_cannot_be_stored(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "mqtt://127.0.0.1:1")
    rig.registry.add_agent("a1", "s1", now=NOW)
    rig.series.fault = StoreUnavailable("gone fishing")
    rig.inbox.offer(Letter("linkgauge/v1/a1/report", _report(1)))
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(feed(rig.inbox, rig.pipeline.process, lambda: rig.config, rig.metrics), name="feed")
        await until(lambda: rig.count("store_retries_total", part="store") > 1)
        rig.inbox.close()
    assert rig.count("reports_abandoned_total") == 1
    assert rig.archive.missing("a1", "e1", 1) == [(1, 1)]


def _report(seq: int) -> bytes:
    return json.dumps(report(seq)).encode()


async def test_a_registry_that_is_away_is_waited_for(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "mqtt://127.0.0.1:1")
    rig.registry.add_agent("a1", "s1", now=NOW)

    def away(*_: object, **__: object) -> bool:
        raise RegistryUnavailable("no route to the registry")

    fix_tags, rig.registry.fix_tags = rig.registry.fix_tags, away  # type: ignore[method-assign]
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(rig.pipeline.process(unpack("linkgauge/v1/a1/report", _report(1))), name="process")
        await until(lambda: rig.readiness.reasons.get("registry") == "no route to the registry")
        assert await rig.rows() == []
        rig.registry.fix_tags = fix_tags  # type: ignore[method-assign]
    assert not rig.readiness.reasons
    assert len(await rig.rows()) == 1


@pytest.mark.program("mosquitto")
@pytest.mark.timeout(60)
async def test_what_a_broker_drops_at_its_own_limits_stalls_nothing(tmp_path: Path) -> None:
    """Mosquitto confirms to the sender, and keeps 1,000 messages for a slow reader by default: the rest is gone.

    Only sending again brings it in; what reached the collector is stored, all of it.
    """
    with mosquitto(tmp_path, limits="") as broker:
        rig = Rig(tmp_path, broker.url)
        rig.registry.add_agent("a1", "s1", now=NOW)
        bodies = {seq: report(seq) for seq in range(1, 3001)}
        async with rig.running(), pen(broker.port) as agent:
            async with asyncio.TaskGroup() as group:
                for first in range(1, 101):
                    some = [bodies[seq] for seq in range(first, 3001, 100)]
                    group.create_task(_send(agent, some), name=f"from {first}")
            await _quiet(rig)
            assert len(agent.stored()) == rig.count("messages_received_total", leaf="report")
            while left := [bodies[seq] for seq in bodies.keys() - agent.stored()]:
                for start in range(0, min(len(left), 1000), 50):
                    await agent.send(*left[start : start + 50])
                await _quiet(rig)
            assert len(await rig.rows()) == 3000


async def _send(agent: Pen, reports: Sequence[dict[str, Any]]) -> None:
    for one in reports:
        await agent.send(one)


async def _quiet(rig: Rig) -> None:
    """Wait until nothing has come in for a while, and all that came has its receipt."""
    seen = -1.0
    while seen != (seen := rig.count("messages_received_total", leaf="report")) or rig.inbox:  # noqa: ASYNC110 - a broker does not say when it is done
        await asyncio.sleep(0.4)


async def test_an_index_that_cannot_be_asked_is_the_archives_trouble(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "mqtt://127.0.0.1:1")
    rig.registry.add_agent("a1", "s1", now=NOW)

    def damaged(report_id: str, *, sure: bool = False) -> bool:
        del report_id, sure
        raise StoreUnavailable("the index is damaged")

    await rig.pipeline.process(unpack("linkgauge/v1/a1/report", _report(1)))
    holds, rig.archive.holds = rig.archive.holds, damaged  # type: ignore[method-assign]
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(rig.pipeline.process(unpack("linkgauge/v1/a1/report", _report(1))), name="process")
        await until(lambda: bool(rig.readiness.reasons))
        assert dict(rig.readiness.reasons) == {"archive": "the index is damaged"}
        rig.archive.holds = holds  # type: ignore[method-assign]
    assert not rig.readiness.reasons
