"""Why a throughput may be the device's own limit, not the line's: what can be told from the run itself. Pure."""

from collections.abc import Iterable
from typing import Final

from agent.wire.failure import Doubt
from agent.wire.report import Link
from agent.wire.results import Direction

# TCP payload of a full Ethernet: 1448 of every 1538 bytes on the wire, preamble and gap counted.
ETHERNET_SHARE: Final = 1448 / 1538
NEAR: Final = 0.94
CPU_FULL: Final = 0.9


def doubts(directions: Iterable[Direction], *, cpu_ratios: Iterable[float], link: Link) -> tuple[Doubt, ...]:
    """A cut budget, a card within 6 % of its payload ceiling, a processor (one loop, one core) with nothing left."""
    found = []
    runs = list(directions)
    if any(run.stop == "budget" for run in runs):
        found.append(Doubt.BUDGET_CUT)
    ceiling = (link.speed_mbps or 0) * ETHERNET_SHARE if link.medium == "ethernet" else 0
    if ceiling and any((run.mbps or 0) >= NEAR * ceiling for run in runs):
        found.append(Doubt.NIC_BOUND)
    if any(ratio >= CPU_FULL for ratio in cpu_ratios):
        found.append(Doubt.CPU_BOUND)
    return tuple(found)
