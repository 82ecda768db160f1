"""Units by path and day, and what they became: divided, merged twice, reborn, lost, contradicting each other."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.places.catalogue import catalogue
from collector.places.gazetteer import Gazetteer, faults_of, span
from collector.places.unit import Unit

TODAY = date(2026, 11, 22)
END = date(2025, 6, 30)
NEXT = date(2025, 7, 1)


def commune(path: str, *heirs: str, begins: date | None = None, until: date | None = None) -> Unit:
    return Unit(path, "commune", path.rpartition("/")[2], "xã", valid_from=begins, valid_until=until, successors=heirs)


def made(*units: Unit) -> Gazetteer:
    return Gazetteer([Unit("p", "province", "P"), *units])


def said(*units: Unit) -> list[str]:
    return [what for _, _, what in faults_of(made(*units), units)]


def test_a_path_names_another_unit_before_and_after() -> None:
    gazetteer = Gazetteer(catalogue())
    old, new = gazetteer.periods("bac-ninh")
    assert (gazetteer.unit_at("bac-ninh", END), gazetteer.unit_at("bac-ninh", NEXT)) == (old, new)
    assert (old.official, new.official) == ("27", "24")
    assert gazetteer.unit_at("bac-giang", NEXT) is None
    assert gazetteer.newest("bac-giang", TODAY) == gazetteer.periods("bac-giang")[0]
    assert gazetteer.newest("bac-ninh/luc-ngan", END) is None


def test_successors_are_followed_to_the_day() -> None:
    twice = date(2026, 1, 1)
    gazetteer = made(
        commune("p/a", "p/b", until=END),
        commune("p/b", "p/c", "p/d", begins=NEXT, until=date(2025, 12, 31)),
        commune("p/c", begins=twice),
        commune("p/d", begins=twice),
    )
    (a,) = gazetteer.periods("p/a")
    assert [unit.path for unit in gazetteer.current_of(a, END).units] == ["p/a"]
    assert [unit.path for unit in gazetteer.current_of(a, NEXT).units] == ["p/b"]
    present = gazetteer.current_of(a, TODAY)
    assert [unit.path for unit in present.units] == ["p/c", "p/d"]
    assert [unit.path for unit in present.ended] == ["p/a", "p/b"]
    assert present.lost == ()


def test_two_ways_to_one_unit_are_one_answer() -> None:
    gazetteer = made(
        commune("p/a", "p/b", "p/c", until=END),
        commune("p/b", "p/d", begins=NEXT, until=date(2025, 8, 1)),
        commune("p/c", "p/d", begins=NEXT, until=date(2025, 8, 1)),
        commune("p/d", begins=date(2025, 8, 2)),
    )
    assert [unit.path for unit in gazetteer.current_of(gazetteer.periods("p/a")[0], TODAY).units] == ["p/d"]


def test_a_unit_that_ended_and_nobody_says_in_what() -> None:
    gazetteer = made(commune("p/a", until=END))
    (a,) = gazetteer.periods("p/a")
    present = gazetteer.current_of(a, TODAY)
    assert (present.units, present.lost) == ((), (a,))


def test_what_a_unit_was_made_of() -> None:
    gazetteer = Gazetteer(catalogue())
    old, new = gazetteer.periods("dong-nai")
    assert {unit.path for unit in gazetteer.predecessors(new)} == {"dong-nai", "binh-phuoc"}
    assert gazetteer.predecessors(old) == ()


@pytest.mark.parametrize(
    ("units", "fault"),
    [
        ([commune("p/a", "p/a", until=END)], "p/a would become itself: there is no p/a on 2025-07-01"),
        ([commune("p/a", "p/b", until=END)], "p/b is not known"),
        ([commune("p/a", "p/b")], "there are successors, but no valid_until: from when?"),
        (
            [commune("p/a", "p/b", until=END), commune("p/b", "p/a", until=END)],
            "p/b is not there on 2025-07-01 ((until 2025-06-30))",
        ),
        (
            [commune("p/a"), commune("p/a", begins=NEXT)],
            "p/a (without dates) overlaps Xã a (since 2025-07-01)",
        ),
        (
            [commune("p/a", until=NEXT), commune("p/a", begins=NEXT)],
            "p/a (until 2025-07-01) overlaps Xã a (since 2025-07-01)",
        ),
        ([commune("q/a")], "q is not known"),
        ([Unit("p/v", "village", "V")], "p is a province; a village lies in a commune"),
        (
            [commune("p/a", begins=NEXT), Unit("p/a/v", "village", "V", valid_until=END)],
            "p/a is not there (until 2025-06-30), but (since 2025-07-01)",
        ),
        ([commune("p/a"), commune("p/a/b")], "p/a is a commune; a commune lies in a province"),
    ],
)
def test_what_cannot_be(units: list[Unit], fault: str) -> None:
    assert fault in said(*units)


def test_what_can_be() -> None:
    assert said(commune("p/a", "p/a", until=END), commune("p/a", begins=NEXT)) == []
    assert said(commune("p/a"), Unit("p/a/v", "village", "V"), Unit("p/huyen-x", "district", "X")) == []


@pytest.mark.parametrize(
    ("text", "parent", "found"),
    [
        ("Văn Lang", "thai-nguyen", ("thai-nguyen/van-lang-2143",)),
        ("Xã Văn Lăng", "thai-nguyen", ("thai-nguyen/van-lang-5665",)),
        ("van-lang", "thai-nguyen", ("thai-nguyen/van-lang-5665", "thai-nguyen/van-lang-2143")),
        ("Thành phố Huế", None, ("hue",)),
        ("TỈNH LẠNG SƠN", None, ("lang-son",)),
        ("Hữu  Lũng", "lang-son", ("lang-son/huu-lung",)),
        ("06385", "lang-son", ("lang-son/huu-lung",)),
        ("Nowhere", "lang-son", ()),
    ],
)
def test_what_a_name_means(text: str, parent: str | None, found: tuple[str, ...]) -> None:
    level = "commune" if parent else "province"
    assert Gazetteer(catalogue()).named(text, parent, level) == found  # type: ignore[arg-type]  # one of two literals


def test_the_nearest_name() -> None:
    near = Gazetteer(catalogue()).nearest("Hưu Lung", "lang-son", "commune")
    assert near is not None
    assert near.path == "lang-son/huu-lung"
    assert Gazetteer(catalogue()).nearest("Timbuktu", "lang-son", "commune") is None


def test_spans() -> None:
    assert span(commune("p/a", begins=NEXT, until=TODAY)) == "(2025-07-01 to 2026-11-22)"


days = st.none() | st.dates(date(2025, 1, 1), date(2025, 1, 6))
names = st.sampled_from(["p/a", "p/b", "p/c"])
units = st.builds(
    lambda path, begins, until, heirs: commune(path, *heirs, begins=begins, until=until),
    names, days, days, st.lists(names, max_size=3),
)  # fmt: skip


@given(st.lists(units, max_size=8))
def test_following_always_ends(found: list[Unit]) -> None:
    gazetteer = made(*found)
    for unit in gazetteer:
        for last in gazetteer.current_of(unit, TODAY).units:
            assert last.holds_on(TODAY)
