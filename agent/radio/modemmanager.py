"""A modem behind ModemManager: chosen, asked for its levels and cell, and left as it was found.

ModemManager reads levels from a modem only while somebody has asked for a rate (Signal.Setup), and GNSS only if it was
switched on (Location.Setup). Both are put back when the modem is let go; a rate that another program has set is only
ever made faster meanwhile.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from agent.errors import Failed
from agent.radio.bus import BEARER, CALL_S, LOCATION, MODEM, NETWORK, SIGNAL, Bus, Refused, open_bus
from agent.radio.nmea import fix_of, raw_fix
from agent.radio.position import Fix, Position, PositionSource, position_of
from agent.radio.reading import Snapshot, has_levels, radio_of
from agent.radio.states import (
    ENABLED,
    LOCATION_3GPP,
    LOCATION_GPS_NMEA,
    LOCATION_GPS_RAW,
)
from agent.wire.failure import Failure, Reason, Stage
from agent.wire.report import Cellular, Link
from agent.wire.results import Radio

_POLL_S: Final = 0.2
_RESTORE_S: Final = 1.0
_GPS: Final = LOCATION_GPS_RAW | LOCATION_GPS_NMEA

Interfaces = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which modem, and what of it. `name`: index, path, IMEI, port or sysfs path; empty: the first.

    `rate_s`: how often ModemManager reads the levels meanwhile; `wait_s`: how long the first ones may take.
    `call_s`: how long ModemManager may take for one answer.
    """

    name: str = ""
    rate_s: int = 5
    wait_s: float = 6.0
    gnss: bool = False
    max_age_s: float = 30.0
    bus: str | None = None
    call_s: float = CALL_S


@contextlib.asynccontextmanager
async def managed_modem(wanted: Wanted, now: Callable[[], datetime]) -> AsyncIterator["ManagedModem"]:
    """Open a modem of ModemManager, and leave it afterwards as it was found; `now`: the wall clock.

    Raises:
        Failed: no bus, no ModemManager, no such modem, or not permitted.
    """
    async with open_bus(wanted.bus, wanted.call_s) as bus:
        path = chosen(await bus.modems(), wanted.name)
        modem = ManagedModem(bus, path, wanted, now)
        try:
            yield modem
        finally:
            await modem.restore()


def chosen(modems: Mapping[str, Interfaces], name: str) -> str:
    """Choose a modem by its number in ModemManager, its path, IMEI, port or device; the first without a name.

    Raises:
        Failed: there is no modem, or none of that name.
    """
    paths = sorted(modems, key=lambda path: (len(path), path))
    if not paths:
        why = "ModemManager runs and has found no modem (a new one takes it half a minute): is it plugged in?"
        raise Failed(Stage.DEVICE, Reason.NO_HARDWARE, why)
    for path in paths:
        if not name or name in _names(path, modems[path]):
            return path
    there = ", ".join(path.rpartition("/")[2] for path in paths)
    raise Failed(Stage.DEVICE, Reason.NO_HARDWARE, f"no modem is called {name!r}; ModemManager has number {there}")


def _names(path: str, interfaces: Interfaces) -> set[str]:
    modem = interfaces[MODEM]
    names = {path, path.rpartition("/")[2]}
    names |= {str(modem.get(key) or path) for key in ("EquipmentIdentifier", "Device", "PrimaryPort")}
    names |= {str(port[0]) for port in modem.get("Ports") or []}
    return names | {f"/dev/{name}" for name in names if "/" not in name}


