"""Small probes beside a loaded line: what the peer can be asked, a short look before the load, and the asking itself.

STAMP packets where a reflector answers on the peer's host, and new connections that get one byte where the peer
publishes such an object (`/.well-known/nq`, draft-ietf-ippm-responsiveness, 7). Where no reflector answers the
handshakes of the connections stand in for packets; where there is no object they are all that connections do. Nothing
is asked before the load moves, nothing once it has ended, and what is on its way then is dropped.
"""

import asyncio
import contextlib
from dataclasses import dataclass, replace
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec

from agent.errors import Failed
from agent.net.echo_session import Pace
from agent.net.round_trips import Answer
from agent.net.small_request import Place, Timed, ask
from agent.net.stamp_session import open_socket, stamp_session
from agent.speed import loaded_latency
from agent.speed.engine import Leg, Way
from agent.speed.loaded_latency import Beside, Echo, Purse, Rules, Spent
from agent.wire.codec import HOSTILE

LOOK_S: Final = 1.0
"""The look before the load takes no longer, whoever is silent."""
WELL_KNOWN: Final = "/.well-known/nq"
_TRIES: Final = 3
_TRY_GAP_S: Final = 0.05
_LATE_S: Final = 0.05
# Connections that may be open at once, and how long one may take; a queue of a second is none that anybody works with.
_OPEN_MOST: Final = 8
_LIFE_S: Final = 5.0
_OK: Final = 200
_NS: Final = 1e9
_LONGEST_S: Final = 60.0


class _Urls(msgspec.Struct):
    small_download_url: Annotated[str, msgspec.Meta(max_length=500)]


class _Config(msgspec.Struct):
    urls: _Urls


@dataclass(frozen=True, slots=True)
class Reach:
    """What can be asked of a peer. `place` has a path if it serves the one byte; `stamp_port` None: no reflector."""

    place: Place
    stamp_port: int | None = None

    @property
    def cost(self) -> int:
        """What one connection moves, about."""
        if self.place.path is None:
            return loaded_latency.CONNECT_BYTES
        return loaded_latency.REQUEST_BYTES if self.place.tls is None else loaded_latency.SECURE_BYTES


@dataclass(frozen=True, slots=True)
class Asking:
    """Whom to ask beside each direction, how often, and for how many bytes of its budget (None: it has none)."""

    reach: Reach
    rules: Rules
    most: int | None

    def beside(self, leg: Leg) -> "tuple[Leg, Probing]":
        """A direction that shares its budget with the probes beside it and tells them its rate; and these probes."""
        probing = Probing(leg.way, self.reach, self.rules, Purse(self.most))
        watch, limits = leg.watch, leg.limits

        def tell(gone_s: float, mbps: float) -> None:
            probing.hear(mbps)
            watch(gone_s, mbps)

        if limits.max_bytes is not None and self.most is not None:
            limits = replace(limits, max_bytes=limits.max_bytes - self.most - loaded_latency.LOOK_BYTES)
        return replace(leg, watch=tell, limits=limits), probing


async def look(leg: Leg, rules: Rules) -> Asking | None:
    """See what the peer of a direction can be asked; None if nothing, or if the budget leaves nothing for it."""
    if not leg.address:
        return None
    place = Place(leg.address, leg.target.port, leg.target.host, leg.tls)
    cost, limits = Reach(replace(place, path="/")).cost, leg.limits
    most = rules.reserve(cost, limits.seconds, limits.max_bytes)
    if most == 0:
        return None
    reach = await reach_of(place, rules.stamp_port)
    return None if reach is None else Asking(reach, rules, None if most is None else most - loaded_latency.LOOK_BYTES)


async def reach_of(place: Place, stamp_port: int) -> Reach | None:
    """Find out what a peer answers to, in at most a second; None if not even a connection to it comes about."""
    parts: list[Timed] = []
    paths: list[str] = []
    answered = asyncio.Event()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LOOK_S), asyncio.TaskGroup() as group:
            reflecting = group.create_task(_reflects(place.address, stamp_port, answered), name="look for a reflector")
            paths += await _small_path(place, parts)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(answered.wait(), 2 * parts[0].ms / 1000 + _LATE_S if parts else 0)
            reflecting.cancel()
    if not parts:
        return None
    return Reach(replace(place, path=paths[0] if paths else None), stamp_port if answered.is_set() else None)


