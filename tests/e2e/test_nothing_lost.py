"""The promise: every report stored exactly once, in series and archive, whatever is killed on its way."""

import json
import os
from pathlib import Path

import pytest

from tests.e2e import truth
from tests.e2e.processes import wait_for
from tests.e2e.province import DATABASE, Province, running_province

pytestmark = [pytest.mark.program("mosquitto", "influxd"), pytest.mark.slow, pytest.mark.timeout(420)]
COUNT = int(os.environ.get("LINKGAUGE_CHAOS_REPORTS", "20000"))
RATE = 80.0  # reports a second and agent: five of them make 20,000 in 50 s


def check(province: Province) -> None:
    """Hold what was produced against series and archive, each read independently of the code under test."""
    spools = {agent: truth.produced(province.spool(agent)) for agent in province.agents}
    bodies = {report: body for spool in spools.values() for report, body in spool.bodies.items()}
    assert len(bodies) == province.count
    for agent, spool in spools.items():
        assert spool.unreceipted == 0, agent
        for epoch, seqs in spool.seqs.items():
            assert seqs == list(range(1, len(seqs) + 1)), f"{agent} {epoch} has gaps"

    rows = truth.points(province.influxd.url, DATABASE)
    in_series = [row["id"] for row in rows]
    assert len(in_series) == len(set(in_series)), "a report has more than one point"
    assert set(in_series) == set(bodies)

    in_archive = truth.archived(province.data / "archive")
    assert sorted(json.loads(raw)["id"] for raw in in_archive) == sorted(bodies), "archived other than once each"
    assert set(in_archive) == set(bodies.values()), "archived bytes differ from what was produced"


def test_every_report_is_stored_exactly_once_while_everything_is_killed(tmp_path: Path) -> None:
    with running_province(tmp_path, count=COUNT, rate=RATE, seed=20261122) as province:
        province.import_sites()
        for agent in province.agents:
            province.register(agent)
        province.start()
        province.chaos_until_produced()
        province.settle()
        check(province)
        assert min(province.kills.values()) >= 2
        assert len(province.kills) == 4


def test_it_holds_through_a_move_a_newcomer_and_a_restored_backup(tmp_path: Path) -> None:
    with running_province(tmp_path, count=COUNT, rate=RATE, seed=20261123) as province:
        *known, newcomer = province.agents
        province.import_sites()
        for agent in known:
            province.register(agent)
        province.start()
        tenth = COUNT // 10
        wait_for(lambda: province.produced_now() > tenth, within_s=60, what="the first tenth is produced")
        wait_for(lambda: newcomer in province.command("agent", "list"), within_s=30, what="the newcomer waits")
        province.import_sites({known[0]: "bac-son"})
        province.kill_something()
        wait_for(lambda: province.produced_now() > 2 * tenth, within_s=60, what="two tenths are produced")
        backup = province.backup()
        wait_for(lambda: province.produced_now() > 4 * tenth, within_s=60, what="four tenths are produced")
        province.kill_something()
        province.restore(backup)
        province.register(newcomer)
        province.chaos_until_produced()
        province.settle()
        check(province)
        communes = {row["commune"] for row in truth.points(province.influxd.url, DATABASE) if row["agent"] == known[0]}
        assert communes == {"huu-lung", "bac-son"}
