"""A small province for the web tests: a real store and registry, and a judge that says what it is told."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import jinja2
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from jinja2.bccache import Bucket

from agent.wire.control import Status
from collector.events import Bus
from collector.fleet import Fleet
from collector.incidents.calendar import Calendar
from collector.incidents.history import History
from collector.incidents.incident import Finding, Subject, begun
from collector.judge.judge import judge
from collector.judge.sample import Evidence, Sample
from collector.judge.verdict import Verdict
from collector.ledger.completeness import Completeness
from collector.ledger.ledger import Ledger
from collector.plans.binding import binding_for
from collector.plans.load import load_plans
from collector.plans.types import Text
from collector.registry.registry import Registry
from collector.registry.site import Site
from collector.store.open import store_from_url
from collector.store.store import Point
from collector.verdicts import Present
from collector.web import rendering
from collector.web.admin.office import office_of
from collector.web.app import make_app
from collector.web.sources import Sources
from tests.collector.tables import with_tables

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
PLANS: Final = load_plans()
RAW = b'{"v":1,"exact":"bytes"}'
SITES = [
    Site("th-huu-lung", "Trường Tiểu học Hữu Lũng", "school", "rural", "Lạng Sơn", "Hữu Lũng", access="fibre",
         provider="VNPT", contract_down_mbps=150.0, plan="lang-son-2025"),
    Site("tyt-yen-the", "Trạm Y tế <Yên Thế>", "clinic", "rural", "Bắc Giang", "Yên Thế", access="fibre",
         plan="bac-giang-2025"),
    Site("ub-loc-ninh", "UBND xã Lộc Ninh", "office", "rural", "Bình Phước", "Lộc Ninh", access="cellular_4g",
         plan="binh-phuoc-2025"),
    Site("th-moi", "Trường mới", "school", "urban", "Lạng Sơn", "Đồng Đăng"),
]  # fmt: skip


class Compiled(jinja2.BytecodeCache):
    """Templates as they were compiled for an earlier test: that is a third of the time of these tests."""

    def __init__(self) -> None:
        self._known: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._known:
            bucket.bytecode_from_string(self._known[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._known[bucket.key] = bucket.bytecode_to_string()


COMPILED = Compiled()


@dataclass
class Judge:
    """Verdicts as a test wants them."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    others: dict[str, list[Verdict]] = field(default_factory=dict)

    def current(self) -> Mapping[str, Verdict]:
        return self.verdicts

    def present(self) -> Mapping[str, Present]:
        return {site: Present([verdict, *self.others.get(site, ())]) for site, verdict in self.verdicts.items()}


@dataclass
class Archive:
    """One report; like the real one it knows nothing but ids."""

    def read(self, report_id: str) -> bytes | None:
        if not report_id.startswith("r-"):
            raise ValueError("no id")
        return RAW if report_id == "r-0" else None


@dataclass
class Province:
    """Everything that a page reads, within reach of a test."""

    sources: Sources
    judge: Judge
    registry: Registry
    client: TestClient[web.Request, web.Application]


def throughput(
    site: str, number: int, mbps: float | None, *, peer: str | None = None, **fields: float | str | bool
) -> Point:
    """One throughput point, `number` hours ago."""
    at = NOW - timedelta(hours=number)
    own: dict[str, float | str | bool] = {"id": f"r-{number}", "conclusive": mbps is not None, **fields}
    if mbps is not None:
        own |= {"download_mbps": mbps, "upload_mbps": mbps / 2}
    tags = (("agent", f"a-{site}"), *((("peer", peer),) if peer else ()), ("site", site))
    return Point("throughput", tags, own, int(at.timestamp()) * 10**9)


def judged(site: Site, speeds: list[float], *, silent: bool = False) -> Verdict:
    """What the real rule says of these speeds."""
    samples = [Sample(NOW - timedelta(hours=number), mbps) for number, mbps in enumerate(speeds)][::-1]
    binding = binding_for(PLANS.get(site.plan or ""), site, NOW)
    return judge(site, binding, Evidence(samples), at=NOW, silent=silent)


def one_incident(registry: Registry) -> History:
    """A case book with one open incident."""
    history = History(registry.database)
    history.open()
    summary = Text(vi="Dưới chỉ tiêu", en="Below target")
    incident = begun(Subject("tyt-yen-the"), "below_target", NOW, Finding("warning", summary, {}))
    history.settle({("tyt-yen-the", "below_target"): lambda _: [incident]}, at=NOW)
    return history


def app_of(sources: Sources) -> web.Application:
    """The application as it is, but for its templates, which are compiled once."""
    app = make_app(sources)
    app[rendering.TEMPLATES].bytecode_cache = COMPILED
    return app


@asynccontextmanager
async def province(folder: Path) -> AsyncIterator[Province]:
    """Four sites: one met, one below with an incident, one silent, one that never reported; and one agent waiting."""
    registry = Registry(with_tables(folder))
    registry.open()
    registry.import_sites(SITES, now=NOW)
    for site in SITES:
        registry.add_agent(f"a-{site.id}", site.id, now=NOW)
    registry.see_waiting("stranger", at=NOW)
    store = store_from_url(f"sqlite:///{folder}/series.db")
    await store.open()
    good, bad = [120.0 + number for number in range(10)], [60.0 + number for number in range(10)]
    points = [throughput("th-huu-lung", number, mbps) for number, mbps in enumerate(good)]
    points += [throughput("tyt-yen-the", number, mbps) for number, mbps in enumerate(bad)]
    points += [
        throughput("th-huu-lung", 20, None, failure="connect:timeout"),
        throughput("th-huu-lung", 21, 30.0, conclusive=False, doubts="wifi_bound,cpu_bound"),
    ]
    await store.write(points)
    judge = Judge(
        {
            "th-huu-lung": judged(SITES[0], good),
            "tyt-yen-the": judged(SITES[1], bad),
            "ub-loc-ninh": judged(SITES[2], [], silent=True),
        },
    )
    history = one_incident(registry)
    fleet = Fleet()
    fleet.heard("a-th-huu-lung", Status(state="online"), NOW - timedelta(minutes=2))
    sources = Sources(
        store=store, places=registry, originals=Archive(), judged=judge, casebook=history,
        calendar=Calendar(registry.database), office=office_of(registry),
        completeness=Completeness(Ledger(registry.database)), fleet=fleet, bus=Bus(),
        plans=dict(PLANS), now=lambda: NOW, zone=ZoneInfo("Asia/Ho_Chi_Minh"), version="0.1.0",
    )  # fmt: skip
    server = TestServer(app_of(sources))
    await server.start_server(shutdown_timeout=0.3)  # open live streams would hold it for a minute
    client = TestClient(server)
    await client.start_server()
    try:
        yield Province(sources, judge, registry, client)
    finally:
        await client.close()
        await store.close()
        registry.close()
