"""The promise: every report stored exactly once, in series and archive, whatever fails on its way.

The small edition of tests/bench/chaos.py: about a minute of faults, and what an operator does meanwhile.
"""

import os
from pathlib import Path

import pytest

from tests.e2e.balance import balance
from tests.e2e.chaos import Chaos, whole
from tests.e2e.processes import wait_for
from tests.e2e.province import Shape, running_province

pytestmark = [pytest.mark.program("mosquitto", "influxd"), pytest.mark.slow, pytest.mark.timeout(420)]
REPORTS = int(os.environ.get("LINKGAUGE_CHAOS_REPORTS", "14000"))


def test_every_report_is_stored_exactly_once_whatever_fails_on_its_way(tmp_path: Path) -> None:
    shape = Shape(reports=REPORTS // 50, rate=200.0, seed=20261122)
    with running_province(tmp_path, shape) as province, whole(province):
        *known, newcomer = province.agents
        mover = known[0]
        province.import_sites()
        province.register(known)
        province.start()
        chaos = Chaos(province)
        tenth = shape.total // 10
        wait_for(lambda: province.produced_now() > tenth, within_s=60, what="the first tenth is made")
        wait_for(lambda: newcomer in province.command("agent", "list"), within_s=30, what="the newcomer waits")
        province.import_sites({mover: "co-to"})
        chaos.until(lambda: province.produced_now() > 3 * tenth, within_s=60, at_least=0)
        backup = province.backup()
        chaos.until(lambda: province.produced_now() > 5 * tenth, within_s=60, at_least=0)
        province.restore(backup)
        province.register([newcomer])
        chaos.until(lambda: province.produced_now() >= shape.total, within_s=180)
        province.settle()
        assert not province.died()
        found = balance(province)
        assert not found.faults, f"{found.faults}; {chaos.counts}"
        assert len(found.communes[mover]) == 2
