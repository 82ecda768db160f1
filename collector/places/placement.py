"""Where a site lies: the area of its plan, and the province and commune of today. Pure.

Nothing is filed anew: a site of the former Bắc Giang stays in the plan area `bac-giang`, and is shown to lie in Bắc
Ninh too. Sites may be filed under old units or new ones, also mixed (the old province with the new commune), as
people write them in a time of mergers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from collector.places.gazetteer import Gazetteer, meant
from collector.places.unit import Unit, path_of
from collector.registry.codes import code_fault, nearest_code
from collector.registry.site import Site


@dataclass(frozen=True, slots=True)
class Remark:
    """What is to be said of a column of the sites table; doubtful: the place is not known as it is written."""

    column: str
    text: str
    is_doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a site lies on a day. Several `provinces` or `communes`: one of them, not known which; none: not known.

    `area`: the plan's province (without a plan: the site's), as it was last; None if nobody knows it. `since`: from
    when the units of today have been as they are; None: from before anyone asked.
    """

    area: Unit | None
    province: Unit | None
    commune: Unit | None
    provinces: tuple[Unit, ...]
    communes: tuple[Unit, ...]
    since: date | None

    @property
    def has_moved(self) -> bool:
        """Whether the plan's area is no longer a unit of its own."""
        return self.area is not None and self.province is not None and self.area.path != self.province.path


def placed(site: Site, gazetteer: Gazetteer, day: date, *, area: str | None = None) -> Placement:
    """Where a site lies on a day; `area`: the province of its plan."""
    province, commune = _code(site.province), _code(site.commune)
    provinces = units_now(gazetteer, province, day)
    communes = _communes(gazetteer, province, commune, provinces, day)
    if len(communes) == 1 and communes[0].parent:
        provinces = units_now(gazetteer, communes[0].parent, day)
    only = provinces[0] if len(provinces) == 1 else None
    known = communes[0] if len(communes) == 1 else None
    begun = [unit.valid_from for unit in (only, known) if unit and unit.valid_from]
    plan_area = gazetteer.periods(_code(area or site.province))
    return Placement(
        area=plan_area[0] if plan_area else None,
        province=only,
        commune=known,
        provinces=provinces,
        communes=communes,
        since=max(begun, default=None),
    )


def called(gazetteer: Gazetteer, province: str, commune: str, day: date) -> tuple[str, str]:
    """Province and commune as people call them on a day, where they are known; as they are filed otherwise."""
    filed, code = _code(province), _code(commune)
    area, unit = gazetteer.newest(filed, day), gazetteer.newest(path_of(filed, code), day)
    if unit is None:  # filed under a province that is no more: the commune may go on under its name
        present = _communes(gazetteer, filed, code, units_now(gazetteer, filed, day), day)
        unit = present[0] if len(present) == 1 and present[0].code == code else None
    return area.name if area else province, unit.name if unit else commune


def _code(text: str) -> str:
    return nearest_code(text) if code_fault(text) else text


def units_now(gazetteer: Gazetteer, path: str, day: date) -> tuple[Unit, ...]:
    """What a path names on a day, or became until then; several: in one or more of them, not known in which."""
    unit = gazetteer.newest(path, day)
    return gazetteer.current_of(unit, day).units if unit else ()


def _communes(
    gazetteer: Gazetteer, province: str, commune: str, provinces: tuple[Unit, ...], day: date
) -> tuple[Unit, ...]:
    """Today's communes that a site may mean: what the filed one became, else those of that name in today's province."""
    found = units_now(gazetteer, path_of(province, commune), day)
    if found:
        return found
    same = (gazetteer.unit_at(path, day) for each in provinces for path in _called(gazetteer, each.path, commune))
    return tuple(unit for unit in same if unit is not None)


def _called(gazetteer: Gazetteer, province: str, commune: str) -> tuple[str, ...]:
    path = path_of(province, commune)
    return (path,) if path in gazetteer else gazetteer.named(commune, province, "commune")


def remarks(site: Site, gazetteer: Gazetteer, day: date) -> Iterator[Remark]:
    """What whoever files a site should know of its places; nothing of what is today's and is filed so."""
    province, commune = _code(site.province), _code(site.commune)
    unit = gazetteer.newest(province, day)
    if unit is None:
        near = gazetteer.nearest(site.province, None, "province")
        yield Remark("province", f"{site.province!r} is not known, filed as given{meant(near)}", is_doubtful=True)
        return
    if unit.ended_before(day):
        yield Remark("province", _story(unit, gazetteer, day))
    yield from _of_commune(commune, unit, gazetteer, day)


def _of_commune(commune: str, province: Unit, gazetteer: Gazetteer, day: date) -> Iterator[Remark]:
    unit = gazetteer.newest(path_of(province.path, commune), day)
    if unit is not None:
        if unit.ended_before(day):
            yield Remark("commune", _story(unit, gazetteer, day))
        return
    provinces = gazetteer.current_of(province, day).units
    found = _communes(gazetteer, province.path, commune, provinces, day)
    where = " or ".join(each.title for each in provinces) or province.title
    if not found:
        around = dict.fromkeys((province.path, *(each.path for each in provinces)))
        near = next((near for each in around if (near := gazetteer.nearest(commune, each, "commune"))), None)
        said = f"{commune!r} is not known in {where}, filed as given{meant(near)}"
    elif len(found) > 1:
        said = f"{commune!r} may be {_either(found)} in {where}; filed as given, write one of these codes"
    elif found[0].code == commune:
        return
    else:
        said = f"{found[0].title} in {where} has the code {found[0].code}; filed as {commune}"
    yield Remark("commune", said, is_doubtful=True)


def _story(unit: Unit, gazetteer: Gazetteer, day: date) -> str:
    present = gazetteer.current_of(unit, day)
    now = _either(present.units, paths=unit.level != "province")
    became = f"since {unit.day_after()} part of {now}" if now else f"ended on {unit.valid_until}, unknown in what"
    return f"{unit.title}: {became}; filed as given, shown as current too"


def _either(units: tuple[Unit, ...], *, paths: bool = True) -> str:
    return " or ".join(f"{unit.path if paths else unit.code} ({unit.title})" for unit in units)
