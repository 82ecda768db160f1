"""A year of a province as points: deterministic, quick to make, of the shape that real reports and roll-ups have."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from collector.registry.site import Site
from collector.rollups.buckets import Level, bucket_of
from collector.rollups.fields import FIELDS
from collector.rollups.figures import spread
from collector.store.points import nanoseconds, place_tags, points_of
from collector.store.store import FieldValue, Point
from tests.collector.store.samples import THROUGHPUT, report

ZONE: Final = ZoneInfo("Asia/Ho_Chi_Minh")
END: Final = datetime(2026, 11, 1, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
WEEK: Final = timedelta(days=7)
KINDS: Final = ("throughput", "latency", "ipv6", "dns", "web", "path")
VARIANTS: Final = 400
"""Different sets of values; points take turns with them, because making them costs more than storing them."""
_EARLY: Final = 20
_DOUBTED: Final = 12


@dataclass(frozen=True, slots=True)
class Part:
    """What is filled in one go and then noted: one measurement, from `start` to before `end`, all sites."""

    measurement: str
    start: datetime
    end: datetime

    @property
    def key(self) -> str:
        """Its name in the file that remembers what is filled."""
        return f"{self.measurement} {self.start.isoformat()}"


def sites(count: int) -> list[Site]:
    """The province's sites."""
    return [
        Site(
            f"ls-{number:05d}", f"Điểm {number}", "school", "rural", "lang-son", f"commune-{number % 200}",
            access="fibre", provider="vnpt", contract_down_mbps=150.0, plan="lang-son-2025",
        )
        for number in range(count)
    ]  # fmt: skip


def parts(days: int, hour_kinds: tuple[str, ...], raw_days: int) -> list[Part]:
    """Everything to fill: raw speeds of all days, other raw of the last ones, roll-ups of all kinds."""
    first = END - timedelta(days=days)
    weeks = [first + WEEK * number for number in range(-(-days // 7))]
    spans = [(start, min(start + WEEK, END)) for start in weeks]
    found = [Part("throughput", *span) for span in spans]
    if raw_days:
        found += [Part(kind, END - timedelta(days=raw_days), END) for kind in KINDS if kind != "throughput"]
    found += [Part(f"{kind}_hour", *span) for kind in hour_kinds for span in spans]
    return found + [Part(f"{kind}_{level}", first, END) for kind in KINDS for level in ("day", "month")]


def points(part: Part, where: list[Site]) -> Iterator[Point]:
    """The points of a part, site by site."""
    kind, _, level = part.measurement.partition("_")
    variants = _rolled(kind) if level else _raw(kind)
    for number, site in enumerate(where):
        tags = place_tags(site) if level else _tags(kind, site)
        times = _starts(part, level) if level else _runs(part, kind, number)
        for turn, at in enumerate(times):
            yield Point(part.measurement, tags, variants[(number * 31 + turn * 7) % VARIANTS], nanoseconds(at))


def _starts(part: Part, level: str) -> Iterator[datetime]:
    of: Level = "hour" if level == "hour" else "day" if level == "day" else "month"
    bucket = bucket_of(of, part.start, ZONE)
    while bucket.start < part.end:
        yield bucket.start
        bucket = bucket_of(of, bucket.end, ZONE)


def _runs(part: Part, kind: str, number: int) -> Iterator[datetime]:
    every = {"throughput": 4 * HOUR, "latency": HOUR / 12}.get(kind, HOUR)
    at = part.start + every * (number % 997) / 997
    while at < part.end:
        yield at
        at += every


def _tags(kind: str, site: Site) -> tuple[tuple[str, str], ...]:
    run = {"agent": f"{site.id}-a", "family": "ipv4", "peer": "langson-dc"}
    if kind == "throughput":
        run["engine"] = "msak"
    return tuple(sorted({**dict(place_tags(site)), **run}.items()))


def _raw(kind: str) -> list[Mapping[str, FieldValue]]:
    dice = random.Random(kind)  # noqa: S311 - a bench wants the same numbers
    found: list[Mapping[str, FieldValue]] = []
    (model,) = points_of(report(result=THROUGHPUT), sites(1)[0])
    for number in range(VARIANTS):
        own: dict[str, FieldValue] = {"id": f"01936f0e-0000-7000-8000-{number:012d}", "duration_s": 4.2}
        if kind == "throughput":
            own = {name: round(value * dice.uniform(0.5, 1.5), 3) if type(value) is float else value
                   for name, value in model.fields.items()}  # fmt: skip
            if number % _EARLY == 0:
                own |= {"download_early_mbps": 90.0, "download_early_bytes": 4e7}
        own |= {name: round(dice.uniform(1, 100), 2) for name in FIELDS[kind]} | {"conclusive": True}
        if number % _DOUBTED == 0:
            own |= {"doubts": "cross_traffic", "conclusive": False}
        found.append(own)
    return found


def _rolled(kind: str) -> list[Mapping[str, FieldValue]]:
    dice = random.Random(kind)  # noqa: S311 - a bench wants the same numbers
    found: list[Mapping[str, FieldValue]] = []
    for _ in range(VARIANTS):
        own: dict[str, FieldValue] = {"reports_n": 12.0, "failed_n": 0.0, "doubted_n": 1.0}
        for field in FIELDS[kind]:
            values = [0.0] * 12 if "loss" in field else [round(dice.uniform(20, 120), 2) for _ in range(12)]
            own |= {f"{field}_{name}": value for name, value in spread(sorted(values)).items()}
        if kind == "throughput":
            own |= {"download_mbps_share_n": 12.0, "download_mbps_share": 0.5, "download_mbps_target": 85.0}
        found.append(own)
    return found
