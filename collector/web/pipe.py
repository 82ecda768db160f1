"""View model of the pipe's page: each stage with its rate, queue, age, errors and state, from what processes say. Pure.

A stage's figures are summed over the processes that were heard lately; what nobody told is unknown, never zero.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from collector.vitals import SILENT, Levels, Sighting, Trouble
from collector.web.flow import SLOTS, Count, Flow, rate_of
from collector.web.senses import Fact

State = Literal["good", "slow", "trouble", "unknown"]
StageName = Literal["broker", "inbox", "decide", "series", "archive", "receipts", "ledger", "rollups"]

SPARK_WIDTH: Final = 120
SPARK_HEIGHT: Final = 28
OLD_S: Final = 5.0
"""A message that waits longer waits for something that is slow."""
LATE_S: Final = 2.0
"""Receipts: 99 of 100 within it."""
OVERDUE_S: Final = 900.0
NARROW: Final = 2 * 1024**3
"""Bytes: less room on a disk than this wants looking at."""
_WORSE: Final[dict[State, int]] = {"good": 0, "unknown": 1, "slow": 2, "trouble": 3}
_PARTS: Final[dict[str, StageName]] = {
    "broker": "broker", "embedded broker": "broker", "registry": "decide", "quarantine": "decide", "store": "series",
    "fleet history": "series", "archive": "archive", "ledger": "ledger",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage. `rate`: of `unit` a second; `errors`: of the last minutes; `facts`: in words, worst first."""

    name: StageName
    unit: str
    state: State
    rate: float | None
    rates: tuple[float | None, ...]
    queue: float | None = None
    age_s: float | None = None
    errors: float = 0.0
    facts: tuple[Fact, ...] = ()
    troubles: tuple[Trouble, ...] = ()

    @property
    def spark(self) -> tuple[str, ...]:
        """The last minutes as polylines in a box of SPARK_WIDTH by SPARK_HEIGHT, broken where nothing is known."""
        most = max((rate for rate in self.rates if rate is not None), default=0.0) or 1.0
        lines: list[list[str]] = [[]]
        for number, rate in enumerate(self.rates):
            if rate is None:
                lines.append([])
                continue
            x, y = number * SPARK_WIDTH / (SLOTS - 1), 1 + (SPARK_HEIGHT - 2) * (1 - rate / most)
            lines[-1].append(f"{x:.1f},{y:.1f}")
        return tuple(" ".join(line) for line in lines if len(line) > 1)

    @property
    def most(self) -> float | None:
        """The highest rate that is drawn."""
        return max((rate for rate in self.rates if rate is not None), default=None)


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """One process. `alive`: it was heard lately; `cpu`: share of a core; `uptime`: how long it has been running."""

    name: str
    roles: tuple[str, ...]
    own: bool
    alive: bool
    heard: datetime
    started: datetime
    levels: Levels
    rate: float | None
    cpu: float | None
    troubles: tuple[Trouble, ...]


@dataclass(frozen=True, slots=True)
class Pipe:
    """The page. `p50`, `p99`: receipt latency of the last minute in seconds, upper bounds of a bucket."""

    state: State
    stages: tuple[Stage, ...]
    processes: tuple[ProcessRow, ...]
    p50: float | None
    p99: float | None
    leader: str | None
    quarantine: float | None
    quarantine_gone: float | None
    gaps: float | None
    completeness: float | None
    late: tuple[str, ...] = ()
    """Processes that have not been heard lately."""


def view(sightings: Sequence[Sighting], now: datetime) -> Pipe:
    """Put together what processes have said."""
    alive = [one for one in sightings if one.heard > now - SILENT]
    flow = Flow(alive, now)
    stages = tuple(make(flow) for make in _STAGES)
    leader = next((one.newest for one in alive if one.newest.levels.leader), None)
    late = tuple(one.newest.name for one in sightings if one.heard <= now - SILENT)
    states = [stage.state for stage in stages] + (["slow"] if late else [])
    return Pipe(
        state=max(states, key=lambda state: _WORSE[state]),
        stages=stages,
        processes=tuple(_row(one, now) for one in sightings),
        p50=flow.receipt_s(0.5),
        p99=flow.receipt_s(0.99),
        leader=None if leader is None else leader.name,
        quarantine=flow.most(lambda levels: levels.quarantine),
        quarantine_gone=flow.most(lambda levels: levels.quarantine_gone),
        gaps=flow.most(lambda levels: levels.gaps),
        completeness=flow.most(lambda levels: levels.completeness),
        late=late,
    )


