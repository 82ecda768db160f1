"""Where a site lies: its plan's area, which may be no more, and the units of today."""

from dataclasses import replace
from datetime import date

import pytest

from collector.places.catalogue import catalogue
from collector.places.gazetteer import Gazetteer
from collector.places.placement import placed, remarks
from collector.places.unit import Unit
from collector.registry.site import Site

TODAY = date(2026, 11, 22)
NEXT = date(2025, 7, 1)
SITE = Site("th1", "T", "school", "rural", "bac-giang", "luc-ngan", plan="bac-giang-2025")
LAST = date(2025, 6, 30)
WHOLE, PART = "bac-ninh/luc-ngan", "bac-ninh/nam-duong"
KNOWN = Gazetteer(
    [
        *catalogue(),
        Unit("bac-giang/tan-moc", "commune", "Tân Mộc", "xã", valid_until=LAST, successors=(WHOLE,)),
        Unit("bac-giang/chia-doi", "commune", "Chia Đôi", "xã", valid_until=LAST, successors=(WHOLE, PART)),
    ]
)


@pytest.mark.parametrize(
    ("province", "commune"),
    [
        ("bac-giang", "tan-moc"),  # old and old
        ("bac-giang", "luc-ngan"),  # old province, new commune
        ("bac-ninh", "luc-ngan"),  # new and new
        ("Bắc Giang", "Lục Ngạn"),  # as some registries have it
        ("bac-giang", "xa-luc-ngan"),
    ],
)
def test_a_site_stays_in_its_plan_area_and_lies_in_a_unit_of_today(province: str, commune: str) -> None:
    found = placed(replace(SITE, province=province, commune=commune), KNOWN, TODAY, area="bac-giang")
    assert found.area is not None
    assert (found.area.path, found.area.valid_until) == ("bac-giang", date(2025, 6, 30))
    assert found.province is not None
    assert found.commune is not None
    assert (found.province.path, found.commune.path, found.since) == ("bac-ninh", "bac-ninh/luc-ngan", NEXT)
    assert found.has_moved


def test_before_the_merger_it_lay_where_it_was_filed() -> None:
    found = placed(replace(SITE, commune="tan-moc"), KNOWN, date(2025, 6, 30), area="bac-giang")
    assert found.province is not None
    assert found.commune is not None
    assert (found.province.path, found.commune.path, found.since) == ("bac-giang", "bac-giang/tan-moc", None)
    assert not found.has_moved


def test_a_divided_commune_leaves_two_answers() -> None:
    found = placed(replace(SITE, commune="chia-doi"), KNOWN, TODAY, area="bac-giang")
    assert found.commune is None
    assert [unit.path for unit in found.communes] == ["bac-ninh/luc-ngan", "bac-ninh/nam-duong"]
    assert found.province is not None
    assert found.province.path == "bac-ninh"


def test_a_province_that_went_on() -> None:
    site = replace(SITE, province="lang-son", commune="huu-lung", plan=None)
    found = placed(site, KNOWN, TODAY)
    assert found.area == found.province == KNOWN.periods("lang-son")[0]
    assert found.since == NEXT  # the communes are known from then on
    assert not found.has_moved


def test_places_that_nobody_knows() -> None:
    found = placed(replace(SITE, province="p", commune="c"), KNOWN, TODAY)
    assert (found.area, found.province, found.commune, found.since) == (None, None, None, None)


def said(province: str, commune: str) -> list[tuple[str, str]]:
    found = list(remarks(replace(SITE, province=province, commune=commune), KNOWN, TODAY))
    assert all(remark.is_doubtful != (FILED in remark.text) for remark in found)
    return [(remark.column, remark.text) for remark in found]


FILED = "filed as given, shown as current too"


@pytest.mark.parametrize(
    ("where", "column", "remark"),
    [
        (
            "bac-giang/luc-ngan",
            "province",
            f"Tỉnh Bắc Giang: since 2025-07-01 part of bac-ninh (Tỉnh Bắc Ninh); {FILED}",
        ),
        ("bac-giang/tan-moc", "commune", f"Xã Tân Mộc: since 2025-07-01 part of {WHOLE} (Xã Lục Ngạn); {FILED}"),
        (
            "bac-gian/x",
            "province",
            "'bac-gian' is not known, filed as given; did you mean bac-giang (Tỉnh Bắc Giang)?",
        ),
        (
            "lang-son/huu-lun",
            "commune",
            "'huu-lun' is not known in Tỉnh Lạng Sơn, filed as given; did you mean huu-lung (Xã Hữu Lũng)?",
        ),
        (
            "lang-son/xa-huu-lung",
            "commune",
            "Xã Hữu Lũng in Tỉnh Lạng Sơn has the code huu-lung; filed as xa-huu-lung",
        ),
        (
            "thai-nguyen/van-lang",
            "commune",
            (
                "'van-lang' may be thai-nguyen/van-lang-5665 (Xã Văn Lăng) or thai-nguyen/van-lang-2143 (Xã Văn Lang) "
                "in Tỉnh Thái Nguyên; filed as given, write one of these codes"
            ),
        ),
    ],
)
def test_whoever_files_a_site_is_told(where: str, column: str, remark: str) -> None:
    province, commune = where.split("/")
    assert (column, remark) in said(province, commune)


def test_what_is_as_filed_needs_no_remark() -> None:
    assert said("lang-son", "huu-lung") == []
    assert said("bac-ninh", "luc-ngan") == []
