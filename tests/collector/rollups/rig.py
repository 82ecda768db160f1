"""A real store and registry, a ledger of plain values, and a clock that the test sets."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from collector.config import RollupSettings
from collector.ledger.facts import Touched
from collector.metrics import Metrics
from collector.plans.load import load_plans
from collector.registry.registry import Registry
from collector.registry.site import Site
from collector.rollups.rollups import Rollups
from collector.store.open import store_from_url
from collector.store.points import nanoseconds
from collector.store.store import FieldValue, Point, Row, Store
from tests.collector.tables import with_tables

PLANS: Final = load_plans()
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
NOW = datetime(2026, 11, 22, 12, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
SCHOOL = Site("th1", "Trường TH 1", "school", "rural", "lang-son", "huu-lung", access="fibre", plan="lang-son-2025")


@dataclass
class Touches:
    """The ledger's touched hours, as it keeps them."""

    hours: dict[tuple[str, str, datetime], int] = field(default_factory=dict)
    deaf: bool = False

    def touched(self, limit: int) -> list[Touched]:
        return [Touched(*key, stamp) for key, stamp in sorted(self.hours.items())][:limit]

    def settle(self, done: Sequence[Touched]) -> int:
        same = [one for one in done if self.hours.get((one.measurement, one.site, one.hour)) == one.stamp]
        for one in same:
            del self.hours[one.measurement, one.site, one.hour]
        return len(same)


@dataclass
class House:
    """What rolling up needs."""

    store: Store
    registry: Registry
    touches: Touches
    now: datetime = NOW
    settings: RollupSettings = field(default_factory=lambda: RollupSettings(share=1, every_s=0.01))

    def rollups(self) -> Rollups:
        """A worker as after a restart."""
        return Rollups(
            self.store, self.touches, self.registry, dict(PLANS), lambda: self.now, ZONE, Metrics(),
            settings=lambda: self.settings, retry_s=0.01,
        )  # fmt: skip

    async def measured(self, kind: str, rows: dict[datetime, dict[str, FieldValue]], site: str = SCHOOL.id) -> None:
        """Rows of a site, and their hours touched, as the pipeline and the ledger do."""
        tags = (("agent", f"{site}-a"), ("site", site))
        await self.store.write([Point(kind, tags, fields, nanoseconds(at)) for at, fields in rows.items()])
        for at in rows:
            key = (kind, site, at.replace(minute=0, second=0, microsecond=0))
            self.touches.hours[key] = self.touches.hours.get(key, 0) + 1

    async def settle(self, rollups: Rollups | None = None, *, after: timedelta = timedelta(days=2)) -> None:
        """Take over what was touched, and compute what is due a while later."""
        rollups = rollups or self.rollups()
        await rollups.open()
        await rollups.step()
        self.now += after
        await rollups.step()
        self.now += timedelta(seconds=self.settings.late_s)  # what a new day has made due
        await rollups.step()

    async def series(self, measurement: str, site: str = SCHOOL.id) -> list[Row]:
        return await self.store.samples(measurement, site=site, start_ns=0, end_ns=2**62)


@asynccontextmanager
async def house(url: str, folder: Path) -> AsyncIterator[House]:
    store = store_from_url(url)
    await store.open()
    registry = Registry(with_tables(folder))
    registry.open()
    registry.import_sites([SCHOOL, replace(SCHOOL, id="th2", plan=None)], now=NOW - timedelta(days=400))
    try:
        yield House(store, registry, Touches())
    finally:
        registry.close()
        await store.close()


def speed(mbps: float, **fields: FieldValue) -> dict[str, FieldValue]:
    """A conclusive throughput row."""
    return {"download_mbps": mbps, "conclusive": True, "download_conclusive": True, **fields}
