"""The outlines of communes and provinces that an operator supplies for the map: what is taken of them. Pure."""

import math
from collections.abc import Iterator, Sequence
from typing import Annotated, Final, Literal

import msgspec

from collector.errors import UsageError

MOST_BYTES: Final = 32 * 1024 * 1024
MOST_POSITIONS: Final = 400_000
"""A browser draws them all; a province's communes need a tenth."""
_DIGITS: Final = 5
"""A metre."""
_NAME: Final = 200
_SHOW: Final = "give a GeoJSON FeatureCollection of Polygon and MultiPolygon in degrees (WGS 84, longitude first)"
_RING: Final = 4

Position = Annotated[list[float], msgspec.Meta(min_length=2)]
Ring = Annotated[list[Position], msgspec.Meta(min_length=_RING)]
Rings = Annotated[list[Ring], msgspec.Meta(min_length=1)]


class Polygon(msgspec.Struct, frozen=True, tag_field="type", tag="Polygon"):
    """One piece of land."""

    coordinates: Rings


class MultiPolygon(msgspec.Struct, frozen=True, tag_field="type", tag="MultiPolygon"):
    """Several, as of a commune with islands."""

    coordinates: Annotated[list[Rings], msgspec.Meta(min_length=1)]


class Properties(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is written beside an outline; other properties are dropped."""

    name: str | int | None = None
    level: str | None = None


class Feature(msgspec.Struct, frozen=True, tag_field="type", tag="Feature"):
    """One unit."""

    geometry: Polygon | MultiPolygon
    properties: Properties | None = None


class Collection(msgspec.Struct, frozen=True, tag_field="type", tag="FeatureCollection"):
    """The file."""

    features: list[Feature]


Level = Literal["province", "commune"]


def checked(raw: bytes, source: str) -> bytes:
    """The outlines as the map gets them: names, levels and shapes alone, to a metre. Raises UsageError.

    `source`: what the file is called in what goes wrong. A level other than `province` is that of communes.
    """
    if len(raw) > MOST_BYTES:
        raise UsageError(f"web.outlines: {source}: larger than {MOST_BYTES // 2**20} MiB; simplify the outlines")
    try:
        found = msgspec.json.decode(raw, type=Collection)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"web.outlines: {source}: {error}; {_SHOW}") from error
    except RecursionError as error:
        raise UsageError(f"web.outlines: {source}: nested too deeply; {_SHOW}") from error
    _check(found, source)
    return msgspec.json.encode(Collection([_small(feature) for feature in found.features]))


def _check(found: Collection, source: str) -> None:
    positions = 0
    for number, feature in enumerate(found.features, 1):
        for ring in _rings(feature.geometry):
            positions += len(ring)
            if not all(_is_on_earth(position) for position in ring):
                raise UsageError(f"web.outlines: {source}: feature {number} lies nowhere on earth; {_SHOW}")
    if positions > MOST_POSITIONS:
        raise UsageError(
            f"web.outlines: {source}: {positions} positions, at most {MOST_POSITIONS} can be drawn; "
            "simplify the outlines"
        )


def _rings(geometry: Polygon | MultiPolygon) -> Iterator[Sequence[Position]]:
    if isinstance(geometry, Polygon):
        yield from geometry.coordinates
    else:
        for polygon in geometry.coordinates:
            yield from polygon


def _is_on_earth(position: Position) -> bool:
    longitude, latitude = position[:2]
    return math.isfinite(longitude) and abs(longitude) <= 180 and abs(latitude) <= 90  # noqa: PLR2004 - degrees


def _small(feature: Feature) -> Feature:
    known = feature.properties or Properties()
    name = None if known.name is None else str(known.name)[:_NAME]
    level: Level = "province" if known.level == "province" else "commune"
    return Feature(_rounded(feature.geometry), Properties(name, level))


def _rounded(geometry: Polygon | MultiPolygon) -> Polygon | MultiPolygon:
    if isinstance(geometry, Polygon):
        return Polygon(_rounded_rings(geometry.coordinates))
    return MultiPolygon([_rounded_rings(polygon) for polygon in geometry.coordinates])


def _rounded_rings(rings: Rings) -> Rings:
    return [[[round(position[0], _DIGITS), round(position[1], _DIGITS)] for position in ring] for ring in rings]
