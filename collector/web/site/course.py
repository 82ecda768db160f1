"""Charts of what a line does beside speed: round trips, loss, jitter, under load, radio levels. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from collector.rollups.buckets import HOUR, Level, Resolution, bucket_of
from collector.store.store import Row
from collector.web import pages
from collector.web.plot import Band, Column, Points, Series, Shape, Table, Tone, second
from collector.web.words import Words

_SHAPES: Final[tuple[Shape, ...]] = ("circle", "diamond", "square", "triangle")
_TONES: Final[tuple[Tone, ...]] = ("one", "two", "three", "four")
_NEAR: Final[Mapping[Resolution, timedelta]] = {
    "raw": timedelta(minutes=20),
    "hour": HOUR * 1.5,
    "day": timedelta(days=1.5),
    "month": timedelta(days=46),
}
"""Neighbours so near are joined: what comes every few minutes is a course, and a gap in it stays one."""


@dataclass(frozen=True, slots=True)
class Thread:
    """One number over time: its field in a report and its name as a message. `rolled`: there are roll-ups of it.

    `spread`: of roll-ups, where nine of ten results lie is drawn too.
    """

    field: str
    name: str
    rolled: bool = True
    spread: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """One chart: its id, heading, kind of report, unit, and what it shows. `factor`: of the stored numbers.

    `floor`: where its axis begins; None: below the lowest. `joined`: whether near neighbours are joined.
    """

    id: str
    title: str
    kind: str
    unit: str
    threads: tuple[Thread, ...]
    digits: int = 1
    factor: float = 1.0
    floor: float | None = 0.0
    joined: bool = True


SHEETS: Final = (
    Sheet("latency", "Round trip, ms", "latency", "ms", (
        Thread("rtt_ms_min", "least"), Thread("rtt_ms_median", "median", spread=True), Thread("rtt_ms_p95", "95 %"),
        Thread("rtt_ms_p99", "99 %", rolled=False),
    )),
    Sheet("loaded", "Round trip at rest and under load, ms", "throughput", "ms", (
        Thread("idle_rtt_ms_median", "at rest"),
        Thread("download_loaded_latency_ms_median", "while downloading"),
        Thread("upload_loaded_latency_ms_median", "while uploading"),
    ), joined=False),
    Sheet("loss", "Loss, %", "latency", "%", (
        Thread("loss_ratio", "loss", spread=True), Thread("forward_loss_ratio", "on the way there"),
        Thread("backward_loss_ratio", "on the way back"),
    ), digits=2, factor=100.0),
    Sheet("jitter", "Jitter, ms", "latency", "ms", (Thread("jitter_ms", "jitter", spread=True),)),
    Sheet("signal", "Radio signal (RSRP), dBm", "radio", "dBm", (
        Thread("rsrp_dbm", "4G RSRP", spread=True), Thread("nr_rsrp_dbm", "5G SS-RSRP", spread=True),
        Thread("rscp_dbm", "3G RSCP"),
    ), digits=0, floor=None),
    Sheet("quality", "Radio quality, dB", "radio", "dB", (
        Thread("sinr_db", "4G SINR"), Thread("rsrq_db", "4G RSRQ"), Thread("nr_sinr_db", "5G SS-SINR"),
        Thread("nr_rsrq_db", "5G SS-RSRQ"),
    ), floor=None),
)  # fmt: skip


def series(sheet: Sheet, rows: Sequence[Row], level: Resolution, words: Words) -> list[Series]:
    """What a sheet draws of rows (raw, or a level's roll-ups), oldest first; what nobody measured is no part."""
    found: list[Series] = []
    joins = _NEAR[level].total_seconds() if sheet.joined or level != "raw" else None
    for place, thread in enumerate(sheet.threads):
        told = [(row, value) for row in rows if (value := _value(sheet, thread, row, level)) is not None]
        if not told:
            continue
        if level != "raw" and thread.spread:
            found.append(_band(sheet, place, told, level, words))
            continue
        found.append(
            Points(
                name=words.say(thread.name),
                tone=_TONES[place],
                shape=_SHAPES[place],
                at=[second(pages.time_of(row)) for row, _ in told],
                values=[round(value, 3) for _, value in told],
                looks=["doubted" if _doubted(row) else "conclusive" for row, _ in told] if level == "raw" else [],
                said=[_said(thread, row, words) for row, _ in told] if level == "raw" else [],
                hrefs=[_href(row) for row, _ in told] if level == "raw" else [],
                joins_s=joins,
            )
        )
    return found


def table(sheet: Sheet, rows: Sequence[Row], level: Resolution) -> Table:
    """The same numbers, newest first; columns that nobody measured are left out."""
    told = [(row, [_value(sheet, thread, row, level) for thread in sheet.threads]) for row in reversed(rows)]
    told = [(row, values) for row, values in told if any(value is not None for value in values)]
    kept = [place for place in range(len(sheet.threads)) if any(values[place] is not None for _, values in told)]
    radio = sheet.kind == "radio" and level == "raw"
    columns = [Column("time", "Time")]
    columns += [Column(sheet.threads[place].field, sheet.threads[place].name, sheet.digits) for place in kept]
    columns += [Column("technology", "Technology")] if radio else []
    return Table(
        tuple(columns),
        tuple(
            (
                pages.time_of(row),
                *(values[place] for place in kept),
                *([pages.text(row, "technology")] if radio else []),
            )
            for row, values in told
        ),
        tuple(_href(row) for row, _ in told),
    )


def _value(sheet: Sheet, thread: Thread, row: Row, level: Resolution) -> float | None:
    if level != "raw" and not thread.rolled:
        return None
    value = pages.number(row, thread.field if level == "raw" else f"{thread.field}_median")
    return None if value is None else value * sheet.factor


def _band(sheet: Sheet, place: int, told: Sequence[tuple[Row, float]], level: Level, words: Words) -> Series:
    thread = sheet.threads[place]
    buckets = [bucket_of(level, pages.time_of(row), words.zone) for row, _ in told]

    def edge(row: Row, name: str, middle: float) -> float:
        value = pages.number(row, f"{thread.field}_{name}")
        return round(middle if value is None else value * sheet.factor, 3)

    return Band(
        name=words.say(thread.name),
        tone=_TONES[place],
        start=[second(bucket.start) for bucket in buckets],
        end=[second(bucket.end) for bucket in buckets],
        low=[edge(row, "p5", value) for row, value in told],
        middle=[round(value, 3) for _, value in told],
        high=[edge(row, "p95", value) for row, value in told],
    )


def _href(row: Row) -> str:
    name = pages.text(row, "id")
    return f"/api/v1/reports/{name}" if name else ""


def _doubted(row: Row) -> bool:
    return row.fields.get("conclusive") is False


def _said(thread: Thread, row: Row, words: Words) -> str:
    lines = [words.say(thread.name)]
    network = [part for name in ("operator", "technology", "band") if (part := pages.text(row, name))]
    family = row.tags.get("family", "").replace("ipv", "IPv")
    way = [part for part in (family, pages.text(row, "method"), row.tags.get("peer")) if part]
    lines += [" · ".join(part.replace("_", " ") for part in network or way)] if network or way else []
    doubts = pages.text(row, "doubts")
    lines += [f"{words.say('doubt:')} {words.listing(doubts.split(','))}"] if doubts else []
    return "\n".join(lines)
