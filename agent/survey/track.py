"""Where a walk has been: points with their class, metres, and whether somebody stands still. Pure; time comes in.

Distances are on a sphere (haversine), which is within 0.6 % of the ellipsoid: finer than any receiver.
"""

import math
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from agent.survey.level import Mark

EARTH_M: Final = 6_371_008.8
POINTS: Final = 4000
_LEAST_M: Final = 5.0
_FASTEST_MPS: Final = 100.0
_STILL_M: Final = 20.0


class Place(NamedTuple):
    """A place, in degrees."""

    latitude: float
    longitude: float


class Point(NamedTuple):
    """A sample on the map."""

    place: Place
    mark: Mark


def metres(one: Place, other: Place) -> float:
    """How far two places are from each other."""
    north, south = math.radians(one.latitude), math.radians(other.latitude)
    half_north = math.sin((south - north) / 2)
    half_east = math.sin(math.radians(other.longitude - one.longitude) / 2)
    root = half_north**2 + math.cos(north) * math.cos(south) * half_east**2
    return 2 * EARTH_M * math.asin(min(1.0, math.sqrt(root)))


def offset_m(place: Place, centre: Place) -> tuple[float, float]:
    """How many metres a place is east and north of a centre, as on a plane: for maps, not for distances."""
    turn = (place.longitude - centre.longitude + 180) % 360 - 180
    east = math.radians(turn) * EARTH_M * math.cos(math.radians(centre.latitude))
    return east, math.radians(place.latitude - centre.latitude) * EARTH_M


@dataclass(slots=True)
class Track:
    """The walk so far. Bounded: when there are too many points, every second one is left out of the map."""

    points: list[Point] = field(default_factory=list)
    distance_m: float = 0.0
    here: Place | None = None
    same: int = 0
    """How many fixes in a row were the same to the last digit: receivers that live never are for long."""
    _anchor: Place | None = None
    _anchor_at: float = 0.0
    _skip: int = 0
    _every: int = 1

    def add(self, place: Place, mark: Mark, *, at: float, accuracy_m: float | None = None) -> None:
        """Take in a sample with a position, at a moment in monotonic seconds."""
        self.same = self.same + 1 if place == self.here else 0
        self.here = place
        self._measure(place, at, accuracy_m or 0.0)
        self._skip += 1
        if self._skip >= self._every:
            self._skip = 0
            self.points.append(Point(place, mark))
        if len(self.points) > POINTS:
            del self.points[::2]
            self._every *= 2

    def _measure(self, place: Place, at: float, accuracy_m: float) -> None:
        """Add to the distance when the step is larger than what the receiver may err, and possible at all."""
        if self._anchor is None:
            self._anchor, self._anchor_at = place, at
            return
        step = metres(self._anchor, place)
        if step < max(_LEAST_M, accuracy_m):
            return
        if step <= _FASTEST_MPS * max(1.0, at - self._anchor_at):
            self.distance_m += step
        self._anchor, self._anchor_at = place, at


@dataclass(slots=True)
class Standing:
    """Tells once when somebody has stood still for long enough, and again only after they have moved on."""

    needed_s: float
    _place: Place | None = None
    _since: float = 0.0
    _told: bool = False

    def stands(self, place: Place, at: float) -> bool:
        """Take in a position; true at the moment when the stop has lasted long enough."""
        if self._place is None or metres(self._place, place) > _STILL_M:
            self._place, self._since, self._told = place, at, False
        if self._told or at - self._since < self.needed_s:
            return False
        self._told = True
        return True
