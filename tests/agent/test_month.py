"""What a month of speed tests moved, and what it may."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.month import Month
from agent.wire.control import Request
from agent.wire.report import Measurement
from agent.wire.results import Direction, Latency, Result, Throughput
from agent.wire.web import Page, Web
from tests.agent.bench_of_rounds import ONCE, rounds_at, scheduled, until

LAST = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
NEXT = datetime(2026, 12, 1, tzinfo=UTC)


def made(result: Result | None) -> Measurement[Any]:
    return Measurement(
        id="01936f0e-0000-7000-8000-000000000000", agent="a1", kind="throughput", started=LAST, duration_s=1.0,
        result=result,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("result", "moved"),
    [
        (Throughput(download=Direction(bytes=70), upload=Direction(bytes=30)), 100),
        (Throughput(download=Direction(bytes=70), upload=Direction()), 70),
        (Throughput(), 0),
        (Web(ok=1, failed=1, pages=[Page(url="a", bytes=5), Page(url="b")]), 5),
        (Web(ok=0, failed=0), 0),
        (Latency(method="stamp", sent=9, received=9), 0),
        (None, 0),
    ],
)
def test_both_directions_and_all_pages_count(result: Result | None, moved: int) -> None:
    assert Month("2026-11", 1).after(made(result), LAST) == Month("2026-11", 1 + moved)


def test_a_month_ends_when_its_clock_says_so_and_not_when_there_is_no_clock() -> None:
    spent = Month("2026-11", 100)
    assert spent.at(LAST) == spent
    assert spent.at(NEXT) == Month("2026-12", 0)
    assert spent.at(datetime(1970, 1, 1, tzinfo=UTC)) == spent, "a restart without a clock is no new budget"
    assert Month().at(LAST) == Month("2026-11", 0)


async def test_what_cannot_be_afforded_is_left_out_and_accounted_for(tmp_path: Path) -> None:
    async with rounds_at(tmp_path, scheduled(ONCE, ONCE)) as bench:
        bench.rounds.affords = lambda kind: kind != "throughput"
        await until(lambda: bench.book.exists() and bench.tally("throughput").skipped)
        bench.rounds.ask(Request(request="r1", kind="throughput"))
        bench.rounds.ask(Request(request="r2", kind="latency"))
        await until(lambda: len(bench.keeper.kept) == 2)
    assert [one.kind for one in bench.keeper.kept] == ["latency", "latency"]
    assert bench.tally("throughput").skipped == {"budget": 1}
