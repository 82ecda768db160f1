"""What became of what was planned, by site and day."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from collector.errors import UsageError
from collector.ledger.period import period
from collector.web import csv_table, rendering, views, whereabouts
from collector.web.completeness import Page
from collector.web.sources import Sources

PERIODS: Final = (1, 7, 30, 90, 365)
WORST: Final = 200
"""Sites that a list shows unless asked for all: more take longer to lay out than to find."""
CELLS: Final = 6000
FEWEST: Final = 20
"""Of completeness so many sites that their days are no more than `CELLS`, but some at least."""
STRIP: Final = {"full": 20, "most": 16, "part": 10, "none": 4, "open": 20}
"""How high a day stands in a strip of completeness: shown by form, not by colour alone."""
_CSV: Final = (
    ("site", ""), ("name", ""), ("commune", ""), ("province", ""), ("from", ""),
    ("to", ""), ("ratio", ""), ("planned", ""), ("received", ""), ("late", ""),
    ("missing", ""), ("dropped", ""), ("rejected", ""), ("skipped", ""),
)  # fmt: skip


def add_routes(app: web.Application, _: Sources) -> None:
    """Add the page of completeness."""
    app.add_routes(
        [
            web.get("/completeness", _completeness),
        ]
    )


async def _completeness(request: web.Request) -> web.Response:
    query, sources = request.query, request.app[rendering.SOURCES]
    window, chosen, is_wrong = _asked(query, sources.now().date())
    is_file = query.get("format") == "csv" and not is_wrong  # no table of another period than was asked for
    most = max(FEWEST, min(WORST, CELLS // ((window[1] - window[0]).days + 1)))
    if "all" in query or is_file:
        found = await views.completeness_page(sources, window)
    else:
        found = await views.least_complete(sources, window, most=most)
    places = await whereabouts.called(sources, [row.site for row in found.rows])
    words = rendering.words_of(request)
    if is_file:
        rows = _rows(found, places)
        when = f"{window[0]}..{window[1]}"
        return csv_table.answer("completeness", _CSV, rows, words=words, demonstration=sources.demonstration, when=when)
    return rendering.page(
        request, "completeness.html", here="completeness", found=found, places=places,
        everything=f"?{urlencode({**query, 'all': '1'})}", csv=f"?{urlencode({**query, 'format': 'csv'})}",
        begins=words.time(datetime.combine(window[1], time(), UTC), "HH:mm"), periods=PERIODS, chosen=chosen,
        typed=query.get("period", "")[:40], is_wrong=is_wrong, heights=STRIP,
    )  # fmt: skip


def _asked(query: Mapping[str, str], today: date) -> tuple[tuple[date, date], int, bool]:
    """The days of an address, the number of those that a link chose (0: none did), and whether they made no sense."""
    chosen = next((days for days in PERIODS if str(days) == query.get("days", "30")), 30)
    usual = (today - timedelta(days=chosen - 1), today)
    if not query.get("period", "").strip():
        return usual, chosen, False
    try:
        return period(query["period"].strip()), 0, False
    except UsageError:
        return usual, chosen, True


def _rows(found: Page, places: Mapping[str, tuple[str, str]]) -> Iterator[Sequence[object]]:
    for row in found.rows:
        skipped = [f"{reason} {count}" for reason, count in row.skipped]
        yield (
            row.site.id, row.site.name, *places[row.site.id], found.first, found.last, row.ratio, row.planned,
            row.received, row.late, row.missing, row.dropped, row.rejected, skipped,
        )  # fmt: skip
