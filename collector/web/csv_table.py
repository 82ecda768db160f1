"""Tables as CSV files that spreadsheets open as they are: UTF-8 with its mark, RFC 4180, machine numbers and times."""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from aiohttp import web

from collector.web.words import Words

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_SAFE: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")


def answer(
    name: str,
    columns: Sequence[tuple[str, str]],
    rows: Iterable[Sequence[object]],
    *,
    words: Words,
    demonstration: bool,
    when: str | None = None,
) -> web.Response:
    """A table to keep, as `<demo->NAME-DATE.csv`.

    `columns`: each one's name for machines and its heading as a message to translate; without a heading ("") the name
    stands above it. Rows have one cell a column: text, number, moment (aware), day, truth, several of these, or None.
    `when`: the days that it tells of, as a period; without it, it is named after today in the province.
    """
    day = when if when is not None else datetime.now(words.zone).date().isoformat()
    stem = "-".join(part for part in ("demo" if demonstration else "", name, day) if part).replace("..", "_")
    file = "".join(letter if letter in _SAFE else "_" for letter in stem.lower())
    return web.Response(
        body=written([words.say(heading) if heading else code for code, heading in columns], rows),
        content_type="text/csv",
        charset="utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file}.csv"'},
    )


def written(heading: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """The bytes of the file; what a spreadsheet would take for a formula is marked as text."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([cell(text) for text in heading])
    writer.writerows([cell(value) for value in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def cell(value: object) -> str:
    """One cell; nothing is said for None and for a number that is none."""
    text = _text(value)
    return f"'{text}" if isinstance(value, str | list | tuple) and text.startswith(_FORMULA) else text


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, list | tuple):
        return "; ".join(map(_text, value))
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
