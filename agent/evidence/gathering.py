"""Gathering evidence around a run: 2 s before it, and five times a second while a direction is measured.

    async with gather() as gathering:
        address = ...                           # what is asked for now is our own traffic
        await gathering.before(address)         # the two seconds
        async with gathering.during("download"):
            ...
        evidence = gathering.evidence()

A reading takes well below a millisecond. Nothing here fails: what cannot be read is left out, with a reason.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Final

from msgspec import structs

from agent.evidence import cgroup, counters, cpu, heat, wifi
from agent.evidence.counters import CounterReading
from agent.evidence.cpu import CpuReading
from agent.evidence.evidence import Evidence, Loaded, Way
from agent.evidence.gateway import Gateway
from agent.evidence.heat import HeatReading, Sensors
from agent.evidence.places import Places
from agent.net.interfaces import LOOPBACK, Route, is_tunnel, kind_of, link_to, route_to
from agent.wire.report import Link, Wifi

BEFORE_S: Final = 2.0
ENOUGH_S: Final = 1.0
TICK_S: Final = 0.2
HEAT_S: Final = 1.0
ASK_S: Final = 0.15
ASKS: Final = 5
WIFI_S: Final = 0.5
"""How far into the load the Wi-Fi is asked: its bitrates are those of the last packet, and of little worth at rest."""

FindRoute = Callable[[str], Route | None]


@contextlib.asynccontextmanager
async def gather(
    *,
    places: Places | None = None,
    before_s: float = BEFORE_S,
    wifi_s: float = WIFI_S,
    route: FindRoute = route_to,
    gateway: Callable[[str], Gateway] = Gateway,
) -> "AsyncIterator[Gathering]":
    """Begin; everything that was opened is closed at the end, whatever happens."""
    gathering = Gathering(places or Places(), before_s=before_s, wifi_s=wifi_s, route=route, gateway=gateway)
    try:
        yield gathering
    finally:
        gathering.close()


class Gathering:
    """The evidence of one run as it grows. Use it from the thread that moves the data."""

    def __init__(
        self, places: Places, *, before_s: float, wifi_s: float, route: FindRoute, gateway: Callable[[str], Gateway]
    ) -> None:
        self._places = places
        self._groups = cgroup.folders(places)
        self._sensors = Sensors(places)
        self._before_s = before_s
        self._wifi_s = wifi_s
        self._find_route = route
        self._open_gateway = gateway
        self._quiet_s = 0.0
        self._heat: list[HeatReading] = [self._sensors.read(at_s=_now())]
        self._route: Route | None = None
        self._link = Link()
        self._tunnel = False
        self._before: dict[Way, float] = {}
        self._gateway: Gateway | None = None
        self._idle_us: tuple[int, ...] = ()
        self._loaded: dict[Way, Loaded] = {}
        self._reasons: list[str] = []

    def close(self) -> None:
        """Give sockets back."""
        if self._gateway is not None:
            self._gateway.close()

    async def before(self, address: str) -> Link:
        """Look at the way to `address` for the quiet time, with nothing measured yet; gives the link."""
        self._quiet_s = _now() + self._before_s
        self._route = self._find_route(address)
        if self._route is None:
            self._reasons.append(f"no route to {address}")
            return self._link
        interface = self._route.interface
        first = self._count(interface)
        self._link = link_to(address, sysfs=self._places.sysfs)
        wrapped = [end for end in (self._route.source, address) if end and kind_of(end) == "tunnel"]
        self._tunnel = bool(wrapped) or is_tunnel(interface, sysfs=self._places.sysfs)
        if self._link.medium == "wifi":
            self._link = structs.replace(self._link, wifi=await wifi.look(interface, self._places))
        await self._ask_idle(self._route)
        await asyncio.sleep(max(0.0, self._quiet_s - _now()))
        self._look_back(interface, first)
        return self._link

    @contextlib.asynccontextmanager
    async def during(
        self, way: Way, *, beside: Callable[[], Coroutine[Any, Any, None]] | None = None
    ) -> AsyncIterator[None]:
        """Read while the block measures one direction, and run `beside`. What the block raises comes out as it was."""
        log = _Log(way)
        works: dict[str, Coroutine[Any, Any, None]] = {f"evidence of {way}": self._watch(log)}
        if self._gateway is not None and self._idle_us:
            works[f"gateway during {way}"] = self._ask_loaded(self._gateway)
        if beside is not None:
            works[f"probes beside {way}"] = beside()
        if self._link.medium == "wifi" and self._route is not None:
            works[f"wifi during {way}"] = self._ask_wifi(log, self._route.interface)
        asked = len(self._gateway.answers) if self._gateway is not None else 0
        try:
            async with _alongside(works):
                self._read(log)
                try:
                    yield
                finally:
                    self._read(log)
        finally:
            answers = self._gateway.answers[asked:] if self._gateway is not None else []
            self._loaded[way] = Loaded(way, tuple(log.cpu), tuple(log.counters), tuple(answers), log.wifi)

    def evidence(self) -> Evidence:
        """What is known by now."""
        self._heat.append(self._sensors.read(at_s=_now()))
        reasons = [*self._reasons]
        if self._gateway is not None and self._gateway.reason and not self._idle_us:
            reasons.append(self._gateway.reason)
        return Evidence(
            link=structs.replace(self._link, wifi=self._wifi()),
            tunnel=self._tunnel,
            before_mbps=dict(self._before),
            gateway_us=self._idle_us,
            heat=heat.over(self._heat),
            loaded=dict(self._loaded),
            reasons=tuple(dict.fromkeys(reasons)),
        )

    async def _ask_idle(self, route: Route) -> None:
        """A few round trips to the first router, within the quiet time unless that is over."""
        if route.gateway is None:
            self._reasons.append("gateway: none, the peer is on the same network")
            return
        self.close()  # of another server on the list, which could not be measured
        self._gateway = self._open_gateway(route.gateway)
        for number in range(ASKS):
            answer = await self._gateway.ask()
            if answer is None and number and not self._gateway.answers:
                return  # a router that does not answer is not worth more of the time
            if number < ASKS - 1:
                await asyncio.sleep(max(0.0, min(ASK_S, (self._quiet_s - _now()) / (ASKS - number))))
        self._idle_us = tuple(answer.rtt_us for answer in self._gateway.answers)

    def _count(self, interface: str) -> CounterReading | None:
        """The interface's counters now; None where they say nothing of a line."""
        return None if interface == LOOPBACK else counters.read(self._places, interface, at_s=_now())

    def _look_back(self, interface: str, first: CounterReading | None) -> None:
        """What went through the interface in the quiet time."""
        last = self._count(interface)
        if first is None or last is None:
            self._reasons.append(
                f"interface {interface}: loopback, what others move through it is no traffic on a line"
            )
            return
        if last.rx is None or last.tx is None:
            self._reasons.append(f"interface {interface}: no counters")
            return
        if last.at_s - first.at_s < ENOUGH_S:
            return  # our own echoes would be a rate
        down, up = counters.rate_mbps(first, last, "rx"), counters.rate_mbps(first, last, "tx")
        if down is None or up is None:
            self._reasons.append(f"interface {interface}: its counters did not hold")
            return
        self._before = {"download": down, "upload": up}

    async def _watch(self, log: "_Log") -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._read(log)

    def _read(self, log: "_Log") -> None:
        at_s = _now()
        log.cpu.append(cpu.read(self._places, self._groups, at_s=at_s))
        count = None if self._route is None else self._count(self._route.interface)
        if count is not None:
            log.counters.append(count)
        if at_s - self._heat[-1].at_s >= HEAT_S:
            self._heat.append(self._sensors.read(at_s=at_s))

    async def _ask_loaded(self, gateway: Gateway) -> None:
        """Ask until the end, unless only this program could time the answers: under load it would be late."""
        while True:
            answer = await gateway.ask()
            if answer is not None and answer.late:
                break
            await asyncio.sleep(ASK_S)
        self._reasons.append(f"gateway {gateway.address}: refuses connections, which cannot be timed under load")

    async def _ask_wifi(self, log: "_Log", interface: str) -> None:
        await asyncio.sleep(self._wifi_s)
        log.wifi = await wifi.look(interface, self._places)

    def _wifi(self) -> Wifi | None:
        """Of all that was heard: the weakest signal; bitrates only as the loaded direction used them."""
        heard = [told for told in (self._link.wifi, *(part.wifi for part in self._loaded.values())) if told is not None]
        if not heard:
            return None
        down, up = (self._loaded[way].wifi if way in self._loaded else None for way in ("download", "upload"))
        return Wifi(
            signal_dbm=min((told.signal_dbm for told in heard if told.signal_dbm is not None), default=None),
            band=next((told.band for told in heard if told.band is not None), None),
            rx_mbps=None if down is None else down.rx_mbps,
            tx_mbps=None if up is None else up.tx_mbps,
        )


class _Log:
    """The readings of one direction while they come."""

    def __init__(self, way: Way) -> None:
        self.way = way
        self.cpu: list[CpuReading] = []
        self.counters: list[CounterReading] = []
        self.wifi: Wifi | None = None


@contextlib.asynccontextmanager
async def _alongside(works: dict[str, Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Run endless work beside the block and end it with the block, whose own exception is not wrapped into a group."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work, name=name) for name, work in works.items()]
            yield
            for task in tasks:
                task.cancel()
    except BaseExceptionGroup as errors:
        if len(errors.exceptions) > 1:
            raise
        raise errors.exceptions[0] from errors.exceptions[0].__cause__


def _now() -> float:
    return asyncio.get_running_loop().time()
