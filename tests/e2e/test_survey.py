"""A walk without a network: 500 places, recorded on the way, delivered afterwards complete, in order and once."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.agent.box import PROGRAM, ended, process
from tests.agent.survey.ground import AGENT, POINTS, Ground, ground, kept, track
from tests.collector.mosquitto import Mosquitto
from tests.collector.rig import Rig, until
from tests.e2e.truth import archived, unreceipted

pytestmark = [pytest.mark.program("dbus-daemon", "mosquitto"), pytest.mark.timeout(150)]


@asynccontextmanager
async def collector(folder: Path, broker: Mosquitto) -> AsyncIterator[Rig]:
    """A broker and a real ingest, with the agent registered."""
    broker.start()
    try:
        rig = Rig(folder, broker.url)
        rig.now = datetime.now(UTC)
        rig.registry.add_agent(AGENT, "s1", now=rig.now)
        async with rig.running():
            yield rig
    finally:
        broker.kill()


def walk_of(reports: list[dict[str, Any]]) -> list[tuple[int, float, float]]:
    return [(one["result"]["place_number"], one["result"]["latitude"], one["result"]["longitude"]) for one in reports]


async def recorded(here: Ground, count: int, *arguments: str) -> str:
    """Walk until so many samples are kept; gives the end of what was printed."""
    with here.survey("--every", "0.02", "--environment", "driving", *arguments) as run:
        for _ in range(count):
            line = await asyncio.to_thread(run.stdout.readline)
            assert line, run.stderr.read()
        run.send_signal(signal.SIGTERM)
        rest: str = await asyncio.to_thread(run.stdout.read)
        assert await ended(run, 30) == 0
    return rest


@pytest.mark.slow
async def test_500_places_recorded_offline_are_delivered_complete_and_in_order(tmp_path: Path) -> None:
    way = track()
    async with ground(tmp_path, [*way]) as here:
        end = await recorded(here, POINTS, "--keep")
        assert "4G level: -97 best" in end
        walked = kept(here.recorded)
        count = len(walked)
        assert count >= POINTS
        assert walk_of(walked)[:POINTS] == [(at, *place) for at, place in enumerate(way, 1)]

        broker = Mosquitto(tmp_path, port=here.broker_port)
        async with collector(tmp_path, broker) as rig:
            with here.survey("--upload") as run:
                out = await asyncio.to_thread(run.stdout.read)
                assert await ended(run, 60) == 0
            assert "everything has its receipt" in out
            rows = await rig.rows("radio")
        assert [row["id"] for row in rows] == [report["id"] for report in walked], "in the series, by time"
        assert [(row["place_number"], row["latitude"], row["longitude"]) for row in rows] == walk_of(walked)
        archive = [json.loads(raw) for raw in archived(tmp_path / "archive")]
        assert [report["id"] for report in archive] == [report["id"] for report in walked], "arrived in order, once"
        assert archive == walked, "the very bytes, but for their spelling"
        assert [report["seq"] for report in archive] == list(range(1, count + 1))
        assert unreceipted(here.data / "spool.db") == 0


async def test_where_the_service_runs_it_takes_the_walk_and_says_nothing_in_another_s_name(tmp_path: Path) -> None:
    async with ground(tmp_path, [*track(60)]) as here:
        kinds = ("throughput", "latency", "ipv6", "dns", "web", "path")
        schedule = "".join(f"[schedule.{kind}]\nenabled = false\n" for kind in kinds)
        config = here.configure(f"[limits]\nsurvey_s = 0.2\n{schedule}")
        broker = Mosquitto(tmp_path, port=here.broker_port)
        async with collector(tmp_path, broker) as rig:
            with process([*PROGRAM, "run", "--config", str(config)]) as service:
                await until(lambda: rig.fleet.agents.get(AGENT) is not None)
                end = await recorded(here, 20)
                assert "the agent's service on this device sends them" in end
                walked = kept(here.recorded)
                await until(lambda: not (here.data / "survey" / "waiting").exists(), within_s=20)
                await until(lambda: unreceipted(here.data / "spool.db") == 0, within_s=20)
                assert rig.fleet.agents[AGENT].state == "online", "nobody said goodbye for the service"
                again = await recorded(here, 5)
                assert "the agent's service" in again
                walked = kept(here.recorded)
                await until(lambda: len(kept(here.data / "spool.db")) == len(walked), within_s=20)
                await until(lambda: unreceipted(here.data / "spool.db") == 0, within_s=20)
                service.send_signal(signal.SIGTERM)
                assert await ended(service, 10) == 0
            ids = [row["id"] for row in await rig.rows("radio")]
        assert ids == [report["id"] for report in walked]
        archive = [json.loads(raw) for raw in archived(tmp_path / "archive")]
        assert [report["id"] for report in archive] == ids
