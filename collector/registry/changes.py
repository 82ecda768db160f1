"""When a change to the registry takes effect, and what changed. Pure: no database here.

A report's tags are those of the site that its agent stood at when it started, as that site was then. They must be the
same on every delivery, or a resent report would become a second point. So whoever gives out tags first raises a *mark*
above the report's `started`, durably, and a change never reaches below a mark. There is one mark for EVERYWHERE, and
for reports of clocks that are ahead one for each site; the mark of a site is the later of the two.

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

Why the one mark is enough, for any number of processes. A process gives out tags only of reports that started below a
mark that it raised itself, in a transaction that found the registry at the revision its tags come from. Whatever
changes afterwards has a higher revision, finds that mark (marks only rise), and takes effect at or above it; so all
later revisions give the same tags to what started below. A process whose view is older than the newest change cannot
raise a mark: it has to read the registry anew first, and below the marks that it holds both views agree. A mark that
another process raised allows nothing, because nobody has checked this process's view against it.

The mark for EVERYWHERE follows the clock, a few seconds ahead of it: raised as far as one clock that is a day ahead
asks, it would hold back the changes of all sites for a day. A report from further ahead raises its own site's mark.

When `since` of two versions is equal, the later one holds; the earlier one then never gave out a tag.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from collector.registry.difference import Change, Difference, compared
from collector.registry.site import Site

_FIRST: Final = datetime(2024, 1, 1, tzinfo=UTC)
EVERYWHERE: Final = "*"
"""Where the mark of all sites stands among the marks; no site is called so."""


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


def site_told(change: SiteChange) -> Change:
    """What became of a site, field by field."""
    return compared(change.after.id, change.after.name, change.before, change.after)


def agent_told(change: AgentChange) -> Change:
    """Where an agent stood and stands."""
    where = Difference(change.agent, "site", change.before or "", change.after or "")
    return Change(change.agent, change.after or "", change.before is None, (where,))


@dataclass(frozen=True, slots=True)
class Waiting:
    """An agent that sends reports and that nobody has registered."""

    agent: str
    first: datetime
    last: datetime


def effective(now: datetime, *, mark: datetime | None, newest: datetime | None) -> datetime:
    """From when a change holds: never in the past, never below a mark, never before the newest version."""
    return max(moment for moment in (now, mark, newest) if moment is not None)


def mark_of(site: str | None, marks: Mapping[str, datetime]) -> datetime | None:
    """The mark that holds for a site: the later of its own and the one for EVERYWHERE."""
    own, everywhere = marks.get(site or EVERYWHERE), marks.get(EVERYWHERE)
    return max(own, everywhere) if own is not None and everywhere is not None else own or everywhere


def rising(
    starts: Mapping[str, datetime], marks: Mapping[str, datetime], *, now: datetime, step: timedelta
) -> dict[str, datetime]:
    """The marks that must be raised before tags are given out; `starts`: each site's newest start in UTC.

    `marks` are those that this process holds already. A mark stands on a multiple of `step`, so it rises seldom.
    """
    everywhere = marks.get(EVERYWHERE)
    above = {site: start for site, start in starts.items() if everywhere is None or start >= everywhere}
    reach = _after(now, step)
    raised: dict[str, datetime] = {}
    for site, start in above.items():
        own = marks.get(site)
        if start < reach:
            raised[EVERYWHERE] = reach
        elif own is None or start >= own:
            raised[site] = _after(start, step)
    return raised


def _after(moment: datetime, step: timedelta) -> datetime:
    return moment - (moment - _FIRST) % step + step
