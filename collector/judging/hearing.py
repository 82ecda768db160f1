"""Who is heard, and when: of each site's agents, from the fleet. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from collector.fleet import Fleet
from collector.incidents.silence import Heard
from collector.registry.site import Snapshot

KIND: Final = "throughput"
JUMP_S: Final = 60.0
"""So much more (or less) on the clock than has really passed, and it was set, or the machine was asleep."""


@dataclass(slots=True)
class Pace:
    """Whether the clock goes as time does. `ticks`: seconds that nobody can set; None: it is not looked at."""

    ticks: Callable[[], float] | None
    jumped: datetime | None = None
    _last: tuple[datetime, float] | None = field(init=False, default=None)

    def look(self, now: datetime) -> None:
        """Compare with the last look; after a jump, `jumped` is now: what was not heard before it proves nothing."""
        if self.ticks is None:
            return
        tick = self.ticks()
        if self._last is not None and abs((now - self._last[0]).total_seconds() - (tick - self._last[1])) > JUMP_S:
            self.jumped = now
        self._last = now, tick


def heard_by_site(snapshot: Snapshot, fleet: Fleet, *, since: datetime, now: datetime) -> dict[str, list[Heard]]:
    """What is known of each site's agents, by where they stand now.

    An agent that was never heard is left out: it is not installed yet, and has nothing to fall silent from. `since`:
    from when on we listen; who was not heard since then has announced nothing that could be missed.
    """
    sites: dict[str, list[Heard]] = {}
    for agent in snapshot.agents:
        site = snapshot.site_of(agent, now)
        state = fleet.agents.get(agent)
        if site is None or state is None or state.last_seen is None:
            continue
        missed = len(state.missed(KIND, now=now)) if state.last_seen >= since else 0
        heard = Heard(agent, max(state.last_seen, since), state.last_seen, missed, state.last_report.get(KIND))
        sites.setdefault(site.id, []).append(heard)
    return sites
