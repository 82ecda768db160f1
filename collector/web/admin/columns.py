"""The columns of each table that is imported: which are needed, what they mean, and rows as examples. Pure."""

from dataclasses import dataclass
from typing import Final

from collector.figures import figures_sheet
from collector.places import units_sheet, villages_sheet
from collector.registry import sites_csv
from collector.web.admin.intake import Kind


@dataclass(frozen=True, slots=True)
class Column:
    """A column, what it means (a message), and what stands in it in two rows."""

    name: str
    needed: bool
    meaning: str
    examples: tuple[str, str]


_CODE: Final = "A short name that never changes: a-z, 0-9 and -."
_PLACE: Final = "Name or code; names of before July 2025 are understood too."
_DAY: Final = "Day as 2025-07-01; empty: open."
_SITES: Final = {
    "id": (_CODE, "ls-huulung-th1", "ls-bacson-tyt"),
    "name": ("As people call it.", "Trường Tiểu học số 1 Hữu Lũng", "Trạm Y tế Bắc Sơn"),
    "kind": ("school, clinic, office or other; also trường học, trạm y tế, trụ sở, khác.", "school", "clinic"),
    "area": ("urban or rural; also thành thị, nông thôn.", "rural", "rural"),
    "province": (_PLACE, "Lạng Sơn", "Lạng Sơn"),
    "commune": (_PLACE, "Hữu Lũng", "Bắc Sơn"),
    "village": ("Its code, where there is one.", "", ""),
    "latitude": ("Degrees with a point, together with longitude or not at all.", "21.5056", "21.8983"),
    "longitude": ("Degrees with a point.", "106.3472", "106.3175"),
    "access": (
        "fibre, cable, copper, cellular_4g, cellular_5g, satellite, wireless or other; also cáp quang, cáp đồng, 4G …",
        "fibre",
        "cellular_4g",
    ),
    "provider": ("Who sells the line.", "VNPT", "Viettel"),
    "contract_down_mbps": ("Download as contracted, in Mbit/s.", "150", ""),
    "contract_up_mbps": ("Upload as contracted, in Mbit/s.", "150", ""),
    "plan": ("The plan whose targets bind it: see Plans.", "lang-son-2025", "lang-son-2025"),
}
_VILLAGES: Final = {
    "code": (_CODE, "ban-mau", "ban-vi-du"),
    "name": ("With its kind: Thôn, Bản, Tổ dân phố …", "Thôn Bản Mẫu", "Thôn Bản Ví Dụ"),
    "commune": (_PLACE, "Hữu Lũng", "Bắc Sơn"),
    "province": (_PLACE, "Lạng Sơn", "Lạng Sơn"),
    "latitude": ("Degrees with a point, together with longitude or not at all.", "21.512", "21.897"),
    "longitude": ("Degrees with a point.", "106.349", "106.321"),
    "population": ("People, a whole number without separators.", "412", "286"),
    "households": ("Households, a whole number.", "98", "71"),
    "valid_from": (_DAY, "", ""),
    "valid_until": ("Its last day; empty: it goes on.", "", ""),
}
_PLACES: Final = {
    "level": ("province, district, commune or village.", "commune", "commune"),
    "code": (_CODE, "tan-moc", "my-an"),
    "name": ("Without its kind.", "Tân Mộc", "Mỹ An"),
    "kind": ("xã, phường, thị trấn …", "xã", "xã"),
    "parent": ("The path of what it lies in.", "bac-giang", "bac-giang"),
    "district": ("Of a commune until June 2025.", "Lục Ngạn", "Lục Ngạn"),
    "official_code": ("The number of the statistics office.", "", ""),
    "valid_from": (_DAY, "", ""),
    "valid_until": ("Its last day; empty: it goes on.", "2025-06-30", "2025-06-30"),
    "successors": ("What it became, with | between several.", "bac-ninh/luc-ngan", "bac-ninh/luc-ngan"),
    "source": ("Where it is written.", "1658/NQ-UBTVQH15", "1658/NQ-UBTVQH15"),
}
_FIGURES: Final = {
    "plan": ("Under which it is reported; empty: under none.", "lang-son-2025", ""),
    "indicator": ("Its id, as the plan has it: see Plans.", "villages_fixed_coverage", "ispeed_fixed_download_mbps"),
    "area": ("province or province/commune; empty: all of the plan's province, or the nation.", "", ""),
    "period": ("2026, 2026-Q3, 2026-09 or a day.", "2025", "2025-09"),
    "value": ("A number with a point; 95 % is 95.", "91.5", "98.1"),
    "unit": ("percent, Mbps … as the plan counts it.", "percent", "Mbps"),
    "source": ("Who says so, and where.", "Sở KH&CN, báo cáo 12/2025", "i-Speed by VNNIC"),
    "note": ("Anything else.", "", ""),
}
_MEANINGS: Final[dict[Kind, dict[str, tuple[str, str, str]]]] = {
    "sites": _SITES, "villages": _VILLAGES, "places": _PLACES, "figures": _FIGURES,
}  # fmt: skip
_NEEDED: Final[dict[Kind, tuple[str, ...]]] = {
    "sites": sites_csv.REQUIRED, "villages": villages_sheet.REQUIRED, "places": units_sheet.REQUIRED,
    "figures": figures_sheet.REQUIRED,
}  # fmt: skip


def of(kind: Kind) -> tuple[Column, ...]:
    """The columns of a kind of table, in the order of its files."""
    return tuple(
        Column(name, name in _NEEDED[kind], meaning, (one, other))
        for name, (meaning, one, other) in _MEANINGS[kind].items()
    )


def template(kind: Kind) -> list[list[str]]:
    """A table to begin with: its columns and two rows that can be imported."""
    columns = of(kind)
    return [[column.name for column in columns], *([column.examples[row] for column in columns] for row in (0, 1))]
