"""The whole way of a sample with ModemManager itself, which probes, enables and reads modems that answer AT."""

import contextlib
from pathlib import Path

import pytest

from agent.errors import Failed
from agent.probes.probe import Task
from agent.probes.radio import probe
from agent.wire.results import Radio
from tests.agent.radio.fake_modem import PLAIN_LTE, FakeModem
from tests.agent.radio.real_manager import Manager, real_manager
from tests.agent.radio.standin import MODEM

pytestmark = [pytest.mark.program("dbus-daemon", "ModemManager"), pytest.mark.timeout(60)]
FAILED, LOCKED, DISABLED, REGISTERED = -1, 2, 3, 8
LTE = Radio(
    mcc_mnc="46001",
    technology="lte",
    cell="2A1F03",
    tac="1F2C",
    rsrp_dbm=-97.0,
    rsrq_db=-11.0,
    registration="roaming",
    roaming=True,
    method="modemmanager",
    state="registered",
    modem="SIMCOM INCORPORATED SIM7600E",
    quality_ratio=0.64,
)


async def sample(manager: Manager, name: str) -> Radio:
    outcome = await probe(Task("", options={"bus": manager.address, "modem": f"/virtual/{name}", "wait": "1.5"}))
    assert isinstance(outcome.result, Radio)
    return outcome.result


async def test_modems_of_the_real_modemmanager_become_samples(tmp_path: Path) -> None:
    async with real_manager(tmp_path) as manager, contextlib.AsyncExitStack() as stack:
        with pytest.raises(Failed, match="has found no modem"):
            await sample(manager, "none")
        table = PLAIN_LTE | {"AT+CREG?": '+CREG: 2,5,"1F2C","002A1F03",7'}
        plugged = {
            "lte": FakeModem(table),
            "locked": FakeModem(table | {"AT+CPIN?": "+CPIN: SIM PIN"}),
            "bare": FakeModem({name: text for name, text in table.items() if name != "AT+CPIN?"}, "+CME ERROR: 10"),
        }
        for name, modem in plugged.items():
            await manager.plug(stack, name, modem)

        await manager.reaches("locked", LOCKED)
        locked = await sample(manager, "locked")
        assert (locked.state, locked.state_reason, locked.rsrp_dbm) == ("locked", "sim_pin", None)

        path = await manager.reaches("lte", DISABLED)
        disabled = await sample(manager, "lte")
        assert (disabled.state, disabled.rsrp_dbm, disabled.technology) == ("disabled", None, None)
        assert await sample(manager, "lte") == disabled, "a sample has switched the modem on"

        await manager.call(path, MODEM, "Enable", "b", True)  # noqa: FBT003 - a D-Bus argument
        await manager.reaches("lte", REGISTERED)
        assert await sample(manager, "lte") == LTE

        await manager.reaches("bare", FAILED)
        bare = await sample(manager, "bare")
        assert (bare.state, bare.state_reason) == ("failed", "sim_missing")

        plugged["lte"].goes = "AT+CESQ"
        dumb = await sample(manager, "lte")
        assert dumb.rsrp_dbm is None
        assert str(dumb.missing["levels"]) == "device:timeout"

        manager.process.kill()
        await manager.process.wait()
        with pytest.raises(Failed, match="ModemManager is not running"):
            await sample(manager, "locked")
