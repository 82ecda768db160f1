"""Every fault that the readers of files can find is said in Vietnamese too."""

import string
from datetime import date
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest
from babel.messages.pofile import read_po

from collector.figures import figures_sheet
from collector.places import villages_sheet
from collector.places.catalogue import known
from collector.plans.load import load_plans
from collector.registry import sites_csv
from collector.registry.sheet import SheetError, read_csv
from collector.web.admin import columns
from collector.web.admin.faults import MESSAGES, told
from collector.web.admin.intake import KINDS
from collector.web.admin.preview import fault_of
from collector.web.words import Words


def catalogue() -> dict[str, str]:
    with (files("collector.web") / "locale" / "vi.po").open("rb") as source:
        return {str(message.id): str(message.string) for message in read_po(source)}


def shouted(message: str, **values: str) -> str:
    return f"VI {message.format(**values)}"


def test_every_sentence_and_every_meaning_is_translated_with_its_places() -> None:
    vi = catalogue()
    for message in MESSAGES:
        places = {name for _, name, _, _ in string.Formatter().parse(message) if name}
        assert {name for _, name, _, _ in string.Formatter().parse(vi[message]) if name} == places, message
    for kind in KINDS:
        assert all(vi.get(column.meaning) for column in columns.of(kind))


SITES = b"""id,name,kind,area,province,commune,latitude,longitude,contract_down_mbps,plan
A B,=x,schol,rural,X,Y,106.3,21.5,fast,lang-son
a,,school,rural,X,Y,21.5,,1e9,
a,T\xe1\xba\xa1i,school,rural,X,Y,,,"150,5",,too,many
"""
VILLAGES = """code,name,commune,province,latitude,longitude,population,households,valid_from,valid_until
a,A,Hữu Lũngg,Lạng Sơn,21,106,4.5,1,01/07/2025,
b,B,Hữu Lũng,Lạng Sơnn,106,21,3,9,2025-07-02,2025-07-01
c,C,Hữu Lũng,Lạng Sơn,48,2,x,,45839,1066-01-01
"""
FIGURES = """plan,indicator,area,period,value,unit,source
x,download_mbps,a/b/c,2031,-1,GB,A
,speed,,soon,x,percent,=A
lang-son-2025,villages_fixed_coverage,,2025,91,Mbps,
"""


def read(text: bytes, kind: str) -> object:
    lines = read_csv(text)
    if kind == "sites":
        return sites_csv.parse(lines, plans=load_plans())
    if kind == "villages":
        return villages_sheet.parse(lines, known())
    return figures_sheet.parse(lines, plans=load_plans(), today=date(2026, 11, 22))


def faults(text: bytes, kind: str) -> tuple[str, ...]:
    with pytest.raises(SheetError) as caught:
        read(text, kind)
    return caught.value.faults


@pytest.mark.parametrize(
    ("text", "kind", "count"),
    [
        (SITES, "sites", 10), (VILLAGES.encode(), "villages", 9), (FIGURES.encode(), "figures", 10),
        (b"id,nam,kind,kind\n", "sites", 6), (b"", "sites", 1), (b"\xff", "sites", 1), (b'"a', "sites", 1),
    ],
)  # fmt: skip
def test_what_is_really_found_is_known_here(text: bytes, kind: str, count: int) -> None:
    found = faults(text, kind)
    assert len(found) >= count
    foreign = [fault for fault in found if not told(fault_of(fault).what, shouted).startswith("VI ")]
    assert foreign == []


def test_what_is_not_known_is_shown_as_it_is_and_shortened() -> None:
    assert told("the moon is full", lambda message, **_: message) == "the moon is full"
    assert len(told("x" * 5000, shouted)) < 700


def test_a_line_of_the_file_is_called_so_in_the_readers_language() -> None:
    vietnamese = Words("vi", ZoneInfo("Asia/Ho_Chi_Minh"))
    assert "đã có ở dòng 3" in told("'th-x' stands in line 3 already", vietnamese.say)
    assert "'line 3' không" in told("'line 3' is not a number", vietnamese.say), "what stands in a cell stays"
