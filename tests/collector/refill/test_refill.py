"""A lost database written anew: the points are those that the pipeline had written, whatever happened since."""

import json
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.archive.archive import Archive, Entry, head_of
from collector.errors import PointsRefused, StoreUnavailable
from collector.ingest import unpack
from collector.ledger.ledger import Ledger
from collector.refill import refill as parts
from collector.refill.refill import Hour, Refill
from collector.registry.registry import Registry
from collector.store.copy import Copy, Tally
from collector.store.open import shelf_from_url, store_from_url
from collector.store.store import Point
from tests.collector.rig import MOVED, NOW, Rig, report
from tests.collector.tables import with_tables

SAMPLES = Path(__file__).parents[2] / "contract" / "samples" / "v1"
STARTED = datetime(2026, 11, 22, 11, tzinfo=UTC)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    """Hold three batches of every kind of report, between which the site moved; the pipeline is closed."""
    rig = Rig(tmp_path, "mqtt://127.0.0.1:1")
    rig.registry.add_agent("a1", "s1", now=NOW)
    seqs = iter(range(1, 10_000))
    for number in range(3):
        if number == 2:
            rig.now = NOW + timedelta(hours=1)
            rig.registry.import_sites([MOVED], now=rig.now)
            rig.now += timedelta(hours=1)
        await process(rig, *every_kind(seqs.__next__, STARTED + timedelta(hours=number)))
    rig.archive.close()
    yield rig
    await rig.series.close()
    rig.registry.close()


async def process(rig: Rig, *reports: dict[str, Any]) -> None:
    await rig.pipeline.process(unpack("linkgauge/v1/a1/report", json.dumps(reports).encode()))


def every_kind(seq: Callable[[], int], started: datetime) -> list[dict[str, Any]]:
    """Give the contract's own samples, as the agent a1 sends them now."""
    found = []
    for path in sorted(SAMPLES.glob("report*.json")):
        number = seq()
        own = {"id": str(uuid.uuid4()), "agent": "a1", "epoch": "e1", "seq": number}
        found.append(
            json.loads(path.read_bytes()) | own | {"started": (started + timedelta(seconds=number)).isoformat()}
        )
    return found


@pytest.fixture
def second(rig: Rig, tmp_path: Path) -> str:
    """Name a store where nothing is yet."""
    del rig
    return f"sqlite://{tmp_path}/second.db"


@dataclass(slots=True)
class Filling:
    """A refill from the folder of a rig into another store."""

    folder: Path
    url: str
    touched: list[Sequence[Hour]] = field(default_factory=list)

    async def run(self, *, into: Any = None, **more: Any) -> parts.Tally:  # noqa: ANN401 - a store, and its settings
        archive, registry = (
            Archive(self.folder / "archive", writer=False),
            Registry(with_tables(self.folder)),
        )
        store = store_from_url(self.url)
        await store.open()
        archive.open()
        registry.open()
        try:
            if into is not None:
                into.store = store
            return await Refill(archive, registry, into or store, touch=self.touched.append, **more).run()
        finally:
            await store.close()
            archive.close()
            registry.close()

    async def compared(self) -> dict[str, Tally]:
        """Hold the first store against the second, point by point, as `store copy` does."""
        shelves = shelf_from_url(f"sqlite://{self.folder}/series.db"), shelf_from_url(self.url)
        into = store_from_url(self.url)
        await into.open()
        try:
            return await Copy(*shelves, into).run()
        finally:
            await into.close()

    async def is_equal(self) -> bool:
        found = await self.compared()
        return bool(found) and all(one.good and not one.written and not one.extra for one in found.values())


@dataclass(slots=True)
class Failing:
    """A store that cannot be reached for some calls, and refuses one point for good."""

    faults: int
    refused: int = 0
    store: Any = None

    async def write(self, points: Sequence[Point]) -> None:
        if self.faults:
            self.faults -= 1
            raise StoreUnavailable("away")
        await self.store.write(points)
        if self.refused:
            raise PointsRefused("too old", [0])


async def test_every_point_is_what_it_was_also_the_second_time(rig: Rig, tmp_path: Path, second: str) -> None:
    filling = Filling(tmp_path, second)
    tally = await filling.run()
    assert (tally.read, tally.written, tally.strangers, tally.refused) == (tally.written, tally.read, {}, 0)
    kinds = {path.name for path in SAMPLES.glob("report*.json")}
    assert tally.read == 3 * len(kinds) > 0
    assert {row["commune"] for row in await rig.rows()} == {"Hữu Lũng", "Đồng Đăng"}
    assert await filling.is_equal()
    assert (await filling.run()).written == tally.written
    assert await filling.is_equal()


