"""What fifty people who watch cost: `python -m tests.bench.live_viewers` (two minutes; `--seconds 5` for a look).

A server with 2,000 sites in a process of its own is told 500 reports a second, as ingest tells them: in bursts. Viewers
are in another process. Counted is the processor time of the server alone; the same without viewers, which is what
making the events costs, is a row of its own and not subtracted.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Final, cast
from urllib.parse import urlsplit

import msgspec
import psutil

from collector.events import Event
from collector.rollups.recent import Recent
from collector.store.points import nanoseconds
from collector.store.store import FieldValue
from tests.bench.machine import commit, machine
from tests.collector.web.house import NOW, SITES, Province, judged, province

RESULTS: Final = Path(__file__).parent / "results" / "live_viewers.md"
SITES_N: Final = 2000
BURST_S: Final = 0.02
WARM_S: Final = 2.0
GOAL: Final = 0.20


@dataclass(frozen=True, slots=True)
class Case:
    """What viewers ask for."""

    name: str
    query: str


CASES: Final = (
    Case("every event", "?"),
    Case("every event of one site", "?site=s-7"),
    Case("incidents only", "?topics=incident"),
    Case("digest `list`, as the first page asks", "?digest=list"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One case: the share of a core, bytes to each viewer a second, and the age of each write's oldest event."""

    name: str
    viewers: int
    share: float
    bytes_s: float
    delay_ms: tuple[float, float] | None


def many(it: Province) -> Sequence[str]:
    """Fill the province up to its 2,000 sites, each with a verdict."""
    sites = [replace(SITES[number % 3], id=f"s-{number}", name=f"Điểm {number}") for number in range(SITES_N)]
    it.registry.import_sites(sites, now=NOW - timedelta(days=60))
    verdicts = [judged(site, [100.0 + number for number in range(10)]) for site in SITES[:3]]
    it.judge.verdicts |= {
        site.id: msgspec.structs.replace(verdicts[n % 3], site=site.id) for n, site in enumerate(sites)
    }
    last: dict[str, FieldValue] = {"download_mbps": 101.5, "conclusive": True, "id": "r-1"}
    told = {
        site.id: Recent(site=site.id, at=NOW, newest_ns=nanoseconds(NOW), last=dict(last), n=100, median=float(n % 200))
        for n, site in enumerate(sites)
    }
    object.__setattr__(it.sources, "recents", lambda: told)
    return [site.id for site in sites]


