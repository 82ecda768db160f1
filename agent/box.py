"""The facts of this device that decide which probes can run: each is tried, none is guessed."""

import asyncio
import shutil
import socket
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

from agent.abilities import Box, Modem
from agent.clock import SystemClock
from agent.errors import Failed
from agent.net import dns_query, interfaces, kernel_time, tcp_info
from agent.net.interfaces import PROC
from agent.wire.failure import Reason

_BUS_S: Final = 2.0
_SENDERS: Final = Path("sys/net/ipv4/tcp_available_congestion_control")


def look(folder: Path | None, *, proc: Path = PROC, resolv_conf: Path = dns_query.RESOLV_CONF) -> Box:
    """Look at this device. `folder`: where facts may be kept between runs, None if nowhere."""
    return Box(
        ipv4_route=interfaces.default_route_v4(proc=proc) is not None,
        ipv6_stack=_has_ipv6(proc),
        ipv6_address=interfaces.has_global_ipv6(proc=proc),
        ipv6_route=interfaces.default_route_v6(proc=proc) is not None,
        ping=_ping(),
        raw=_opens(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6),
        kernel_times=_has_kernel_times(),
        tcp_account=_has_tcp_account(),
        senders=_senders(proc),
        resolvers=len(dns_query.configured(resolv_conf)),
        clock_synchronized=SystemClock().synchronized(),
        folder=folder is not None,
        programs=_programs(),
        modem=_modem(),
    )


def _ping() -> Literal["socket", "raw"] | None:
    if _opens(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP):
        return "socket"
    return "raw" if _opens(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) else None


def _opens(family: int, kind: int, protocol: int) -> bool:
    try:
        socket.socket(family, kind, protocol).close()
    except OSError:
        return False
    return True


def _has_kernel_times() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        return kernel_time.enable(sock)


def _has_tcp_account() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        return tcp_info.read(sock) is not None


def _senders(proc: Path) -> tuple[str, ...]:
    """What the kernel has loaded, and BBR if it gives it when asked: a module may be loaded by the asking."""
    try:
        loaded = (proc / _SENDERS).read_text("ascii").split()
    except OSError:
        loaded = []
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        asked = ["bbr"] if tcp_info.set_congestion(sock, "bbr") else []
    return tuple(dict.fromkeys(loaded + asked))


def _programs() -> frozenset[str]:
    found = {name for name in ("iperf3",) if shutil.which(name)}
    return frozenset(found | ({"speedtest"} if find_spec("speedtest") else set()))


def _modem() -> Modem:
    if find_spec("dbus_fast") is None:
        return "no_package"
    return asyncio.run(_ask_manager())


async def _ask_manager() -> Modem:
    """Ask ModemManager which modems it has; it is not made to look for any."""
    from agent.radio.bus import open_bus

    reached = False
    try:
        async with open_bus(call_s=_BUS_S) as bus:
            reached = True
            return "present" if await bus.modems() else "no_modem"
    except Failed as failed:
        if failed.failure.reason == Reason.NO_PERMISSION:
            return "no_permission"
        return "no_service" if reached else "no_bus"


def _has_ipv6(proc: Path) -> bool:
    """Whether the kernel speaks it, and nobody has switched it off on all interfaces."""
    try:
        off = (proc / "sys/net/ipv6/conf/all/disable_ipv6").read_text("ascii").strip() == "1"
    except OSError:
        return False
    return not off and _opens(socket.AF_INET6, socket.SOCK_DGRAM, 0)
