"""Gathers what an explanation needs: registry, series and incidents as they are stored. No service has to run."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from difflib import get_close_matches

from collector.chain.course import SLACK, Seen, Spacing
from collector.chain.marks import World, steps
from collector.chain.rows import SHAPES, THROUGHPUT, Rows
from collector.errors import UsageError
from collector.explain.account import Account, Fact
from collector.explain.comparison import comparisons, replays
from collector.explain.courses import courses
from collector.explain.judgements import judgements
from collector.incidents.incident import Incident
from collector.registry.site import Site, Snapshot, Version
from collector.store.points import nanoseconds
from collector.store.store import Store

_SHOWN = 200
_GROUPS = 1000
"""Groups of sites are looked for among so many incidents, the last changed ones."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be explained: a site, as of a moment; as if it were under another plan; one question only."""

    site: str
    at: datetime
    plan: str | None = None
    question: str | None = None


Search = Callable[..., Sequence[Incident]]
"""`History.search`, or what answers like it. Sync: called in a thread."""


async def account(
    wish: Wish, snapshot: Snapshot, world: World, store: Store, search: Search, spacing: Spacing
) -> Account:
    """The whole chain of one site.

    Raises:
        UsageError: there is no such site or plan; the nearest is named.
        StoreUnavailable, RegistryUnavailable: it cannot be read now.
    """
    versions = _versions(wish, snapshot, world)
    kinds = await rows_of(wish.site, store, wish.at)
    found = await asyncio.to_thread(_incidents, search, wish.site)
    return explained(wish, versions, world, kinds, ([one for one in found if one.opened <= wish.at + SLACK], spacing))


def _incidents(search: Search, site: str) -> list[Incident]:
    """A site's incidents, and the groups that it was in."""
    groups = [one for one in search(limit=_GROUPS) if one.group is not None and site in one.children]
    return [*search(site=site, limit=_SHOWN), *groups]


def explained(
    wish: Wish, versions: Sequence[Version[Site]], world: World, kinds: Mapping[str, Rows],
    rest: tuple[Sequence[Incident], Spacing],
) -> Account:  # fmt: skip
    """The whole chain from what was gathered; at the end the incidents, and how far apart results count. Pure."""
    at, (incidents, spacing) = wish.at, rest
    asked = steps(versions, world, start=at - THROUGHPUT.span, end=at)
    if not asked:
        raise UsageError(f"site {wish.site} was not registered at {at:%Y-%m-%d %H:%M} UTC; name a later --at")
    bindings = [one for one in asked[-1].bindings if wish.question in (None, one.question)]
    silent = any(
        one.cause == "silent" and one.site == wish.site and (one.resolved is None or one.resolved > at)
        for one in incidents
    )
    walked = courses(Seen(kinds, asked, at, spacing), [one for one in incidents if one.site == wish.site])
    same = [] if wish.plan else comparisons(walked, incidents, kinds, wish.site, at + SLACK)
    return Account(
        site=wish.site,
        name=asked[-1].site.name,
        at=at,
        plan=asked[-1].site.plan,
        facts=[Fact(one.since, _facts(one.value)) for one in versions if one.since is None or one.since <= at],
        judgements=judgements(versions, bindings, kinds, at=at, silent=silent),
        courses=[one for one in walked if wish.question is None or one.detector not in ("plan", "contract")
                 or one.detector == wish.question],
        incidents=list(incidents),
        replays=replays(same),
    )  # fmt: skip


async def rows_of(site: str, store: Store, at: datetime) -> dict[str, Rows]:
    """A site's rows of every kind, until a moment."""
    kinds: dict[str, Rows] = {}
    end = nanoseconds(at + SLACK)
    for shape in SHAPES:
        start = nanoseconds(at - shape.span)
        found = await store.values(shape.kind, shape.columns, sites=[site], start_ns=start, end_ns=end)
        rows = kinds[shape.kind] = Rows(shape)
        rows.put(start, found.get(site, []))
    return kinds


def _versions(wish: Wish, snapshot: Snapshot, world: World) -> Sequence[Version[Site]]:
    versions = snapshot.sites.get(wish.site)
    if versions is None:
        raise UsageError(_unknown("site", wish.site, snapshot.sites, "site list"))
    if wish.plan is None:
        return versions
    if wish.plan not in world.plans:
        raise UsageError(_unknown("plan", wish.plan, world.plans, "plan list"))
    return [Version(one.since, replace(one.value, plan=wish.plan)) for one in versions]


def _unknown(what: str, name: str, known: Mapping[str, object], command: str) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"the nearest is {near[0]!r}" if near else f"see linkgauge-collector {command}"
    return f"there is no {what} {name!r}; {hint}"


def _facts(site: Site) -> dict[str, object]:
    return {name: value for name, value in asdict(site).items() if value is not None}
