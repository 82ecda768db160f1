"""View model of the fleet page: how each device is, what is doubted, and how far stopping early is off. Pure."""

import math
import statistics
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from collector.fleet import AgentState
from collector.registry.site import Site, Snapshot
from collector.rollups.recent import Recent, Way

# Upper ends of the bars, as shares of the full-length rate; the last bar holds what is further off.
EDGES: Final = (0.002, 0.005, 0.01, 0.02, 0.05)
_P95: Final = 0.95
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Device:
    """One agent: where it stands, when it was heard, and what it last said of itself. None is unknown."""

    agent: str
    site: Site | None
    seen: datetime | None
    state: str | None
    software: str | None = None
    profile: str | None = None
    waiting: int | None = None
    dropped: int | None = None
    clock: bool | None = None
    disk_free_bytes: int | None = None
    trouble: tuple[str, ...] = ()
    doubted: int = 0
    next: tuple[tuple[str, datetime], ...] = ()
    """What it means to run next and when, the soonest first."""
    uptime_s: float | None = None
    data_used_bytes: int | None = None
    data_allowed_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class DoubtCount:
    """How many reports carry a doubt, from how many agents."""

    doubt: str
    reports: int
    agents: int


@dataclass(frozen=True, slots=True)
class EarlyStop:
    """How far stopping early was off, in runs that went their full length to find out.

    `median`, `p95` (nearest rank): of |early - full| / full; `bias`: the median with its sign. `saved`: the mean share
    of the data that stopping would have spared, None if no run counted its bytes. `bars`: runs up to each of `EDGES`,
    and beyond.
    """

    way: Way
    n: int
    median: float
    p95: float
    bias: float
    saved: float | None
    bars: tuple[int, ...]


def devices(snapshot: Snapshot, states: Mapping[str, AgentState], doubted: Mapping[str, int]) -> list[Device]:
    """Every agent that is registered or was heard, the longest silent first."""
    current = {agent: versions[-1].value for agent, versions in snapshot.agents.items()}
    known = {agent for agent, site in current.items() if site is not None} | (states.keys() - current.keys())
    found = [
        _device(agent, snapshot.site(current.get(agent) or ""), states.get(agent), doubted.get(agent, 0))
        for agent in known
    ]
    return sorted(found, key=lambda device: (device.seen or _NEVER, device.agent))


def _device(agent: str, site: Site | None, heard: AgentState | None, doubted: int) -> Device:
    if heard is None:
        return Device(agent, site, None, None, doubted=doubted)
    status = heard.status
    health = status.health if status else None
    trouble = (health.spool_error, health.config_error) if health else ()
    return Device(
        agent=agent,
        site=site,
        seen=heard.last_seen,
        state=heard.state,
        software=status.software if status else None,
        profile=status.profile if status else None,
        waiting=status.spooled if status else None,
        dropped=status.dropped if status else None,
        clock=health.clock_synchronized if health else None,
        disk_free_bytes=health.disk_free_bytes if health else None,
        trouble=tuple(said for said in trouble if said),
        doubted=doubted,
        next=tuple(sorted(((status.next or {}) if status else {}).items(), key=lambda one: one[1])),
        uptime_s=health.uptime_s if health else None,
        data_used_bytes=health.data_used_bytes if health else None,
        data_allowed_bytes=health.data_allowed_bytes if health else None,
    )


def doubt_counts(recents: Collection[Recent]) -> list[DoubtCount]:
    """The doubts of the last reports of sites, the most frequent first."""
    reports: Counter[str] = Counter()
    agents: dict[str, set[str]] = {}
    for recent in recents:
        for agent, doubted in recent.doubted.items():
            reports.update(doubted.by_doubt)
            for doubt in doubted.by_doubt:
                agents.setdefault(doubt, set()).add(agent)
    ordered = sorted(reports.items(), key=lambda item: (-item[1], item[0]))
    return [DoubtCount(doubt, count, len(agents[doubt])) for doubt, count in ordered]


def doubted_by_agent(recents: Collection[Recent]) -> Mapping[str, int]:
    """How many of its last reports each agent doubted, wherever it stood."""
    found: Counter[str] = Counter()
    for recent in recents:
        found.update({agent: doubted.reports for agent, doubted in recent.doubted.items()})
    return found


def early_stop(way: Way, recents: Collection[Recent]) -> EarlyStop | None:
    """What the runs of full length say of stopping early; None while there is none."""
    runs = [run for recent in recents for run in recent.early.get(way, ())]
    if not runs:
        return None
    sizes = sorted(abs(error) for error, _ in runs)
    spared = [share for _, share in runs if share is not None]
    ends = [bisect_right(sizes, edge) for edge in EDGES]
    return EarlyStop(
        way=way,
        n=len(sizes),
        median=statistics.median(sizes),
        p95=sizes[math.ceil(_P95 * len(sizes)) - 1],
        bias=statistics.median(error for error, _ in runs),
        saved=statistics.fmean(spared) if spared else None,
        bars=tuple(end - before for before, end in zip([0, *ends], [*ends, len(sizes)], strict=True)),
    )
