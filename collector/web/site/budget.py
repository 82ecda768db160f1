"""What a device says of this month's data: moved, allowed, and whether it is all spent. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime

from collector.fleet import AgentState


@dataclass(frozen=True, slots=True)
class Budget:
    """Bytes of this month. `allowed`: None where nobody set a budget."""

    used: int
    allowed: int | None

    @property
    def share(self) -> float | None:
        """Of what is allowed, at most 1."""
        return None if not self.allowed else min(self.used / self.allowed, 1.0)

    @property
    def spent(self) -> bool:
        """Whether heavy tests wait for the next month."""
        return self.allowed is not None and self.used >= self.allowed


def budget(state: AgentState | None, now: datetime) -> Budget | None:
    """What an agent last said; None where it says nothing (older software), or said it in an earlier month (UTC)."""
    health = state.status.health if state is not None and state.status is not None else None
    if state is None or state.last_seen is None or health is None or health.data_used_bytes is None:
        return None
    if f"{state.last_seen.astimezone(UTC):%Y-%m}" != f"{now.astimezone(UTC):%Y-%m}":
        return None
    return Budget(health.data_used_bytes, health.data_allowed_bytes)
