"""What a site was held against, and when: targets begin, lines and contracts change, references are published. Pure."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final, Literal

from collector.judge.presets import presets
from collector.plans.binding import PLAN_ZONE, SPEED, Binding, bindings_for
from collector.plans.reference import References
from collector.plans.types import Plan
from collector.registry.site import Site, Version

Held = Literal["plan", "contract"]
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Step:
    """From a moment on, what a site is asked."""

    since: datetime
    site: Site
    bindings: tuple[Binding, ...]


@dataclass(frozen=True, slots=True)
class World:
    """All that is known beside a site itself: the plans by id, and the reference series by id."""

    plans: Mapping[str, Plan]
    references: References


def steps(versions: Sequence[Version[Site]], world: World, *, start: datetime, end: datetime) -> list[Step]:
    """What a site was asked from `start` to `end`, step by step; nothing for the time before it was registered."""
    found: list[Step] = []
    for at in sorted({start, *_changes(versions, world, start, end)}):
        site = next((each.value for each in reversed(versions) if each.since is None or each.since <= at), None)
        if site is None:
            continue
        bindings = tuple(bindings_for(world.plans, site, at, references=world.references))
        if not found or (site, bindings) != (found[-1].site, found[-1].bindings):
            found.append(Step(at, site, bindings))
    return found


def held(found: Sequence[Step], question: Held) -> list[tuple[datetime, float | None]]:
    """The mark that each download result counts against, from when on; None: none."""
    return [(step.since, _mark(step.bindings, question)) for step in found]


def mark_at(marks: Sequence[tuple[datetime, float | None]], at: datetime) -> float | None:
    """The mark that held at a moment."""
    place = bisect_right(marks, at, key=lambda one: one[0]) - 1
    return marks[place][1] if place >= 0 else None


def _mark(bindings: Sequence[Binding], question: Held) -> float | None:
    """What a rule compares single results with: of a contract only the part that the rule asks for."""
    for binding in bindings:
        if binding.question == question and binding.indicator == SPEED and binding.mark is not None:
            return presets()[binding.rule].mark_of(binding.mark)
    return None


def _changes(versions: Sequence[Version[Site]], world: World, start: datetime, end: datetime) -> Iterator[datetime]:
    for version in versions:
        if version.since is not None and start < version.since <= end:
            yield version.since
    own = {version.value.plan for version in versions} & world.plans.keys()
    provinces = {world.plans[name or ""].province for name in own}
    plans = (plan for plan in world.plans.values() if plan.province in provinces)
    targets = [target for plan in plans for target in plan.targets if target.binds_sites]
    days = {target.valid_from for target in targets}
    days |= {target.valid_until + _DAY for target in targets if target.valid_until is not None}
    for name in {target.reference for target in targets} & world.references.keys():
        days |= {point.ended for point in world.references[name or ""].points}
    for day in days:
        at = datetime.combine(day, time(), PLAN_ZONE).astimezone(UTC)
        if start < at <= end:
            yield at
