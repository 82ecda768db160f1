"""What became of what was planned, by site and day."""

from datetime import UTC, datetime, time, timedelta
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from collector.errors import UsageError
from collector.ledger.period import period
from collector.web import rendering, views
from collector.web.sources import Sources

PERIODS: Final = (1, 7, 30, 90, 365)
WORST: Final = 200
"""Sites that a list shows unless asked for all: more take longer to lay out than to find."""
CELLS: Final = 6000
FEWEST: Final = 20
"""Of completeness so many sites that their days are no more than `CELLS`, but some at least."""
STRIP: Final = {"full": 20, "most": 16, "part": 10, "none": 4, "open": 20}
"""How high a day stands in a strip of completeness: shown by form, not by colour alone."""


def add_routes(app: web.Application, _: Sources) -> None:
    """Add the page of completeness."""
    app.add_routes(
        [
            web.get("/completeness", _completeness),
        ]
    )


async def _completeness(request: web.Request) -> web.Response:
    asked, sources = request.query.get("days", "30"), request.app[rendering.SOURCES]
    chosen = next((days for days in PERIODS if str(days) == asked), 30)
    problem = None
    last = sources.now().date()
    window = (last - timedelta(days=chosen - 1), last)
    if "period" in request.query:
        try:
            window, chosen = period(request.query["period"]), 0
        except UsageError as error:
            problem = str(error)
    words = rendering.words_of(request)
    midnight = datetime.combine(last, time(), UTC)
    most = max(FEWEST, min(WORST, CELLS // ((window[1] - window[0]).days + 1)))
    if "all" in request.query:
        found = await views.completeness_page(sources, window)
    else:
        found = await views.least_complete(sources, window, most=most)
    return rendering.page(
        request,
        "completeness.html",
        here="completeness",
        found=found,
        everything=f"?{urlencode({**request.query, 'all': '1'})}",
        begins=words.time(midnight, "HH:mm"),
        periods=PERIODS,
        chosen=chosen,
        problem=problem,
        heights=STRIP,
    )