def item(found: Pipe) -> dict[str, Any]:
    """The same as the API gives it; times in seconds, sizes in bytes."""
    stages = [
        {"name": one.name, "state": one.state, "unit": one.unit, "rate": one.rate, "rates": one.rates}
        | {"queue": one.queue, "age_s": one.age_s, "errors": one.errors, "troubles": one.troubles}
        for one in found.stages
    ]
    processes = [
        {"name": one.name, "roles": one.roles, "alive": one.alive, "heard": one.heard, "started": one.started}
        | {"rate": one.rate, "cpu": one.cpu, "levels": one.levels, "troubles": one.troubles}
        for one in found.processes
    ]
    return {"state": found.state, "stages": stages, "receipt_s": {"p50": found.p50, "p99": found.p99}} | {
        name: getattr(found, name) for name in ("leader", "quarantine", "quarantine_gone", "gaps", "completeness")
    } | {"processes": processes}  # fmt: skip


class _Sign(NamedTuple):
    """Something that may be so, what a stage's state is then, and in words."""

    state: State
    holds: bool
    message: str
    values: Mapping[str, float | str] = MappingProxyType({})


def _stage(flow: Flow, name: StageName, unit: str, count: Count, signs: Iterable[_Sign]) -> Stage:
    """A stage whose state is the worst of its signs that hold; a trouble that is open is one of them."""
    troubles = _troubles(flow, name)
    held = sorted((sign for sign in signs if sign.holds), key=lambda sign: -_WORSE[sign.state])
    states: list[State] = ["good", *(sign.state for sign in held)]
    if any(one.until is None for one in troubles):
        states.append("trouble")
    return Stage(
        name=name,
        unit=unit,
        state=max(states, key=lambda state: _WORSE[state]),
        rate=flow.rate(count),
        rates=flow.rates(count),
        facts=tuple(Fact(sign.message, sign.values) for sign in held),
        troubles=troubles,
    )


def _troubles(flow: Flow, name: StageName) -> tuple[Trouble, ...]:
    """What is wrong with a stage, once each; the last that is over where nothing is wrong now."""
    found = [one for seen in flow.alive for one in seen.newest.troubles if _PARTS.get(one.part) == name]
    now = {one.why: one for one in sorted(found, key=lambda one: one.since, reverse=True) if one.until is None}
    past = sorted((one for one in found if one.until is not None), key=lambda one: one.until or one.since)
    return tuple(now.values()) or tuple(past[-1:])


def _unheard(flow: Flow) -> _Sign:
    return _Sign("unknown", not flow.takers, "no process that takes reports was heard")


def _broker(flow: Flow) -> Stage:
    knowing = flow.of(lambda levels: levels.connected)
    told = "{n} of {all} processes connected", {"n": int(sum(knowing)), "all": len(knowing)}
    signs = [
        _Sign("good" if all(knowing) else "trouble", bool(knowing), *told),
        _Sign("unknown", not flow.takers, "no process that takes reports was heard"),
    ]
    return _stage(flow, "broker", "messages", lambda counts: counts.messages, signs)


def _inbox(flow: Flow) -> Stage:
    dropped, age = flow.risen(lambda counts: counts.dropped), flow.most(lambda levels: levels.queue_s)
    signs = [
        _unheard(flow),
        _Sign("slow", dropped > 0, "{n} messages dropped; agents send them again", {"n": int(dropped)}),
        _Sign("slow", (age or 0.0) > OLD_S, "messages wait for what is slow behind"),
    ]
    queue = flow.sum(lambda levels: levels.queue)
    made = _stage(flow, "inbox", "messages", lambda counts: counts.messages, signs)
    return replace(made, queue=queue, age_s=age, errors=dropped)


def _decide(flow: Flow) -> Stage:
    rejected, deferred = flow.risen(lambda counts: counts.rejected), flow.risen(lambda counts: counts.deferred)
    faults, known = flow.risen(lambda counts: counts.faults), flow.risen(lambda counts: counts.known)
    signs = [
        _unheard(flow),
        _Sign("trouble", faults > 0, "{n} unexpected errors; see the log", {"n": int(faults)}),
        _Sign("slow", rejected > 0, "{n} rejected, to quarantine", {"n": int(rejected)}),
        _Sign("good", deferred > 0, "{n} deferred; their agents keep them", {"n": int(deferred)}),
        _Sign("good", known > 0, "{n} came again and were known", {"n": int(known)}),
    ]
    return replace(_stage(flow, "decide", "reports", lambda counts: counts.decoded, signs), errors=rejected + faults)


