"""A preview is small however large the file is, names exactly its changes, and takes faults apart."""

from dataclasses import replace

from collector.registry.difference import Change, Difference, compared
from collector.registry.site import Site
from collector.web.admin.listing import PER_PAGE, fitting, folded, paged
from collector.web.admin.preview import SHOWN, Fault, Weighed, fault_of, lines_of, mark_of, previewed

SITE = Site("a", "Trường A", "school", "rural", "lang-son", "huu-lung")


def changed(number: int, *, new: bool = True) -> Change:
    before = None if new else SITE
    return compared(f"s-{number}", "Trường", before, replace(SITE, id=f"s-{number}", latitude=21.5, longitude=None))


def test_a_preview_counts_everything_and_lists_the_first() -> None:
    changes = [changed(number) for number in range(SHOWN + 5)] + [changed(-1, new=False)]
    given = {change.key: change.title for change in changes} | {"same": "Như cũ"}
    found = previewed(Weighed(changes, given, {"same": "Như cũ", "s--1": "x", "other": "Điểm khác"}))
    assert (found.added_count, len(found.added), found.changed_count) == (SHOWN + 5, SHOWN, 1)
    assert (found.unchanged.first, found.unchanged.count) == ((("same", "Như cũ"),), 1)
    assert found.gone.first == (("other", "Điểm khác"),)
    assert found.may


def test_nothing_can_be_agreed_to_with_a_fault_or_without_a_change() -> None:
    assert not previewed(Weighed([changed(1)], {}, {}), ["line 3, column kind: no"]).may
    assert not previewed(Weighed((), {"a": "A"}, {"a": "A"})).may


def test_the_mark_is_of_the_changes_and_of_nothing_else() -> None:
    one, other = [changed(1), changed(2, new=False)], [changed(1), changed(3, new=False)]
    assert mark_of(one) == mark_of([changed(1), changed(2, new=False)])
    assert len({mark_of(one), mark_of(other), mark_of(one[:1]), mark_of(())}) == 4


def test_a_new_thing_tells_the_fields_that_it_fills_and_a_known_one_those_that_turn() -> None:
    new = changed(1)
    assert {one.field for one in new.differences} >= {"id", "name", "latitude"}
    assert "longitude" not in {one.field for one in new.differences}
    known = compared("a", "A", SITE, replace(SITE, name="Trường B", contract_down_mbps=150.0))
    assert known.differences == (
        Difference("a", "name", "Trường A", "Trường B"),
        Difference("a", "contract_down_mbps", "", "150"),
    )


def test_faults_are_taken_apart_into_line_column_and_what_to_do() -> None:
    assert fault_of("line 3, column kind: 'x' is: odd") == Fault(3, "", "kind", "'x' is: odd")
    assert fault_of("cell AB12, column name: is empty") == Fault(12, "AB12", "name", "is empty")
    assert fault_of("line 7: a value too many") == Fault(7, "", "", "a value too many")
    assert fault_of("not a readable XLSX file") == Fault(None, "", "", "not a readable XLSX file")
    assert lines_of(["line 3, column kind: x", "cell B3: y", "other"]) == {3}


def test_a_search_finds_names_without_their_marks() -> None:
    names = ["Trường Tiểu học Hữu Lũng", "Đồng Đăng", "Bắc Sơn"]
    assert folded("Đồng-Đăng  1") == "dong dang 1"
    assert fitting(names, "HUU lung", folded) == ["Trường Tiểu học Hữu Lũng"]
    assert fitting(names, "đăng đồng", folded) == ["Đồng Đăng"]
    assert fitting(names, " - ", folded) == names


def test_pages_begin_at_one_and_end_at_the_last() -> None:
    things = list(range(2 * PER_PAGE + 1))
    last = paged(things, "", "99999999999999999999", known=500)
    assert (last.number, last.pages, list(last.rows), last.first, last.last) == (3, 3, [200], 201, 201)
    assert paged(things, "", "-4", known=500).number == 1
    assert paged(things, "", "²", known=500).number == 1
    assert paged([], "x", None, known=5).pages == 1
