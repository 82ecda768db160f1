"""A small province in a real InfluxDB 1.x: reports, verdicts, incidents and the rest, as the product writes them.

Nothing here knows a measurement's fields: sites and results are `agent.simulate`'s, points the collector's, verdicts
the judge's. So a dashboard that asks for a field that is no longer written finds nothing, and its test fails.
"""

import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from agent.simulate.reports import chance_for, measurement
from agent.simulate.site import SimSite, site_of
from agent.wire.control import Health, Status
from agent.wire.failure import Doubt, Failure, Reason, Stage
from agent.wire.report import Measurement, Report
from agent.wire.results import Ipv6, Latency, Radio, Result, Spread, Throughput
from collector.chain.marks import World
from collector.incidents.incident import Cause, Finding, Group, Subject, begun, moved
from collector.plans.load import load_plans
from collector.plans.types import Text
from collector.registry.site import Site, Version
from collector.rollups import verdicts
from collector.rollups.buckets import LEVELS, bucket_of
from collector.rollups.fields import FIELDS
from collector.rollups.figures import columns, figures
from collector.store.points import (
    census_point,
    completeness_point,
    incident_point,
    line_of,
    nanoseconds,
    place_tags,
    points_of,
    standing_point,
    status_point,
)
from collector.store.store import FieldValue, Point
from tests.collector.influxd import Influxd

DATABASE: Final = "linkgauge"
NOW: Final = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
SEED: Final = 7
MOBILE: Final = 1
"""The number of the site with a modem, where everything goes wrong that can."""
ZONE: Final = ZoneInfo("Asia/Ho_Chi_Minh")
EVERY_H: Final = {"throughput": 3.0, "latency": 2.0, "ipv6": 8.0, "dns": 8.0, "web": 8.0, "path": 12.0, "radio": 4.0}
"""Hours between two runs of a kind: latency thinner than in the field, for speed."""
DOUBTS: Final = (
    Doubt.CPU_BOUND, Doubt.NIC_BOUND, Doubt.WIFI_BOUND, Doubt.CROSS_TRAFFIC, Doubt.PEER_BOUND, Doubt.BUDGET_CUT,
    Doubt.NOT_CONVERGED, Doubt.TUNNEL,
)  # fmt: skip
_WORLD: Final = World(load_plans(), {})
_COUNTED: Final = ("met", "below", "inconclusive", "silent")
_LINES: Final = 10_000
_HEARD: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class Shape:
    """How large and how long; every `silent`-th site fell silent three days ago.

    `fine_days`: hours' roll-ups and statuses only of the last so many days, where nothing asks for older ones.
    """

    sites: int = 16
    days: float = 4.0
    silent: int = 8
    fine_days: float = 4.0
    every_h: dict[str, float] = field(default_factory=lambda: dict(EVERY_H))


@dataclass(frozen=True)
class Seeded:
    """A filled server, and whom to ask it about."""

    server: Influxd
    sites: Sequence[Site]
    points: int
    start: datetime
    end: datetime


def fill(server: Influxd, shape: Shape | None = None) -> Seeded:
    """Create the database and write a province into it, up to `NOW`."""
    shape = shape or Shape()
    server.query(f'CREATE DATABASE "{DATABASE}"')
    simulated = [chosen(site_of(SEED, number)) for number in range(shape.sites)]
    sites = [place(one) for one in simulated]
    lines = (line_of(point) for point in points(simulated, sites, shape))
    written = 0
    while some := list(islice(lines, _LINES)):
        write(server, b"\n".join(some))
        written += len(some)
    return Seeded(server, sites, written, NOW - timedelta(days=shape.days), NOW)


def write(server: Influxd, body: bytes) -> None:
    """Lines into the database, or an error that says why not."""
    request = urllib.request.Request(f"{server.url}/write?db={DATABASE}", data=body)  # noqa: S310 - our own server, http
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own server, http
        assert answer.status == 204


def chosen(one: SimSite) -> SimSite:
    """A simulated site, the first two so that nothing is missing: an office that owes IPv6, and a poor 5G line."""
    if one.number == 0:
        return replace(one, kind="office", province="bac-giang", commune="son-dong", access="fibre", ipv6="dual_stack")
    if one.number == MOBILE:
        mobile = replace(one, kind="school", province="bac-giang", commune="luc-nam", character="failing")
        return replace(mobile, access="cellular_5g", provider="Viettel", ipv6="broken")
    return replace(one, ipv6={2: "ipv4_only", 3: "ipv6_only", 4: "none"}.get(one.number, one.ipv6))


