"""What one process is made of, by its roles; who leads writes what all of them hear."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from collector.config import CollectorConfig, parse
from collector.errors import UsageError
from collector.events import Event
from collector.roles import Process
from collector.upkeep import Upkeep
from tests.collector.rig import NOW, Rig

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