async def serve(rate: float, moves: float) -> None:
    """Publish for ever, and have so many sites a second judged otherwise; the address on the first line."""
    with tempfile.TemporaryDirectory() as folder:
        async with province(Path(folder)) as it:
            sites = await asyncio.to_thread(many, it)
            print(it.client.make_url("/api/v1/live"), flush=True)  # noqa: T201 - its only way to say it
            begun, number, moved = time.monotonic(), 0, 0
            words = [it.judge.verdicts[site] for site in sites[:2]]
            while True:
                while number < (time.monotonic() - begun) * rate:
                    now = datetime.now(UTC)
                    facts = {"kind": "throughput", "id": f"r-{number}", "download_mbps": 101.5, "started": now}
                    it.sources.bus.publish(Event("report", sites[number * 7919 % SITES_N], now, facts))
                    number += 1
                while moved < (time.monotonic() - begun) * moves:
                    site = sites[moved * 6007 % SITES_N]
                    it.judge.verdicts[site] = msgspec.structs.replace(words[moved // SITES_N % 2], site=site)
                    it.sources.bus.publish(Event("verdict", site, datetime.now(UTC), {}))
                    moved += 1
                await asyncio.sleep(BURST_S)


@dataclass(slots=True)
class Heard:
    """What one process of viewers got."""

    bytes: int = 0
    delays_ms: list[float] | None = None


async def view(url: str, heard: Heard) -> None:
    """Read one stream; of each chunk the oldest event's age is noted."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
    try:
        while data := await reader.read(1 << 20):
            heard.bytes += len(data)
            if heard.delays_ms is not None and (found := data.find(b'"at":"')) >= 0:
                at = data[found + 6 :].partition(b'"')[0].decode()
                if at.endswith("Z"):
                    age = datetime.now(UTC) - datetime.fromisoformat(at)
                    heard.delays_ms.append(age.total_seconds() * 1000)
    finally:
        writer.close()


async def watch(url: str, viewers: int, seconds: float) -> None:
    """So many viewers for so long; what they got as JSON."""
    heard = Heard()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(view(url, heard), name=f"viewer {number}") for number in range(viewers)]
        await asyncio.sleep(WARM_S)
        print("warm", flush=True)  # noqa: T201 - its only way to say it
        heard.bytes, heard.delays_ms = 0, []
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
    print(json.dumps([heard.bytes, sorted(heard.delays_ms)]))  # noqa: T201 - its only way to say it


@contextmanager
def own(*arguments: str) -> Iterator[tuple[int, IO[bytes]]]:
    """Run a module, named first, as another process, ended with the context; its number and what it says."""
    command = [sys.executable, "-m", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603 - ourselves
        try:
            yield process.pid, cast("IO[bytes]", process.stdout)
        finally:
            process.terminate()


def measure(case: Case, *, viewers: int, rate: float, seconds: float) -> Row:
    """The server's own processor time while viewers watch."""
    with own("tests.bench.live_viewers", "--serve", "--rate", str(rate)) as (server, said):
        url = said.readline().decode().strip() + case.query
        counted = psutil.Process(server)
        arguments = ("--watch", url, "--viewers", str(viewers), "--seconds", str(seconds))
        with own("tests.bench.live_viewers", *arguments) as (_, watched):
            watched.readline()
            before, begun = counted.cpu_times(), time.monotonic()
            time.sleep(seconds)
            after, took = counted.cpu_times(), time.monotonic() - begun
            got, delays = json.loads(watched.read())
    spent = (after.user + after.system) - (before.user + before.system)
    middle = (delays[len(delays) // 2], delays[int(len(delays) * 0.99)]) if delays else None
    return Row(case.name if viewers else "nobody", viewers, spent / took, got / seconds / max(viewers, 1), middle)


def table(rows: Sequence[Row], rate: float, seconds: float) -> str:
    """The results as they are kept."""
    lines = [
        f"# {max(row.viewers for row in rows)} viewers at {rate:,.0f} reports a second",
        "",
        f"- written {datetime.now(UTC):%Y-%m-%d} by `python -m tests.bench.live_viewers --save`, commit {commit()}",
        f"- {machine()}",
        f"- {SITES_N:,} sites; {seconds:.0f} s each; processor time of the server's process alone, with making events",
        f"- goal: at most {GOAL:.0%} of a core for viewers of the first page",
        "",
        "| what viewers ask for | viewers | of a core | KB a second to each | age on arrival, ms: median, p99 |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        age = f"{row.delay_ms[0]:.0f}, {row.delay_ms[1]:.0f}" if row.delay_ms else ""
        lines.append(f"| {row.name} | {row.viewers} | {row.share:.1%} | {row.bytes_s / 1000:.1f} | {age} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure every case, or be one of the processes that it needs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--rate", type=float, default=500.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--save", action="store_true", help="keep the results")
    parser.add_argument("--moves", type=float, default=0.0, help=argparse.SUPPRESS)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--watch", metavar="URL", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    with suppress(KeyboardInterrupt):
        if asked.serve:
            asyncio.run(serve(asked.rate, asked.moves))
        elif asked.watch:
            asyncio.run(watch(asked.watch, asked.viewers, asked.seconds))
        else:
            whole = {"rate": asked.rate, "seconds": asked.seconds}
            rows = [measure(CASES[0], viewers=0, **whole)]
            rows.extend(measure(case, viewers=asked.viewers, **whole) for case in CASES)
            text = table(rows, asked.rate, asked.seconds)
            print(text)  # noqa: T201 - a command
            if asked.save:
                RESULTS.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
