"""A whole test network: `with lab(down=LinkSpec(rate_mbps=102), up=LinkSpec(rate_mbps=20), rtt_ms=40) as net: ...`.

    client ─ veth ─ near ─ TUN ═ emulated link ═ TUN ─ far ─ veth ─ server
    rival  ─ veth ──┘                                   └── veth ─ rival_server   (both only if asked for)

Client and server sit one hop behind the link on purpose: the kernel counts the segments of a super-packet from a TUN
device only when it is sent on, and tcpi_data_segs_in would be wrong without. Needs root. Nothing is left afterwards:
the block ends what it started, and if this process is killed the emulator sees it and tidies up.
"""

import contextlib
import itertools
import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final

from tests.netlab import namespace
from tests.netlab.control import Link
from tests.netlab.counts import Count, Counters
from tests.netlab.namespace import Namespace
from tests.netlab.spec import LinkSpec, payload_ceiling

__all__ = ["Count", "Counters", "Lab", "Link", "LinkSpec", "Namespace", "lab", "payload_ceiling"]

DEVICE: Final = "wan"
CONGESTION: Final = "net.ipv4.tcp_congestion_control"
# 1 Gbit/s for 80 ms is 10 MB, doubled by a full queue and again by the kernel's bookkeeping
ENDPOINT_SYSCTLS: Final[Mapping[str, str | int]] = {
    "net.ipv4.tcp_rmem": "4096 131072 67108864",
    "net.ipv4.tcp_wmem": "4096 65536 67108864",
    # each run starts like the first
    "net.ipv4.tcp_no_metrics_save": 1,
    CONGESTION: "bbr",
}
ROUTER_SYSCTLS: Final[Mapping[str, str | int]] = {
    "net.ipv4.ip_forward": 1,
    "net.ipv6.conf.all.forwarding": 1,
}
START_S: Final = 10.0
# the rhythm of a busy emulator: shorter costs CPU, longer costs latency
TICK_US: Final = 250

_serial = itertools.count()


@dataclass(frozen=True, slots=True)
class Lab:
    """The hosts, the routers and the link between them. `rival` and `rival_server` exist only if asked for."""

    client: Namespace
    near: Namespace
    far: Namespace
    server: Namespace
    link: Link
    hosts: Mapping[str, Namespace]

    @property
    def rival(self) -> Namespace:
        """A second device behind the near router."""
        return self.hosts["rival"]

    @property
    def rival_server(self) -> Namespace:
        """A second server behind the far router."""
        return self.hosts["rival_server"]

    def address(self, family: str = "ipv4") -> str:
        """Give the server's address, as the client dials it."""
        return self.server.address(family)


@dataclass(frozen=True, slots=True)
class _Place:
    """A host, the router it is behind and the number of the subnet between them."""

    role: str
    router: str
    net: int

    def address(self, family: str, host: int) -> str:
        return f"10.77.{self.net}.{host}" if family == "ipv4" else f"2001:db8:77:{self.net}::{host}"


_PLACES: Final = (
    _Place("client", "near", 1),
    _Place("server", "far", 2),
    _Place("rival", "near", 3),
    _Place("rival_server", "far", 4),
)
_LINK: Final = _Place(DEVICE, "near", 9)


@contextlib.contextmanager
def lab(
    *,
    down: LinkSpec | None = None,
    up: LinkSpec | None = None,
    rtt_ms: float | None = None,
    extra: tuple[str, ...] = (),
    sysctls: Mapping[str, Mapping[str, str | int]] | None = None,
    seed: int = 1,
) -> Iterator[Lab]:
    """Give a network whose bottleneck is the emulated link; without specs it is as fast as the machine.

    `rtt_ms` is split equally over both directions (in place of their own rtt_ms). `extra` may name "rival" and
    "rival_server". `sysctls` are by role ("client", "server", "near", "far", ...) and come on top of the defaults:
    endpoints get BBR, buffers of up to 64 MB (enough for 1 Gbit/s x 80 ms) and remember nothing between connections.
    RuntimeError says what could not be set up.
    """
    specs = {"down": _with_rtt(down, rtt_ms), "up": _with_rtt(up, rtt_ms)}
    places = [place for place in _PLACES if place.role in {"client", "server", *extra}]
    prefix = f"nl{os.getpid()}-{next(_serial)}-"
    roles = ["near", "far", *(place.role for place in places)]
    namespace.remove_stale()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="netlab-")))
        stack.callback(namespace.remove, [prefix + role for role in roles])
        for role in roles:
            namespace.add(prefix + role)
        spaces = {role: stack.enter_context(contextlib.closing(_space(prefix, role))) for role in roles}
        settings = {
            **{name: prefix + name for name in ("near", "far")},
            **{way: spec.to_json() for way, spec in specs.items()},
            "namespaces": [prefix + role for role in roles],
            "device": DEVICE,
            "socket": str(folder / "link"),
            "tick_us": TICK_US,
            "seed": seed,
        }
        link = stack.enter_context(emulating(settings))
        _wire(spaces, places)
        _set(spaces, sysctls or {})
        main = {role: spaces[role] for role in ("client", "near", "far", "server")}
        yield Lab(**main, link=link, hosts=spaces)


