"""Names to addresses, one family at a time; a family once chosen is never left in mid-run."""

import asyncio
import contextlib
import ipaddress
import socket
import threading
from pathlib import Path
from typing import Final, Literal

from agent.errors import Failed
from agent.net.failures import failed
from agent.net.interfaces import PROC, default_route_v4, default_route_v6, has_global_ipv6, interface_to
from agent.wire.failure import Reason, Stage

Family = Literal["ipv4", "ipv6"]
FAMILIES: Final[dict[Family, socket.AddressFamily]] = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
_TEMPORARY_IS_TIMEOUT_S: Final = 3.0


def literal_family(host: str) -> Family | None:
    """Tell the family of an address literal; None for a name."""
    try:
        return "ipv6" if ipaddress.ip_address(host).version == 6 else "ipv4"  # noqa: PLR2004 - the protocol's number
    except ValueError:
        return None


async def resolve(host: str, family: Family, *, timeout_s: float) -> list[str]:
    """Give the addresses of `host` in `family`, in the resolver's order, never empty; a literal passes through.

    Raises:
        Failed: stage `resolve`: no_address (literal of the other family), protocol (no name at all), nxdomain, nodata,
            servfail, timeout; no_route if the device has no way out by which to ask.
    """
    literal = literal_family(host)
    if literal == family:
        return [host]
    if literal is not None:
        raise Failed(Stage.RESOLVE, Reason.NO_ADDRESS, f"{host} is not an {family} address")
    loop = asyncio.get_running_loop()
    asked = loop.time()
    try:
        async with asyncio.timeout(timeout_s):
            found = await _ask(host, FAMILIES[family])
    except socket.gaierror as error:
        raise _named(error, loop.time() - asked) from error
    except UnicodeError as error:
        raise Failed(
            Stage.RESOLVE, Reason.PROTOCOL, f"{host[:100]!r} is no name: a part is empty or too long"
        ) from error
    except OSError as error:
        raise failed(Stage.RESOLVE, error) from error
    addresses = list(dict.fromkeys(found))
    if not addresses:
        raise Failed(Stage.RESOLVE, Reason.NODATA, f"{host} has no {family} address")
    return addresses


async def choose_family(host: str, *, timeout_s: float, proc: Path = PROC) -> Family:
    """Decide "auto" before a run: IPv6 if the box has a global address and a route, and the peer an AAAA; else IPv4.

    A literal decides by itself. A resolver that does not answer for AAAA is IPv4's business: its own step will say.
    """
    literal = literal_family(host)
    if literal is not None:
        return literal
    if not has_global_ipv6(proc=proc):
        return "ipv4"
    try:
        addresses = await resolve(host, "ipv6", timeout_s=timeout_s)
    except Failed:
        return "ipv4"
    return "ipv6" if interface_to(addresses[0]) is not None else "ipv4"


def _named(error: socket.gaierror, elapsed_s: float) -> Failed:
    if error.errno == socket.EAI_AGAIN and default_route_v4() is None and default_route_v6() is None:
        # The name server is not to blame when nothing can leave this device.
        return Failed(Stage.RESOLVE, Reason.NO_ROUTE, "this device has no default route, so no name server was asked")
    # glibc answers "temporary failure" both for SERVFAIL, at once, and when all its own tries went unanswered.
    if error.errno == socket.EAI_AGAIN and elapsed_s >= _TEMPORARY_IS_TIMEOUT_S:
        return Failed(Stage.RESOLVE, Reason.TIMEOUT, f"no answer in {elapsed_s:.1f} s")
    return failed(Stage.RESOLVE, error)


async def _ask(host: str, family: socket.AddressFamily) -> list[str]:
    """Ask getaddrinfo in a daemon thread: a dead resolver holds it half a minute, and a stop must not wait for that."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def settle(found: list[str], error: Exception | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(found)

    def ask() -> None:
        found: list[str] = []
        error: Exception | None = None
        try:
            found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, family, socket.SOCK_STREAM)]
        except (OSError, UnicodeError) as refused:
            error = refused
        with contextlib.suppress(RuntimeError):  # the loop may have been closed: then nobody waits any more
            loop.call_soon_threadsafe(settle, found, error)

    threading.Thread(target=ask, name=f"resolve {host}", daemon=True).start()
    return await answer
