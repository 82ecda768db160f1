"""An overloaded database says when to come back: ingest waits so long, but never longer than the operator allows."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest

from collector.errors import StoreUnavailable
from collector.ingest import unpack
from collector.pipeline import Pipeline
from collector.store.sqlite import SqliteStore
from collector.store.store import Point
from tests.collector.rig import NOW, Rig, report


class Overloaded(SqliteStore):
    """The real store, behind one that is busy at first."""

    def __init__(self, behind: SqliteStore, asked_s: float) -> None:
        super().__init__(behind.path)
        self.behind, self.asked_s = behind, asked_s
        self.times: list[float] = []

    async def open(self) -> None:
        await self.behind.open()

    async def write(self, points: Sequence[Point]) -> None:
        self.times.append(monotonic())
        if len(self.times) == 1:
            raise StoreUnavailable("slow down", retry_after_s=self.asked_s)
        await self.behind.write(points)


@pytest.mark.parametrize(("asked_s", "waited_s"), [(0.2, 0.2), (86_400.0, 0.4)])
async def test_a_batch_is_written_again_when_the_server_wants_it(
    tmp_path: Path, asked_s: float, waited_s: float
) -> None:
    rig = Rig(tmp_path, "mqtt://127.0.0.1:1", STORE_RETRY_FIRST_S="0.001", STORE_RETRY_MAX_S="0.4")
    rig.registry.add_agent("a1", "s1", now=NOW)
    series = Overloaded(rig.series, asked_s)
    pipeline = Pipeline(replace(rig.parts, series=series), rig.upkeep)
    await pipeline.process(unpack("linkgauge/v1/a1/report", json.dumps(report(1)).encode()))
    first, second = series.times
    assert second - first >= waited_s
    assert len(await rig.rows()) == 1
    await rig.series.close()
    for part in (rig.archive, rig.quarantine, rig.registry):
        part.close()
