"""A stand-in for ModemManager on a private bus: its names, types and habits, with property sets as modems report them.

Names and types are of the ModemManager 1.20 API reference (D-Bus interfaces org.freedesktop.ModemManager1.*); only
what a reader of modems can meet is here. `test_standin.py` compares them with the published introspection where the
machine has it. Habits: levels are there only while a rate is set; a modem that goes takes its path with it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dbus_fast import Message, MessageType, RequestNameReply, Variant
from dbus_fast.aio import MessageBus

NAME = "org.freedesktop.ModemManager1"
ROOT = "/org/freedesktop/ModemManager1"
MODEM, NETWORK = f"{NAME}.Modem", f"{NAME}.Modem.Modem3gpp"
SIGNAL, LOCATION, BEARER = f"{NAME}.Modem.Signal", f"{NAME}.Modem.Location", f"{NAME}.Bearer"

PROPERTIES: dict[str, dict[str, str]] = {
    MODEM: {
        "Sim": "o",
        "Bearers": "ao",
        "Manufacturer": "s",
        "Model": "s",
        "Revision": "s",
        "Device": "s",
        "DeviceIdentifier": "s",
        "PrimaryPort": "s",
        "Ports": "a(su)",
        "EquipmentIdentifier": "s",
        "UnlockRequired": "u",
        "State": "i",
        "StateFailedReason": "u",
        "AccessTechnologies": "u",
        "SignalQuality": "(ub)",
        "PowerState": "u",
        "CurrentBands": "au",
    },
    NETWORK: {"Imei": "s", "RegistrationState": "u", "OperatorCode": "s", "OperatorName": "s"},
    SIGNAL: {"Rate": "u", "Gsm": "a{sv}", "Umts": "a{sv}", "Lte": "a{sv}", "Nr5g": "a{sv}"},
    LOCATION: {
        "Capabilities": "u",
        "Enabled": "u",
        "SignalsLocation": "b",
        "Location": "a{uv}",
        "GpsRefreshRate": "u",
    },
    BEARER: {"Interface": "s", "Connected": "b", "Suspended": "b"},
}
METHODS: dict[str, dict[str, tuple[str, str]]] = {
    MODEM: {"GetCellInfo": ("", "aa{sv}")},
    SIGNAL: {"Setup": ("u", "")},
    LOCATION: {"Setup": ("ub", ""), "GetLocation": ("", "a{uv}"), "SetGpsRefreshRate": ("u", "")},
}
_TABLES = ("Gsm", "Umts", "Lte", "Nr5g")

CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    {policy}
  </policy>
</busconfig>
"""


