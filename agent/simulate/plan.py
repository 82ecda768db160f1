"""What a fleet is to do, as one value that goes from the command line to each of its processes. Pure."""

from datetime import datetime
from typing import Final

import msgspec

from agent.config import BrokerSettings

PREFIX: Final = "sim-"
SPOOL_BYTES: Final = 2 * 1024 * 1024
AGENTS_A_PROCESS: Final = 2500
"""Five open files an agent; a process may mostly have 20,000."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A fleet, and which part of it one process runs: agents `first`, `first + step`, ….

    `rate`: reports a second of all agents together. `reports`: of each agent in all, as its spool counts; 0 for no end.
    `prefill`: reports that an empty spool is given before its agent connects. `start`: the time of the first report; by
    it reports are dated, not by the clock. `seconds`: how long reports are made, 0 for no end; `drain_s`: how long
    their receipts are then waited for. Every `storm_every_s` all connections break and are offered again within
    `storm_within_s`; each agent is offline `offline_share` of the time, `offline_s` at once. `mix`: weights of kinds,
    empty for the real ones. `stay`: agents remain when everything is done, until told to go.
    """

    agents: int
    rate: float
    broker: BrokerSettings
    folder: str
    seed: int = 1
    first: int = 0
    step: int = 1
    start: datetime | None = None
    seconds: float = 0
    drain_s: float = 10
    reports: int = 0
    prefill: int = 0
    ramp_s: float = 10
    storm_every_s: float = 0
    storm_within_s: float = 10
    offline_share: float = 0
    offline_s: float = 60
    spool_bytes: int = SPOOL_BYTES
    mix: dict[str, float] = {}
    stay: bool = False

    @property
    def numbers(self) -> range:
        """The agents of this process, by number from 0."""
        return range(self.first, self.agents, self.step)

    @property
    def interval_s(self) -> float:
        """Seconds between two reports of one agent."""
        return self.agents / self.rate if self.rate else 0.0


def agent_id(number: int) -> str:
    """Name an agent, counting from 0: sim-00001 is the first."""
    return f"{PREFIX}{number + 1:05d}"
