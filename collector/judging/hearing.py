"""Who is heard, and when: of each site's agents, from the fleet. Pure."""

from datetime import datetime

from collector.fleet import Fleet
from collector.incidents.silence import Heard
from collector.registry.site import Snapshot

KIND = "throughput"


def heard_by_site(snapshot: Snapshot, fleet: Fleet, *, since: datetime, now: datetime) -> dict[str, list[Heard]]:
    """What is known of each site's agents, by where they stand now.

    An agent that was never heard is left out: it is not installed yet, and has nothing to fall silent from.
    """
    sites: dict[str, list[Heard]] = {}
    for agent in snapshot.agents:
        site = snapshot.site_of(agent, now)
        state = fleet.agents.get(agent)
        if site is None or state is None or state.last_seen is None:
            continue
        missed = len(state.missed(KIND, now=now))
        heard = Heard(agent, max(state.last_seen, since), state.last_seen, missed, state.last_report.get(KIND))
        sites.setdefault(site.id, []).append(heard)
    return sites
