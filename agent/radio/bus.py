"""ModemManager over the system's message bus: calls, each with its own deadline, and what their refusals mean.

Every fault of the bus is `Failed` at stage `device`, with what to do about it. dbus-fast is imported when a bus is
opened, so that an agent without a modem never loads it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final

from agent.errors import Failed
from agent.wire.failure import Reason, Stage

if TYPE_CHECKING:
    from dbus_fast.aio import MessageBus
    from dbus_fast.message import Message

NAME: Final = "org.freedesktop.ModemManager1"
ROOT: Final = "/org/freedesktop/ModemManager1"
MODEM: Final = f"{NAME}.Modem"
NETWORK: Final = f"{NAME}.Modem.Modem3gpp"
SIGNAL: Final = f"{NAME}.Modem.Signal"
LOCATION: Final = f"{NAME}.Modem.Location"
BEARER: Final = f"{NAME}.Bearer"
CALL_S: Final = 5.0
_CLOSE_S: Final = 1.0

_ERROR: Final = "org.freedesktop.DBus.Error."
_NOT_RUNNING: Final = frozenset({f"{_ERROR}ServiceUnknown", f"{_ERROR}NameHasNoOwner", f"{_ERROR}Spawn.Failed"})
_DENIED: Final = frozenset({f"{_ERROR}AccessDenied", f"{_ERROR}AuthFailed", f"{NAME}.Error.Core.Unauthorized"})
_GONE: Final = frozenset({f"{_ERROR}NoReply", f"{_ERROR}Disconnected", f"{_ERROR}UnknownObject"})
_UNKNOWN: Final = frozenset(
    {f"{_ERROR}UnknownMethod", f"{_ERROR}UnknownInterface", f"{NAME}.Error.Core.Unsupported", f"{_ERROR}NotSupported"}
)


class Refused(Failed):
    """ModemManager's own answer to one call: no. `unsupported`: because this modem, or its release, cannot do it."""

    def __init__(self, reason: Reason, detail: str, *, unsupported: bool = False) -> None:
        super().__init__(Stage.DEVICE, reason, detail)
        self.unsupported = unsupported


class Bus:
    """An open message bus, for calls to ModemManager."""

    def __init__(self, bus: "MessageBus", call_s: float) -> None:
        self._bus = bus
        self._call_s = call_s

    async def call(self, path: str, interface: str, member: str, signature: str = "", *body: Any) -> Any:  # noqa: ANN401 - D-Bus values
        """Call a method and give its answer without variants: a value, a tuple of several, or None.

        Raises:
            Refused: ModemManager said no.
            Failed: the bus, ModemManager or the modem is not there, or did not answer in time.
        """
        from dbus_fast import Message, MessageFlag
        from dbus_fast.errors import DBusFastError

        if not self._bus.connected:  # a call on a dead bus would wait for its deadline
            raise _went("the message bus", None)
        # A service that somebody has stopped stays so: a measurement starts none.
        message = Message(
            NAME, path, interface, member, flags=MessageFlag.NO_AUTOSTART, signature=signature, body=list(body)
        )
        try:
            async with asyncio.timeout(self._call_s):
                answer = await self._bus.call(message)
        except TimeoutError:
            raise Failed(
                Stage.DEVICE, Reason.TIMEOUT, f"ModemManager did not answer {member} within {self._call_s:g} s"
            ) from None
        except (OSError, EOFError, DBusFastError) as error:
            raise _went("the message bus", error) from error
        return _read(answer, member)

    async def properties(self, path: str, interface: str) -> dict[str, Any]:
        """Give the properties of one interface of an object."""
        found = await self.call(path, "org.freedesktop.DBus.Properties", "GetAll", "s", interface)
        return found if isinstance(found, dict) else {}

    async def modems(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Give the properties of every modem: by path, then by interface."""
        found = await self.call(ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
        return {path: interfaces for path, interfaces in found.items() if MODEM in interfaces}

    async def close(self) -> None:
        """Leave the bus, and wait until the connection is gone."""
        self._bus.disconnect()
        with contextlib.suppress(OSError, EOFError, TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call] # dbus-fast does not annotate it


@contextlib.asynccontextmanager
async def open_bus(address: str | None = None, call_s: float = CALL_S) -> AsyncIterator[Bus]:
    """Connect to a bus, by default the system's (DBUS_SYSTEM_BUS_ADDRESS, or the usual socket); leave it afterwards.

    Raises:
        Failed: no bus, not permitted, or dbus-fast is not installed.
    """
    bus = Bus(await _connected(address, call_s), call_s)
    try:
        yield bus
    finally:
        await bus.close()


async def _connected(address: str | None, within_s: float) -> "MessageBus":
    try:
        from dbus_fast import AuthError, BusType, InvalidAddressError
        from dbus_fast.aio import MessageBus
    except ImportError:
        why = "dbus-fast is not installed: pip install 'linkgauge[radio]', or name the modem's AT port (device=...)"
        raise Failed(Stage.DEVICE, Reason.NO_HARDWARE, why) from None
    where = address or "the system's"
    try:
        async with asyncio.timeout(within_s):
            return await MessageBus(bus_address=address, bus_type=BusType.SYSTEM).connect()
    except TimeoutError:
        raise Failed(Stage.DEVICE, Reason.TIMEOUT, f"the message bus ({where}) did not answer in time") from None
    except (PermissionError, AuthError) as error:
        raise Failed(Stage.DEVICE, Reason.NO_PERMISSION, f"the message bus ({where}): {error}") from error
    except (OSError, EOFError, InvalidAddressError) as error:
        told = getattr(error, "strerror", None) or error
        why = f"no message bus ({where}): {told}; ModemManager needs the system's D-Bus"
        raise Failed(Stage.DEVICE, Reason.NO_HARDWARE, why) from error


def _read(answer: "Message | None", member: str) -> Any:  # noqa: ANN401 - D-Bus values
    from dbus_fast import MessageType
    from dbus_fast.unpack import unpack_variants

    if answer is None:
        raise _went("the message bus", None)
    if answer.message_type is MessageType.ERROR:
        raise _refusal(answer.error_name or "", str(answer.body[0]) if answer.body else "", member)
    body = unpack_variants(answer.body)
    return body[0] if len(body) == 1 else tuple(body) or None


def _refusal(name: str, words: str, member: str) -> Failed:
    if name in _NOT_RUNNING:
        why = "ModemManager is not running: install it (apt install modemmanager) and start it"
        return Failed(Stage.DEVICE, Reason.NO_HARDWARE, why)
    if name in _DENIED:
        return Refused(Reason.NO_PERMISSION, f"{member}: {words}; deploy/agent/README.md has the polkit rule")
    if name in _GONE:
        return _went("the modem", words)
    if name in _UNKNOWN:
        return Refused(Reason.NO_HARDWARE, f"{member} is not supported: {words}", unsupported=True)
    return Refused(Reason.PROTOCOL, f"{member}: {name.rpartition('.')[2]}: {words}")


def _went(what: str, why: object) -> Failed:
    return Failed(Stage.DEVICE, Reason.NO_HARDWARE, f"{what} went away" + (f": {why}" if why else ""))