def _series(flow: Flow) -> Stage:
    retried = flow.risen(lambda counts: counts.retried)
    took = flow.mean_s(lambda counts: counts.store_s, lambda counts: counts.store_writes)
    signs = [
        _unheard(flow),
        _Sign("slow", retried > 0, "{n} tries again", {"n": int(retried)}),
        _Sign("good", took is not None, "{ms} ms a write", {"ms": (took or 0.0) * 1000}),
        *_room(flow.least(lambda levels: levels.store_free), flow.most(lambda levels: levels.store_bytes)),
    ]
    return replace(_stage(flow, "series", "points", lambda counts: counts.points, signs), errors=retried)


def _archive(flow: Flow) -> Stage:
    took = flow.mean_s(lambda counts: counts.archive_s, lambda counts: counts.archive_appends)
    signs = [
        _unheard(flow),
        _Sign("good", took is not None, "{ms} ms an append", {"ms": (took or 0.0) * 1000}),
        *_room(flow.least(lambda levels: levels.archive_free), flow.sum(lambda levels: levels.archive_bytes)),
    ]
    return _stage(flow, "archive", "reports", lambda counts: counts.written, signs)


def _receipts(flow: Flow) -> Stage:
    given_up = flow.risen(lambda counts: counts.abandoned)
    lost = flow.risen(lambda counts: counts.receipts_dropped)
    p50, p99 = flow.receipt_s(0.5), flow.receipt_s(0.99)
    signs = [
        _unheard(flow),
        _Sign("slow", (p99 or 0.0) > LATE_S, "99 of 100 within {p99} s only", {"p99": p99 or 0.0}),
        _Sign("slow", given_up > 0, "{n} reports left without receipt", {"n": int(given_up)}),
        _Sign("slow", lost > 0, "{n} messages to the broker dropped", {"n": int(lost)}),
        _Sign("good", p99 is not None and p99 <= LATE_S, "half within {p50} s", {"p50": p50 or 0.0}),
    ]
    made = _stage(flow, "receipts", "messages", lambda counts: counts.receipts, signs)
    return replace(made, age_s=p99, errors=given_up + lost)


def _ledger(flow: Flow) -> Stage:
    gaps = flow.most(lambda levels: levels.gaps)
    behind = any(one.newest.levels.ledger_behind for one in flow.takers)
    signs = [
        _unheard(flow),
        _Sign("slow", behind, "catching up from the archive"),
        _Sign("good", bool(gaps), "{n} reports missing; their agents are asked", {"n": int(gaps or 0)}),
        _Sign("good", gaps == 0, "no gap"),
    ]
    queue = flow.sum(lambda levels: levels.ledger_waiting)
    return replace(_stage(flow, "ledger", "reports", lambda counts: counts.ledger, signs), queue=queue)


def _rollups(flow: Flow) -> Stage:
    leaders = [one for one in flow.alive if one.newest.levels.leader]
    overdue = flow.most(lambda levels: levels.rollups_overdue_s)
    signs = [
        _Sign("unknown", not leaders, "nobody leads, as far as was heard"),
        _Sign("slow", (overdue or 0.0) > OVERDUE_S, "some wait longer than they should"),
    ]
    queue = flow.most(lambda levels: levels.rollups_waiting)
    return replace(_stage(flow, "rollups", "points", lambda counts: counts.rollups, signs), queue=queue, age_s=overdue)


def _room(free: float | None, used: float | None) -> list[_Sign]:
    gigabytes = (free or 0.0) / 1e9
    return [
        _Sign("slow", free is not None and free < NARROW, "only {gb} GB free", {"gb": gigabytes}),
        _Sign("good", free is not None and free >= NARROW, "{gb} GB free", {"gb": gigabytes}),
        _Sign("good", bool(used), "{mb} MB held", {"mb": (used or 0.0) / 1e6}),
    ]


def _row(one: Sighting, now: datetime) -> ProcessRow:
    told = one.newest
    return ProcessRow(
        name=told.name,
        roles=tuple(told.roles),
        own=one.own,
        alive=one.heard > now - SILENT,
        heard=one.heard,
        started=told.started,
        levels=told.levels,
        rate=rate_of(one, lambda counts: counts.decoded),
        cpu=rate_of(one, lambda counts: counts.cpu_s),
        troubles=tuple(trouble for trouble in told.troubles if trouble.until is None),
    )


_STAGES: Final = (_broker, _inbox, _decide, _series, _archive, _receipts, _ledger, _rollups)
