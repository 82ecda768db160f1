"""The one narrow interface over every time-series engine. One behaviour suite runs on all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

FieldValue = float | str | bool
Values = tuple[Any, ...]
"""A row as a tuple: its time (Unix ns), then the fields that were asked for, None where one is not there."""


@dataclass(frozen=True, slots=True)
class Point:
    """One row of a series: same measurement, tags and time is the same point, written again without harm.

    `tags` are sorted by name, without empty values. Numbers are always floats. `time_ns`: Unix time, nanoseconds.
    """

    measurement: str
    tags: tuple[tuple[str, str], ...]
    fields: Mapping[str, FieldValue]
    time_ns: int


@dataclass(frozen=True, slots=True)
class Row:
    """One point as it was read back."""

    time_ns: int
    tags: Mapping[str, str]
    fields: Mapping[str, FieldValue]


@dataclass(frozen=True, slots=True)
class Summary:
    """A site's conclusive values of one field in a window."""

    n: int
    median: float


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What an operator should know of the engine: name, version, points held (None: too dear to count)."""

    engine: str
    version: str
    points: int | None = None


class Store(Protocol):
    """A time-series engine. Times are Unix nanoseconds; ranges are start ≤ t < end."""

    async def open(self) -> None:
        """Connect and create what is missing; raises StoreUnavailable or StoreFull, and may be called again."""

    async def close(self) -> None:
        """Let go of files and sockets; harmless when not open."""

    async def write(self, points: Sequence[Point]) -> None:
        """Make points durable before returning.

        Raises:
            StoreUnavailable: nothing can be said of the batch; write it again later.
            StoreFull: no room; nothing can be said of the batch.
            PointsRefused: the named ones were refused for good; all others are durable.
        """

    async def samples(
        self, measurement: str, *, site: str, start_ns: int, end_ns: int, limit: int | None = None
    ) -> list[Row]:
        """One site's rows, oldest first; with a limit, the newest so many of them."""

    async def recent(
        self, measurement: str, *, start_ns: int, per_site: int, fields: Sequence[str] | None = None
    ) -> dict[str, list[Row]]:
        """Each site's newest rows since `start_ns`, oldest first; with `fields`, of those that hold any, only these.

        Name the fields where many sites are asked for: some engines read each of them by itself.
        """

    async def summary(self, measurement: str, field: str, *, start_ns: int, end_ns: int) -> dict[str, Summary]:
        """Each site's number and median of a field over its conclusive rows."""

    async def having(
        self, measurement: str, field: str, *, start_ns: int, end_ns: int, beside: Sequence[str] = ()
    ) -> list[Row]:
        """Rows of all sites in which a field stands, oldest first, with that field and those `beside` it only.

        For fields that few rows have; with `beside`, the field must be a number.
        """

    async def values(
        self, measurement: str, fields: Sequence[str], *, sites: Sequence[str] | None, start_ns: int, end_ns: int
    ) -> dict[str, list[Values]]:
        """Each site's rows that hold any of these fields, oldest first; of these sites, or (None) of all.

        For many rows of which a few fields are wanted; tags may be named beside them. Whole numbers may come as `int`.
        """

    async def drop(self) -> None:
        """Delete every point."""

    async def info(self) -> StoreInfo:
        """Say what this engine is; raises StoreUnavailable."""
