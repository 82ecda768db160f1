"""What becomes of each report that arrives: store, known already, deferred or rejected. Pure.

A batch is judged as a whole, because the same place in a spool may stand in it twice; and with the places of what is
in flight, because a report may come again before the batch that it was in is archived.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final, Literal

import msgspec

from agent.wire.codec import Accepted, AnyReport, Decoded, Rejection, Unknown, decode_reports
from agent.wire.topics import parse
from collector.registry.site import Site, Snapshot

EARLIEST: Final = datetime(2024, 1, 1, tzinfo=UTC)
AHEAD: Final = timedelta(days=1)
_EPOCH: Final = re.compile(r"[A-Za-z0-9-]{1,64}")  # what a rejected report says of its place is as yet unchecked

_SENDERS_LIMIT: Final = 100_000
_SENDERS: Final[dict[str, str]] = {}
"""Report topics that agents wrote to, and whose they are; never a topic that is nobody's."""

# Beyond the contract's words: a point that the series will never take stays at its agent (`store_refused`: nothing is
# lost, and a mended collector takes it); of two reports in one place of a spool the second can have none (`conflict`).
DeferReason = Literal["unknown_agent", "unknown_kind", "bad_time", "store_full", "store_refused"]
RejectReason = Literal["malformed", "version", "too_large", "conflict"]
# What the archive has at (agent, epoch, seq): nothing, the report of this id, or another one.
Holding = Literal["nothing", "this", "other"]
Holdings = Callable[[AnyReport], Holding]
Place = tuple[str, str, int]  # agent, epoch, seq
_NOWHERE: Final[Mapping[Place, str]] = MappingProxyType({})


class Store(msgspec.Struct, frozen=True, gc=False):
    """New and good: write it. `site` is the agent's site as of the report's start."""

    report: AnyReport
    raw: bytes
    site: Site


class Known(msgspec.Struct, frozen=True, gc=False):
    """In the archive already: only a receipt is due. With `again`, its twin is not there yet: due after it."""

    agent: str
    epoch: str
    seq: int
    again: bool = False


class Deferred(msgspec.Struct, frozen=True, gc=False):
    """May be accepted later: the agent keeps it."""

    agent: str
    epoch: str
    seq: int
    reason: DeferReason


@dataclass(frozen=True, slots=True)
class Rejected:
    """Can never be accepted: to quarantine, and the agent forgets it, if its place could be read."""

    topic: str
    agent: str | None
    reason: RejectReason
    detail: str
    raw: bytes
    epoch: str | None = None
    seq: int | None = None


Decision = Store | Known | Deferred | Rejected


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """One element of a message: its topic, the agent that may write there (None: no such topic), what was read."""

    topic: str
    agent: str | None
    decoded: Decoded


def unpack(topic: str, payload: bytes) -> list[Arrival]:
    """Read one message; each element of an array is judged alone. Any bytes give arrivals, never an exception."""
    agent = _SENDERS.get(topic)
    if agent is None:
        parsed = parse(topic)
        if parsed is not None and parsed[1] == "report":
            if len(_SENDERS) >= _SENDERS_LIMIT:
                _SENDERS.clear()
            agent = _SENDERS[topic] = parsed[0]
    return [Arrival(topic, agent, decoded) for decoded in decode_reports(payload)]


def judge(
    arrivals: Iterable[Arrival],
    snapshot: Snapshot,
    now: datetime,
    holding: Holdings,
    *,
    in_flight: Mapping[Place, str] = _NOWHERE,
) -> list[Decision]:
    """Decide on each arrival, in order; `holding` says what the archive has at a report's place.

    `in_flight`: the ids of reports that are being stored. One may leave it while this looks, but only when the archive
    holds it.
    """
    batch = _Batch(snapshot, now + AHEAD, holding, in_flight, {})
    return [_decide(arrival, batch) for arrival in arrivals]


@dataclass(frozen=True, slots=True)
class _Batch:
    snapshot: Snapshot
    latest: datetime
    holding: Holdings
    in_flight: Mapping[Place, str]
    seen: dict[Place, str]


def _decide(arrival: Arrival, batch: _Batch) -> Decision:
    agent, decoded = arrival.agent, arrival.decoded
    if agent is None:
        return Rejected(arrival.topic, None, "malformed", "not a report topic of an agent", decoded.raw)
    match decoded:
        case Accepted():
            report = decoded.report
            if report.agent == agent:
                return _decide_report(arrival.topic, decoded, batch)
            detail = f"report of agent {report.agent} on the topic of {agent}"
            return Rejected(arrival.topic, agent, "malformed", detail, decoded.raw, report.epoch, report.seq)
        case Rejection():
            epoch = decoded.epoch if decoded.epoch is not None and _EPOCH.fullmatch(decoded.epoch) else None
            return Rejected(arrival.topic, agent, decoded.reason, decoded.detail, decoded.raw, epoch, decoded.seq)
        case Unknown():
            return Deferred(agent, decoded.epoch, decoded.seq, "unknown_kind")


def _decide_report(topic: str, accepted: Accepted, batch: _Batch) -> Decision:
    report, raw = accepted.report, accepted.raw
    place = (report.agent, report.epoch, report.seq)
    twin = batch.seen.get(place) or batch.in_flight.get(place)  # before the archive: from here it can only go there
    holding = batch.holding(report)
    if holding == "other":
        return Rejected(topic, report.agent, "conflict", _conflict(report), raw, report.epoch, report.seq)
    if twin is not None and twin != report.id:
        # No word of its place: its agent would take it for the twin, which is not stored yet.
        return Rejected(topic, report.agent, "conflict", _conflict(report), raw)
    if holding == "this" or twin is not None:
        return Known(*place, again=holding != "this")
    if not EARLIEST <= report.started <= batch.latest:
        return Deferred(*place, "bad_time")
    site = batch.snapshot.site_of(report.agent, report.started)
    if site is None:
        return Deferred(*place, "unknown_agent")
    batch.seen[place] = report.id
    return Store(report, raw, site)


def _conflict(report: AnyReport) -> str:
    return f"epoch {report.epoch} seq {report.seq} is another report's place: was the disk cloned?"