class ManagedModem:
    """One modem of ModemManager; made by `managed_modem`."""

    def __init__(self, bus: Bus, path: str, wanted: Wanted, now: Callable[[], datetime]) -> None:
        self._bus = bus
        self._path = path
        self._wanted = wanted
        self._now = now
        self._undo: dict[str, Callable[[], Awaitable[Any]]] = {}
        self._missing: dict[str, Failure] = {}
        self._interface: str | None = None
        self._last = Radio()
        self._switching = asyncio.Lock()

    async def sample(self) -> Radio:
        """Take one sample: ask for the levels, wait for them, read everything that ModemManager says.

        Raises:
            Failed: the modem or ModemManager went away, or did not answer.
        """
        self._missing = {}
        found = await self._properties()
        location: dict[int, Any] = {}
        cells: list[dict[str, Any]] = []
        if int(found[MODEM].get("State", 0)) >= ENABLED:
            await self._part("levels", self._levels(found))
            location = await self._part("cell", self._location(found)) or {}
            cells = await self._part("band", self._cells()) or []
        found = await self._properties()
        self._interface = await self._data_interface(found[MODEM])
        self._last = radio_of(
            Snapshot(
                found[MODEM], found.get(NETWORK, {}), found.get(SIGNAL, {}), location, cells, missing=self._missing
            )
        )
        return self._last

    @property
    def link(self) -> Link | None:
        """The interface of the data connection, as the last sample found it."""
        if self._interface is None:
            return None
        last = self._last
        return Link(
            interface=self._interface,
            medium="cellular",
            cellular=Cellular(last.technology, last.band, last.rsrp_dbm, last.sinr_db),
        )

    @property
    def gnss(self) -> PositionSource | None:
        """The modem's receiver, if it was asked for."""
        return self if self._wanted.gnss else None

    async def position(self) -> Position:
        """Give a fresh fix of the modem's receiver, waiting for one as long as for levels.

        Raises:
            Failed: the modem has no receiver, it may not be asked, or it has no fresh fix.
        """
        await self._receiver_on((await self._properties()).get(LOCATION, {}))
        previous: Fix | None = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._wanted.wait_s):
                while True:
                    now = self._now()
                    fix = _fix(await self._bus.call(self._path, LOCATION, "GetLocation"), now)
                    position = fix and position_of(
                        fix, previous=previous, now=now, max_age_s=self._wanted.max_age_s, source="gnss"
                    )
                    if position:
                        return position
                    previous = previous or fix
                    await asyncio.sleep(_POLL_S)
        why = "the last fix is old" if previous else "no fix yet: a receiver needs the open sky, and a minute at first"
        raise Failed(Stage.DEVICE, Reason.NODATA, f"the modem's receiver: {why}")

    async def restore(self) -> None:
        """Put back what was changed; a modem that is gone needs nothing."""
        undo, self._undo = list(self._undo.values()), {}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_RESTORE_S):
                for put_back in undo:
                    with contextlib.suppress(Failed):
                        await put_back()

    async def _properties(self) -> Interfaces:
        found = (await self._bus.modems()).get(self._path)
        if found is None:
            raise Failed(Stage.DEVICE, Reason.NO_HARDWARE, "the modem went away: unplugged, reset, or out of power")
        return found

    async def _part(self, name: str, step: Awaitable[Any]) -> Any:  # noqa: ANN401 - D-Bus values
        """Do one step; a refusal is noted and leaves out its part only. What this modem cannot tell is no news."""
        try:
            return await step
        except Refused as refused:
            if not refused.unsupported or name == "levels":
                self._missing[name] = refused.failure
        except Failed as failed:
            if failed.failure.reason != Reason.TIMEOUT:
                raise
            self._missing[name] = failed.failure
        return None

    async def _levels(self, found: Interfaces) -> None:
        """Have ModemManager read levels, and wait until it has some."""
        if SIGNAL not in found:
            raise Refused(Reason.NO_HARDWARE, "this modem gives ModemManager no levels", unsupported=True)
        await self._read_often(int(found[SIGNAL].get("Rate", 0)))
        try:
            async with asyncio.timeout(self._wanted.wait_s):
                while True:
                    if has_levels(await self._bus.properties(self._path, SIGNAL)):
                        return
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            why = f"the modem gave no levels within {self._wanted.wait_s:g} s"
            raise Failed(Stage.DEVICE, Reason.TIMEOUT, why) from None

    async def _read_often(self, rate: int) -> None:
        """Have levels read as often as wanted; `rate`: the seconds that another program has asked for, or 0."""
        if 0 < rate <= self._wanted.rate_s:
            return
        # Noted first: a call that this device gave up waiting for may have been obeyed all the same.
        self._undo["rate"] = lambda: self._bus.call(self._path, SIGNAL, "Setup", "u", rate)
        with contextlib.suppress(*(Refused,) if rate else ()):  # by another's rate they are there, if older
            await self._bus.call(self._path, SIGNAL, "Setup", "u", self._wanted.rate_s)

    async def _location(self, found: Interfaces) -> dict[int, Any]:
        """Read the cell, which ModemManager keeps unless somebody switched that off."""
        if LOCATION not in found:
            return {}
        if int(found[LOCATION].get("Capabilities", 0)) & LOCATION_3GPP:
            await self._sources(LOCATION_3GPP)
        location = await self._bus.call(self._path, LOCATION, "GetLocation")
        return location if isinstance(location, dict) else {}

    async def _sources(self, wanted: int) -> None:
        """Switch location sources on, if they are off; who listens to their signals is not changed."""
        async with self._switching:
            before = await self._bus.properties(self._path, LOCATION)
            enabled, signals = int(before.get("Enabled", 0)), bool(before.get("SignalsLocation"))
            if not wanted & ~enabled:
                return
            self._undo.setdefault("sources", lambda: self._setup_sources(enabled, signals=signals))
            await self._setup_sources(enabled | wanted, signals=signals)

    async def _setup_sources(self, sources: int, *, signals: bool) -> None:
        await self._bus.call(self._path, LOCATION, "Setup", "ub", sources, signals)

    async def _receiver_on(self, location: Mapping[str, Any]) -> None:
        able = int(location.get("Capabilities", 0)) & _GPS
        if not able:
            raise Failed(Stage.DEVICE, Reason.NO_HARDWARE, "this modem has no receiver for satellites (GNSS)")
        await self._sources(able)
        rate = int(location.get("GpsRefreshRate", 0))
        if rate > self._wanted.rate_s:
            self._undo["refresh"] = lambda: self._bus.call(self._path, LOCATION, "SetGpsRefreshRate", "u", rate)
            await self._bus.call(self._path, LOCATION, "SetGpsRefreshRate", "u", self._wanted.rate_s)

    async def _cells(self) -> list[dict[str, Any]]:
        """Read the serving cells, whose channel tells the band; ModemManager's own policy lets only root ask."""
        cells = await self._bus.call(self._path, MODEM, "GetCellInfo")
        return cells if isinstance(cells, list) else []

    async def _data_interface(self, modem: Mapping[str, Any]) -> str | None:
        for path in modem.get("Bearers") or []:
            with contextlib.suppress(Refused):
                bearer = await self._bus.properties(path, BEARER)
                if bearer.get("Connected") and bearer.get("Interface"):
                    return str(bearer["Interface"])
        return None


def _fix(location: object, now: datetime) -> Fix | None:
    if not isinstance(location, dict):
        return None
    sentences, raw = location.get(LOCATION_GPS_NMEA), location.get(LOCATION_GPS_RAW)
    fix = fix_of(sentences, now) if isinstance(sentences, str) else None
    return fix or (raw_fix(raw, now) if isinstance(raw, dict) else None)
