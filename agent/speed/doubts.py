"""Why a throughput may not be the line's: one written rule a doubt, from the facts of the run. Pure.

A rule speaks only where its facts are known: what was not measured raises no doubt. A doubt takes a sample from the
verdict, so each threshold is set where a healthy run on a small box stays free of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from agent.evidence.cpu import CpuUse
from agent.evidence.heat import Heat
from agent.speed.engine import Held, PeerLoad, Queue, Saturation
from agent.wire.failure import Doubt
from agent.wire.report import Link
from agent.wire.results import Direction, Spread

ETHERNET_SHARE: Final = 1448 / 1538
"""TCP payload of a full Ethernet: 1448 of every 1538 bytes on the wire, preamble and gap counted."""
NIC_NEAR: Final = 0.94
"""Within 6 % of that the card is the likelier limit: lines are sold in 100 and 1000 Mbit/s, cards come in them."""
CPU_FULL: Final = 0.9
"""Of one core, run and waited for together: the loop that moves the data is single, and needs the rest to breathe."""
CPU_HELD: Final = 0.05
"""Kept off by a quota for more than this: the handshake of a run alone may use up one period of 0.1 s."""
CORE_TAKEN: Final = 0.9
"""A core that spends this on interrupts takes in no more packets, however idle the program is."""
DEVICE_FULL: Final = 0.97
"""All cores. A box may be as busy as that with other work and still measure, if the loop gets its turn:"""
DEVICE_WAIT: Final = 0.2
"""waiting for a core this much of the time, beside full cores, delays what the kernel does for us as well."""
CEILING: Final = 0.8
"""Of what the device did against itself with this cipher (Raspberry Pi 4: 600 Mbit/s with ChaCha20, 900 plain)."""
WIFI_SHARE: Final = 0.5
"""TCP gets 50 to 70 % of the bitrate that Wi-Fi shows, so from half of it on the air may be the limit."""
WIFI_WEAK_DBM: Final = -75.0
"""Below it the bitrate falls from packet to packet, and every second packet may be sent again."""
QUEUE_MS: Final = 10.0
"""A round trip to the access point that grows less than this under load is ordinary Wi-Fi."""
QUEUE_SHARE: Final = 0.5
"""If half of the queue of the whole path lies before the first router, the Wi-Fi holds up more than the line does."""
CROSS_SHARE: Final = 0.05
"""Traffic of others from this share of the result on (facts: more than that shows in the figure)."""
CROSS_FLOOR_MBPS: Final = 0.064
"""16 kB in 2 s: name lookups, our own echoes, and what every network murmurs."""
CROWD_RISE: Final = 2 / 3
"""Of the round trip at rest: a sender alone on a line about doubles it (BBR) or fills the buffer; a load that adds less
found a short buffer, or one that others had filled."""
CROWD_SHARE: Final = 0.8
"""Of the rate that it ended with: with a queue in front of it a line gives its all, and a sender that has less rose by
what another gave up."""
PEER_BUSY: Final = 0.9
"""Of the peer's busiest core: there is nothing left for one more stream."""
PACE_NEAR: Final = 0.85
"""Of the peer's own pace: a queue before a peer that reads slowly looks like one on the line, its pace tells."""
HELD: Final = 0.5
"""Held back for half of the loaded time by a window, a buffer or a program, beside a line that is not full."""
FLAT: Final = 1.25
FLAT_MS: Final = 3.0
"""A round trip that grew no more than a quarter and 3 ms has no queue in it: nothing on the way was full."""
WIDE: Final = 0.4
"""Half the width of the 95 % bounds, as a share of the rate: wider is no measurement. A mobile line that wanders gives
10 to 30 % in ten seconds, and that is its nature, not a fault of the run."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One direction: what it gave, and what held it back or ran beside it. None is unknown.

    `ceiling_mbps`: what this device reaches this way with this cipher. `other_mbps`: traffic of others meanwhile.
    """

    way: Literal["download", "upload"]
    direction: Direction
    saturation: Saturation | None = None
    queue: Queue | None = None
    held: Held = field(default_factory=Held)
    peer: PeerLoad | None = None
    cpu: CpuUse | None = None
    other_mbps: float | None = None
    ceiling_mbps: float | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """A run: its directions, and what both have in common. None is unknown, and so is what is missing in a mapping.

    `before_mbps`: what went through the interface by direction before the run. `own_program`: the data are moved by
    another program (iperf3, Ookla); where its threads are not known, full cores alone must tell.
    """

    seen: tuple[Seen, ...]
    link: Link = field(default_factory=Link)
    tunnel: bool = False
    idle_rtt_ms: Spread | None = None
    gateway_rtt_ms: Spread | None = None
    before_mbps: Mapping[Literal["download", "upload"], float] = field(default_factory=dict)
    heat: Heat = field(default_factory=Heat)
    reference_only: bool = False
    own_program: bool = False


