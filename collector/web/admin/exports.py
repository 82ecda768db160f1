"""Tables as files that `import` reads back, CSV or XLSX as the address asks."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from aiohttp import web

from collector.registry.sheet import write_csv
from collector.registry.sheet_file import xlsx
from collector.web.admin.desk import Desk

_TYPES: Final = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


async def file(
    request: web.Request, at_desk: Desk, title: str, rows: Callable[[], Iterable[Sequence[str]]], stem: str = ""
) -> web.Response:
    """A table as `import` reads it; large ones one at a time."""
    form = "xlsx" if request.query.get("format") == "xlsx" else "csv"

    def made() -> bytes:
        return xlsx(rows(), title=title) if form == "xlsx" else b"\xef\xbb\xbf" + write_csv(iter(rows()))

    async with at_desk.heavy:
        body = await asyncio.to_thread(made)
    day = at_desk.sources.now().astimezone(at_desk.sources.zone).date().isoformat()
    name = "-".join(
        part for part in ("demo" if at_desk.sources.demonstration else "", stem or f"{title}-{day}") if part
    )
    return web.Response(
        body=body,
        content_type=_TYPES[form],
        charset="utf-8" if form == "csv" else None,
        headers={"Content-Disposition": f'attachment; filename="{name}.{form}"'},
    )
