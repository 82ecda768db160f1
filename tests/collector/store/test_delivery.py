"""Batches in pieces: every good line ends in a piece that got its 204, every refused one is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import PointsRefused, StoreUnavailable
from collector.store.answer import Answer
from collector.store.delivery import PIECE_BYTES, PIECE_LINES, Pace, deliver
from collector.store.line import encode_line
from tests.collector.store.samples import point

REFUSAL = Answer(400, '{"error":"partial write: field type conflict dropped=1"}')
MISSING = Answer(404, '{"error":"database not found: \\"x\\""}')


class Server:
    """Takes lines as InfluxDB does: good ones of a refused piece may be kept, but only a 204 says so."""

    def __init__(self, *, bad: set[bytes] = frozenset(), limit: int = 2**30, exists: bool = True) -> None:  # type: ignore[assignment] # an empty set
        self.bad, self.limit, self.exists = bad, limit, exists
        self.stored: list[bytes] = []
        self.pieces: list[bytes] = []

    async def send(self, body: bytes) -> Answer:
        self.pieces.append(body)
        lines = body.split(b"\n")
        if not self.exists:
            return MISSING
        if len(body) > self.limit:
            return Answer(413, "")
        if self.bad & set(lines):
            return REFUSAL
        self.stored += lines
        return Answer(204, "")

    async def create(self) -> None:
        self.exists = True


@given(st.integers(1, 60), st.sets(st.integers(0, 59)))
async def test_exactly_the_bad_ones_are_refused(count: int, bad: set[int]) -> None:
    points = [point(number) for number in range(count)]
    lines = [encode_line(one) for one in points]
    bad = {number for number in bad if number < count}
    server = Server(bad={lines[number] for number in bad})
    if bad:
        with pytest.raises(PointsRefused) as refusal:
            await deliver(points, server.send, server.create, "here")
        assert refusal.value.indices == tuple(sorted(bad))
    else:
        await deliver(points, server.send, server.create, "here")
    assert server.stored == [line for number, line in enumerate(lines) if number not in bad]


async def test_what_is_too_large_is_split() -> None:
    points = [point(number) for number in range(100)]
    server = Server(limit=1000)
    await deliver(points, server.send, server.create, "here")
    assert server.stored == [encode_line(one) for one in points]
    assert max(map(len, server.pieces[-1:])) <= 1000


async def test_a_single_line_that_is_too_large_is_refused() -> None:
    server = Server(limit=500)
    with pytest.raises(PointsRefused) as refusal:
        await deliver([point(1), point(2, word="x" * 1000)], server.send, server.create, "here")
    assert refusal.value.indices == (1,)


async def test_a_missing_database_is_made_once() -> None:
    server = Server(exists=False)
    await deliver([point(1)], server.send, server.create, "here")
    assert len(server.stored) == 1

    async def nothing() -> None:
        return None

    forgetful = Server(exists=False)
    with pytest.raises(StoreUnavailable, match="does not keep its database"):
        await deliver([point(1)], forgetful.send, nothing, "here")


async def test_requests_are_bounded() -> None:
    server = Server()
    await deliver([point(number) for number in range(PIECE_LINES + 1)], server.send, server.create, "here")
    assert [piece.count(b"\n") + 1 for piece in server.pieces] == [PIECE_LINES, 1]
    server = Server()
    await deliver([point(number, word="x" * 15_000) for number in range(200)], server.send, server.create, "here")
    assert len(server.pieces) == 4
    assert max(map(len, server.pieces)) <= PIECE_BYTES


async def test_over_a_slow_way_pieces_shrink_until_they_get_through_and_grow_again() -> None:
    """Nothing over 100 kB gets through in time: a batch of 800 kB is through after a few tries, and stays whole."""
    server, clock = Server(), [0.0]

    async def slow(body: bytes) -> Answer:
        seconds = len(body) / 10_000
        clock[0] += min(seconds, 10.0)
        if seconds > 10:
            raise StoreUnavailable("no answer in 10 s")
        return await server.send(body)

    points, pace = [point(number, word="x" * 10_000) for number in range(80)], Pace(clock=lambda: clock[0])
    tries = 0
    while len(server.stored) < 80:
        server.stored.clear()
        tries += 1
        try:
            await deliver(points, slow, server.create, "here", pace)
        except StoreUnavailable:
            assert tries < 6
    assert server.stored == [encode_line(one) for one in points]
    assert 30_000 < pace.piece_bytes <= 100_000
    for _ in range(6):
        await deliver([point(1)], server.send, server.create, "here", pace)
    assert pace.piece_bytes == PIECE_BYTES
