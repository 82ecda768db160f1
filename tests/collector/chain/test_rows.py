"""Rows in memory: replaced from a moment on, and it is known from when on they are others."""

import random
from datetime import timedelta

import pytest

from collector.chain.rows import THROUGHPUT, Rows, Shape, moment
from collector.store.points import nanoseconds
from tests.collector.chain.rig import HOUR, NOW, run_row, speeds, throughput


def test_what_is_read_is_what_was_put_with_its_gaps() -> None:
    found = [run_row(NOW, 40.5), run_row(NOW + HOUR, None, failure="dns:nxdomain")]
    rows = throughput(found)
    assert [(at, *numbers, *note) for at, *numbers, note in rows.rows()] == found
    assert moment(rows.times[0]) == NOW
    assert next(iter(rows.rows(1)))[1] is None


def test_news_tells_from_when_on_rows_are_new_and_the_same_again_is_no_news() -> None:
    found = speeds(10.0, 20.0, 30.0)
    rows = throughput(found)
    assert rows.put(found[1][0], found[1:]) is None
    later = run_row(NOW + HOUR, 40.0)
    assert rows.put(found[2][0], [found[2], later]) == later[0]
    assert len(rows) == 4


@pytest.mark.parametrize("changed", [0, 1, 3])
def test_late_changed_and_deleted_rows_are_found_where_they_lie(changed: int) -> None:
    found = speeds(10.0, None, 30.0, None)
    late = run_row(moment(found[changed][0]) + HOUR, 5.0)
    assert throughput(found).put(0, sorted([*found, late])) == late[0]
    other = run_row(moment(found[changed][0]), 11.5)
    assert throughput(found).put(0, [*found[:changed], other, *found[changed + 1 :]]) == other[0]
    assert throughput(found).put(0, found[:changed] + found[changed + 1 :]) == found[changed][0]


def test_however_it_comes_in_pieces_the_whole_is_the_same() -> None:
    dice = random.Random(5)  # noqa: S311 - a test wants the same numbers
    found = speeds(*(dice.choice([None, dice.uniform(1, 90)]) for _ in range(60)))
    rows, known = Rows(THROUGHPUT), list[int]()
    for place in dice.sample(range(60), 60):
        known.append(place)
        start = found[place][0]
        there = [found[each] for each in sorted(known) if found[each][0] >= start]
        assert rows.put(start, there) == start
    assert list(rows.rows()) == list(throughput(found).rows())


def test_no_site_takes_more_than_its_share() -> None:
    small = Shape("throughput", THROUGHPUT.numbers, THROUGHPUT.notes, timedelta(days=90), 5)
    rows = Rows(small)
    found = speeds(*range(1, 9))
    rows.put(0, found)
    assert [at for at, *_ in rows.rows()] == [row[0] for row in found[-5:]]
    rows.put(nanoseconds(NOW + HOUR), [run_row(NOW + HOUR, 3.0)])
    assert len(rows) == 5
    rows.forget(nanoseconds(NOW))
    assert len(rows) == 2
