"""Fills a store with the year, past the collector's own writing: rows and lines as it would leave them, in bulk."""

import http.client
import json
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from collector.registry.site import Site
from collector.store.line import encode_line
from collector.store.points import known_columns
from collector.store.sqlite_schema import Layout, upsert
from collector.store.store import FieldValue, Point
from tests.bench.year_data import Part, report_id, sites, tags_of, times, variant, variants

BODY_BYTES: Final = 8 * 2**20
TIMEOUT_S: Final = 600.0
PATIENCE_S: Final = 2.0
TRIES: Final = 300
_MS: Final = 1_000_000
_CACHE_KIB: Final = 400_000
Fill = Callable[[Part, Sequence[Site]], None]


def filled(note: Path, wanted: Sequence[Part], count: int, fill: Fill, console: Console) -> float:
    """Fill what the note does not name yet, of so many sites; seconds, of earlier goes too."""
    done: dict[str, float] = json.loads(note.read_text()) if note.exists() else {}
    left = [part for part in wanted if part.key not in done]
    bar = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*bar, console=console) as progress:
        task = progress.add_task("", total=len(wanted), completed=len(wanted) - len(left))
        for part in left:
            progress.update(task, description=part.key[:26])
            began = time.monotonic()
            fill(part, sites(count))
            done[part.key] = time.monotonic() - began
            note.write_text(json.dumps(done))
            progress.advance(task)
    return sum(done.values())


def sqlite_fill(path: Path) -> Fill:
    """Fill a file that the embedded store has made."""

    def fill(part: Part, where: Sequence[Site]) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for pragma in ("journal_mode=WAL", "synchronous=OFF", f"cache_size=-{_CACHE_KIB}"):
                connection.execute(f"PRAGMA {pragma}")
            layout = Layout(connection)
            layout.refresh()
            connection.execute("BEGIN IMMEDIATE")
            for names, rows in _by_shape(part, where, layout).items():
                connection.executemany(upsert(part.measurement, names), rows)
            connection.execute("COMMIT")

    return fill


def _by_shape(part: Part, where: Sequence[Site], layout: Layout) -> dict[tuple[str, ...], list[tuple[Any, ...]]]:
    """All rows of a part, by the columns that they have."""
    known, sets = known_columns().get(part.measurement, {}), variants(part)
    new = {name: type(value) for fields in sets for name, value in fields.items() if name not in known}
    layout.widen(part.measurement, new)
    first = () if part.level else ("id",)
    shapes = [(*first, *fields) for fields in sets]
    values = [tuple(fields.values()) for fields in sets]
    found: dict[tuple[str, ...], list[tuple[Any, ...]]] = defaultdict(list)
    for number in range(0, len(where), part.every):
        series, site = layout.series(tags_of(part, where[number]))
        for turn, at in enumerate(times(part, number)):
            which = variant(number, turn)
            own = (report_id(number, at // 3_600_000 % 65_536),) if first else ()
            found[shapes[which]].append((site, at * _MS, series, *own, *values[which]))
    return found


def influx_fill(url: str, database: str) -> Fill:
    """Fill a database of an InfluxDB 1.x server."""

    def fill(part: Part, where: Sequence[Site]) -> None:
        lines = _lines(part, where)
        with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT_S)) as connection:
            while body := b"\n".join(_some(lines)):
                _post(connection, f"/write?db={database}&precision=ms", body)

    return fill


def _some(lines: Iterator[bytes]) -> Iterator[bytes]:
    """As many lines as one request carries."""
    size = 0
    for line in lines:
        yield line
        size += len(line)
        if size >= BODY_BYTES:
            return


def _lines(part: Part, where: Sequence[Site]) -> Iterator[bytes]:
    """A part's points as line protocol, in milliseconds."""
    sets = [_fields(fields) for fields in variants(part)]
    numbers = range(0, len(where), part.every)
    keys = {number: _key(part, where[number]) for number in numbers}
    if part.level:  # in the order of time, as it is kept: a request goes to few shards
        for turn, at in enumerate(times(part, 0)):
            for number in numbers:
                yield b"%b %b %d" % (keys[number], sets[variant(number, turn)], at)
        return
    for number in numbers:
        for turn, at in enumerate(times(part, number)):
            own = report_id(number, at // 3_600_000 % 65_536).encode()
            yield b'%b id="%b",%b %d' % (keys[number], own, sets[variant(number, turn)], at)


def _fields(fields: Any) -> bytes:  # noqa: ANN401 - a mapping of field values
    return encode_line(Point("m", (), fields, 0)).split(b" ", 1)[1].rsplit(b" ", 1)[0]


def _key(part: Part, site: Site) -> bytes:
    one: dict[str, FieldValue] = {"f": 1.0}
    return encode_line(Point(part.measurement, tags_of(part, site), one, 0)).rsplit(b" ", 2)[0]


def _post(connection: http.client.HTTPConnection, path: str, body: bytes) -> None:
    """Write; a server whose cache is full wants a moment."""
    status, said = 0, b""
    for _ in range(TRIES):
        connection.request("POST", path, body)
        answer = connection.getresponse()
        status, said = answer.status, answer.read()
        if status == http.client.NO_CONTENT:
            return
        if status < http.client.INTERNAL_SERVER_ERROR:
            break
        time.sleep(PATIENCE_S)
    raise RuntimeError(f"InfluxDB refuses ({status}): {said[:300]!r}")
