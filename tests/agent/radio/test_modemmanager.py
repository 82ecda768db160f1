"""Samples of a modem behind ModemManager, over the real message bus daemon on a bus of our own."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dbus_fast import Variant

from agent.errors import Failed
from agent.probes.probe import Task
from agent.probes.radio import probe
from agent.radio.modemmanager import Wanted, managed_modem
from agent.wire.failure import Failure
from agent.wire.report import Cellular, Link
from agent.wire.results import Radio
from tests.agent.radio import modems
from tests.agent.radio.standin import LOCATION, MODEM, SIGNAL, Plugged, StandIn, private_bus, stand_in

pytestmark = pytest.mark.program("dbus-daemon")
NOON = datetime(2026, 11, 22, 5, 0, 0, tzinfo=UTC)
UNSUPPORTED = "org.freedesktop.ModemManager1.Error.Core.Unsupported"
UNAUTHORIZED = "org.freedesktop.ModemManager1.Error.Core.Unauthorized"


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


class Place:
    """A bus with a ModemManager on it."""

    def __init__(self, address: str, service: StandIn, daemon: asyncio.subprocess.Process) -> None:
        self.address = address
        self.service = service
        self.daemon = daemon

    async def sample(self, wanted: Wanted | None = None) -> Radio:
        """Open the modem, take a sample, let it go."""
        async with managed_modem(replace(wanted or Wanted(), bus=self.address), lambda: NOON) as modem:
            return await modem.sample()


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Place]:
    async with private_bus(tmp_path) as (address, daemon), stand_in(address) as service:
        yield Place(address, service, daemon)


SAMPLES: dict[str, tuple[Callable[[], Plugged], Radio]] = {
    "lte": (
        modems.lte,
        Radio(
            operator="Viettel",
            mcc_mnc="45204",
            technology="lte",
            band="b3",
            cell="2A1F03",
            tac="1F2C",
            rsrp_dbm=-97.0,
            rsrq_db=-11.0,
            sinr_db=8.2,
            rssi_dbm=-66.0,
            registration="home",
            roaming=False,
            method="modemmanager",
            state="connected",
            modem="QUALCOMM INCORPORATED EC25",
            quality_ratio=0.61,
        ),
    ),
    "nsa": (
        modems.nsa,
        Radio(
            operator="VINAPHONE",
            mcc_mnc="45202",
            technology="nr_nsa",
            band="b1",
            nr_band="n78",
            cell="5B2A10C",
            tac="2EE1",
            rsrp_dbm=-86.0,
            rsrq_db=-9.0,
            sinr_db=14.0,
            rssi_dbm=-58.0,
            nr_rsrp_dbm=-92.0,
            nr_rsrq_db=-10.5,
            nr_sinr_db=0.0,
            registration="home",
            roaming=False,
            method="modemmanager",
            state="connected",
            modem="Quectel RM520N-GL",
            quality_ratio=0.78,
        ),
    ),
    "sa": (
        modems.sa,
        Radio(
            operator="MobiFone",
            mcc_mnc="45201",
            technology="nr_sa",
            band="n41",
            cell="1F2C3A4B5",
            tac="A1B2",
            nr_rsrp_dbm=-88.0,
            nr_rsrq_db=-11.0,
            nr_sinr_db=17.5,
            registration="home",
            roaming=False,
            method="modemmanager",
            state="registered",
            modem="Quectel RM520N-GL",
            quality_ratio=0.7,
        ),
    ),
    "umts": (
        modems.umts,
        Radio(
            mcc_mnc="45204",
            technology="umts",
            cell="1CEAD8F",
            lac="77CD",
            rscp_dbm=-94.0,
            ecio_db=-7.5,
            registration="home",
            roaming=False,
            method="modemmanager",
            state="registered",
            modem="huawei E3372",
            quality_ratio=0.45,
        ),
    ),
    "gsm": (
        modems.gsm,
        Radio(
            operator="VN Vinaphone",
            mcc_mnc="45202",
            technology="gsm",
            band="egsm",
            cell="1A2B",
            lac="2EE",
            rssi_dbm=-89.0,
            registration="roaming",
            roaming=True,
            method="modemmanager",
            state="registered",
            modem="Quectel RM520N-GL",
            quality_ratio=0.33,
        ),
    ),
    "roaming": (
        modems.roaming,
        Radio(
            operator="CHN-UNICOM",
            mcc_mnc="46001",
            technology="lte",
            cell="D30156",
            tac="6FFE",
            rsrp_dbm=-109.0,
            rsrq_db=-14.0,
            registration="roaming_csfb_not_preferred",
            roaming=True,
            method="modemmanager",
            state="connected",
            modem="Quectel RM520N-GL",
            quality_ratio=0.4,
        ),
    ),
    "searching": (
        modems.searching,
        Radio(registration="searching", method="modemmanager", state="searching", modem="Quectel RM520N-GL"),
    ),
    "denied": (
        modems.denied,
        Radio(registration="denied", method="modemmanager", state="enabled", modem="Quectel RM520N-GL"),
    ),
    "no_sim": (
        modems.no_sim,
        Radio(method="modemmanager", state="failed", state_reason="sim_missing", modem="Quectel RM520N-GL"),
    ),
    "locked": (
        modems.locked,
        Radio(method="modemmanager", state="locked", state_reason="sim_pin", modem="Quectel RM520N-GL"),
    ),
    "disabled": (
        modems.disabled,
        Radio(registration="idle", method="modemmanager", state="disabled", modem="Quectel RM520N-GL"),
    ),
}


@pytest.mark.parametrize("name", SAMPLES)
async def test_a_modem_s_properties_become_exactly_this_sample(bus: Place, name: str) -> None:
    plugged, expected = SAMPLES[name][0](), SAMPLES[name][1]
    bus.service.plug(plugged)
    assert await bus.sample() == expected
    assert plugged.values.get(SIGNAL, {}).get("Rate", 0) == 0, "the modem was not left as it was found"


async def test_the_probe_names_the_interface_and_a_rate_that_somebody_set_stays(bus: Place) -> None:
    plugged = modems.lte()
    plugged.values[SIGNAL] |= {"Rate": 5, "Lte": {"rsrp": Variant("d", -101.0)}}
    bus.service.plug(plugged)
    bus.service.bearers["/org/freedesktop/ModemManager1/Bearer/3"] = {
        "Interface": "wwan0", "Connected": True, "Suspended": False,
    }  # fmt: skip
    outcome = await probe(Task("", options={"bus": bus.address}))
    assert isinstance(outcome.result, Radio)
    assert (outcome.result.rsrp_dbm, outcome.result.sinr_db) == (-101.0, None)
    assert outcome.link == Link("wwan0", "cellular", cellular=Cellular("lte", "b3", -101.0))
    assert not [call for call in plugged.calls if call[0] == "Signal.Setup"]
    assert plugged.values[SIGNAL]["Rate"] == 5


@pytest.mark.parametrize("refuse", [{}, {"Signal.Setup": UNAUTHORIZED}], ids=["allowed", "refused"])
async def test_a_slower_rate_of_somebody_s_is_made_faster_for_the_time_and_put_back(
    bus: Place, refuse: dict[str, str]
) -> None:
    plugged = modems.lte()
    plugged.refuse = refuse
    plugged.values[SIGNAL] |= {"Rate": 30, "Lte": {"rsrp": Variant("d", -101.0)}}
    bus.service.plug(plugged)
    outcome = await probe(Task("", options={"bus": bus.address, "rate": "2"}))
    assert isinstance(outcome.result, Radio)
    assert outcome.result.rsrp_dbm == (-101.0 if refuse else -97.0)
    assert "levels" not in outcome.result.missing
    assert [call for call in plugged.calls if call[0] == "Signal.Setup"] == [("Signal.Setup", 2), ("Signal.Setup", 30)]
    assert plugged.values[SIGNAL]["Rate"] == 30


async def test_refusals_leave_out_their_part_and_say_so(bus: Place) -> None:
    plugged = modems.lte()
    plugged.refuse = {
        "Signal.Setup": UNAUTHORIZED,
        "Location.GetLocation": UNAUTHORIZED,
        "Modem.GetCellInfo": "org.freedesktop.DBus.Error.AccessDenied",
    }
    bus.service.plug(plugged)
    radio = await bus.sample()
    assert {part: str(why) for part, why in radio.missing.items()} == dict.fromkeys(
        ("levels", "cell", "band"), "device:no_permission"
    )
    assert (radio.operator, radio.technology, radio.quality_ratio) == ("Viettel", "lte", 0.61)
    assert (radio.rsrp_dbm, radio.cell, radio.band) == (None, None, None)
    assert "polkit" in (radio.missing["levels"].detail or "")


async def test_a_modem_that_cannot_tell_levels_is_not_one_that_is_slow_to(bus: Place) -> None:
    unable, slow = modems.lte(), modems.lte()
    unable.refuse = {"Signal.Setup": UNSUPPORTED}
    slow.levels = {}
    bus.service.plug(unable)
    bus.service.plug(slow, 1)
    wanted = Wanted(wait_s=1.0)
    assert str((await bus.sample(wanted)).missing["levels"]) == "device:no_hardware"
    assert str((await bus.sample(replace(wanted, name="1"))).missing["levels"]) == "device:timeout"


async def test_a_step_that_is_never_answered_leaves_the_rest_standing(bus: Place) -> None:
    plugged = modems.lte()
    plugged.hang = frozenset({"Location.GetLocation"})
    bus.service.plug(plugged)
    radio = await bus.sample(Wanted(call_s=0.5))
    assert radio.missing["cell"] == Failure("device", "timeout", "ModemManager did not answer GetLocation within 0.5 s")
    assert (radio.cell, radio.rsrp_dbm, radio.band) == (None, -97.0, "b3")


async def test_a_modem_that_goes_in_mid_sample_is_gone_and_nothing_is_left_behind(bus: Place) -> None:
    def gone() -> None:
        bus.service.modems.clear()

    for step in ("Signal.Setup", "Location.GetLocation", "Modem.GetCellInfo"):
        plugged = modems.lte()
        plugged.before = {step: gone}
        bus.service.plug(plugged)
        descriptors, tasks = _descriptors(), len(asyncio.all_tasks())
        async with asyncio.timeout(5):
            with pytest.raises(Failed, match="went away") as caught:
                await probe(Task("", options={"bus": bus.address, "wait": "1"}))
        assert str(caught.value.failure) == "device:no_hardware"
        assert (_descriptors(), len(asyncio.all_tasks())) == (descriptors, tasks), step


@pytest.mark.parametrize("victim", ["service", "bus"])
async def test_modemmanager_or_the_bus_dying_in_mid_sample_ends_it_at_once(tmp_path: Path, victim: str) -> None:
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    async with private_bus(tmp_path) as (address, daemon), stand_in(address) as service:
        plugged = modems.lte()
        plugged.hang = frozenset({"Location.GetLocation"})
        plugged.before = {"Location.GetLocation": service.stop if victim == "service" else daemon.kill}
        service.plug(plugged)
        descriptors = _descriptors()
        async with asyncio.timeout(4):
            with pytest.raises(Failed) as caught:
                await probe(Task("", options={"bus": address}))
        assert str(caught.value.failure) == "device:no_hardware"
        assert _descriptors() <= descriptors
    del caught  # and with it the frames that hold what nobody may have looked at
    gc.collect()
    assert not faults


async def test_a_run_that_its_deadline_ends_leaves_nothing_and_puts_the_rate_back(bus: Place) -> None:
    plugged = modems.lte()
    plugged.levels = {}
    bus.service.plug(plugged)
    descriptors, tasks = _descriptors(), len(asyncio.all_tasks())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.7):
            await probe(Task("", options={"bus": bus.address, "wait": "20"}))
    assert [call for call in plugged.calls if call[0] == "Signal.Setup"] == [("Signal.Setup", 5), ("Signal.Setup", 0)]
    assert (_descriptors(), len(asyncio.all_tasks())) == (descriptors, tasks)


async def test_a_modem_is_chosen_by_number_path_imei_or_port(bus: Place) -> None:
    first, other = modems.lte(), modems.sa()
    other.values[MODEM] |= {
        "EquipmentIdentifier": "860000000000099", "PrimaryPort": "cdc-wdm1", "Ports": [["cdc-wdm1", 6]],
        "Device": "/sys/devices/usb3",
    }  # fmt: skip
    bus.service.plug(first, 2)
    path = bus.service.plug(other, 10)
    assert (await bus.sample()).technology == "lte"
    for name in ("10", path, "860000000000099", "cdc-wdm1", "/dev/cdc-wdm1", "/sys/devices/usb3"):
        assert (await bus.sample(Wanted(name=name))).technology == "nr_sa", name
    with pytest.raises(Failed, match="no modem is called '7'; ModemManager has number 2, 10"):
        await bus.sample(Wanted(name="7"))


async def test_what_is_not_there_is_named_with_a_remedy(tmp_path: Path) -> None:
    async def failure_at(address: str) -> Failure:
        with pytest.raises(Failed) as caught:
            await probe(Task("", options={"bus": address}))
        return caught.value.failure

    failure = await failure_at(f"unix:path={tmp_path}/nothing")
    assert (str(failure), "no message bus" in (failure.detail or "")) == ("device:no_hardware", True)
    assert str(await failure_at("rubbish")) == "device:no_hardware"
    async with private_bus(tmp_path) as (address, _):
        failure = await failure_at(address)
        assert (str(failure), "apt install modemmanager" in (failure.detail or "")) == ("device:no_hardware", True)
        async with stand_in(address):
            failure = await failure_at(address)
            assert (str(failure), "found no modem" in (failure.detail or "")) == ("device:no_hardware", True)


async def test_a_bus_that_takes_connections_and_says_nothing_is_given_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(f"{tmp_path}/mute")
        mute.listen()
        descriptors = _descriptors()
        with pytest.raises(Failed, match="did not answer in time"):
            async with managed_modem(Wanted(bus=f"unix:path={tmp_path}/mute", call_s=0.3), lambda: NOON):
                pass
        assert _descriptors() == descriptors


async def test_debian_s_policy_lets_a_user_read_and_refuses_the_cells(tmp_path: Path) -> None:
    """The rules of Debian 12's ModemManager, as far as they touch what is called here, held by the real daemon."""
    name = "org.freedesktop.ModemManager1"
    allowed = [
        ("org.freedesktop.DBus.Properties", None),
        ("org.freedesktop.DBus.ObjectManager", None),
        (f"{name}.Modem.Location", "Setup"),
        (f"{name}.Modem.Location", "GetLocation"),
        (f"{name}.Modem.Signal", "Setup"),
    ]
    rules = f'<deny send_destination="{name}" send_type="method_call"/>'
    for interface, member in allowed:
        only = f' send_member="{member}"' if member else ""
        rules += f'<allow send_destination="{name}" send_interface="{interface}"{only}/>'
    async with private_bus(tmp_path, rules) as (address, _), stand_in(address) as service:
        service.plug(modems.lte())
        async with managed_modem(Wanted(bus=address), lambda: NOON) as modem:
            radio = await modem.sample()
    assert (radio.rsrp_dbm, radio.cell, radio.band) == (-97.0, "2A1F03", None)
    assert {part: str(why) for part, why in radio.missing.items()} == {"band": "device:no_permission"}


