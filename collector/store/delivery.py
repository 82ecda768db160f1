"""How a batch of lines gets into an InfluxDB-like server: in pieces it accepts, down to the single refused line.

Writing a line twice is harmless, so whatever is unclear is simply sent again in halves. A line counts as stored only
by a 204 for a piece that held it.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic

from collector.errors import PointsRefused, StoreUnavailable
from collector.store.answer import Answer, outcome
from collector.store.line import PointError
from collector.store.points import line_of
from collector.store.store import Point

PIECE_LINES = 5_000
PIECE_BYTES = 1_000_000
"""Also below what aiohttp likes to send in one go; servers and proxies usually allow 1 MB or more."""

_LEAST_BYTES = 16_384
_QUICK_S = 1.0

Send = Callable[[bytes], Awaitable[Answer]]
Create = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Pace:
    """How much a server is sent at once: half as much after a piece without answer, twice as much after a quick one.

    Over a way so slow that a whole piece does not get through in time, the same piece would fail for ever.
    """

    piece_bytes: int = PIECE_BYTES
    clock: Callable[[], float] = monotonic

    async def send(self, send: Send, body: bytes) -> Answer:
        """Send one piece and learn from it; raises what `send` raises."""
        started = self.clock()
        try:
            answer = await send(body)
        except StoreUnavailable:
            self.piece_bytes = max(_LEAST_BYTES, self.piece_bytes // 2)
            raise
        if self.clock() - started < _QUICK_S:
            self.piece_bytes = min(PIECE_BYTES, self.piece_bytes * 2)
        return answer


async def deliver(points: Sequence[Point], send: Send, create: Create, where: str, pace: Pace | None = None) -> None:
    """Write every point that can be written, then say which can never be.

    `create` makes a missing database, or raises StoreUnavailable. `pace` is the server's, kept from batch to batch.

    Raises:
        StoreUnavailable: nothing can be said of the batch.
        StoreFull: the same.
        PointsRefused: all others are durable.
    """
    lines, refused = _encoded(points)
    created = False
    pace = pace or Pace()
    pieces = list(_pieces(lines, pace.piece_bytes))[::-1]
    while pieces:
        piece = pieces.pop()
        answer = await pace.send(send, b"\n".join([line for _, line in piece]))
        result = outcome(answer, where, len(piece))
        if result == "no_database":
            if created:
                raise StoreUnavailable(f"{where} does not keep its database: {answer.words}")
            created = True
            await create()
            pieces.append(piece)
        elif result == "all_refused" or (result != "stored" and len(piece) == 1):
            refused |= dict.fromkeys((index for index, _ in piece), answer.words)
        elif result != "stored":
            half = len(piece) // 2
            pieces += [piece[half:], piece[:half]]
    if refused:
        first = min(refused)
        raise PointsRefused(
            f"{where} will never take {len(refused)} of {len(points)} points; the first: {refused[first]}",
            sorted(refused),
        )


def _encoded(points: Sequence[Point]) -> tuple[list[tuple[int, bytes]], dict[int, str]]:
    """Each point's place and line, and the places and faults of those that make none."""
    lines: list[tuple[int, bytes]] = []
    refused: dict[int, str] = {}
    for index, point in enumerate(points):
        try:
            lines.append((index, line_of(point)))
        except PointError as error:
            refused[index] = str(error)
    return lines, refused


def _pieces(lines: Sequence[tuple[int, bytes]], limit: int) -> Iterator[list[tuple[int, bytes]]]:
    """Cut lines into requests of bounded length, in order."""
    piece: list[tuple[int, bytes]] = []
    size = 0
    for entry in lines:
        if piece and (len(piece) == PIECE_LINES or size + len(entry[1]) > limit):
            yield piece
            piece, size = [], 0
        piece.append(entry)
        size += len(entry[1]) + 1
    if piece:
        yield piece
