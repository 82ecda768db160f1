"""How reports flow through the house, stage by stage."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from aiohttp import web

from collector.web import csv_table, flow, pipe, rendering
from collector.web.pipe import Pipe
from collector.web.sources import Sources

_PROCESSES: Final = (
    ("process", ""), ("alive", ""), ("roles", ""), ("runs_since", ""), ("heard", ""),
    ("reports_a_second", ""), ("waiting", ""), ("cpu_share", ""),
    ("resident_bytes", ""), ("loop_s", ""), ("trouble", ""),
)  # fmt: skip


def add_routes(app: web.Application, _: Sources) -> None:
    """Add the page of the pipe."""
    app.add_routes(
        [
            web.get("/pipe", _pipe),
        ]
    )


async def _pipe(request: web.Request) -> web.Response:
    sources, words = request.app[rendering.SOURCES], rendering.words_of(request)
    now = sources.now()
    found = pipe.view(sources.board.sightings(), now)
    if request.query.get("format") == "csv":
        columns: Sequence[tuple[str, str]] = _PROCESSES
        rows = _processes(found)
        if request.query.get("table") == "rates":
            columns = [("time", ""), *((f"{one.name}_{one.unit}_a_second", "") for one in found.stages)]
            rows = ((at, *rates) for at, rates in slots(found, now))
        return csv_table.answer("pipe", columns, rows, words=words, demonstration=sources.demonstration)
    box = (pipe.SPARK_WIDTH, pipe.SPARK_HEIGHT)
    return rendering.page(request, "pipe.html", here="pipe", pipe=found, box=box, slots=slots(found, now))


def slots(found: Pipe, now: datetime) -> list[tuple[datetime, tuple[float | None, ...]]]:
    """The curves as numbers: each slot's end with every stage's rate, the newest first; empty slots are left out."""
    count = flow.SLOTS
    rows = [
        (now - flow.SLOT * (count - 1 - number), tuple(stage.rates[number] for stage in found.stages))
        for number in reversed(range(count))
    ]
    return [(at, rates) for at, rates in rows if any(rate is not None for rate in rates)]


def _processes(found: Pipe) -> Iterator[Sequence[object]]:
    for one in found.processes:
        yield (
            one.name, one.alive, list(one.roles), one.started, one.heard, one.rate, one.levels.queue, one.cpu,
            one.levels.resident_bytes, one.levels.loop_s, [trouble.why for trouble in one.troubles],
        )  # fmt: skip