def _gnss(place: dict[int, Variant]) -> Plugged:
    plugged = modems.lte()
    plugged.values[LOCATION] |= {"Capabilities": 7}
    plugged.place |= place
    return plugged


def _raw(at: str) -> dict[int, Variant]:
    values = {
        "utc-time": Variant("s", at),
        "latitude": Variant("d", 21.8530512),
        "longitude": Variant("d", 106.7610344),
        "altitude": Variant("d", 258.4),
    }
    return {modems.GPS_RAW: Variant("a{sv}", values)}


async def test_the_modem_s_receiver_is_switched_on_read_and_switched_off(bus: Place) -> None:
    plugged = _gnss(_raw("045958.00"))
    bus.service.plug(plugged)
    async with managed_modem(Wanted(bus=bus.address, gnss=True), lambda: NOON) as modem:
        assert modem.gnss is not None
        position = await modem.gnss.position()
        assert plugged.values[LOCATION]["Enabled"] == 7
        assert plugged.values[LOCATION]["GpsRefreshRate"] == 5
    assert (position.latitude, position.longitude, position.altitude_m) == (21.8530512, 106.7610344, 258.4)
    assert (position.source, position.age_s) == ("gnss", 2.0)
    assert plugged.values[LOCATION] == {
        "Capabilities": 7, "Enabled": 1, "SignalsLocation": False, "GpsRefreshRate": 30,
    }  # fmt: skip


