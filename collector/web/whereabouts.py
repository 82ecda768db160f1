"""Where a site lies, for its page, the API and the search: the plan's area, and the units of today with their dates."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from collector.places import placement
from collector.places.gazetteer import Gazetteer
from collector.places.placement import Placement, placed
from collector.places.unit import Unit
from collector.registry.site import Site
from collector.web.sources import Sources


async def whereabouts(sources: Sources, site: Site) -> Placement:
    """Where a site lies today; raises RegistryUnavailable."""
    gazetteer = await asyncio.to_thread(sources.gazetteer)
    return placed(site, gazetteer, _today(sources), area=_area(sources, site))


def item(placement: Placement) -> dict[str, Any]:
    """The API's `places`. `current` names a unit only where there is one; several possible ones are `one_of`."""
    told: dict[str, Any] = {
        "plan_area": _unit(placement.area),
        "current": {"province": _unit(placement.province), "commune": _unit(placement.commune)},
        "since": placement.since,
    }
    several = placement.communes if len(placement.communes) > 1 else placement.provinces
    if len(several) > 1:
        told["current"]["one_of"] = [_unit(unit) for unit in several]
    return told


async def names(sources: Sources, sites: Iterable[Site]) -> Mapping[str, str]:
    """By site: what its places are and were called, with and without marks, for the search."""
    gazetteer = await asyncio.to_thread(sources.gazetteer)
    today = _today(sources)
    known: dict[tuple[str, str, str | None], str] = {}
    found: dict[str, str] = {}
    for site in sites:
        area = _area(sources, site)
        key = (site.province, site.commune, area)
        if key not in known:
            known[key] = _names(gazetteer, site, area, today)
        found[site.id] = known[key]
    return found


async def called(sources: Sources, sites: Iterable[Site]) -> Mapping[str, tuple[str, str]]:
    """By site: commune and province as people call them, where they are known; as they are filed otherwise."""
    filed = {site.id: (site.province, site.commune) for site in sites}
    known = await called_by_code(sources, filed.values())
    return {name: known[key] for name, key in filed.items()}


async def called_by_code(
    sources: Sources, filed: Iterable[tuple[str, str]]
) -> Mapping[tuple[str, str], tuple[str, str]]:
    """By province and commune as they are filed: commune and province as `called` has them."""
    gazetteer = await asyncio.to_thread(sources.gazetteer)
    today, found = _today(sources), {}
    for key in set(filed):
        province, commune = placement.called(gazetteer, *key, today)
        found[key] = commune, province
    return found


def _names(gazetteer: Gazetteer, site: Site, area: str | None, today: date) -> str:
    placement = placed(site, gazetteer, today, area=area)
    units = (placement.area, *placement.provinces, *placement.communes)
    return " ".join(word for unit in units if unit for word in _called(unit))


def _called(unit: Unit) -> Iterator[str]:
    yield unit.name
    yield unit.code
    yield unit.code.replace("-", " ")


def _unit(unit: Unit | None) -> dict[str, Any] | None:
    if unit is None:
        return None
    facts = {"code": unit.code, "path": unit.path, "name": unit.name, "kind": unit.kind, "until": unit.valid_until}
    return {name: fact for name, fact in facts.items() if fact is not None}


def _today(sources: Sources) -> date:
    return sources.now().astimezone(sources.zone).date()


def _area(sources: Sources, site: Site) -> str | None:
    plan = sources.plans.get(site.plan or "")
    return plan.province if plan else None
