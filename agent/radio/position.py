"""Where a sample was taken: a position with its age, when one is fresh, and what gives positions. Pure."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

import msgspec

from agent.wire.results import Radio

Source = Literal["gnss", "gpsd", "network"]


@dataclass(frozen=True, slots=True)
class Position:
    """A fix. `accuracy_m`: the receiver's own estimate of the horizontal error; `age_s`: None if no clock can tell.

    `at`: its moment by the satellites' own time; None where the receiver does not name the day.
    """

    latitude: float
    longitude: float
    source: Source
    accuracy_m: float | None = None
    altitude_m: float | None = None
    speed_mps: float | None = None
    age_s: float | None = None
    at: datetime | None = field(default=None, compare=False)


class PositionSource(Protocol):
    """What can say where this device is, now."""

    async def position(self) -> Position:
        """Give a fresh fix; raises Failed, at stage `device`, if there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Fix:
    """What a receiver says of one moment, before anybody asked whether that moment is now.

    `dated`: the receiver named the day, too; else it is the one that fits this device's clock best.
    """

    stamp: datetime
    latitude: float
    longitude: float
    accuracy_m: float | None = None
    altitude_m: float | None = None
    speed_mps: float | None = None
    dated: bool = field(default=True, compare=False)

    def plausible(self) -> bool:
        """Whether this is a place; receivers without a fix have been seen to say 0, 0."""
        inside = -90 <= self.latitude <= 90 and -180 <= self.longitude <= 180  # noqa: PLR2004 - degrees
        return inside and (self.latitude, self.longitude) != (0, 0)


def position_of(fix: Fix, *, previous: Fix | None, now: datetime, max_age_s: float, source: Source) -> Position | None:
    """Give the position of a fix that is fresh, else None.

    Fresh: its moment is at most `max_age_s` from this device's clock, or has moved on since `previous`, which the
    caller read just before. The second is for a box whose clock is not set, which is when nothing else could tell.
    """
    if not fix.plausible():
        return None
    age_s = (now - fix.stamp).total_seconds()
    by_clock = abs(age_s) <= max_age_s
    if not by_clock and (previous is None or fix.stamp <= previous.stamp):
        return None
    return Position(
        round(fix.latitude, 7),
        round(fix.longitude, 7),
        source,
        accuracy_m=None if fix.accuracy_m is None else round(fix.accuracy_m, 1),
        altitude_m=None if fix.altitude_m is None else round(fix.altitude_m, 1),
        speed_mps=None if fix.speed_mps is None else round(fix.speed_mps, 2),
        age_s=round(max(0.0, age_s), 1) if by_clock else None,
        at=fix.stamp if fix.dated else None,
    )


def moment(time_of_day: str, day: str, now: datetime) -> datetime | None:
    """Read `hhmmss[.sss]` UTC of `ddmmyy`; without a day it is the moment nearest to `now`. None if it is no time."""
    try:
        clock = timedelta(
            hours=int(time_of_day[0:2]), minutes=int(time_of_day[2:4]), seconds=float(time_of_day[4:] or "x")
        )
        if not timedelta(0) <= clock <= timedelta(days=1):  # a leap second ends at the day's end
            return None
        if day:
            date = datetime(2000 + int(day[4:6]), int(day[2:4]), int(day[0:2]), tzinfo=UTC)
            return date + clock
    except ValueError:
        return None
    near = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + clock
    return min((near + timedelta(days=days) for days in (-1, 0, 1)), key=lambda at: abs(at - now))


def placed(radio: Radio, position: Position) -> Radio:
    """Write a position into a sample."""
    return msgspec.structs.replace(
        radio,
        latitude=position.latitude,
        longitude=position.longitude,
        accuracy_m=position.accuracy_m,
        altitude_m=position.altitude_m,
        speed_mps=position.speed_mps,
        position_source=position.source,
        position_age_s=position.age_s,
    )