def doubts(facts: Facts) -> tuple[Doubt, ...]:
    """Every doubt that a rule raises, in the order of the rules; what one direction raises is the report's."""
    return tuple(doubt for doubt, rule in _RULES.items() if rule(facts))


def _cpu_bound(facts: Facts) -> bool:
    """The device had nothing left: its program, its quota, its cores, its window, or its own ceiling."""
    return any(
        (seen.cpu is not None and _is_busy(seen.cpu, own_program=facts.own_program))
        or _is_above(seen.direction.mbps, seen.ceiling_mbps, CEILING)
        or _holds_itself_up(facts, seen)
        for seen in facts.seen
    )


def _is_busy(cpu: CpuUse, *, own_program: bool) -> bool:
    blind = own_program and cpu.program is None
    starved = cpu.wait is None or blind or cpu.wait >= DEVICE_WAIT
    return (
        max(cpu.process, cpu.wanted, cpu.program or 0) >= CPU_FULL
        or (cpu.held or 0) >= CPU_HELD
        or (cpu.taken or 0) >= CORE_TAKEN
        or ((cpu.device or 0) >= DEVICE_FULL and starved)
        or ((cpu.core or 0) >= DEVICE_FULL and blind)
    )


def _holds_itself_up(facts: Facts, seen: Seen) -> bool:
    """The line is not full, and what held the data back is on this side: our window, or our buffer or program."""
    ours = (seen.held.rwnd,) if seen.way == "download" else (seen.held.sndbuf, seen.held.app)
    return any((share or 0) >= HELD for share in ours) and _has_no_queue(facts, seen)


def _nic_bound(facts: Facts) -> bool:
    """A card near its payload ceiling, or one that cannot send and receive at once (a fault of cable or port)."""
    if facts.link.medium != "ethernet":
        return False
    ceiling = (facts.link.speed_mbps or 0) * ETHERNET_SHARE
    return facts.link.duplex == "half" or any(_is_above(seen.direction.mbps, ceiling, NIC_NEAR) for seen in facts.seen)


def _wifi_bound(facts: Facts) -> bool:
    """A weak signal, a rate near what the air carries, or the path's queue before the first router."""
    if facts.link.medium != "wifi":
        return False
    wifi = facts.link.wifi
    if wifi is not None and wifi.signal_dbm is not None and wifi.signal_dbm <= WIFI_WEAK_DBM:
        return True
    rates = {} if wifi is None else {"download": wifi.rx_mbps, "upload": wifi.tx_mbps}
    return any(
        _is_above(seen.direction.mbps, rates.get(seen.way), WIFI_SHARE) or _queues_nearby(facts, seen)
        for seen in facts.seen
    )


def _queues_nearby(facts: Facts, seen: Seen) -> bool:
    near = _growth(facts.gateway_rtt_ms, seen.direction.gateway_loaded_rtt_ms)
    whole = _growth(facts.idle_rtt_ms, seen.direction.loaded_rtt_ms)
    return near is not None and near >= QUEUE_MS and (whole is None or near >= QUEUE_SHARE * whole)


def _cross_traffic(facts: Facts) -> bool:
    """Others moved a share of the result that shows in it, before or meanwhile; or their queue stood on the line."""
    return any(_is_crowded(seen) for seen in facts.seen) or any(
        other is not None and other >= CROSS_FLOOR_MBPS and other > CROSS_SHARE * seen.direction.mbps
        for seen in facts.seen
        if seen.direction.mbps is not None
        for other in (facts.before_mbps.get(seen.way), seen.other_mbps)
    )


def _is_crowded(seen: Seen) -> bool:
    """The line's queue hardly grew by our load, and while it stood our rate rose by much: somebody else gave way."""
    queue, mbps = seen.queue, seen.direction.mbps
    if queue is None or queue.rise is None or mbps is None:
        return False
    return queue.rise < CROWD_RISE and queue.spread_mbps[0] < CROWD_SHARE * mbps