async def test_an_old_fix_is_no_position_and_one_that_moves_on_is_though_the_clock_is_wrong(bus: Place) -> None:
    plugged = _gnss(_raw("020000.00"))
    bus.service.plug(plugged)
    wanted = Wanted(bus=bus.address, gnss=True, wait_s=1.0)
    async with managed_modem(wanted, lambda: NOON) as modem:
        assert modem.gnss is not None
        with pytest.raises(Failed, match="the last fix is old"):
            await modem.gnss.position()

        asked = 0

        def move() -> None:
            nonlocal asked
            asked += 1
            plugged.place |= _raw(f"0200{asked:02d}.00")

        plugged.before = {"Location.GetLocation": move}
        position = await modem.gnss.position()
    assert (position.latitude, position.age_s) == (21.8530512, None)


async def test_a_sample_without_a_position_says_why(bus: Place) -> None:
    bus.service.plug(_gnss({}))
    outcome = await probe(Task("", options={"bus": bus.address, "gnss": "true", "wait": "1"}))
    assert isinstance(outcome.result, Radio)
    assert str(outcome.result.missing["position"]) == "device:nodata"
    assert (outcome.result.rsrp_dbm, outcome.result.latitude) == (-97.0, None)


async def test_a_bearer_that_is_gone_is_no_interface(bus: Place) -> None:
    bus.service.plug(modems.lte())
    bus.service.bearers["/elsewhere"] = {"Interface": "wwan0", "Connected": True}
    async with managed_modem(Wanted(bus=bus.address), lambda: NOON) as modem:
        await modem.sample()
        assert modem.link is None
