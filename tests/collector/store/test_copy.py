"""Series moved between stores, both ways, with real engines: every point, whatever happens in between."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from collector.errors import StoreUnavailable
from collector.store.copy import DAY_NS, Copy, Sum, Tally
from collector.store.open import shelf_from_url, store_from_url
from collector.store.shelf import Shelf
from collector.store.store import Point, Store
from tests.collector.influxd import Influxd
from tests.collector.store.conftest import DATABASES
from tests.collector.store.samples import NOON, point, tagged

WORDS = "Hữu Lũng, \"x\" = 'y' \\ z"


@dataclass(slots=True)
class Ends:
    """Both sides of a copy."""

    source: Store
    target: Store
    copy: Copy
    heard: list[tuple[str, float, Tally]] = field(default_factory=list)


@asynccontextmanager
async def ends(source_url: str, target_url: str, **settings: int) -> AsyncIterator[Ends]:
    source, target = store_from_url(source_url), store_from_url(target_url)
    shelves = shelf_from_url(source_url), shelf_from_url(target_url)
    await source.open()
    await target.open()
    copy = Copy(*shelves, target, **settings)  # type: ignore[arg-type] # numbers, each of its own kind
    found = Ends(source, target, copy)
    copy.tell = lambda *heard: found.heard.append(heard)
    yield found
    for one in (source, target, *shelves):
        await one.close()


@dataclass(slots=True)
class Late:
    """A target whose source gets a point with each write."""

    source: Store
    target: Store
    arriving: list[Point]

    async def write(self, points: Sequence[Point]) -> None:
        await self.target.write(points)
        if self.arriving:
            await self.source.write([self.arriving.pop()])


def sample() -> list[Point]:
    """Points of all types, sites, days; some of no site, some before 1970's end and of the far future."""
    days = [
        tagged(point(day * 86_400 + number), family=f"ipv{4 + number % 2 * 2}")
        for day in range(3)
        for number in range(40)
    ]
    odd = [
        point(1, site="b", words=WORDS, off=False, third=1 / 3, tiny=5e-324),
        replace(point(2, word="of nobody"), tags=()),
        replace(point(3), time_ns=5),
        replace(point(4), time_ns=NOON + 9_000 * DAY_NS + 1),
    ]
    others = [point(number, measurement="latency", rtt_ms_median=number / 7) for number in range(10)]
    return [*days, *odd, *others, point(0, measurement="verdict", value=0.0, reasons="r")]


async def held(shelf: Shelf) -> dict[str, set[tuple[object, ...]]]:
    """Everything in a store, comparable."""
    return {
        name: {
            (
                row.time_ns,
                tuple(sorted(row.tags.items())),
                tuple(sorted((key, type(v), v) for key, v in row.fields.items())),
            )
            async for rows in shelf.rows(name, (0, 2**62))
            for row in rows
        }
        for name in await shelf.measurements()
        if await shelf.ends(name, 0)
    }


