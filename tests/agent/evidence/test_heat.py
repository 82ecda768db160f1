"""Heat and power of boards that are made of files; each source alone, and a board that has none."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.evidence.heat import Heat, HeatReading, Sensors, over
from agent.evidence.places import Places
from agent.speed.doubts import Facts, doubts
from tests.agent.evidence.board import places, write

RPI = "devices__platform__soc__soc:firmware__get_throttled"


def run(machine: Places, *changes: tuple[str, str]) -> Heat:
    """Readings before, in, and after a run of 2 s; each change is one file, written before the next reading."""
    sensors = Sensors(machine)
    readings = [sensors.read(at_s=0.0)]
    for number, (name, said) in enumerate(changes, 1):
        write(machine.sysfs, **{name: said})
        readings.append(sensors.read(at_s=float(number)))
    return over([*readings, sensors.read(at_s=2.0)])


def judged(heat: Heat) -> tuple[str, ...]:
    return doubts(Facts((), heat=heat))


def test_a_board_that_does_not_tell_raises_no_doubt(tmp_path: Path) -> None:
    heat = run(places(tmp_path))
    assert heat == Heat() == over([])
    assert judged(heat) == ()


@pytest.mark.parametrize(
    ("before", "during", "expected"),
    [
        pytest.param("0", "0", (), id="well"),
        pytest.param("0", "0x4", ("thermal",), id="throttled in the run, with 0x"),
        pytest.param("0", "60002", ("thermal",), id="clock capped in the run"),
        pytest.param("0", "1", ("undervoltage",), id="low voltage"),
        pytest.param("50005", "50005", ("undervoltage",), id="low voltage throttles too, and is to blame"),
        pytest.param("50000", "50000", (), id="long ago, since start-up"),
        pytest.param("0", "40000", ("thermal",), id="came and went between two readings"),
        pytest.param("40000", "50000", ("undervoltage",), id="low voltage came and went"),
        pytest.param("0", "80008", (), id="the soft limit at 60 degrees is mild"),
        pytest.param("nonsense", "", (), id="unreadable"),
    ],
)
def test_raspberry_pi(tmp_path: Path, before: str, during: str, expected: tuple[str, ...]) -> None:
    machine = places(tmp_path)
    write(machine.sysfs, **{RPI: before})
    assert judged(run(machine, (RPI, during))) == expected


def test_the_supply_voltage_sensor(tmp_path: Path) -> None:
    machine = places(tmp_path)
    alarm = "class__hwmon__hwmon1__in0_lcrit_alarm"
    write(machine.sysfs, **{"class__hwmon__hwmon1__name": "rpi_volt", alarm: "0"})
    write(machine.sysfs, class__hwmon__hwmon2__name="other", class__hwmon__hwmon2__in0_lcrit_alarm="1")
    assert judged(run(machine)) == ()
    assert judged(run(machine, (alarm, "1"), (alarm, "0"))) == ("undervoltage",)


@pytest.mark.parametrize(
    ("count", "milliseconds", "expected"),
    [
        ("7", None, ()),
        ("8", None, ("thermal",)),
        ("8", "1099", ()),
        ("8", "1100", ("thermal",)),
        ("7", "1500", ()),
    ],
)
def test_a_throttled_pc(tmp_path: Path, count: str, milliseconds: str | None, expected: tuple[str, ...]) -> None:
    machine = places(tmp_path)
    core = "devices__system__cpu__cpu1__thermal_throttle__core_throttle_"
    write(machine.sysfs, **{f"{core}count": "7"})
    changes = [(f"{core}count", count)]
    if milliseconds is not None:
        write(machine.sysfs, **{f"{core}total_time_ms": "1000"})
        changes.insert(0, (f"{core}total_time_ms", milliseconds))
    assert judged(run(machine, *changes)) == expected


@pytest.mark.parametrize(
    ("kind", "state", "allowed", "expected"),
    [
        ("thermal-cpufreq-0", "3", "1000000", ("thermal",)),
        ("thermal-cpufreq-0", "3", "1200000", ()),  # a fifth of the clock
        ("thermal-cpufreq-0", "0", "600000", ()),  # capped by its owner
        ("cpufreq-cpu0", "1", None, ("thermal",)),
        ("Processor", "2", None, ("thermal",)),
        ("intel_powerclamp", "-1", None, ()),
        ("pwm-fan", "4", "600000", ()),
    ],
)
def test_cooling_devices(tmp_path: Path, kind: str, state: str, allowed: str | None, expected: tuple[str, ...]) -> None:
    machine = places(tmp_path)
    write(machine.sysfs / "class" / "thermal" / "cooling_device0", type=kind, cur_state="0")
    if allowed is not None:
        policy = machine.sysfs / "devices" / "system" / "cpu" / "cpufreq" / "policy0"
        write(policy, scaling_max_freq=allowed, cpuinfo_max_freq="1500000")
    assert judged(run(machine, ("class__thermal__cooling_device0__cur_state", state))) == expected


def test_the_hottest_sensor_of_the_processor(tmp_path: Path) -> None:
    machine = places(tmp_path)
    zones = machine.sysfs / "class" / "thermal"
    write(zones / "thermal_zone0", type="cpu-thermal", temp="58400")
    write(zones / "thermal_zone1", type="battery", temp="90000")
    write(zones / "thermal_zone2", type="soc-thermal", temp="-274000")
    assert run(machine).celsius == 58.4
    assert run(machine, ("class__thermal__thermal_zone0__temp", "61200")).celsius == 61.2
    (zones / "thermal_zone0" / "temp").unlink()
    assert run(machine).celsius is None


def test_a_sensor_that_vanishes_in_mid_run_is_no_doubt(tmp_path: Path) -> None:
    machine = places(tmp_path)
    write(machine.sysfs, **{RPI: "0"})
    sensors = Sensors(machine)
    first = sensors.read(at_s=0.0)
    (machine.sysfs / RPI.replace("__", "/")).unlink()
    assert sensors.read(at_s=1.0) == replace(first, at_s=1.0, firmware=None) == HeatReading(1.0)
    assert judged(over([first, sensors.read(at_s=1.0)])) == ()
