"""The units that are known without asking anyone: today's from the package `vietnam_provinces`, provinces since before.

What the package knows: the 34 provinces and 3,321 communes since 1 July 2025, with names, kinds and official numbers.
What it does not: anything before that day, neither the 63 provinces (which `mergers.toml` gives, from the law) nor
districts nor the communes of then, nor what these became; those an operator imports (`place import`). Nor does it say
which communes went on unchanged, so all of them are known from 1 July 2025 only.
"""

import functools
import json
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from importlib import resources
from typing import Any, Final

from collector.places.gazetteer import Gazetteer
from collector.places.unit import Unit, path_of
from collector.registry.codes import nearest_code

_CITY: Final = "thành phố"
_CITIES: Final = frozenset({"Hà Nội", "Hải Phòng", "Huế", "Đà Nẵng", "Cần Thơ", "Hồ Chí Minh"})


@functools.cache
def catalogue() -> tuple[Unit, ...]:
    """Provinces in all their periods and communes since 1 July 2025; read once."""
    mergers = tomllib.loads(resources.files("collector.places").joinpath("mergers.toml").read_text(encoding="utf-8"))
    return tuple(_units(_listed(), mergers))


@functools.cache
def known() -> Gazetteer:
    """The catalogue alone, where nobody imported anything."""
    return Gazetteer(catalogue())


def _listed() -> list[dict[str, Any]]:
    from vietnam_provinces import NESTED_DIVISIONS_JSON_PATH

    found: list[dict[str, Any]] = json.loads(NESTED_DIVISIONS_JSON_PATH.read_bytes())
    return found


def _units(listed: Sequence[Mapping[str, Any]], mergers: Mapping[str, Any]) -> Iterator[Unit]:
    since: date = mergers["since"]
    merged: Mapping[str, Mapping[str, str]] = mergers["merged"]
    for province in listed:
        name = _short(province["name"], _CITY)
        kind = _CITY if name in _CITIES else "tỉnh"
        begun = since if name in merged else None
        code = nearest_code(name)
        number = f"{province['code']:02d}"
        yield Unit(code, "province", name, kind, number, valid_from=begun, source=mergers["source"] if begun else None)
        yield from _communes(code, province["wards"], since)
    for new, members in merged.items():
        yield from _ended(new, members, since, mergers["source"])


def _ended(new: str, members: Mapping[str, str], since: date, source: str) -> Iterator[Unit]:
    for name, number in members.items():
        yield Unit(
            nearest_code(name),
            "province",
            name,
            _CITY if name in _CITIES else "tỉnh",
            number,
            valid_until=since - timedelta(days=1),
            successors=(nearest_code(new),),
            source=source,
        )


def _communes(province: str, wards: Sequence[Mapping[str, Any]], since: date) -> Iterator[Unit]:
    named = [(_short(ward["name"], ward["division_type"]), ward) for ward in wards]
    for code, (name, ward) in zip(_codes([(n, w["division_type"], w["code"]) for n, w in named]), named, strict=True):
        path = path_of(province, code)
        yield Unit(path, "commune", name, ward["division_type"], f"{ward['code']:05d}", valid_from=since)


def _codes(communes: Sequence[tuple[str, str, int]]) -> Iterator[str]:
    """Codes that are unique among these (name, kind, number): see `unit`."""
    plain = Counter(nearest_code(name) for name, _, _ in communes)
    with_kind = Counter(nearest_code(f"{kind} {name}") for name, kind, _ in communes)
    for name, kind, number in communes:
        code, longer = nearest_code(name), nearest_code(f"{kind} {name}")
        if plain[code] == 1:
            yield code
        else:
            yield longer if with_kind[longer] == 1 else f"{code}-{number}"


def _short(name: str, kind: str) -> str:
    """A name without its kind; some are called by a number, with which the kind stays in speech, not in the code."""
    return name[len(kind) + 1 :] if name.lower().startswith(f"{kind} ") else name