@contextlib.asynccontextmanager
async def private_bus(folder: Path, policy: str = "") -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """A message bus of our own, with its address and its process; `policy`: rules as in a configuration file."""
    config = folder / "bus.conf"
    config.write_text(CONFIG.format(socket=folder / "bus", policy=policy))
    process = await asyncio.create_subprocess_exec(
        "dbus-daemon", f"--config-file={config}", "--nofork", "--print-address", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(10):
            address = (await process.stdout.readline()).decode().strip()
        yield address, process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@dataclass
class Plugged:
    """One modem: values by interface, what it says when it is asked for levels and place, and how it misbehaves.

    `cells` None: a modem or a release that cannot tell. `refuse`: error names by "Interface.Method" (short).
    `hang`: methods that are never answered. `before`: called by name before a method is answered.
    """

    values: dict[str, dict[str, Any]]
    levels: dict[str, dict[str, float]] = field(default_factory=dict)
    place: dict[int, Variant] = field(default_factory=dict)
    cells: list[dict[str, Variant]] | None = None
    refuse: dict[str, str] = field(default_factory=dict)
    hang: frozenset[str] = frozenset()
    before: dict[str, Callable[[], None]] = field(default_factory=dict)
    calls: list[tuple[Any, ...]] = field(default_factory=list)


class StandIn:
    """ModemManager's name on a bus, and the modems behind it, by path."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self.modems: dict[str, Plugged] = {}
        self.bearers: dict[str, dict[str, Any]] = {}

    def plug(self, modem: Plugged, number: int = 0) -> str:
        """A modem is found."""
        path = f"{ROOT}/Modem/{number}"
        self.modems[path] = modem
        return path

    def stop(self) -> None:
        """ModemManager dies, without a word."""
        self._bus.disconnect()

    def answer(self, message: Message) -> Message | bool | None:
        """Answer a call as ModemManager does."""
        if message.message_type is not MessageType.METHOD_CALL or message.destination not in {NAME, *_unique(self)}:
            return None
        match message.interface, message.member:
            case "org.freedesktop.DBus.ObjectManager", "GetManagedObjects":
                tree = {path: _typed(modem.values) for path, modem in self.modems.items()}
                return Message.new_method_return(message, "a{oa{sa{sv}}}", [tree])
            case "org.freedesktop.DBus.Properties", "GetAll":
                return self._properties(message)
            case interface, member:
                return self._method(message, str(interface), str(member))

    def _properties(self, message: Message) -> Message:
        path, interface = str(message.path), message.body[0]
        there = {BEARER: self.bearers[path]} if path in self.bearers else None
        if path in self.modems:
            there = self.modems[path].values
        if there is None or interface not in there:
            return _unknown(message)
        return Message.new_method_return(message, "a{sv}", [_typed(there)[interface]])

    def _method(self, message: Message, interface: str, member: str) -> Message | bool:
        modem = self.modems.get(str(message.path))
        if modem is None or interface not in modem.values or member not in METHODS.get(interface, {}):
            return _unknown(message)
        name = f"{interface.rpartition('.')[2]}.{member}"
        modem.calls.append((name, *message.body))
        modem.before.get(name, lambda: None)()
        if name in modem.hang:
            return True
        if name in modem.refuse:
            return Message.new_error(message, modem.refuse[name], "not for you")
        body = self._done(modem, name, message.body)
        if body is None:
            return _unknown(message)
        return Message.new_method_return(message, METHODS[interface][member][1], body)

    def _done(self, modem: Plugged, name: str, body: list[Any]) -> list[Any] | None:
        match name:
            case "Signal.Setup":
                levels = modem.levels if body[0] else {}
                tables = {table: _doubles(levels.get(table, {})) for table in _TABLES}
                modem.values[SIGNAL] |= {"Rate": body[0], **tables}
            case "Location.Setup":
                modem.values[LOCATION] |= {"Enabled": body[0], "SignalsLocation": body[1]}
            case "Location.SetGpsRefreshRate":
                modem.values[LOCATION] |= {"GpsRefreshRate": body[0]}
            case "Location.GetLocation":
                enabled = modem.values[LOCATION]["Enabled"]
                return [{source: value for source, value in modem.place.items() if source & enabled}]
            case "Modem.GetCellInfo":
                return None if modem.cells is None else [modem.cells]
            case _:
                pass
        return []


@contextlib.asynccontextmanager
async def stand_in(address: str) -> AsyncIterator[StandIn]:
    """A ModemManager on the bus at `address`, without modems yet."""
    bus = await MessageBus(bus_address=address).connect()
    service = StandIn(bus)
    bus.add_message_handler(service.answer)
    assert await bus.request_name(NAME) is RequestNameReply.PRIMARY_OWNER
    try:
        yield service
    finally:
        bus.disconnect()
        with contextlib.suppress(OSError, EOFError):
            await bus.wait_for_disconnect()  # type: ignore[no-untyped-call] # dbus-fast does not annotate it


def _unique(service: StandIn) -> tuple[str, ...]:
    name = service._bus.unique_name  # noqa: SLF001 - its own connection
    return (name,) if name else ()


def _typed(values: dict[str, dict[str, Any]]) -> dict[str, dict[str, Variant]]:
    return {
        interface: {key: Variant(PROPERTIES[interface][key], value) for key, value in some.items()}
        for interface, some in values.items()
    }


def _doubles(levels: dict[str, float]) -> dict[str, Variant]:
    return {key: Variant("d", float(value)) for key, value in levels.items()}


def _unknown(message: Message) -> Message:
    """What GDBus, on which ModemManager stands, says of an object or an interface that is not there (any more)."""
    words = f"No such interface “{message.interface}” on object at path {message.path}"
    return Message.new_error(message, "org.freedesktop.DBus.Error.UnknownMethod", words)
