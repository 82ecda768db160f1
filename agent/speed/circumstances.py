"""From a transfer and the evidence around it to the facts that the rules judge and the fields that the report shows.

Pure. Of each figure that both directions have, the report shows the worse one.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import structs

from agent.evidence.counters import Own
from agent.evidence.cpu import CpuUse
from agent.evidence.evidence import Evidence, Loaded
from agent.speed.doubts import Facts, Seen
from agent.speed.engine import PeerLoad, Transfer, Way
from agent.speed.estimate import ramp_cut_s
from agent.speed.loaded_latency import Beside, latency
from agent.speed.responsiveness import Probe, responsiveness
from agent.speed.summary import full_span, idle_ms, spread_ms
from agent.wire.results import Direction, Spread, Throughput

UNCOUNTED: Final = 0.05
"""What an upload may have sent beyond what the receiver counted, where the kernel's own count is not known."""
_DIGITS: Final = 3


def seen(
    way: Way,
    direction: Direction,
    transfer: Transfer | None,
    evidence: Evidence,
    *,
    ceiling_mbps: float | None = None,
    beside: Beside | None = None,
) -> Seen:
    """One direction as the rules judge it; `transfer` is None if it never began, `beside` if nothing was asked then."""
    if transfer is None:
        return Seen(way, direction)
    loaded = evidence.loaded.get(way)
    own = _own(way, transfer, beside) if transfer.samples else None
    return Seen(
        way,
        answering(shown(way, direction, transfer, evidence), transfer, beside),
        saturation=transfer.saturation,
        queue=transfer.queue,
        held=transfer.held,
        peer=transfer.peer_load,
        cpu=None if loaded is None else _cpu(loaded, transfer),
        other_mbps=None if loaded is None or own is None else loaded.other_mbps(own),
        ceiling_mbps=ceiling_mbps,
    )


def shown(way: Way, direction: Direction, transfer: Transfer, evidence: Evidence) -> Direction:
    """The direction with the evidence of its own that the report carries."""
    loaded = evidence.loaded.get(way)
    early = transfer.early
    return structs.replace(
        direction,
        gateway_loaded_rtt_ms=spread_ms(loaded.gateway_us(*_full(transfer))) if loaded is not None else None,
        rwnd_limited_ratio=_ratio(transfer.held.rwnd),
        sndbuf_limited_ratio=_ratio(transfer.held.sndbuf),
        early_mbps=None if early is None else round(early.mbps, _DIGITS),
        early_duration_s=None if early is None else round(early.duration_s, _DIGITS),
        early_bytes=None if early is None else early.received,
    )


def answering(direction: Direction, transfer: Transfer, beside: Beside | None) -> Direction:
    """The direction with what the probes beside it met while the line was full."""
    if beside is None or not transfer.samples or direction.failure is not None:
        return direction
    start_s, end_s = full_span(transfer)
    found = latency(beside, start_s, end_s)
    own = [Probe(moment, rtt_us / 1000) for moment, rtt_us in transfer.rtts_us]
    rpm = responsiveness(beside.probes(own), start_s, end_s, beside.parameters) if beside.requests else None
    return structs.replace(
        direction,
        loaded_latency_ms=None if found is None else found.ms,
        loaded_latency_method=None if found is None else found.method,
        loaded_loss_ratio=None if found is None else found.loss_ratio,
        responsiveness=rpm,
    )


def facts(
    both: Sequence[Seen],
    evidence: Evidence,
    *,
    idle_rtt_ms: Spread | None,
    reference_only: bool = False,
    own_program: bool = False,
) -> Facts:
    """A run as the rules judge it."""
    return Facts(
        seen=tuple(both),
        link=evidence.link,
        tunnel=evidence.tunnel,
        idle_rtt_ms=idle_rtt_ms,
        gateway_rtt_ms=idle_ms(list(evidence.gateway_us)),
        before_mbps=evidence.before_mbps,
        heat=evidence.heat,
        reference_only=reference_only,
        own_program=own_program,
    )


def result(figures: Throughput, both: Sequence[Seen], transfers: Sequence[Transfer], evidence: Evidence) -> Throughput:
    """The result with the evidence that both directions share; `figures` holds all the rest."""
    uses = [part.cpu for part in both if part.cpu is not None]
    others = [*evidence.before_mbps.values(), *(part.other_mbps for part in both)]
    process = _worst(use.process for use in uses)
    answers = [part.direction.responsiveness for part in both if part.direction.responsiveness is not None]
    return structs.replace(
        figures,
        cpu_ratio=_rounded(process) if process is not None else figures.cpu_ratio,
        cpu_wait_ratio=_ratio(_worst(use.wait for use in uses)),
        device_cpu_ratio=_ratio(_worst(use.device for use in uses)),
        core_cpu_ratio=_ratio(_worst(use.core for use in uses)),
        cross_traffic_mbps=_rounded(_worst(others)),
        gateway_rtt_ms=idle_ms(list(evidence.gateway_us)),
        tls=next((transfer.tls for transfer in transfers if transfer.tls), None),
        pmtu_bytes=min((transfer.pmtu_bytes for transfer in transfers if transfer.pmtu_bytes), default=None),
        peer_load_ratio=_ratio(_worst(_load(part.peer) for part in both if part.peer is not None)),
        ceiling_mbps=min((part.ceiling_mbps for part in both if part.ceiling_mbps is not None), default=None),
        temperature_c=_rounded(evidence.heat.celsius),
        responsiveness_rpm=min((answer.rpm for answer in answers if answer.rpm is not None), default=None),
    )


def _span(transfer: Transfer) -> tuple[float, float]:
    """From the first moment of load to the last; all of time for an engine that gives a figure alone."""
    if not transfer.samples:
        return 0.0, math.inf
    return transfer.samples[0].at_s, transfer.samples[-1].at_s


def _full(transfer: Transfer) -> tuple[float, float]:
    """The span without the ramp."""
    start_s, end_s = _span(transfer)
    return (start_s + ramp_cut_s(end_s - start_s) if transfer.samples else start_s), end_s


def _cpu(loaded: Loaded, transfer: Transfer) -> CpuUse | None:
    """The processors while the line was full; over a longer time where too few readings fall into that."""
    full = loaded.cpu_use(*_full(transfer))
    return full or loaded.cpu_use(*_span(transfer)) or loaded.cpu_use(0.0, math.inf)


def _own(way: Way, transfer: Transfer, beside: Beside | None) -> Own:
    """What the test moved over the interface between its first and last sample, with what was sent again.

    A download is counted here; of an upload the kernel counted what it sent, and of that some is still on its way. The
    probes beside it are ours too.
    """
    start_s, end_s = _span(transfer)
    probes = 0 if beside is None else beside.octets(way, start_s, end_s)
    again = transfer.retransmitted_bytes or 0
    counted = round(transfer.samples[-1].received)
    if way == "download":
        return Own(start_s, end_s, counted + again + probes, transfer.pmtu_bytes)
    known = transfer.sent_bytes
    sent = max(counted, known) if known is not None else round(counted * (1 + UNCOUNTED)) + again
    return Own(start_s, end_s, sent + probes, transfer.pmtu_bytes)


def _load(peer: PeerLoad) -> float | None:
    """How busy the peer is: its busiest core, or its tests of those it takes, whichever is more."""
    tests = peer.tests / peer.max_tests if peer.tests is not None and peer.max_tests else None
    return _worst((peer.cpu_ratio, tests))


def _worst(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


def _ratio(value: float | None) -> float | None:
    return None if value is None else round(min(1.0, max(0.0, value)), _DIGITS)
