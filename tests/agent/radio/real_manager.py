"""ModemManager itself, from Debian, on a bus of our own, with modems that are sockets: its own means for tests.

`--test-session --test-enable` and the interface org.freedesktop.ModemManager1.Test (SetProfile) are described in
ModemManager(8) and in its reference; a port named `abstract:X` is an abstract Unix socket on which a modem answers AT.
On a session bus it asks no polkit; what a refusal does is for the stand-in to show.
"""

import asyncio
import contextlib
import os
import socket
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus

from tests.agent.radio.fake_modem import FakeModem
from tests.agent.radio.standin import MODEM, NAME, ROOT, private_bus

# What ModemManager's generic plugin asks before it believes in a modem, besides what the fake modem answers anyway.
HANDSHAKE = {
    "AT+GCAP": "+GCAP: +CGSM",
    "AT+CGSN": "860000000000017",
    "AT+CIMI": "452041234567890",
    "AT+WS46=?": "+WS46: (12,22,25,28,29)",
    "AT+WS46?": "+WS46: 25",
    "AT+CFUN?": "+CFUN: 1",
    "AT+CESQ=?": "+CESQ: (0-63,99),(0-7,99),(0-96,255),(0-49,255),(0-34,255),(0-97,255)",
    "AT+CGDCONT=?": '+CGDCONT: (1-16),"IP",,,(0-3),(0-4)',
}
SILENT = ("ATE0", "ATV1", "ATX4", "AT&C1", "AT+CMEE=1", "AT+CFUN=1", "AT+CREG=2", "AT+CEREG=2")


@dataclass
class Manager:
    """A running ModemManager."""

    address: str
    process: asyncio.subprocess.Process
    bus: MessageBus

    async def call(self, path: str, interface: str, member: str, signature: str = "", *body: object) -> Message:
        """Call ModemManager, as root's own tools do."""
        message = Message(NAME, path, interface, member, signature=signature, body=list(body))
        answer = await self.bus.call(message)
        assert answer is not None
        assert answer.message_type is MessageType.METHOD_RETURN, (answer.error_name, answer.body)
        return answer

    async def plug(self, stack: contextlib.AsyncExitStack, name: str, modem: FakeModem) -> None:
        """Plug a modem in and name it; ModemManager takes its time to believe in it."""
        port = f"abstract:{uuid.uuid4().hex}"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f"\0{port}")
        server = await asyncio.start_unix_server(lambda reader, writer: _answer(modem, reader, writer), sock=listener)
        await stack.enter_async_context(server)
        await self.call(ROOT, f"{NAME}.Test", "SetProfile", "ssas", name, "generic", [port])

    async def reaches(self, name: str, state: int, within_s: float = 15) -> str:
        """Wait until the modem of that name is in a state (MMModemState); gives its path."""
        seen: object = None
        async with asyncio.timeout(within_s):
            while True:
                answer = await self.call(ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
                for path, interfaces in answer.body[0].items():
                    if interfaces[MODEM]["Device"].value == f"/virtual/{name}":
                        seen = interfaces[MODEM]["State"].value
                        if seen == state:
                            return str(path)
                await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def real_manager(folder: Path) -> AsyncIterator[Manager]:
    """ModemManager on a private bus, without modems."""
    async with private_bus(folder) as (address, _):
        bus = await MessageBus(bus_address=address).connect()
        process = await asyncio.create_subprocess_exec(
            "ModemManager",
            "--test-session",
            "--test-enable",
            "--no-auto-scan",
            f"--log-file={folder}/manager.log",
            env=os.environ
            | {
                "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin",
                "DBUS_SESSION_BUS_ADDRESS": address,
                "DBUS_SYSTEM_BUS_ADDRESS": address,
            },
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await _named(bus)
            yield Manager(address, process, bus)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            bus.disconnect()
            with contextlib.suppress(OSError, EOFError):
                await bus.wait_for_disconnect()  # type: ignore[no-untyped-call] # dbus-fast does not annotate it


async def _named(bus: MessageBus) -> None:
    ask = Message("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "NameHasOwner", signature="s", body=[NAME])
    async with asyncio.timeout(15):
        while True:
            answer = await bus.call(ask)
            assert answer is not None
            if answer.body[0]:
                return
            ask.serial = 0
            await asyncio.sleep(0.05)


async def _answer(modem: FakeModem, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    table = dict.fromkeys(SILENT, "") | HANDSHAKE | modem.table
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while True:
            command = (await reader.readuntil(b"\r")).decode("latin-1").strip()
            modem.heard.append(command)
            if command == modem.goes:
                break
            known = command == "AT" or command in table
            text = table.get(command, "")
            said = (f"\r\n{text}\r\n" if text else "") + ("\r\nOK\r\n" if known else f"\r\n{modem.error}\r\n")
            writer.write(said.encode("latin-1"))
            await writer.drain()
    writer.close()