async def test_a_difference_would_have_come_to_light(tmp_path: Path, second: str) -> None:
    filling = Filling(tmp_path, second)
    await filling.run(window=(date(2026, 11, 22), date(2026, 11, 23)))
    store = store_from_url(f"sqlite://{tmp_path}/series.db")
    await store.open()
    (row,) = await store.samples("latency", site="s1", start_ns=0, end_ns=2**62, limit=1)
    await store.write([Point("latency", tuple(sorted(row.tags.items())), {"duration_s": 99.0}, row.time_ns)])
    await store.close()
    assert not await filling.is_equal()


async def test_hours_are_marked_after_their_points_are_written(rig: Rig, tmp_path: Path, second: str) -> None:
    filling = Filling(tmp_path, second)
    tally = await filling.run()
    hours = [hour for touched in filling.touched for hour in touched]
    assert tally.hours == len(hours) == len(set(hours))
    assert {hour for kind, site, hour in hours if (kind, site) == ("latency", "s1")} == {
        STARTED + timedelta(hours=number) for number in range(3)
    }
    ledger = Ledger(rig.registry.database)
    ledger.touch(hours)
    assert len(ledger.touched(10_000)) == len(hours)


async def test_second_copies_strangers_and_garbage_are_counted(tmp_path: Path, second: str) -> None:
    archive = Archive(tmp_path / "archive", writer=False)
    archive.open()
    copies = [raw for _, reports in archive.since(None, slot="") for _, raw in reports][:5]
    archive.close()
    stranger = [json.dumps(report(seq, agent="a9")).encode() for seq in (1, 2)]
    old = json.dumps(report(1) | {"kind": "of-old"}).encode()
    other = Archive(tmp_path / "archive", slot="2")
    other.open()
    entries = [
        Entry(head_of(str(uuid.uuid4()), place=("a9", "e1", seq), kind="latency"), raw)
        for seq, raw in enumerate([*copies, *stranger, old], 1)
    ]
    other.append(entries, at=NOW + timedelta(days=3))
    other.close()
    filling = Filling(tmp_path, second)
    tally = await filling.run()
    assert (tally.again, tally.strangers, tally.unread) == (5, {"a9": 2}, 1)
    assert tally.written == tally.read - 8
    assert await filling.is_equal()


async def test_a_period_takes_what_started_in_it(tmp_path: Path, second: str) -> None:
    filling = Filling(tmp_path, second)
    whole = await filling.run(window=(date(2026, 11, 22), date(2026, 11, 23)))
    none = await filling.run(window=(date(2026, 11, 21), date(2026, 11, 22)))
    assert (whole.outside, none.written, none.outside) == (0, 0, whole.written)
    assert not (await filling.run(window=(date(2026, 11, 25), date(2026, 11, 26)))).read


async def test_batches_are_bounded_and_a_kill_between_them_costs_nothing(tmp_path: Path, second: str) -> None:
    filling, heard = Filling(tmp_path, second), list[int]()

    def stop(tally: parts.Tally) -> None:
        heard.append(tally.read)
        if len(heard) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await filling.run(tell=stop, at_once=4)
    assert heard == [4, 8]
    assert (await filling.run()).read > 8
    assert await filling.is_equal()


async def test_a_store_that_is_away_is_waited_for_and_refusals_are_told(tmp_path: Path, second: str) -> None:
    filling = Filling(tmp_path, second)
    tally = await filling.run(into=Failing(1, refused=1))
    assert (tally.refused, tally.why, tally.written) == (1, "too old", tally.read - 1)
    with pytest.raises(StoreUnavailable, match="same command again"):
        await filling.run(into=Failing(9), patience_s=0.1)


async def test_what_was_registered_meanwhile_is_seen(tmp_path: Path, second: str) -> None:
    """What came in after the refill began may have been tagged by a newer registry than the one it began with."""
    registry = Registry(with_tables(tmp_path))
    registry.open()
    waiting = True

    def register(tally: parts.Tally) -> None:
        nonlocal waiting
        if waiting and tally.read >= 4:
            waiting = False
            registry.add_agent("a9", "s1", now=NOW)

    other = Archive(tmp_path / "archive", slot="2")
    other.open()
    raw = json.dumps(report(1, agent="a9")).encode()
    other.append([Entry(head_of(str(uuid.uuid4()), place=("a9", "e1", 1), kind="latency"), raw)], at=NOW + timedelta(9))
    other.close()
    assert (await Filling(tmp_path, second).run(tell=register, at_once=4)).strangers == {}
    registry.close()
