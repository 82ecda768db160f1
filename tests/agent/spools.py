"""A spool for a block of a test, and short ways to fill and read it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.identity import Identity
from agent.spool import Spool
from agent.wire.codec import AnyReport
from tests.agent.delivery import AGENT, HERE, measurement


@contextmanager
def opened(folder: Path, *, identity: Identity = HERE, **options: Any) -> Iterator[Spool]:  # noqa: ANN401 - the spool's own
    spool = Spool(folder / "spool.db", identity=identity, **options)
    spool.open()
    try:
        yield spool
    finally:
        spool.close()


def fill(spool: Spool, count: int, kind: str = "latency", *, first: int = 1) -> list[AnyReport]:
    reports = [spool.put(measurement(number, kind)) for number in range(first, first + count)]
    return [report for report in reports if report is not None]


def waiting(spool: Spool) -> list[tuple[str, int]]:
    return [(slip.epoch, slip.seq) for slip in spool.waiting(0, 100_000, agent=AGENT)]


def stored_bytes(spool: Spool) -> list[bytes]:
    return list(spool.bodies(slip.place for slip in spool.waiting(0, 100_000, agent=AGENT)).values())


def total_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir() if not path.name.endswith("-shm"))
