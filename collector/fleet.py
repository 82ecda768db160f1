"""What is known of each agent now: when it was heard, what it said, what it announced and did not send.

A picture for the page and the judge, never the only copy of anything: after a restart it is read from the store.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from agent.wire.control import Status
from agent.wire.results import RESULTS
from collector.store.store import Row, Store

_ANNOUNCED: Final = 20
_EARLY: Final = timedelta(seconds=60)  # a run may start a little before its announced time
_PER_SITE: Final = 50
_SIGNS: Final = ("online", "state")
_REPORTED: Final = ("conclusive",)


@dataclass(slots=True)
class AgentState:
    """One agent. Times are UTC; `last_seen` is the newest sign of life that reached us as it happened."""

    agent: str
    last_seen: datetime | None = None
    status: Status | None = None
    state: str | None = None
    last_report: dict[str, datetime] = field(default_factory=dict)
    announced: dict[str, list[datetime]] = field(default_factory=dict)

    def missed(self, kind: str, *, now: datetime, grace: timedelta = timedelta(minutes=5)) -> list[datetime]:
        """Give the announced times of a kind that have passed without a report of that time or later."""
        return [moment for moment in self.announced.get(kind, ()) if moment < now - grace]


class Fleet:
    """All agents heard of, bounded. For one event loop."""

    def __init__(self, *, limit: int = 100_000) -> None:
        self._agents: dict[str, AgentState] = {}
        self._limit = limit

    @property
    def agents(self) -> Mapping[str, AgentState]:
        """Every agent heard of, by id."""
        return self._agents

    def heard(self, agent: str, status: Status, at: datetime, *, retained: bool = False) -> None:
        """Take in a status. A retained one, or a will, says what was; it is no sign of life."""
        state = self._state(agent)
        if state is None or (retained and state.status is not None):
            return
        state.state = status.state
        if status.state == "offline":
            return
        state.status = status
        if not retained:
            state.last_seen = _later(state.last_seen, at)
        for kind, moment in (status.next or {}).items():
            if kind in RESULTS:  # a device must not fill our memory with names
                self._announce(state, kind, moment, at)

    def reported(self, agent: str, kind: str, started: datetime, at: datetime) -> None:
        """Take in that a report is stored."""
        state = self._state(agent)
        if state is None:
            return
        state.last_seen = _later(state.last_seen, at)
        newest = state.last_report[kind] = _later(state.last_report.get(kind), started)
        if kind in state.announced:
            state.announced[kind] = [moment for moment in state.announced[kind] if moment > newest + _EARLY]

    def newest(self) -> dict[str, tuple[str, int]]:
        """The epoch and the highest number of each agent, as its last status said."""
        said = ((agent, state.status) for agent, state in self._agents.items())
        return {agent: (status.epoch, status.seq) for agent, status in said if status and status.epoch and status.seq}

    async def load(self, store: Store, *, since: datetime, kinds: tuple[str, ...]) -> None:
        """Read recent signs of life from the series; raises StoreUnavailable. Announcements start anew."""
        start_ns = int(since.timestamp()) * 1_000_000_000
        told = {agent for agent, state in self._agents.items() if state.state is not None}
        for rows in (await store.recent("status", start_ns=start_ns, per_site=_PER_SITE, fields=_SIGNS)).values():
            for row in rows:
                self._recall(row, told)
        for kind in kinds:
            for rows in (await store.recent(kind, start_ns=start_ns, per_site=_PER_SITE, fields=_REPORTED)).values():
                for row in rows:
                    state = self._state(row.tags.get("agent", ""))
                    if state is not None:
                        state.last_report[kind] = _later(state.last_report.get(kind), _time(row.time_ns))

    def _recall(self, row: Row, told: set[str]) -> None:
        """Take in a stored status, oldest first. A will is no sign of life: a restart must not wake who fell silent."""
        state = self._state(row.tags.get("agent", ""))
        if state is None:
            return
        said = _text(row.fields.get("state"))
        if state.agent not in told:
            state.state = said or state.state
        if said != "offline":
            state.last_seen = _later(state.last_seen, _time(row.time_ns))

    def _state(self, agent: str) -> AgentState | None:
        state = self._agents.get(agent)
        if state is None and agent and len(self._agents) < self._limit:
            state = self._agents[agent] = AgentState(agent)
        return state

    def _announce(self, state: AgentState, kind: str, moment: datetime, at: datetime) -> None:
        """Remember an announced time, unless a report shows that it has been kept; a re-plan replaces what is ahead."""
        newest = state.last_report.get(kind)
        times = [earlier for earlier in state.announced.get(kind, ()) if earlier < moment and earlier <= at]
        if newest is None or moment > newest + _EARLY:
            times.append(moment)
        state.announced[kind] = times[-_ANNOUNCED:]


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None or other > one else one


def _time(time_ns: int) -> datetime:
    return datetime.fromtimestamp(time_ns / 1e9, UTC)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
