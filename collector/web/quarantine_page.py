"""What is held back, on a page: looked through, kept as a file, and judged again on a person's word."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from collector.web import api, csv_table, quarantine, rendering
from collector.web.cases import deciding
from collector.web.cases.deciding import Wrong
from collector.web.quarantine import Shown, Wish
from collector.web.sources import Sources

_SEE_OTHER: Final = 303
_WRONG: Final = 400
_CSV: Final = (
    ("number", ""), ("came_last", ""), ("times", ""), ("agent", ""), ("topic", ""),
    ("reason", ""), ("detail", ""), ("bytes", ""), ("begins_with", ""),
    ("asked_by", ""), ("outcome", ""),
)  # fmt: skip


def add_routes(app: web.Application, sources: Sources) -> None:
    """Add the page of the quarantine."""
    app.add_routes(
        [
            web.get("/quarantine", _quarantine),
            web.post("/quarantine", api.bound(_judge_again, sources)),
        ]
    )


async def _quarantine(request: web.Request) -> web.Response:
    query, sources = request.query, request.app[rendering.SOURCES]
    wish = quarantine.wish_of(query)
    if query.get("format") == "csv":
        found = await quarantine.view(sources, wish, most=quarantine.FILED)
        words = rendering.words_of(request)
        return csv_table.answer(
            "quarantine", _CSV, _cells(found.rows), words=words, demonstration=sources.demonstration
        )
    return await _page(request, wish)


async def _judge_again(request: web.Request, sources: Sources) -> web.Response:
    """The page's form: mark what it shows, and come back to it."""
    if not api.from_here(request):
        raise web.HTTPForbidden(text="Changes are accepted from this machine and its own page only.")
    post = await request.post()
    form, wish = deciding.filled(post), quarantine.wish_of({name: str(value) for name, value in post.items()})
    every = (str(number) for number in post.getall("number", []))
    numbers = [int(number) for number in every if number.isdecimal()][: quarantine.SHOWN]
    faults: dict[str, str] = {}
    try:
        who = deciding.who_of(form)
    except Wrong as wrong:
        who, faults = "", {str(name): said for name, said in wrong.faults.items()}
    if not numbers:
        faults["number"] = "Tick at least one of them."
    if faults:
        return await _page(request, wish, faults, ticked=frozenset(numbers), who=form["who"])
    marked = await quarantine.mark(sources, numbers, who)
    told = {"reason": wish.reason, "agent": wish.agent, "text": wish.text}
    words = urlencode({name: value for name, value in told.items() if value} | {"asked": str(len(marked))})
    return web.Response(status=_SEE_OTHER, headers={"Location": f"/quarantine?{words}"})


async def _page(
    request: web.Request,
    wish: Wish,
    faults: Mapping[str, str] | None = None,
    *,
    ticked: frozenset[int] | None = None,
    who: str = "",
) -> web.Response:
    found = await quarantine.view(request.app[rendering.SOURCES], wish)
    chosen = {name: getattr(wish, name) for name in ("reason", "agent", "text") if getattr(wish, name)}
    response = rendering.page(
        request, "quarantine.html", here="quarantine", found=found, wish=wish, asked=request.query.get("asked"),
        faults=faults or {}, ticked=ticked, who=who, may=api.from_here(request), reasons=quarantine.REASONS,
        csv=f"/quarantine?{urlencode(chosen | {'format': 'csv'})}",
    )  # fmt: skip
    if faults:
        response.set_status(_WRONG)
    return response


def _cells(rows: Sequence[Shown]) -> Iterator[Sequence[object]]:
    for row in rows:
        held = row.held
        yield (
            held.number, row.last, held.times, row.agent, held.topic, held.reason, held.detail, held.bytes,
            row.excerpt, held.asked_by, held.outcome,
        )  # fmt: skip
