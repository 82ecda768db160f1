"""What the live list is told once a second: the sites that have changed, and the counts of all. Pure, from memory.

Hundreds of changed sites a second cost some milliseconds: nothing here reads a store, and only what may have changed
since the page was made is told.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from collector.events import Event
from collector.incidents.incident import Cause, Incident
from collector.judge.verdict import Verdict
from collector.registry.site import Site
from collector.rollups.recent import KIND
from collector.web import pages
from collector.web.overview.line import SAYS, Since, since
from collector.web.overview.wrongs import wrongs
from collector.web.pages import REHEARSAL, Contact, State

_FIELDS: Final = ("download_mbps", "failure", "started")


class Cells(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A site's line, as far as it may have changed. `last_…`, `failure`, `doubted`: only of one that has reported now.

    `reported`: there is a new speed test, and with it a new median that only the store knows. `since`: when what its
    state says began, or the oldest of its troubles. `seen`: the newest sign of life.
    """

    site: str
    state: State
    reported: bool = False
    last_mbps: float | None = None
    last_at: str | None = None
    failure: str | None = None
    doubted: bool = False
    rehearsed: bool = False
    seen: datetime | None = None
    since: datetime | None = None
    trouble: tuple[Cause, ...] = ()
    incident: bool = False
    watch: bool = False


class News(msgspec.Struct, frozen=True):
    """One message. `incidents`: sites with one that is open; `wrong`: changes when the list of what is wrong does."""

    rows: Sequence[Cells]
    counts: Mapping[State, int]
    incidents: int
    wrong: str


@dataclass(frozen=True, slots=True)
class Opened:
    """What goes on: by site its causes and since when, and the mark of the short list of what is wrong."""

    troubles: Mapping[str, Iterable[Cause]]
    since: Since
    mark: str


def opened(incidents: Sequence[Incident], names: Mapping[str, str]) -> Opened:
    """Of the active incidents; `names` by site."""
    return Opened(pages.troubles(incidents), since(incidents), wrongs(incidents, names).mark)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known now: the sites, what is judged of them, when they were last seen, and what goes on there."""

    sites: Mapping[str, Site]
    verdicts: Mapping[str, Verdict]
    contact: Mapping[str, Contact]
    opened: Opened


def touched(events: Iterable[Event]) -> set[str]:
    """The sites that events tell of."""
    found = {event.site for event in events if event.site is not None}
    for event in events:
        if event.topic == "incident":
            found.update(site for site in event.data.get("children", ()) if isinstance(site, str))
    return found


def news(events: Sequence[Event], known: Known) -> News:
    """What these events change; `known.contact` holds at least the sites that they tell of."""
    reports = _newest(events)
    rows = [cells(site, known, reports.get(site)) for site in sorted(touched(events)) if site in known.sites]
    return News(rows, _counts(known), len(known.opened.since.found.keys() & known.sites.keys()), known.opened.mark)


def cells(site: str, known: Known, report: Mapping[str, Any] | None) -> Cells:
    """One site's line."""
    verdict, contact = known.verdicts.get(site), known.contact.get(site, Contact())
    state = _state(verdict)
    troubles = known.opened.troubles.get(site, ())
    own = known.opened.since.of(site, SAYS[state]) if state in SAYS else None
    return Cells(
        site=site,
        state=state,
        seen=contact.seen,
        since=own or known.opened.since.of(site),
        trouble=tuple(sorted(cause for cause in troubles if cause != SAYS.get(state))),
        incident=bool(troubles),
        watch=verdict is not None and verdict.watch is not None and verdict.watch < 1,
        **_told(report),
    )


def _told(report: Mapping[str, Any] | None) -> dict[str, Any]:
    """The last result's cell; nothing of what is not what our own reports say."""
    if report is None:
        return {}
    mbps, failure, started = (report.get(name) for name in _FIELDS)
    doubts = report.get("doubts")
    return {
        "reported": True,
        "last_mbps": float(mbps) if isinstance(mbps, int | float) and not isinstance(mbps, bool) else None,
        "last_at": started if isinstance(started, str) else None,
        "failure": failure if isinstance(failure, str) else None,
        "doubted": isinstance(doubts, list) and bool(doubts),
        "rehearsed": report.get("peer") == REHEARSAL,
    }


def _newest(events: Iterable[Event]) -> Mapping[str, Mapping[str, Any]]:
    """By site the newest speed test among the events; those of before that are in the page already, or come again."""
    found: dict[str, Mapping[str, Any]] = {}
    for event in events:
        if event.topic != "report" or event.site is None or event.data.get("kind") != KIND:
            continue
        if str(event.data.get("started", "")) >= str(found.get(event.site, {}).get("started", "")):
            found[event.site] = event.data
    return found


def _counts(known: Known) -> Mapping[State, int]:
    found: dict[State, int] = dict.fromkeys(pages.ORDER, 0)
    for site in known.sites:
        found[_state(known.verdicts.get(site))] += 1
    return found


def _state(verdict: Verdict | None) -> State:
    return pages.state_of(verdict, _SILENT if verdict is not None and "silent" in verdict.reasons else _HEARD)


_SILENT: Final = Contact(silent=True)
_HEARD: Final = Contact()
