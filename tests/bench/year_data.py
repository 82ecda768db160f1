"""A year of a province: deterministic, quick to make, of the shape that real reports and roll-ups have."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from collector.registry.site import Site
from collector.rollups.buckets import Level, bucket_of
from collector.rollups.fields import FIELDS
from collector.rollups.figures import spread
from collector.store.points import place_tags, points_of
from collector.store.store import FieldValue
from tests.collector.store.samples import THROUGHPUT, report

ZONE: Final = ZoneInfo("Asia/Ho_Chi_Minh")
END: Final = datetime(2026, 11, 1, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
KINDS: Final = ("throughput", "latency", "dns", "web", "ipv6", "path")
RAW_DAYS: Final = 31
ASKED: Final = 40
"""Every so many sites is one whose page is asked for: only these have raw results of the other kinds, of a month."""
VARIANTS: Final = 400
"""Different sets of values; points take turns with them, because making them costs more than storing them."""
CHARTED: Final = ("n", "median", "p5", "p95")
"""What hours are filled with, of a kind's first field: 90 million points with all of them would take a night."""
_EARLY: Final = 20
_DOUBTED: Final = 12
_EVERY_S: Final = {"throughput": 21_600, "latency": 300}
_HOUR_S: Final = 3600
_JITTER_MS: Final = 200_000


@dataclass(frozen=True, slots=True)
class Part:
    """What is filled in one go and then noted: a measurement from `start` to before `end`, of every so many sites."""

    measurement: str
    start: datetime
    end: datetime
    every: int = 1

    @property
    def key(self) -> str:
        """Its name in the file that remembers what is filled."""
        return f"{self.measurement} {self.start.isoformat()}"

    @property
    def kind(self) -> str:
        """The kind of report that it tells of."""
        return self.measurement.partition("_")[0]

    @property
    def level(self) -> str:
        """The level of a roll-up; empty for raw results."""
        return self.measurement.partition("_")[2]


def sites(count: int) -> list[Site]:
    """The province's sites."""
    return [
        Site(
            f"ls-{number:05d}", f"Điểm {number}", "school", "rural", "lang-son", f"commune-{number % 200}",
            latitude=21.4 + number * 7 % 900 / 1000, longitude=106.1 + number * 11 % 1100 / 1000,
            access="fibre", provider="vnpt", contract_down_mbps=150.0, plan="lang-son-2025",
        )
        for number in range(count)
    ]  # fmt: skip


def parts(days: int, hour_kinds: tuple[str, ...], *, is_work: bool = False) -> list[Part]:
    """Everything to fill, what pages ask for first; with `is_work` raw results of a month of all sites."""
    first, month = END - timedelta(days=days), END - timedelta(days=min(days, RAW_DAYS))
    weeks = list(_weeks(first))
    found = [Part("throughput", *week) for week in weeks]
    found += [Part(f"{kind}_{level}", first, END) for kind in KINDS for level in ("day", "month")]
    found += [Part(kind, month, END, 1 if is_work else ASKED) for kind in KINDS if kind != "throughput"]
    return found + [Part(f"{kind}_hour", *week) for kind in hour_kinds for week in weeks]


def times(part: Part, number: int) -> Sequence[int]:
    """When a site's points stand, in Unix milliseconds."""
    return [*_starts(part)] if part.level else [*_runs(part, number)]


def variant(number: int, turn: int) -> int:
    """Which set of values a site's point has."""
    return (number * 31 + turn * 7) % VARIANTS


def report_id(number: int, turn: int) -> str:
    """A report's id; it is of that length, and like no other."""
    return f"0193{number:04x}-{turn:04x}-7000-8000-{(number * 7919 + turn * 104_729 + 1) * 2_654_435_761 % 2**48:012x}"


def tags_of(part: Part, site: Site) -> tuple[tuple[str, str], ...]:
    """The tags of a site's points."""
    if part.level:
        return place_tags(site)
    run = {"agent": f"{site.id}-a", "family": "ipv4", "peer": "langson-dc"}
    if part.kind == "throughput":
        run["engine"] = "msak"
    return tuple(sorted({**dict(place_tags(site)), **run}.items()))


def variants(part: Part) -> list[Mapping[str, FieldValue]]:
    """The sets of values; raw ones are without `id`, which each report has its own of."""
    if not part.level:
        return _raw(part.kind)
    if part.level == "hour":
        charted = [f"{field}_{name}" for field in FIELDS[part.kind] for name in CHARTED]
        return [{name: fields[name] for name in charted} for fields in _rolled(part.kind)]
    return _rolled(part.kind)


def _weeks(first: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Cut at Mondays, as InfluxDB cuts what it keeps."""
    while first < END:
        until = min(first + timedelta(days=7 - first.weekday()), END)
        yield first, until
        first = until


def _starts(part: Part) -> Iterator[int]:
    if part.level == "hour":
        yield from range(_ms(part.start), _ms(part.end), _HOUR_S * 1000)
        return
    level: Level = "day" if part.level == "day" else "month"
    bucket = bucket_of(level, part.start, ZONE)
    while bucket.start < part.end:
        yield _ms(bucket.start)
        bucket = bucket_of(level, bucket.end, ZONE)


def _runs(part: Part, number: int) -> Iterator[int]:
    """Sites take turns, and none is punctual to the second."""
    every = _EVERY_S.get(part.kind, _HOUR_S) * 1000
    first = -(-_ms(part.start) // every) * every + every * (number % 997) // 1000
    for turn, at in enumerate(range(first, _ms(part.end) - every // 500, every)):
        yield at + (number * 7919 + turn * 104_729) % min(_JITTER_MS, every // 500)


def _ms(at: datetime) -> int:
    return int(at.timestamp()) * 1000


def _raw(kind: str) -> list[Mapping[str, FieldValue]]:
    dice = random.Random(kind)  # noqa: S311 - a bench wants the same numbers
    found: list[Mapping[str, FieldValue]] = []
    (model,) = points_of(report(result=THROUGHPUT), sites(1)[0])
    for number in range(VARIANTS):
        own: dict[str, FieldValue] = {"duration_s": 4.2}
        if kind == "throughput":
            own = {name: round(value * dice.uniform(0.5, 1.5), 3) if type(value) is float else value
                   for name, value in model.fields.items() if name != "id"}  # fmt: skip
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
            own |= {f"{field}_{name}": round(value, 3) for name, value in spread(sorted(values)).items()}
        if kind == "throughput":
            own |= {"download_mbps_share_n": 12.0, "download_mbps_share": 0.5, "download_mbps_target": 85.0}
        found.append(own)
    return found
