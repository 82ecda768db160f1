"""Recorded incidents against what the measurements make: what agrees, what may differ, and what must not."""

from dataclasses import replace
from datetime import timedelta

import msgspec

from collector.incidents.acts import Decision, acted
from collector.incidents.incident import Incident
from collector.incidents.reconcile import Sight
from collector.incidents.replay import Compared, compared, stretches
from tests.collector.incidents.book import SITE, START, STEP, Book, contacts, fold

HOUR = timedelta(hours=1)
DOWN, UP, LONG = "xxx", "...", "." * 30


def live(pattern: str) -> list[Incident]:
    book, known = Book(), contacts(pattern)
    for place in range(len(known)):
        book.see(known[: place + 1])
    return book.incidents


def hold(recorded: list[Incident], pattern: str, **sight: object) -> Compared:
    known = contacts(pattern)
    episodes = [one for part in stretches(known, recorded) for one in fold(part)]
    there = Sight(SITE, "outage", known[-1].at, newest=known[-1].at, covers=known[0].at)
    return compared(recorded, episodes, replace(there, **sight))  # type: ignore[arg-type]


def test_what_was_judged_live_is_found_again() -> None:
    for pattern in ("....", DOWN, f"{DOWN}{UP}", f"{DOWN}{UP}{DOWN}{UP}{LONG}{DOWN}"):
        found = hold(live(pattern), pattern)
        assert (found.same, found.agree, found.moved) == (True, len(live(pattern)), 0)


def test_each_way_to_differ_has_a_name() -> None:
    one = live(DOWN)
    assert [each.fault for each in hold([], DOWN).differences] == ["missing"]
    assert [each.fault for each in hold(one, "......").differences] == ["unborne"]
    (difference,) = hold(one, f"{DOWN}{UP}").differences
    assert (difference.fault, difference.incident) == ("still_open", one[0].id)
    over = live(f"{DOWN}{UP}")
    assert [each.fault for each in hold(over, f"{DOWN}..x").differences] == ["already_over"]


def test_what_a_person_resolved_is_over_and_what_comes_later_is_new() -> None:
    (one,) = live(DOWN)
    over = acted(one, Decision("resolve", "Lan"), START + 3 * STEP)
    assert hold([over], f"{DOWN}xx").same
    assert [each.fault for each in hold([over], f"{DOWN}xxxx").differences] == ["missing"]


def test_late_data_may_move_a_beginning() -> None:
    late = live(" xxx")  # that the first was lost, too, came later
    found = hold(late, "xxxx")
    assert (found.same, found.moved) == (True, 1)


def test_what_a_parent_explains_and_what_is_out_of_reach_are_no_faults() -> None:
    (one,) = live(DOWN)
    parent = msgspec.structs.replace(one, site=None, children=["s1"])
    assert hold([], DOWN, parents=[parent]).same
    found = hold([one], "......", covers=START + HOUR)
    assert (found.same, found.untold) == (True, 1)


def test_what_was_withdrawn_may_be_missing_from_the_data() -> None:
    book, known = Book(), contacts(".x x x")
    book.see(known)
    book.see(sorted([*known, *contacts("  . . .")], key=lambda contact: contact.at))
    assert [one.state for one in book.incidents] == ["resolved"]
    assert hold(book.incidents, ".x.x.x.").same