def _peer_bound(facts: Facts) -> bool:
    """The peer says it is busy or keeps a pace, or it held the data back while the line had room."""
    return any(_peer_is_limit(facts, seen) for seen in facts.seen)


def _peer_is_limit(facts: Facts, seen: Seen) -> bool:
    if seen.saturation == "peer" or (seen.peer is not None and _peer_is_busy(seen.peer)):
        return True
    if seen.peer is not None and seen.peer.paced and _is_at_pace(seen.direction, seen.peer):
        return True
    theirs = (seen.held.sndbuf, seen.held.app) if seen.way == "download" else (seen.held.rwnd,)
    return any((share or 0) >= HELD for share in theirs) and _has_no_queue(facts, seen)


def _peer_is_busy(peer: PeerLoad) -> bool:
    """No core left, or no place: a peer that takes one test alone is not busy with ours."""
    full = peer.tests is not None and peer.max_tests is not None and peer.tests >= peer.max_tests and peer.tests > 1
    return full or (peer.cpu_ratio or 0) >= PEER_BUSY


def _is_at_pace(direction: Direction, peer: PeerLoad) -> bool:
    """The result is near the peer's own pace, or near our part of it; a pace that it does not tell may be any."""
    if peer.pace_mbps is None:
        return True
    return _is_above(direction.mbps, peer.pace_mbps / max(1, peer.tests or 1), PACE_NEAR)


def _has_no_queue(facts: Facts, seen: Seen) -> bool:
    """Nothing on the way was full: the engine did not say so, and the round trip stayed what it was at rest."""
    if seen.saturation is not None:
        return seen.saturation != "full"
    idle = facts.idle_rtt_ms.min if facts.idle_rtt_ms else None
    loaded = seen.direction.loaded_rtt_ms.median if seen.direction.loaded_rtt_ms else None
    return idle is not None and loaded is not None and loaded <= FLAT * idle + FLAT_MS


def _budget_cut(facts: Facts) -> bool:
    """A direction that ended because its bytes were used up: its figure is a lower bound."""
    return any(seen.direction.stop == "budget" for seen in facts.seen)


def _not_converged(facts: Facts) -> bool:
    """TCP was stuck below what the line carries, or the bounds are wide, or the peer ended it before there were any."""
    return any(seen.saturation == "stuck" or _is_unsure(seen.direction) for seen in facts.seen)


def _is_unsure(direction: Direction) -> bool:
    low, high, mbps = direction.low_mbps, direction.high_mbps, direction.mbps
    if direction.stop not in {"time", "peer"} or mbps is None:
        return False
    if low is None or high is None:
        return direction.stop == "peer"
    return (high - low) / 2 > WIDE * mbps


def _tunnel(facts: Facts) -> bool:
    """What was measured is the way to the tunnel's other end."""
    return facts.tunnel


def _thermal(facts: Facts) -> bool:
    """The board slowed its processor down because of heat."""
    return facts.heat.throttled is True


def _undervoltage(facts: Facts) -> bool:
    """The board had too little voltage, which slows processor, USB and network down."""
    return facts.heat.undervoltage is True


def _method_reference_only(facts: Facts) -> bool:
    """The engine says that its figure proves nothing."""
    return facts.reference_only


def _is_above(mbps: float | None, limit: float | None, share: float) -> bool:
    return bool(mbps and limit) and (mbps or 0) >= share * (limit or 0)


def _growth(idle: Spread | None, loaded: Spread | None) -> float | None:
    if idle is None or loaded is None or idle.median is None or loaded.median is None:
        return None
    return loaded.median - idle.median


_RULES: Final[dict[Doubt, Callable[[Facts], bool]]] = {
    Doubt.CPU_BOUND: _cpu_bound,
    Doubt.NIC_BOUND: _nic_bound,
    Doubt.WIFI_BOUND: _wifi_bound,
    Doubt.CROSS_TRAFFIC: _cross_traffic,
    Doubt.PEER_BOUND: _peer_bound,
    Doubt.BUDGET_CUT: _budget_cut,
    Doubt.NOT_CONVERGED: _not_converged,
    Doubt.TUNNEL: _tunnel,
    Doubt.THERMAL: _thermal,
    Doubt.UNDERVOLTAGE: _undervoltage,
    Doubt.METHOD_REFERENCE_ONLY: _method_reference_only,
}
