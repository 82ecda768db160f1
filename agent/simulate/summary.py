"""What a run of a fleet came to, for one line of JSON or a few of words. Pure."""

from collections.abc import Sequence

import msgspec

from agent.simulate.plan import Plan
from agent.simulate.tally import Tally, quantile, together


class Latency(msgspec.Struct, frozen=True, omit_defaults=True):
    """From a report's place in the spool to its receipt, of agents that were connected all the while."""

    reports: int
    p50: float | None = None
    p99: float | None = None
    max: float | None = None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The whole run. `left`: reports without receipt; `behind_s`: how far the making lagged behind its rate."""

    agents: int
    processes: int
    seed: int
    seconds: float
    produced: int
    receipted: int
    rejected: int
    dropped: int
    refused: int
    left: int
    unregistered: int
    connects: int
    behind_s: float
    receipt_s: Latency
    cpu_s: float
    cpu_ms_an_agent_and_minute: float
    rss_bytes: list[int]
    rss_bytes_an_agent: int

    def words(self) -> str:
        """Say it to a person."""
        late = self.receipt_s
        waited = (
            f"receipts after {late.p50:.3f} s (half), {late.p99:.3f} s (99 %)"
            if late.p50 and late.p99
            else "none timed"
        )
        made = f"{self.produced} reports made, {self.receipted} receipted, {self.left} left, {self.rejected} rejected"
        lines = [
            f"{self.agents} agents in {self.processes} processes, {self.seconds:.0f} s, seed {self.seed}",
            f"{made}, {self.dropped} dropped; {self.connects} connections",
            f"{waited}; processor {self.cpu_s:.1f} s, memory {self.rss_bytes_an_agent / 1024:.0f} KiB an agent",
        ]
        if self.unregistered:
            lines.append(f"{self.unregistered} agents are not registered: see linkgauge-agent simulate --help")
        return "\n".join(lines)


def summary(plan: Plan, tallies: Sequence[Tally], *, seconds: float) -> Summary:
    """Add up what the processes said last."""
    total = together(tallies)
    minutes = max(seconds, 1.0) / 60
    return Summary(
        agents=plan.agents,
        processes=len(tallies),
        seed=plan.seed,
        seconds=round(seconds, 1),
        produced=total.produced,
        receipted=total.receipted,
        rejected=total.rejected,
        dropped=total.dropped,
        refused=total.refused,
        left=total.spooled,
        unregistered=total.unregistered,
        connects=total.connects,
        behind_s=round(total.behind_s, 1),
        receipt_s=_latency(total.latency),
        cpu_s=round(total.cpu_s, 1),
        cpu_ms_an_agent_and_minute=round(total.cpu_s * 1000 / plan.agents / minutes, 2),
        rss_bytes=[tally.rss_bytes for tally in tallies],
        rss_bytes_an_agent=total.rss_bytes // plan.agents,
    )


def _latency(buckets: dict[int, int]) -> Latency:
    p50, p99, most = (quantile(buckets, share) for share in (0.5, 0.99, 1.0))
    return Latency(sum(buckets.values()), _rounded(p50), _rounded(p99), _rounded(most))


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