async def _reflects(address: str, port: int, answered: asyncio.Event) -> None:
    """Send a few STAMP packets; set `answered` at the first answer."""

    def hear(_: Answer) -> None:
        answered.set()

    with contextlib.suppress(Failed), open_socket(address, port) as sock:
        await stamp_session(sock, Pace(_TRIES, _TRY_GAP_S, LOOK_S), heard=hear).run()


async def _small_path(place: Place, parts: list[Timed]) -> list[str]:
    """The path of the peer's one-byte object, if it publishes one."""
    try:
        reply = await ask(replace(place, path=WELL_KNOWN), parts.append)
    except OSError:
        return []
    path = path_of(reply.body, place.host) if reply.status == _OK else None
    return [] if path is None else [path]


def path_of(config: bytes, host: str) -> str | None:
    """Path and query of the small object in a responsiveness configuration; None if it is none, or of another host.

    The draft wants all its URLs on one host; whatever else a peer writes, nobody but that peer is ever asked.
    """
    try:
        url = urlsplit(msgspec.json.decode(config, type=_Config).urls.small_download_url)
        named = url.hostname
    except (*HOSTILE, ValueError):
        return None
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    if named != host.lower() or not (path.isascii() and path.isprintable()) or " " in path:
        return None
    return path if path.startswith("/") else None


class Probing:
    """The probes beside one direction: `hear` its live rate, `run` them until cancelled, `beside` is what they met."""

    def __init__(self, way: Way, reach: Reach, rules: Rules, purse: Purse) -> None:
        self._way = way
        self._reach = reach
        self._rules = rules
        self._purse = purse
        self._mbps = 0.0
        self._moving = asyncio.Event()
        self._echoes: list[Echo] = []
        self._parts: list[Timed] = []
        self._spent: list[Spent] = []
        self._open = 0

    def hear(self, mbps: float) -> None:
        """Take note of the load's rate now."""
        self._mbps = mbps
        if mbps > 0:
            self._moving.set()

    def beside(self) -> Beside:
        """What the probes have met by now."""
        place = self._reach.place
        asks = place.path is not None
        return Beside(
            tuple(self._echoes),
            tuple(self._parts),
            tuple(self._spent),
            requests=asks,
            secure=asks and place.tls is not None,
            parameters=self._rules.parameters,
        )

    async def run(self) -> None:
        """Ask, from when the load moves until cancelled; raises nothing that a peer could cause."""
        await self._moving.wait()
        async with asyncio.TaskGroup() as group:
            if self._reach.stamp_port is not None:
                group.create_task(self._reflect(self._reach.stamp_port), name=f"packets beside the {self._way}")
            if self._reach.stamp_port is None or self._reach.place.path is not None:
                await self._connect(group)

    async def _reflect(self, port: int) -> None:
        """Send packets at one pace, that of the rate which was seen first: later rates only allow for more."""
        gap_s = self._rules.packet_gap_s(self._mbps)
        count = int(_LONGEST_S / gap_s)
        if self._purse.left is not None:
            count = min(count, self._purse.left // 2 // loaded_latency.ECHO_BYTES)
            self._purse.take(count * loaded_latency.ECHO_BYTES)
        if count < 1:
            return
        with contextlib.suppress(Failed, OSError), open_socket(self._reach.place.address, port) as sock:
            await stamp_session(sock, Pace(count, gap_s, _LIFE_S), heard=self._take).run()

    def _take(self, answer: Answer) -> None:
        sent_s = (answer.at_ns or 0) / _NS
        self._echoes.append(Echo(answer.seq, sent_s, answer.rtt_ns / 1e6))
        half = loaded_latency.ECHO_BYTES // 2
        self._spent.append(Spent(sent_s, half, half))

    async def _connect(self, group: asyncio.TaskGroup) -> None:
        """Begin connections at the pace that the rate allows, whatever has become of those before."""
        cost = self._reach.cost
        while True:
            if self._open < _OPEN_MOST and self._purse.take(cost):
                self._open += 1
                group.create_task(self._one(), name=f"connection beside the {self._way}")
            await asyncio.sleep(self._rules.connection_gap_s(cost, self._mbps))

    async def _one(self) -> None:
        begun_s = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(_LIFE_S):
                reply = await ask(self._reach.place, self._parts.append)
        except OSError:
            return
        finally:
            self._open -= 1
        self._spent.append(Spent(begun_s, reply.sent, reply.received))