def _with_rtt(spec: LinkSpec | None, rtt_ms: float | None) -> LinkSpec:
    spec = spec or LinkSpec()
    return spec if rtt_ms is None else replace(spec, rtt_ms=rtt_ms)


def _space(prefix: str, role: str) -> Namespace:
    own = {place.role: place for place in _PLACES}.get(role)
    families = ("ipv4", "ipv6")
    if own is None:
        host = 1 if role == "near" else 2
        return Namespace(prefix + role, {family: _LINK.address(family, host) for family in families})
    return Namespace(prefix + role, {family: own.address(family, 2) for family in families})


@contextlib.contextmanager
def emulating(settings: Mapping[str, object]) -> Iterator[Link]:
    """Run an emulator with the settings that tests/netlab/link.py lists; RuntimeError if it does not start."""
    # -S: it needs nothing but the standard library, and starts sooner
    command = [sys.executable, "-S", "-m", "tests.netlab.link", json.dumps(settings)]
    with subprocess.Popen(  # noqa: S603 - our own program
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=namespace.ROOT,
        env=namespace.environment(),
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            _expect_ready(process.stdout)
            yield Link(Path(str(settings["socket"])), process.pid)
        finally:
            process.terminate()
            try:
                process.wait(timeout=namespace.GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _expect_ready(stream: IO[bytes]) -> None:
    readable = select.select([stream], [], [], START_S)[0]
    if not readable or stream.readline().strip() != b"ready":
        raise RuntimeError("the link emulator did not start; what it said is above")


def _wire(spaces: Mapping[str, Namespace], places: list[_Place]) -> None:
    """Lay the cables, and give addresses and routes."""
    lines: dict[str, list[str]] = {role: [] for role in spaces}
    for place in places:
        host, router = spaces[place.role], spaces[place.router]
        cable = f"to_{place.role}"
        namespace.run(
            f"ip link add name eth0 netns {host.name} type veth peer name {cable} netns {router.name}".split(),
        )
        lines[place.role] += _device("eth0", place, 2) + _routes(place, 1)
        lines[place.router] += _device(cable, place, 1)
    for role, own in (("near", 1), ("far", 2)):
        lines[role] += [*_device(DEVICE, _LINK, own), f"link set {DEVICE} txqueuelen 10000"]
    # What is nowhere is unreachable at the far router, and does not go round between the two.
    lines["near"] += _routes(_LINK, 2)
    lines["far"] += _routes(_LINK, 1, "10.77.0.0/16", "2001:db8:77::/48")
    for role, commands in lines.items():
        spaces[role].ip(*commands)


def _device(device: str, place: _Place, host: int) -> list[str]:
    return [
        f"link set {device} up",
        f"address add {place.address('ipv4', host)}/24 dev {device}",
        f"address add {place.address('ipv6', host)}/64 dev {device} nodad",
    ]


def _routes(place: _Place, gateway: int, to4: str = "default", to6: str = "default") -> list[str]:
    return [
        f"route add {to4} via {place.address('ipv4', gateway)}",
        f"route add {to6} via {place.address('ipv6', gateway)}",
    ]


def _set(spaces: Mapping[str, Namespace], sysctls: Mapping[str, Mapping[str, str | int]]) -> None:
    for role, space in spaces.items():
        defaults = ROUTER_SYSCTLS if role in {"near", "far"} else ENDPOINT_SYSCTLS
        settings = {**defaults, **sysctls.get(role, {})}
        if (congestion := settings.pop(CONGESTION, None)) is not None:
            space.congestion(str(congestion))
        space.set(settings)
