"""Which of a plan's promises stand on the scoreboard of a period, and which sites each is about. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from collector.plans.binding import network_of
from collector.plans.types import Plan, Target
from collector.registry.site import Site


@dataclass(frozen=True, slots=True)
class Step:
    """A promise as it stands at the end of a period. `before`: what it replaced within the period; `after`: the next.

    `begun`: whether it holds yet; one that does not is shown because the plan promises nothing earlier of its kind.
    """

    target: Target
    begun: bool
    ended: bool = False
    before: Target | None = None
    after: Target | None = None


def steps_of(plan: Plan, first: date, last: date) -> list[Step]:
    """One step for each kind of promise, in the plan's order."""
    kinds: dict[tuple[object, ...], list[Target]] = {}
    for target in plan.targets:
        kinds.setdefault(_kind(target), []).append(target)
    steps = [_step(sorted(targets, key=lambda target: target.valid_from), first, last) for targets in kinds.values()]
    place = {target.id: number for number, target in enumerate(plan.targets)}
    return sorted(steps, key=lambda step: place[step.target.id])


def aimed_at(plan: Plan, target: Target, sites: Iterable[Site]) -> list[Site]:
    """The sites whose samples speak for a promise: of its network and area, and of its kinds where it names them."""
    return [site for site in sites if _fits(plan, target, site)]


def _kind(target: Target) -> tuple[object, ...]:
    group = target.binds.group if target.binds else None
    audience = target.audience.vi if target.audience else None
    return target.indicator, target.network, target.area, target.promise, group, audience


def _step(targets: list[Target], first: date, last: date) -> Step:
    begun = [target for target in targets if target.valid_from <= last]
    coming = [target for target in targets if target.valid_from > last]
    if not begun:
        return Step(coming[0], begun=False, after=coming[1] if len(coming) > 1 else None)
    held = begun[-1]
    replaced = begun[-2] if len(begun) > 1 and held.valid_from > first else None
    ended = held.valid_until is not None and held.valid_until < last
    return Step(held, begun=True, ended=ended, before=replaced, after=coming[0] if coming else None)


def _fits(plan: Plan, target: Target, site: Site) -> bool:
    if target.network is not None and target.network != network_of(site):
        return False
    if target.area not in ("any", site.area):
        return False
    binds = target.binds
    if binds is None:
        return True
    return site.kind in binds.kinds and (binds.group is None or site.id in plan.groups.get(binds.group, ()))