def place(one: SimSite) -> Site:
    """A simulated site as the registry knows it."""
    return Site(
        id=f"site-{one.number:04d}", name=one.name, kind=one.kind, area=one.area, province=one.province,  # type: ignore[arg-type]  # the simulation's words are the registry's
        commune=one.commune, latitude=one.latitude, longitude=one.longitude, access=one.access,  # type: ignore[arg-type]
        provider=one.provider, contract_down_mbps=one.down_mbps, contract_up_mbps=one.up_mbps, plan=one.plan,
    )  # fmt: skip


def points(simulated: Sequence[SimSite], sites: Sequence[Site], shape: Shape) -> Iterator[Point]:
    """All points of the province."""
    counts: dict[str, dict[str, float]] = {}
    for one, site in zip(simulated, sites, strict=True):
        is_silent = one.number % shape.silent == shape.silent - 1
        end = NOW - timedelta(days=3) if is_silent else NOW
        measured = list(reports(one, site, shape, end))
        yield from measured
        yield from rollups_of(site, measured, NOW - timedelta(days=shape.fine_days))
        judged = list(verdicts_of(site, measured))
        yield from judged
        last = next((one.fields for one in reversed(judged) if _is_on_plan(one)), {"inconclusive": 1.0})
        stands = {name: float(last.get(name, 0.0)) for name in ("met", "below", "inconclusive")}
        stands |= {"silent": float(is_silent), "contract_below": float(one.character == "weak")}
        figures = {name: float(last[name]) for name in ("value", "target", "low", "high", "n") if name in last}
        for day in range(int(shape.days) + 1):
            yield standing_point(site, stands | figures, NOW - timedelta(days=day, minutes=7))
        yield from own(one, site, end, shape)
        tally = counts.setdefault(site.province, dict.fromkeys(("sites", *_COUNTED), 0.0))
        tally["sites"] += 1
        for name in tally.keys() - {"sites"}:
            tally[name] += stands[name]
    for province, tally in counts.items():
        for step in range(12):
            yield census_point(province, tally, NOW - timedelta(minutes=5 * step))
    yield from incidents(sites)


def reports(one: SimSite, site: Site, shape: Shape, end: datetime) -> Iterator[Point]:
    """What its agent measured, each kind in its own step."""
    number = 0
    for kind, hours in shape.every_h.items():
        if kind == "radio" and not one.cellular:
            continue
        for step in range(int(shape.days * 24 / hours)):
            number += 1
            at = NOW - timedelta(hours=hours * step, minutes=one.number % 60, seconds=number % 60)
            chance = chance_for(SEED, one.number, number)
            made = enriched(measurement(one, f"a-{site.id}", chance, at=at, mix={kind: 1.0}), chance, number)
            if at <= end:
                yield from points_of(Report(**msgspec.structs.asdict(made), epoch="e1", seq=number), site)


def enriched(made: Measurement[Any], chance: Random, number: int) -> Measurement[Any]:
    """What agents report beside what the simulation makes: both families, all doubts, latency under load, calls."""
    changes: dict[str, Any] = {}
    if number % 23 == 0:
        changes = {"result": None, "failure": Failure(Stage.CONNECT, Reason.TIMEOUT), "doubts": []}
    elif made.result is not None:
        changes = {"result": _richer(made.result, chance)}
        if made.kind == "throughput" and number % 6 == 0:
            changes["doubts"] = [DOUBTS[chance.randrange(len(DOUBTS))]]
    if made.kind in {"throughput", "latency"} and chance.random() < 0.4:
        changes["family"] = "ipv6"
    return msgspec.structs.replace(made, **changes)


def _richer(result: Result, chance: Random) -> Result:
    match result:
        case Throughput(download=down, upload=up) if down is not None and up is not None:
            loaded = Spread(median=chance.uniform(20, 200), p95=chance.uniform(200, 400))
            return msgspec.structs.replace(
                result,
                download=msgspec.structs.replace(down, loaded_latency_ms=loaded, retransmit_ratio=0.001),
                upload=msgspec.structs.replace(up, loaded_latency_ms=loaded),
                responsiveness_rpm=chance.uniform(200, 2000),
            )
        case Latency():
            return msgspec.structs.replace(result, mos=chance.uniform(3, 4.4), r_factor=80.0, profile="call")
        case Ipv6(status="broken"):
            return msgspec.structs.replace(result, stage="connect", reason="timeout", domain="provider")
        case Radio(technology="nr_nsa"):
            return msgspec.structs.replace(result, nr_rsrp_dbm=-95.0, nr_rsrq_db=-11.0, nr_sinr_db=14.0)
        case _:
            return result


