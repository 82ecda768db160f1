"""What the archive costs: bytes and CPU a report, the time to find one in a year of days, memory of what is known.

python -m tests.bench.archive [--reports N] [--days N] [--folder DIR]

One process on real files; every append is durable. The year is sealed by the code that seals, in this process.
"""

import argparse
import gc
import json
import os
import random
import resource
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from time import monotonic, process_time
from typing import Any, Final

import msgspec

from agent.wire.codec import encode
from collector.archive import seal
from collector.archive.archive import Archive, Entry, head_of
from collector.archive.knowledge import Knowledge
from tests.bench.believable import believable

AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
AGENTS: Final = 2000
GOAL_BYTES: Final = 150
GOAL_READ_MS: Final = 50
GOAL_CPU_US: Final = 4


def uuid7(at: datetime, chance: random.Random) -> str:
    """An id as agents make them."""
    moment = int(at.timestamp() * 1000)
    low = chance.getrandbits(62)
    return str(uuid.UUID(int=moment << 80 | 7 << 76 | chance.getrandbits(12) << 64 | 2 << 62 | low))


def entries(count: int, chance: random.Random, *, at: datetime, first: int = 0) -> Iterator[Entry]:
    """Reports of 2,000 agents, evenly over a day."""
    for number in range(first, first + count):
        started = at + timedelta(days=1) * (number - first) / count
        agent = f"ls-{number * 7 % AGENTS:04d}-th1"
        epoch = str(uuid.UUID(int=number * 7 % AGENTS * 2**100 + 2**99 // 3))
        report = believable(uuid7(started, chance), agent, chance, number, epoch=epoch)
        seq = number // AGENTS + 1
        raw = encode(msgspec.structs.replace(report, started=started, seq=seq))
        yield Entry(head_of(report.id, place=(agent, epoch, seq), kind=report.kind), raw)


def bytes_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def appended(folder: Path, some: Sequence[Entry], batch: int) -> dict[str, float]:
    """Append in batches, then seal."""
    archive = Archive(folder)
    archive.open()
    began, cpu = monotonic(), process_time()
    for start in range(0, len(some), batch):
        archive.append(some[start : start + batch], at=AT)
    cpu, wall = process_time() - cpu, monotonic() - began
    archive.close()
    hot = bytes_of(folder)
    archive.open()
    archive.append(some[:1], at=AT + timedelta(days=1))
    began = monotonic()
    archive.seal(AT.date())
    sealing = monotonic() - began
    archive.close()
    count = len(some)
    return {
        "batch": batch,
        "reports": count,
        "raw_bytes": sum(len(one.raw) for one in some) / count,
        "hot_bytes": hot / count,
        "sealed_bytes": bytes_of(folder) / count,
        "cpu_us": cpu / count * 1e6,
        "wall_us": wall / count * 1e6,
        "seal_wall_us": sealing / count * 1e6,
    }


def year(folder: Path, days: int, reports: int) -> dict[str, float]:
    """Fill and seal days, open them again, and look for reports."""
    chance = random.Random(2)  # noqa: S311 - a bench repeats itself
    archive = Archive(folder)
    archive.open()
    sample: list[Entry] = []
    for number in range(days):
        at = AT + timedelta(days=number)
        some = list(entries(reports, chance, at=at, first=number * reports))
        for start in range(0, reports, 500):
            archive.append(some[start : start + 500], at=at)
        sample += chance.sample(some, 3)
    archive.append([sample[0]], at=AT + timedelta(days=days))
    archive.close()
    for number in range(days):
        day = (AT + timedelta(days=number)).date()
        seal.prepare(folder, day, level=9)
        seal.finish(folder, day)
    began = monotonic()
    archive.open()
    first_open = monotonic() - began
    archive.close()
    gc.collect()
    before, began = resident(), monotonic()
    archive.open()
    opened = monotonic() - began
    memory = resident() - before
    found = timed(archive, sample)
    strangers = [Entry(head_of(uuid7(AT, chance), place=("a", "e", 1), kind="x"), b"") for _ in range(300)]
    absent = timed(archive, strangers)
    archive.close()
    return {
        "days": days,
        "reports_a_day": reports,
        "bytes": bytes_of(folder) / days / reports,
        "open_after_sealing_s": first_open,
        "open_s": opened,
        "open_mb": memory,
        "read_p50_ms": found[49],
        "read_p99_ms": found[98],
        "absent_p50_ms": absent[49],
        "absent_p99_ms": absent[98],
    }


def timed(archive: Archive, some: Sequence[Entry]) -> list[float]:
    times = []
    for one in some:
        began = monotonic()
        raw = archive.read(one.head.id)
        times.append((monotonic() - began) * 1000)
        if (raw or b"") != one.raw:
            raise AssertionError(one.head.id)
    return quantiles(times, n=100)


def known(agents: int) -> dict[str, float]:
    """Memory of the intervals of so many agents, each with two epochs and one hole."""
    with tempfile.TemporaryDirectory() as folder:
        knowledge = Knowledge(Path(folder) / "index.db")
        gc.collect()
        before = resident()
        for number in range(agents):
            places = [(f"e{epoch}-{uuid.UUID(int=number)}", seq) for epoch in (1, 2) for seq in (1, 2, 4)]
            knowledge.learn(
                [head_of("", place=(f"ls-{number:05d}-th1", epoch, seq), kind="x") for epoch, seq in places]
            )
            if number % 1000 == 0:
                knowledge.save(())
        knowledge.save(())
        used = resident() - before
        knowledge.close()
    return {"agents": agents, "mb": used, "bytes_an_agent": used * 2**20 / agents}


def resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--reports", type=int, default=50_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--a-day", type=int, default=5_000)
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    options = parser.parse_args()
    chance = random.Random(1)  # noqa: S311 - a bench repeats itself
    some = list(entries(options.reports, chance, at=AT))
    missed = 0
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        for batch in (1, 50, 500):
            row = appended(Path(name) / str(batch), some[: 5000 if batch == 1 else None], batch)
            say(row)
            missed += row["sealed_bytes"] > GOAL_BYTES or (batch == 500 and row["cpu_us"] > GOAL_CPU_US)
        row = year(Path(name) / "year", options.days, options.a_day)
        say(row)
        missed += row["bytes"] > GOAL_BYTES or row["read_p99_ms"] > GOAL_READ_MS
    for agents in (2_000, 50_000):
        say(known(agents))
    return 1 if missed else 0


def say(row: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({key: round(value, 2) for key, value in row.items()}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.nice(5)
    sys.exit(main())
