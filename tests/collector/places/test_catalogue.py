"""What is known without asking: today's units from the package, the 63 provinces of before from the law."""

import re
from collections import Counter
from datetime import date

import pytest

from collector.places.catalogue import catalogue
from collector.places.gazetteer import Gazetteer, faults_of
from collector.places.unit import KINDS, Unit
from collector.registry.codes import CODE

BEFORE, AFTER = date(2025, 6, 30), date(2025, 7, 1)
GAZETTEER = Gazetteer(catalogue())


def provinces(day: date) -> list[Unit]:
    return [unit for unit in GAZETTEER.within(None) if unit.holds_on(day)]


def test_63_provinces_became_34() -> None:
    assert (len(provinces(BEFORE)), len(provinces(AFTER))) == (63, 34)
    assert len({unit.official for unit in provinces(BEFORE)}) == 63
    went_on = {unit.path for unit in provinces(BEFORE)} & {
        unit.path for unit in provinces(AFTER) if not unit.valid_from
    }
    assert went_on == {
        "cao-bang", "dien-bien", "ha-tinh", "lai-chau", "lang-son", "nghe-an", "quang-ninh", "thanh-hoa", "son-la",
        "ha-noi", "hue",
    }  # fmt: skip


def test_every_merged_province_has_the_number_of_one_that_it_was_made_of() -> None:
    """The law's table and the package's numbers agree: the statistics office gave each a number of its parts."""
    merged = [unit for unit in provinces(AFTER) if unit.valid_from]
    assert len(merged) == 23
    for unit in merged:
        parts = GAZETTEER.predecessors(unit)
        assert unit.official in {part.official for part in parts}
        assert unit.name in {part.name for part in parts}
        assert 2 <= len(parts) <= 3


@pytest.mark.parametrize(
    ("old", "new"), [("bac-giang", "bac-ninh"), ("binh-phuoc", "dong-nai"), ("ba-ria-vung-tau", "ho-chi-minh")]
)
def test_provinces_of_the_plans_go_on(old: str, new: str) -> None:
    (ended,) = GAZETTEER.periods(old)
    assert [unit.path for unit in GAZETTEER.current_of(ended, AFTER).units] == [new]


def test_communes_have_codes_that_are_unique_in_their_province() -> None:
    communes = [unit for unit in catalogue() if unit.level == "commune"]
    assert len(communes) > 3000
    assert max(Counter(unit.path for unit in communes).values()) == 1
    assert all(CODE.fullmatch(unit.code) and unit.kind in KINDS["commune"] for unit in communes)
    assert {unit.valid_from for unit in communes} == {AFTER}


def test_units_that_would_share_a_code_have_one_each() -> None:
    paths = {unit.path for unit in catalogue()}
    assert {"thai-nguyen/van-lang-2143", "thai-nguyen/van-lang-5665"} <= paths
    assert {"thanh-hoa/xa-dong-tien", "thanh-hoa/phuong-dong-tien"} <= paths
    assert not {"thai-nguyen/van-lang", "thanh-hoa/dong-tien"} & paths
    numbered = [unit for unit in catalogue() if re.search(r"-\d{4,5}$", unit.path)]
    assert all(unit.code.endswith(str(int(unit.official or ""))) for unit in numbered)


def test_the_catalogue_does_not_contradict_itself() -> None:
    assert list(faults_of(GAZETTEER, catalogue())) == []
