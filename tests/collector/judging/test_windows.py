"""Rows of a fleet in memory: one question for many sites, and never more than what is new."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from collector.judging.windows import Windows
from collector.store.points import nanoseconds
from tests.collector.chain.rig import HOUR, NOW, run_row

MINUTE = timedelta(minutes=1)


class Shelf:
    """Throughput rows of several sites, and what was asked for."""

    def __init__(self, **sites: list[Any]) -> None:
        self.sites = sites
        self.asked: list[tuple[Sequence[str], int]] = []

    async def values(self, kind: str, _fields: object, *, sites: Sequence[str], start_ns: int, end_ns: int) -> Any:  # noqa: ANN401 - rows
        if kind != "throughput":
            return {}
        self.asked.append((list(sites), start_ns))
        return {site: [row for row in self.sites.get(site, []) if start_ns <= row[0] < end_ns] for site in sites}


async def test_fresh_news_of_many_sites_are_one_question_and_old_ones_another() -> None:
    shelf = Shelf(**{f"s{number}": [run_row(NOW - HOUR, 10.0)] for number in range(20)})
    windows = Windows(shelf)  # type: ignore[arg-type]  # of a store only what is asked here
    await windows.fill([f"s{number}" for number in range(20)], NOW)
    assert len(shelf.asked) == 1
    shelf.asked.clear()
    windows.changes.clear()
    for number in range(10):
        shelf.sites[f"s{number}"].append(run_row(NOW - MINUTE, 20.0))
    shelf.sites["s15"].insert(0, run_row(NOW - 30 * 24 * HOUR, 5.0))
    news = {f"s{number}": {"throughput": NOW - MINUTE} for number in range(10)}
    await windows.refresh({**news, "s15": {"throughput": NOW - 30 * 24 * HOUR}}, NOW)
    assert [(len(sites), start) for sites, start in shelf.asked] == [
        (10, nanoseconds(NOW - HOUR)),
        (1, nanoseconds(NOW - 30 * 24 * HOUR)),
    ]
    assert windows.changes == {**news, "s15": {"throughput": NOW - 30 * 24 * HOUR}}
    assert len(windows.of("s15")["throughput"]) == 2


async def test_what_lies_too_far_back_is_neither_asked_for_nor_kept() -> None:
    shelf = Shelf(s1=[run_row(NOW - 59 * 24 * HOUR, 1.0), run_row(NOW, 2.0)])
    windows = Windows(shelf)  # type: ignore[arg-type]  # likewise
    await windows.fill(["s1"], NOW)
    assert len(windows.of("s1")["throughput"]) == 2
    later = NOW + 2 * 24 * HOUR
    await windows.refresh({"s1": {"throughput": NOW - 400 * 24 * HOUR}}, later)
    assert shelf.asked[-1][1] == nanoseconds(later - 60 * 24 * HOUR)
    assert len(windows.of("s1")["throughput"]) == 1
    windows.keep([])
    assert windows.of("s1") == {}
    assert windows.unknown(["s1"]) == ["s1"]
