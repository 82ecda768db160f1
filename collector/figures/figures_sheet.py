"""The table of figures as people exchange it: rows to figures and back. Pure; all faults at once, each placed."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import Final

from collector.errors import UsageError
from collector.figures.figure import Figure, Key
from collector.plans.indicators import SERIES, vocabulary
from collector.plans.period import Period, period
from collector.plans.types import Indicator, Plan
from collector.registry.cells import number_fault, number_of, written
from collector.registry.codes import choice_fault, code_fault, name_fault, nearest_code
from collector.registry.sheet import Line, Row, SheetError, table

COLUMNS: Final = ("plan", "indicator", "area", "period", "value", "unit", "source", "note")
REQUIRED: Final = ("indicator", "period", "value", "unit", "source")
_ALIASES: Final = {
    "ke-hoach": "plan", "chi-tieu": "indicator", "dia-ban": "area", "ky": "period", "ky-bao-cao": "period",
    "gia-tri": "value", "don-vi": "unit", "don-vi-tinh": "unit", "nguon": "source", "ghi-chu": "note",
}  # fmt: skip
_UNITS: Final = {"%": "percent", "mbit/s": "Mbps", "mb/s": "Mbps", "mbps": "Mbps", "gb": "GB", "km": "km"}
_MEASURED: Final = {"download_mbps": "download", "upload_mbps": "upload"}
SOURCE_LIMIT: Final = 300
NOTE_LIMIT: Final = 500
_HIGHEST: Final = 1e9
_HIGHEST_OF: Final = {"percent": 100.0, "done": 1.0}


@dataclass(frozen=True, slots=True)
class FigureSheet:
    """The figures of a file, and what looks odd in it without being a fault."""

    figures: tuple[Figure, ...]
    remarks: tuple[str, ...]


def parse(lines: Sequence[Line], *, plans: Mapping[str, Plan], today: date) -> FigureSheet:
    """Read a table of figures; raises SheetError naming every fault by line and column."""
    known = vocabulary(plans.values())
    figures: list[Figure] = []
    faults: list[str] = []
    remarks: list[str] = []
    first: dict[Key, Row] = {}
    for row in table(lines, columns=COLUMNS, required=REQUIRED, aliases=_ALIASES).rows:
        told = _faults(row, known, plans, today)
        found = list(row.faults) or [row.fault(column, what) for column, what in told]
        faults += found
        if found:
            continue
        figure = _figure(row)
        if figure.key in first:
            faults.append(row.fault("period", f"the same figure stands in {first[figure.key].line.place()} already"))
        first.setdefault(figure.key, row)
        figures.append(figure)
        remarks += _remarks(row, figure)
    if faults:
        raise SheetError(faults)
    return FigureSheet(tuple(figures), tuple(remarks))


def rows_of(figures: Iterable[Figure]) -> Iterator[list[str]]:
    """The table that `parse` reads back to the same figures: header, then one row a figure."""
    yield list(COLUMNS)
    for one in figures:
        value, note = written(one.value), one.note or ""
        yield [one.plan, one.indicator, one.area, one.period.text, value, one.unit, one.source, note]


def area_of(text: str) -> str:
    """The path that an area is filed under: `Bắc Giang/Tân Mộc` is bac-giang/tan-moc."""
    return "/".join(part if not code_fault(part) else nearest_code(part) for part in map(str.strip, text.split("/")))


def _figure(row: Row) -> Figure:
    return Figure(
        plan=row["plan"],
        indicator=row["indicator"],
        area=area_of(row["area"]) if row["area"] else "",
        period=period(row["period"]),
        value=number_of(row["value"]),
        unit=_unit(row["unit"]),
        source=row["source"],
        note=row["note"] or None,
    )


def _faults(
    row: Row, known: Mapping[str, Indicator], plans: Mapping[str, Plan], today: date
) -> Iterator[tuple[str, str]]:
    plan, indicator = plans.get(row["plan"]), known.get(row["indicator"])
    checks: dict[str, Callable[[str], str | None]] = {
        "plan": lambda text: choice_fault(text, plans),
        "indicator": lambda text: _indicator_fault(text, known, plan),
        "area": _area_fault,
        "period": lambda text: _period_fault(text, today),
        "value": lambda text: _value_fault(text, indicator),
        "unit": lambda text: _unit_fault(text, indicator),
        "source": lambda text: name_fault(text, limit=SOURCE_LIMIT),
        "note": lambda text: name_fault(text, limit=NOTE_LIMIT),
    }
    for column, check in checks.items():
        text = row[column]
        fault = check(text) if text else "is empty, and is needed" if column in REQUIRED else None
        if fault:
            yield column, fault


def _indicator_fault(name: str, known: Mapping[str, Indicator], plan: Plan | None) -> str | None:
    if name not in known:
        near = get_close_matches(name, known, n=1, cutoff=0.5)
        return f"no indicator {name!r} is known" + (f"; did you mean {near[0]}?" if near else "")
    way = _MEASURED.get(name)
    if way:
        return f"{name} is measured here; published speeds are ispeed_fixed_{way}_mbps, ispeed_mobile_{way}_mbps"
    if plan and name not in SERIES and name not in {target.indicator for target in plan.targets}:
        return f"plan {plan.id} promises nothing of {name}; leave plan empty and name the area instead"
    return None


def _area_fault(text: str) -> str | None:
    parts = area_of(text).split("/")
    if len(parts) > 2 or any(map(code_fault, parts)):  # noqa: PLR2004 - province and commune
        return f"{text!r} is no area; write province or province/commune, such as bac-giang/tan-moc"
    return None


def _period_fault(text: str, today: date) -> str | None:
    try:
        found: Period = period(text)
    except UsageError as error:
        return str(error)
    return f"{text} has not begun yet" if found.began > today else None


def _value_fault(text: str, indicator: Indicator | None) -> str | None:
    fault = number_fault(text, 0.0, _HIGHEST_OF.get(indicator.unit, _HIGHEST) if indicator else _HIGHEST)
    if fault is None and indicator and indicator.unit == "done" and number_of(text) not in (0.0, 1.0):
        return f"{text!r}: write 1 for done, 0 for not done"
    return fault


def _unit_fault(text: str, indicator: Indicator | None) -> str | None:
    if indicator and _unit(text) != indicator.unit:
        return f"{indicator.id} is counted in {indicator.unit}, not in {text!r}"
    return None


def _unit(text: str) -> str:
    return _UNITS.get(text.lower(), text)


def _remarks(row: Row, figure: Figure) -> Iterator[str]:
    if figure.unit == "percent" and figure.value is not None and 0 < figure.value <= 1:
        yield row.fault("value", f"{figure.value:g} percent; a spreadsheet keeps a cell that shows 95 % as 0.95")