@pytest.fixture
def other_url(store_url: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The other engine."""
    if store_url.startswith("influxdb1"):
        return f"sqlite://{tmp_path}/other.db"
    influxd: Influxd = request.getfixturevalue("influxd")
    return influxd.store_url(f"linkgauge_{next(DATABASES)}")


pytestmark = pytest.mark.program("influxd")


async def test_everything_arrives_and_a_second_run_finds_nothing_to_do(store_url: str, other_url: str) -> None:
    async with ends(store_url, other_url) as both:
        await both.source.write(sample())
        tallies = await both.copy.run()
        assert {name: (tally.source.count, tally.written) for name, tally in tallies.items() if tally.source.count} == {
            "latency": (10, 10),
            "throughput": (124, 124),
            "verdict": (1, 1),
        }
        assert all(tally.good and not tally.extra for tally in tallies.values())
        everything = await held(both.copy.source)
        assert sum(map(len, everything.values())) == 135
        assert await held(both.copy.target) == everything
        assert both.copy.late == 0
        shares = [share for name, share, _ in both.heard if name == "throughput"]
        assert shares[-1] == 1.0
    async with ends(store_url, other_url) as again:
        repeated = await again.copy.run()
        assert {name: tally.source for name, tally in repeated.items()} == {n: t.source for n, t in tallies.items()}
        assert not any(tally.written for tally in repeated.values())
    async with ends(other_url, f"{store_url}_back") as back:
        returned = await back.copy.run(only=["throughput", "nothing"])
        assert {name: tally.source for name, tally in returned.items()} == {"throughput": tallies["throughput"].source}
        assert set(await held(back.copy.target)) == {"throughput"}


async def test_windows_are_halved_until_they_fit_in_memory(store_url: str, other_url: str) -> None:
    async with ends(store_url, other_url, window_points=7) as both:
        await both.source.write([point(number // 3, site=f"s{number}") for number in range(60)])
        (tally,) = [tally for tally in (await both.copy.run()).values() if tally.source.count]
        assert (tally.source.count, tally.written, tally.good) == (60, 60, True)
        assert await held(both.copy.target) == await held(both.copy.source)


async def test_points_that_arrive_while_copying_are_found_by_the_next_pass(store_url: str, other_url: str) -> None:
    async with ends(store_url, other_url) as both:
        await both.source.write([point(number) for number in range(10)])
        arriving = [point(1, measurement="verdict"), *(tagged(point(number), family="ipv6") for number in range(100))]
        both.copy.into = Late(both.source, both.target, arriving)  # type: ignore[assignment] # all that a copy needs
        tallies = await both.copy.run()
        assert (both.copy.passes, both.copy.late) == (5, 1)
        assert tallies["throughput"].written == 14
        del arriving[2:]
        both.copy.passes = 0
        tallies = await both.copy.run()
        assert both.copy.late == 0
        assert [tallies[name].source.count for name in ("throughput", "verdict")] == [16, 1]
        assert await held(both.copy.target) == await held(both.copy.source)


async def test_what_the_target_refuses_or_had_otherwise_is_told(store_url: str, other_url: str) -> None:
    async with ends(store_url, other_url) as both:
        await both.source.write([point(number, odd=float(number)) for number in range(6)])
        await both.source.write([point(9, measurement="latency", loss_ratio=0.5)])
        await both.target.write([point(50, odd="text"), point(99)])
        await both.target.write([point(9, measurement="latency", extra_ms=1.0)])
        tallies = await both.copy.run()
        throughput, latency = tallies["throughput"], tallies["latency"]
        assert (throughput.source.count, throughput.written, throughput.refused, throughput.extra) == (6, 0, 6, 2)
        assert not throughput.good
        assert "points" in throughput.why
        assert (latency.differing, latency.refused, latency.written, latency.good) == (1, 0, 0, False)
        assert both.copy.passes == 1


async def test_a_side_that_cannot_be_reached_is_waited_for_and_then_named(tmp_path: Path, influxd: Influxd) -> None:
    async with ends(f"sqlite://{tmp_path}/s.db", influxd.store_url(f"linkgauge_{next(DATABASES)}")) as both:
        await both.source.write([point(number) for number in range(10)])

        @dataclass
        class Shaky:
            """A target that is away for the first two writes."""

            fails: int = 2

            async def write(self, points: Sequence[Point]) -> None:
                self.fails -= 1
                if self.fails >= 0:
                    raise StoreUnavailable("away")
                await both.target.write(points)

        both.copy.into = Shaky()  # type: ignore[assignment] # all that a copy needs
        both.copy.patience_s = 0.2
        with pytest.raises(StoreUnavailable, match="away; the same command goes on"):
            await both.copy.run()
        both.copy.patience_s, both.copy.passes = 30.0, 0
        assert (await both.copy.run())["throughput"].written == 10


async def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"nonsense" * 500)
    for path in (tmp_path / "x.db", tmp_path / "none.db"):
        with pytest.raises(StoreUnavailable, match="is it a series file"):
            await shelf_from_url(f"sqlite://{path}").measurements()


def test_sums_add_up_in_any_order() -> None:
    assert Sum(1, 2**128 - 1) + Sum(2, 3) == Sum(3, 2) == Sum(2, 3) + Sum(1, 2**128 - 1)
    assert Sum(3, 2).words == "0" * 31 + "2"
