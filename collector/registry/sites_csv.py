"""The sites table as people exchange it: rows of a file to sites, and back. Pure; all faults at once.

What a file may look like stands in `sheet`. An optional column that is absent leaves what the registry knows as it
is, an empty value clears it. A place may be written as people write it (Hữu Lũng): it is
filed under its code (huu-lung), as the contract asks. So are kind, area and access: Trường học is stored as school.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, get_args

from collector.registry import sheet
from collector.registry.cells import are_here, number_fault, number_of, written
from collector.registry.codes import choice_fault, code_fault, name_fault, nearest_code
from collector.registry.sheet import Line, Row, SheetError, read_csv, table
from collector.registry.site import Access, Area, Site, SiteKind

__all__ = ["COLUMNS", "REQUIRED", "Line", "Sheet", "SitesFileError", "parse", "read_csv", "rows_of", "write_csv"]

SitesFileError = SheetError

COLUMNS: Final = tuple(Site.__dataclass_fields__)
REQUIRED: Final = ("id", "name", "kind", "area", "province", "commune")
ALIASES: Final = {
    "ma": "id", "ma-diem": "id", "ten": "name", "ten-diem": "name", "loai": "kind", "khu-vuc": "area",
    "tinh": "province", "tinh-thanh-pho": "province", "xa": "commune", "xa-phuong": "commune", "thon": "village",
    "thon-ban": "village", "vi-do": "latitude", "kinh-do": "longitude", "duong-truyen": "access",
    "nha-cung-cap": "provider", "nha-mang": "provider", "ke-hoach": "plan",
}  # fmt: skip
"""Vietnamese headers, as codes (`Mã điểm` is ma-diem)."""
_CODES: Final = ("id", "province", "commune", "village")
_PLACES: Final = frozenset({"province", "commune", "village"})
CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "kind": get_args(SiteKind),
    "area": get_args(Area),
    "access": get_args(Access),
}
WORDS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "kind": {
        "school": ("trường học", "trường", "điểm trường", "trường mầm non", "mầm non", "trường mẫu giáo",
                   "trường tiểu học", "tiểu học", "trường THCS", "THCS", "trường THPT", "THPT"),
        "clinic": ("trạm y tế", "y tế", "trạm y tế xã", "trạm y tế phường", "phòng khám"),
        "office": ("trụ sở", "UBND", "trụ sở UBND", "UBND xã", "UBND phường", "trụ sở xã", "trụ sở UBND xã",
                   "trụ sở UBND phường", "ủy ban", "ủy ban nhân dân", "ủy ban nhân dân xã", "cơ quan", "văn phòng"),
        "other": ("khác",),
    },
    "area": {
        "urban": ("thành thị", "đô thị", "khu vực thành thị", "khu vực đô thị"),
        "rural": ("nông thôn", "khu vực nông thôn"),
    },
    "access": {
        "fibre": ("cáp quang", "quang", "FTTH", "fiber"),
        "cable": ("cáp truyền hình", "truyền hình cáp", "cáp đồng trục", "đồng trục"),
        "copper": ("cáp đồng", "đồng", "ADSL", "VDSL"),
        "cellular_4g": ("4G", "di động 4G", "mạng 4G", "4G LTE", "LTE"),
        "cellular_5g": ("5G", "di động 5G", "mạng 5G"),
        "satellite": ("vệ tinh", "VSAT"),
        "wireless": ("vô tuyến", "vô tuyến cố định", "không dây"),
        "other": ("khác",),
    },
}  # fmt: skip
"""What an office's spreadsheet has in these columns, whatever its capitals and marks; the first of each is shown."""
_MEANT: Final = {
    column: {nearest_code(word): choice for choice, words in choices.items() for word in (choice, *words)}
    for column, choices in WORDS.items()
}
_SHOWN: Final = {
    column: ", ".join(f"{choice} ({words[0]})" for choice, words in choices.items())
    for column, choices in WORDS.items()
}
_NAMES: Final = {"name": 200, "provider": 63}
_RANGES: Final = {
    "latitude": (-90.0, 90.0),
    "longitude": (-180.0, 180.0),
    "contract_down_mbps": (0.01, 1e6),
    "contract_up_mbps": (0.01, 1e6),
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """The sites of a file, and the optional columns that it did not have."""

    sites: tuple[Site, ...]
    absent: frozenset[str]
    rows: tuple[Row, ...] = ()
    """Where each site stands in the file."""


def parse(lines: Sequence[Line], *, plans: Collection[str]) -> Sheet:
    """Read a table of sites; raises SitesFileError naming every fault by its place."""
    found = table(lines, columns=COLUMNS, required=REQUIRED, aliases=ALIASES)
    faults: list[str] = []
    sites: list[Site] = []
    first: dict[str, Line] = {}
    for row in found.rows:
        said, site = _site(row, plans)
        faults += said
        if site.id and site.id in first:
            faults.append(row.fault("id", f"{site.id!r} stands in {first[site.id].place()} already"))
        first.setdefault(site.id, row.line)
        sites.append(site)
    if faults:
        raise SitesFileError(faults)
    return Sheet(tuple(sites), found.absent, found.rows)


def _site(row: Row, plans: Collection[str]) -> tuple[list[str], Site]:
    texts = dict(row.texts)
    for column in _PLACES & texts.keys():
        if code_fault(texts[column]):
            texts[column] = nearest_code(texts[column]) or texts[column]
    for column in _MEANT.keys() & texts.keys():
        texts[column] = _MEANT[column].get(nearest_code(texts[column]), texts[column])
    faults = row.said(_faults(texts, plans))
    numbers = {column: number_of(texts.get(column, "")) for column in _RANGES}
    words: dict[str, str | None] = {column: texts.get(column) or None for column in COLUMNS if column not in _RANGES}
    for column in REQUIRED:
        words[column] = words[column] or ""
    return faults, Site(**words, **numbers)  # type: ignore[arg-type]  # checked above, column by column


def _faults(texts: Mapping[str, str], plans: Collection[str]) -> Iterator[tuple[str, str]]:
    for column, text in texts.items():
        fault = _fault(column, text, plans)
        if fault:
            yield column, fault + (_swapped(texts) if column == "latitude" else "")
    if bool(texts.get("latitude")) != bool(texts.get("longitude")):
        yield "latitude", "latitude and longitude are given together or not at all"


def _swapped(texts: Mapping[str, str]) -> str:
    latitude, longitude = number_of(texts.get("latitude", "")), number_of(texts.get("longitude", ""))
    meant = latitude is not None and longitude is not None and are_here(longitude, latitude)
    return "; latitude and longitude are swapped" if meant else ""


def _fault(column: str, text: str, plans: Collection[str]) -> str | None:
    if not text:
        return "is empty, and is needed" if column in REQUIRED else None
    if column in _RANGES:
        return number_fault(text, *_RANGES[column])
    if column in CHOICES:
        return choice_fault(text, CHOICES[column], shown=_SHOWN[column])
    if column == "plan":
        return choice_fault(text, plans)
    if column in _CODES:
        return code_fault(text)
    return name_fault(text, limit=_NAMES[column])


def rows_of(sites: Iterable[Site]) -> Iterator[list[str]]:
    """The table that `parse` reads back to the same sites: header, then one row a site."""
    yield list(COLUMNS)
    for site in sites:
        yield [written(getattr(site, column)) for column in COLUMNS]


def write_csv(sites: Iterable[Site]) -> bytes:
    """CSV bytes, UTF-8, one site a line."""
    return sheet.write_csv(rows_of(sites))
