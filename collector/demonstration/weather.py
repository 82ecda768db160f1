"""What happens to the made-up lines: times of day and week, outages, slow weeks, a dead peer. Pure; the seed decides.

All of it is dated by the world's origin, the moment of its first filling, so that a later start tells the same past.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Final, Literal

from collector.demonstration.country import QUANG_NINH
from collector.demonstration.sites import DemoSite, Story

LOCAL: Final = timezone(timedelta(hours=7))
Kind = Literal["outage", "cut", "off", "slow", "peer"]
_DAY: Final = timedelta(days=1)
_AHEAD: Final = timedelta(days=400)
_HOUR: Final = timedelta(hours=1)
_EVENING: Final = range(19, 23)
_SCHOOL: Final = (*range(7, 11), *range(13, 17))
_SUNDAY: Final = 5
SILENT_FOR: Final = timedelta(days=3, hours=4)
"""Before the origin the valley's agents were heard last."""
PEER_DOWN: Final = (timedelta(days=9, hours=3), timedelta(hours=5))
"""How long before the origin one peer failed, and for how long."""


@dataclass(frozen=True, slots=True)
class Spell:
    """Something that holds from `start` until before `end`.

    `outage`: the line is dead, and what is measured meanwhile is sent when it is back. `cut`: it is dead too, but a
    second way brings word of it at once. `off`: the box has no power, nothing is measured. `slow`: the line gives
    `factor` of what it gave. `peer`: the peer does not answer.
    """

    kind: Kind
    start: datetime
    end: datetime
    factor: float = 0.0


def spells(seed: int, one: DemoSite, origin: datetime, days: int) -> list[Spell]:
    """What happens to a site from so many days before the origin to a year after it; by start."""
    chance = Random(f"{seed} spells {one.number}")  # noqa: S311 - made up
    found = [*_accidents(chance, one, origin, days), *_story(one, origin)]
    if one.peer == QUANG_NINH.peer and one.story == "ordinary":
        begin = origin - PEER_DOWN[0]
        found.append(Spell("peer", begin, begin + PEER_DOWN[1]))
    return sorted(found, key=lambda spell: spell.start)


def begun(one: DemoSite, origin: datetime, days: int) -> datetime:
    """From when on a site is measured."""
    return origin - (timedelta(days=1, hours=7) if one.story == "new" else timedelta(days=days))


def capacity(one: DemoSite, at: datetime, now: Sequence[Spell]) -> float:
    """The share of its contract that a line gives at a moment, without noise; `now`: the spells that hold then."""
    share = one.share * _shape(one, at)
    for spell in now:
        if spell.kind == "slow":
            share *= spell.factor
    return share


def busy(one: DemoSite, at: datetime) -> float:
    """How full the networks are, 0 to 1: evenings most, a school's own hours some."""
    local = at.astimezone(LOCAL)
    if local.hour in _EVENING:
        return 1.0 if local.weekday() >= _SUNDAY else 0.85
    if local.weekday() < _SUNDAY and one.site.kind == "school" and local.hour in _SCHOOL:
        return 0.45
    return 0.15 if local.hour in range(6, 19) else 0.0


def _shape(one: DemoSite, at: datetime) -> float:
    depth = 0.32 if one.cellular else 0.17
    if one.story == "congested":
        depth = 0.3
    return 1.03 - depth * busy(one, at)


def _accidents(chance: Random, one: DemoSite, origin: datetime, days: int) -> list[Spell]:
    """Outages and power cuts as they come; many where the line is bad."""
    every = {"flaky": 7.0, "gaps": 80.0}.get(one.story, 90.0)
    hours = (2.0, 20.0) if one.story == "flaky" else (0.7, 9.0)
    found = _spread(chance, "outage", origin, days, every=every, hours=hours)
    every = 6.0 if one.story == "gaps" else 90.0
    return found + _spread(chance, "off", origin, days, every=every, hours=(3.0, 40.0))


def _spread(
    chance: Random, kind: Kind, origin: datetime, days: int, *, every: float, hours: tuple[float, float]
) -> list[Spell]:
    found: list[Spell] = []
    at = origin - timedelta(days=days) + timedelta(days=chance.expovariate(1 / every))
    while at < origin + _AHEAD:
        long = hours[0] * (hours[1] / hours[0]) ** chance.random()
        if not origin - _DAY < at + long * _HOUR < origin + 2 * _HOUR + long * _HOUR:  # the first look finds it as told
            found.append(Spell(kind, at, at + long * _HOUR))
        at += long * _HOUR + timedelta(days=chance.expovariate(1 / every))
    return found


def _story(one: DemoSite, origin: datetime) -> list[Spell]:
    """What a site of a story is there to show."""
    ever = origin + timedelta(days=3660)
    place = one.number % 8
    slow = Spell("slow", origin - timedelta(days=9 + 9 * place, hours=place), ever, 0.4 + place / 50)
    mending = origin - timedelta(days=20 + 8 * place, hours=5)
    found: dict[Story, Spell] = {
        "valley": Spell("off", origin - SILENT_FOR + one.number * timedelta(minutes=2), ever),
        "congested": Spell("slow", origin - timedelta(days=16, hours=2), ever, 0.55),
        "collapse": Spell("slow", origin - timedelta(days=1, hours=20), ever, 0.22),
        "down": Spell("cut", origin - timedelta(hours=9), origin + timedelta(hours=30)),
        "slow": slow,
        "mending": Spell("slow", mending, mending + timedelta(days=9 + 2 * place), 0.4),
    }
    return [found[one.story]] if one.story in found else []
