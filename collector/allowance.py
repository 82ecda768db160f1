"""How much each agent may send in a time: a bucket of tokens for each, in bounded memory. Pure.

A bucket is one number, the moment at which it will be full again, so an agent that is within its rate costs nothing.
"""

from typing import Final

_LIMIT: Final = 65_536
EACH: Final = 1024
"""The least that one report or message costs, in bytes: work comes by the piece as well as by the byte."""


class Allowance:
    """`rate` in bytes a second, `burst` in bytes, at least one message's worth; times are seconds of any steady clock.

    At most 65,536 buckets are remembered. If more agents than that overdraw at once, all debts are forgiven.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst_s = burst / rate
        self._full_at: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._full_at)

    def admits(self, agent: str, size: int, now: float) -> bool:
        """Whether the agent may send a message of so many bytes now; if so, it has."""
        full_at = self._full_at.get(agent, now)
        if full_at < now:
            full_at = now
        elif full_at - now > self._burst_s:
            return False
        if len(self._full_at) >= _LIMIT:
            self._forget(now)
        self._full_at[agent] = full_at + max(size, EACH) / self._rate
        return True

    def charge(self, agent: str, pieces: int) -> None:
        """Charge for what an admitted message turned out to hold beyond its first piece; it may go into debt for it."""
        if pieces > 1 and agent in self._full_at:
            self._full_at[agent] += (pieces - 1) * EACH / self._rate

    def _forget(self, now: float) -> None:
        self._full_at = {agent: full_at for agent, full_at in self._full_at.items() if full_at > now}
        if len(self._full_at) > _LIMIT // 2:
            self._full_at.clear()
