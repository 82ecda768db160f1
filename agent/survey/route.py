"""The places that a walk should stop at: read from CSV or GPX, and ticked off on the way.

CSV: a head line with `name,latitude,longitude` (also lat, lon, lng; commas or semicolons), in decimal degrees. GPX:
the waypoints (`wpt`) and route points (`rtept`), with their `name`. A fault names its line; nothing is half-read.
"""

import csv
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from agent.errors import UsageError
from agent.survey.track import Place, metres

REACHED_M: Final = 30.0
_BYTES: Final = 2 * 1024 * 1024
_STOPS: Final = 5000
_NAME: Final = 100
_COLUMNS: Final = {
    "name": "name",
    "latitude": "latitude",
    "lat": "latitude",
    "longitude": "longitude",
    "lon": "longitude",
    "lng": "longitude",
}


@dataclass(frozen=True, slots=True)
class Stop:
    """One place of a route."""

    name: str
    place: Place


@dataclass(slots=True)
class Route:
    """The stops, and which of them have been reached."""

    stops: tuple[Stop, ...] = ()
    reached: set[int] = field(default_factory=set)

    def at(self, here: Place) -> Stop | None:
        """Tick off the stop that is here, if one is; gives it."""
        near = self._nearest(here, range(len(self.stops)))
        if near is None or metres(self.stops[near].place, here) > REACHED_M:
            return None
        self.reached.add(near)
        return self.stops[near]

    def next(self, here: Place) -> Stop | None:
        """Name the nearest stop that has not been reached; None if there is none left."""
        near = self._nearest(here, (at for at in range(len(self.stops)) if at not in self.reached))
        return None if near is None else self.stops[near]

    def _nearest(self, here: Place, among: Iterable[int]) -> int | None:
        return min(among, key=lambda at: metres(self.stops[at].place, here), default=None)


def read(path: Path) -> Route:
    """Read a route; raises UsageError in one plain line that names the file, and the line where it can."""
    try:
        with path.open("rb") as file:
            content = file.read(_BYTES + 1)
    except OSError as error:
        raise UsageError(f"--route: cannot read {path}: {error.strerror}") from error
    if len(content) > _BYTES:
        raise UsageError(f"--route: {path} is larger than {_BYTES} bytes; a route has some places, not a whole map")
    try:
        stops = _gpx(content) if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") else _csv(content)
    except ValueError as error:
        raise UsageError(f"--route: {path}: {error}") from error
    if not stops:
        raise UsageError(f"--route: {path}: no place in it; write name,latitude,longitude and a line for each")
    if len(stops) > _STOPS:
        raise UsageError(f"--route: {path}: {len(stops)} places; at most {_STOPS} can be walked to")
    return Route(tuple(stops))


def _csv(content: bytes) -> list[Stop]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8 text; save it as CSV UTF-8") from error
    head = text.partition("\n")[0]
    lines = csv.reader(io.StringIO(text), delimiter=";" if head.count(";") > head.count(",") else ",")
    try:
        names = [_COLUMNS.get(name.strip().lower(), "") for name in next(lines, [])]
        if not {"latitude", "longitude"} <= set(names):
            raise ValueError("line 1: expected the columns name,latitude,longitude")
        rows = [(lines.line_num, dict(zip(names, row, strict=False))) for row in lines if any(map(str.strip, row))]
    except csv.Error as error:
        raise ValueError(f"line {lines.line_num}: {error}") from error
    return [_stop(row, f"line {number}", at) for at, (number, row) in enumerate(rows, 1)]


def _gpx(content: bytes) -> list[Stop]:
    try:
        root = ET.fromstring(content)  # noqa: S314 - named by the operator, and expat bounds entities
    except ET.ParseError as error:
        raise ValueError(f"it is not GPX: {error}") from error
    found = [point for point in root.iter() if point.tag.rpartition("}")[2] in {"wpt", "rtept"}]
    stops = []
    for at, point in enumerate(found, 1):
        name = next((part.text or "" for part in point if part.tag.rpartition("}")[2] == "name"), "")
        row = {"name": name, "latitude": point.get("lat", ""), "longitude": point.get("lon", "")}
        stops.append(_stop(row, f"point {at}", at))
    return stops


def _stop(row: dict[str, str], where: str, at: int) -> Stop:
    latitude = _degrees(row.get("latitude"), 90, f"{where}: latitude")
    longitude = _degrees(row.get("longitude"), 180, f"{where}: longitude")
    name = "".join(char for char in row.get("name") or "" if char.isprintable()).strip()
    return Stop(name[:_NAME] or str(at), Place(latitude, longitude))


def _degrees(text: str | None, most: float, what: str) -> float:
    try:
        value = float((text or "").strip())
    except ValueError:
        value = math.nan
    if not -most <= value <= most:
        raise ValueError(f"{what}: expected decimal degrees from -{most:g} to {most:g}, not {text!r}")
    return value
