"""When a change to the registry takes effect, and what changed. Pure: no database here.

A report's tags are those of the site that its agent stood at when it started, as that site was then. They must be the
same on every delivery, or a resent report would become a second point. So whoever gives out tags first raises the
*mark* of that site above the report's `started`, durably, and a change never reaches below a mark:

1. The first version of a site, and the first assignment of an agent, hold from the beginning (`since` None): reports
   made before registration come in. Before it such a report has no site, so no tags were given out.
2. A new version of site S takes effect at max(now, mark of S, the start of S's newest version). Reports that resolved
   to S all started below the mark of S.
3. A new assignment of an agent takes effect at max(now, mark of the site it leaves, the start of its newest
   assignment). The site it leaves is that of its newest assignment: any report of this agent whose tags were given
   out resolved either to that site (started below its mark) or to an earlier one (started before the newest
   assignment). The mark of the *new* site does not matter: the assignment changes no version of that site, and no
   report of this agent resolved to it at or after that moment.
4. Revoking an agent is an assignment to no site. What it measures from then on stays out, also if it is added again.
5. Marks may lie ahead of now (an agent's clock may be up to a day ahead), so a change may take effect a little later.

When `since` of two versions is equal, the later one holds; the earlier one then never gave out a tag.
"""

from dataclasses import dataclass
from datetime import datetime

from collector.registry.site import Site


@dataclass(frozen=True, slots=True)
class SiteChange:
    """A site that was added (`before` None) or changed, and from when that holds (None: from the beginning)."""

    before: Site | None
    after: Site
    since: datetime | None


@dataclass(frozen=True, slots=True)
class AgentChange:
    """An agent that was added, moved or revoked (`after` None), and from when that holds (None: from the beginning)."""

    agent: str
    before: str | None
    after: str | None
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """An agent that sends reports and that nobody has registered."""

    agent: str
    first: datetime
    last: datetime


def effective(now: datetime, *, mark: datetime | None, newest: datetime | None) -> datetime:
    """From when a change holds: never in the past, never below a mark, never before the newest version."""
    return max(moment for moment in (now, mark, newest) if moment is not None)
