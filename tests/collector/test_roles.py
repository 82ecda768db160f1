"""What one process is made of, by its roles; who leads writes what all of them hear."""

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from collector.config import CollectorConfig, parse
from collector.errors import UsageError
from collector.events import Event
from collector.registry.site import Snapshot
from collector.roles import Process
from collector.upkeep import Upkeep
from tests.collector.rig import NOW, Rig, until

ONLINE = b'{"state":"online"}'


def settings(folder: Path, roles: str, more: str = "") -> CollectorConfig:
    text = f"""
roles = {roles}
[store]
url = "sqlite:///{folder}/series.db"
[registry]
url = "sqlite:///{folder}/registry.db"
[archive]
url = "file://{folder}/archive"
{more}
"""
    return parse(text, {}, name="test")


def process(folder: Path, roles: str, more: str = "") -> Process:
    config = settings(folder, roles, more)
    return Process(lambda: config)


async def test_one_process_with_all_roles_tells_nobody_what_it_knows_itself(tmp_path: Path) -> None:
    assert process(tmp_path, '["ingest", "judge", "web"]').relay is None
    for roles, more in (
        ('["ingest", "judge", "web"]', '[broker]\ngroup = "collector"'),
        ('["ingest", "judge", "web"]', "[broker]\nevents = true"),
        ('["judge"]', ""),
        ('["ingest", "web"]', ""),
    ):
        assert process(tmp_path, roles, more).relay is not None
    assert process(tmp_path, '["web"]', "[broker]\nevents = false").relay is None


async def test_only_a_judge_can_lead_and_only_who_takes_reports_keeps_a_journal(tmp_path: Path) -> None:
    judge, ingest = process(tmp_path, '["judge"]'), process(tmp_path, '["ingest"]')
    assert (judge.leadership is None, judge.parts.journal is None) == (False, True)
    assert (ingest.leadership is None, ingest.parts.journal is None) == (True, False)
    assert not judge.parts.leading()
    assert not ingest.parts.leading()


async def test_an_ingest_process_takes_the_first_free_slot_of_its_group(tmp_path: Path) -> None:
    more = '[broker]\ngroup = "collector"\nclient_id = "collector"'
    first, second = process(tmp_path, '["ingest"]', more), process(tmp_path, '["ingest"]', more)
    for one in (first, second):
        one.parts.archive.open()
    assert (first.parts.archive.slot, second.parts.archive.slot) == ("1", "2")
    for one in (first, second):
        one.parts.archive.close()


async def test_a_webhook_that_is_no_address_is_refused_before_anybody_leads(tmp_path: Path) -> None:
    config = settings(tmp_path, '["judge"]')
    config = msgspec.structs.replace(config, judge=msgspec.structs.replace(config.judge, webhook_url="nowhere"))
    with pytest.raises(UsageError, match=r"judge\.webhook_url"):
        Process(lambda: config)


async def test_who_does_not_lead_hears_statuses_and_writes_none(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "mqtt://127.0.0.1:1")
    heard: list[Event] = []
    rig.bus.forward_to(heard.append)
    follower = Upkeep(replace(rig.parts, leading=lambda: False))
    leader = Upkeep(rig.parts)
    for upkeep in (follower, leader):
        await upkeep.refresh()
        upkeep.status("a1", ONLINE, retained=False)
    assert rig.fleet.agents["a1"].last_seen == NOW
    assert [event.topic for event in heard] == ["status", "status"]
    assert follower.take_statuses() == {}
    assert list(leader.take_statuses()) == ["a1"]
    rig.registry.close()


async def test_a_registry_that_hangs_is_not_called_ready(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "mqtt://127.0.0.1:1", REGISTRY_TIMEOUT_S="0.1")
    rig.readiness.expect("registry")
    goes_on = threading.Event()
    revision = rig.registry.revision

    def hanging() -> int:
        goes_on.wait(10)
        return revision()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(rig.upkeep.run(rig.pipeline.write_statuses), name="upkeep")
        await until(lambda: not rig.readiness.reasons)
        rig.registry.revision = hanging  # type: ignore[method-assign]
        await until(lambda: "no answer for 0 s" in rig.readiness.reasons.get("registry", ""))
        goes_on.set()
        await until(lambda: not rig.readiness.reasons)
        task.cancel()
    rig.registry.close()


async def test_of_two_who_read_the_registry_at_once_the_slower_one_brings_nothing_older(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "mqtt://127.0.0.1:1")
    await rig.upkeep.refresh()
    reading, goes_on = threading.Event(), threading.Event()
    snapshot = rig.registry.snapshot

    def slow() -> Snapshot:
        rig.registry.snapshot = snapshot  # type: ignore[method-assign]
        found = snapshot()
        reading.set()
        goes_on.wait(10)
        return found

    rig.registry.snapshot = slow  # type: ignore[method-assign]
    async with asyncio.TaskGroup() as group:
        group.create_task(rig.upkeep.refresh(), name="slow")
        await asyncio.to_thread(reading.wait, 10)
        rig.registry.add_agent("a1", "s1", now=NOW)
        quick = group.create_task(rig.upkeep.refresh(), name="quick")
        await asyncio.wait({quick}, timeout=0.2)  # it would come first, if it were let
        goes_on.set()
    assert "a1" in quick.result().agents
    assert rig.upkeep.snapshot == quick.result()
    rig.registry.close()