def rollups_of(site: Site, measured: Sequence[Point], fine: datetime) -> Iterator[Point]:
    """Its days, and its hours from a moment on."""
    for kind in FIELDS:
        names = columns(kind)
        for level in LEVELS[:2]:
            buckets = defaultdict[datetime, list[tuple[Any, ...]]](list)
            for point in measured:
                if point.measurement == kind and (level == "day" or point.time_ns >= nanoseconds(fine)):
                    at = datetime.fromtimestamp(point.time_ns / 1e9, UTC)
                    row = (point.time_ns, *(_value(point, name) for name in names))
                    buckets[bucket_of(level, at, ZONE).start].append(row)
            for start, rows in buckets.items():
                yield Point(f"{kind}_{level}", place_tags(site), figures(kind, rows), nanoseconds(start))


def _is_on_plan(verdict: Point) -> bool:
    tags = dict(verdict.tags)
    return tags["indicator"] == "download_mbps" and not tags["scope"].startswith("contract-")


def verdicts_of(site: Site, measured: Sequence[Point]) -> Iterator[Point]:
    """Every verdict that the judge would have given, result by result."""
    for kind in verdicts.JUDGED:
        names = verdicts.columns(kind)
        rows = sorted(
            (point.time_ns, *(_value(point, name) for name in names)) for point in measured if point.measurement == kind
        )
        yield from verdicts.history(
            kind,
            rows,
            (NOW - timedelta(days=400), NOW),
            now=NOW + timedelta(days=60),  # so that the newest is told too
            versions=[Version(None, site)],
            world=_WORLD,
        )


def _value(point: Point, name: str) -> FieldValue | None:
    return point.fields.get(name, dict(point.tags).get(name))


def own(one: SimSite, site: Site, end: datetime, shape: Shape) -> Iterator[Point]:
    """What is said of a box and of a day."""
    health = Health(disk_free_bytes=20_000_000_000, clock_synchronized=one.number % 5 != 0, uptime_s=86_400.0, load=0.2)
    status = Status(
        state="online", software="linkgauge-agent/0.1.0", profile="default-1", boot="b1", epoch="e1", seq=100,
        spooled=one.number % 7, dropped=one.number % 3, health=health,
    )  # fmt: skip
    for step in range(int(min(shape.days, shape.fine_days) * 24)):
        yield status_point(f"a-{site.id}", status, site, end - _HEARD - timedelta(hours=step))
    if end < NOW:
        yield status_point(f"a-{site.id}", Status(state="offline"), site, end)
    for day in range(int(shape.days) + 1):
        at = (NOW - timedelta(days=day)).replace(hour=0, minute=0)
        there = float(at < end)
        numbers = {"planned": 100.0, "run": 98.0, "skipped": 2.0, "produced": 98.0, "received": 97.0 * there}
        rest = {"late": 1.0, "rejected": 0.0, "dropped": 0.0, "missing": 98 - 97 * there, "duplicate": 1.0}
        yield completeness_point(site, {**numbers, **rest, "ratio": 0.97 * there}, at)


def incidents(sites: Sequence[Site]) -> Iterator[Point]:
    """Some that are open, one that is over, and one of many sites together."""
    words = Text(vi="Tốc độ tải xuống thấp hơn chỉ tiêu", en="Download below its target")
    causes: tuple[Cause, ...] = ("below_target", "outage", "silent")
    for number, site in enumerate(sites):
        at = NOW - timedelta(hours=30 - number % 24)
        opened = begun(Subject(site.id), causes[number % 3], at, Finding("warning", words, {}))
        yield incident_point(msgspec.to_builtins(opened), site)
        if number % 2:
            over = moved(opened, "resolved", at + timedelta(hours=2), who="rules")
            yield incident_point(msgspec.to_builtins(over), site)
    group = Group("commune", sites[0].commune)
    about = {"province": sites[0].province, "commune": sites[0].commune}
    parent = begun(Subject(None, about, group), "outage", NOW - timedelta(hours=5), Finding("critical", words, {}))
    yield incident_point(msgspec.to_builtins(parent), None)
    wide = begun(
        Subject(None, {"provider": "VNPT"}, Group("provider", "VNPT")),
        "outage",
        NOW - timedelta(hours=4),
        Finding("critical", words, {}),
    )
    yield incident_point(msgspec.to_builtins(wide), None)
