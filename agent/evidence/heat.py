"""Heat and power: did the board slow itself down, or lack voltage, while the run lasted? Each source only if it tells.

Raspberry Pi: `get_throttled`, a word of bits (0 under-voltage, 1 clock capped, 2 throttled, 3 soft limit; 16 to 19 the
same since the bits were last cleared), and the hwmon `rpi_volt`, whose alarm covers the last two seconds. PCs: how
often, and in newer kernels how long, each core was throttled. All others: the cooling devices of the processor,
together with the clock that cpufreq still allows.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from agent.evidence.places import Places, entries, number, text

SHARE: Final = 0.05
"""A PC is called throttled from this share of the time on: short events are how such processors always work."""
MILD: Final = 0.8
"""Cooling that leaves this share of the clock is not called throttling: whether it hurt, the processor's load tells."""

_RPI: Final = (
    "devices/platform/soc/soc:firmware/get_throttled",
    "devices/platform/axi/axi:firmware/get_throttled",
    "devices/platform/firmware/get_throttled",
)
_LOW, _CAPPED, _THROTTLED = 0x1, 0x2, 0x4
_SINCE: Final = 16
_COOLERS: Final = re.compile(r"processor|cpufreq|thermal-cpu|cpu[-_]?(freq|idle)|intel_powerclamp", re.IGNORECASE)
_ZONES: Final = re.compile(r"cpu|soc|pkg|acpitz|coretemp|k10temp", re.IGNORECASE)
_SENSIBLE_C: Final = (-50.0, 150.0)


@dataclass(frozen=True, slots=True)
class HeatReading:
    """The board at one moment; None or empty where it does not tell.

    `firmware`: the Raspberry Pi's bits. `low_voltage`: another sensor's alarm. `events`: by core, throttlings and
    milliseconds of them since boot. `cooling`: whether a cooling device slows the processor. `clock`: the smallest
    share of its full clock that a core may use.
    """

    at_s: float
    firmware: int | None = None
    low_voltage: bool | None = None
    events: Mapping[str, tuple[int, int | None]] = field(default_factory=dict)
    cooling: bool | None = None
    clock: float | None = None
    celsius: float | None = None


@dataclass(frozen=True, slots=True)
class Heat:
    """What the readings of a run say together; None is unknown."""

    throttled: bool | None = None
    undervoltage: bool | None = None
    celsius: float | None = None


class Sensors:
    """The files of this board that tell, found once: most boards have few of them."""

    def __init__(self, places: Places) -> None:
        sysfs = places.sysfs
        self._rpi = [path for name in _RPI if (path := sysfs / name).exists()]
        self._alarms = [
            path
            for hwmon in entries(sysfs / "class" / "hwmon", "hwmon*")
            if text(hwmon / "name") == "rpi_volt" and (path := hwmon / "in0_lcrit_alarm").exists()
        ]
        cpus = sysfs / "devices" / "system" / "cpu"
        self._events = entries(cpus, "cpu[0-9]*/thermal_throttle/core_throttle_count")
        thermal = sysfs / "class" / "thermal"
        self._coolers = [
            path / "cur_state"
            for path in entries(thermal, "cooling_device*")
            if _COOLERS.search(text(path / "type") or "")
        ]
        self._clocks = entries(cpus, "cpufreq/policy*") or entries(cpus, "cpu[0-9]*/cpufreq")
        self._degrees = list(_thermometers(sysfs))

    def read(self, *, at_s: float) -> HeatReading:
        """Take a reading."""
        states = [state for path in self._coolers if (state := number(path)) is not None]
        alarms = [alarm for path in self._alarms if (alarm := number(path)) is not None]
        return HeatReading(
            at_s=at_s,
            firmware=next((bits for path in self._rpi if (bits := _bits(text(path))) is not None), None),
            low_voltage=any(alarms) if alarms else None,
            events=dict(_events(self._events)),
            cooling=any(state > 0 for state in states) if states else None,
            clock=min(_clocks(self._clocks), default=None),
            celsius=max(_celsius(self._degrees), default=None),
        )


def over(readings: Sequence[HeatReading]) -> Heat:
    """What happened from the first reading to the last."""
    if not readings:
        return Heat()
    verdicts = [
        said for said in (_by_firmware(readings), _by_events(readings), _by_cooling(readings)) if said is not None
    ]
    alarms = [reading.low_voltage for reading in readings if reading.low_voltage is not None]
    bits = _seen(readings)
    low = ([bool(bits & _LOW)] if bits is not None else []) + alarms
    return Heat(
        throttled=any(verdicts) if verdicts else None,
        undervoltage=any(low) if low else None,
        celsius=max((reading.celsius for reading in readings if reading.celsius is not None), default=None),
    )


def _by_firmware(readings: Sequence[HeatReading]) -> bool | None:
    """Too little voltage also throttles; then the power supply is to blame, not the heat."""
    bits = _seen(readings)
    return None if bits is None else bool(bits & (_CAPPED | _THROTTLED)) and not bits & _LOW


def _seen(readings: Sequence[HeatReading]) -> int | None:
    """The bits that were on at some reading, or that came and went between the first and the last."""
    known = [reading.firmware for reading in readings if reading.firmware is not None]
    if not known:
        return None
    seen = 0
    for bits in known:
        seen |= bits | (bits & ~known[0]) >> _SINCE
    return seen & ((1 << _SINCE) - 1)


def _by_events(readings: Sequence[HeatReading]) -> bool | None:
    first, last = readings[0], readings[-1]
    if not last.events:
        return None
    grown = [(last.events[core], first.events[core]) for core in last.events if core in first.events]
    lasting_ms = SHARE * (last.at_s - first.at_s) * 1000
    return any(
        count > before and (ms is None or ms_before is None or ms - ms_before >= lasting_ms)
        for (count, ms), (before, ms_before) in grown
    )


def _by_cooling(readings: Sequence[HeatReading]) -> bool | None:
    known = [reading for reading in readings if reading.cooling is not None]
    return (
        any(reading.cooling and (reading.clock is None or reading.clock < MILD) for reading in known) if known else None
    )


def _bits(said: str | None) -> int | None:
    """The firmware's word, hexadecimal with or without 0x."""
    try:
        return int(said, 16) if said else None
    except ValueError:
        return None


def _events(files: Sequence[Path]) -> Iterator[tuple[str, tuple[int, int | None]]]:
    for path in files:
        count = number(path)
        if count is not None:
            yield path.parts[-3], (count, number(path.with_name("core_throttle_total_time_ms")))


def _clocks(folders: Sequence[Path]) -> Iterator[float]:
    for folder in folders:
        allowed, full = number(folder / "scaling_max_freq"), number(folder / "cpuinfo_max_freq")
        if allowed is not None and full is not None and 0 < allowed <= full:
            yield allowed / full


def _thermometers(sysfs: Path) -> Iterator[Path]:
    for zone in entries(sysfs / "class" / "thermal", "thermal_zone*"):
        if _ZONES.search(text(zone / "type") or ""):
            yield zone / "temp"
    for hwmon in entries(sysfs / "class" / "hwmon", "hwmon*"):
        if _ZONES.search(text(hwmon / "name") or ""):
            yield hwmon / "temp1_input"


def _celsius(files: Sequence[Path]) -> Iterator[float]:
    low, high = _SENSIBLE_C
    for path in files:
        thousandths = number(path)
        if thousandths is not None and low <= thousandths / 1000 <= high:
            yield thousandths / 1000
