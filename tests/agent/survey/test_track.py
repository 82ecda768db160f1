"""Metres, points on the map, and standing still."""

import math

import pytest

from agent.survey.track import POINTS, Place, Standing, Track, metres, offset_m

HERE = Place(21.2731, 106.1946)


def moved(east_m: float, north_m: float) -> Place:
    degree = math.pi * 6_371_008.8 / 180
    return Place(
        HERE.latitude + north_m / degree, HERE.longitude + east_m / degree / math.cos(math.radians(HERE.latitude))
    )


def test_a_distance_that_is_known() -> None:
    hanoi, lang_son = Place(21.0278, 105.8342), Place(21.8537, 106.7615)
    assert metres(hanoi, lang_son) == pytest.approx(132_900, rel=0.01)
    assert metres(HERE, HERE) == 0
    assert metres(Place(0, 0), Place(0, 180)) == pytest.approx(math.pi * 6_371_008.8)


def test_offsets_are_metres_east_and_north_also_over_the_date_line() -> None:
    assert offset_m(moved(120, -45), HERE) == pytest.approx((120, -45), abs=0.01)
    east, north = offset_m(Place(0, -179.999), Place(0, 179.999))
    assert (round(east), north) == (222, 0)


def test_the_distance_grows_by_steps_and_not_by_what_the_receiver_errs() -> None:
    track = Track()
    for at in range(60):
        track.add(moved((-1) ** at * 2, 0), "good", at=at, accuracy_m=8)
    assert track.distance_m == 0
    for at in range(1, 11):
        track.add(moved(at * 20, 0), "good", at=60 + at * 10, accuracy_m=8)
    assert track.distance_m == pytest.approx(200, abs=4)


def test_a_leap_that_nothing_makes_is_not_driven() -> None:
    track = Track()
    track.add(HERE, "good", at=0)
    track.add(moved(50_000, 0), "good", at=3)
    track.add(moved(50_060, 0), "good", at=6)
    assert track.distance_m == pytest.approx(60, abs=1)


def test_points_are_bounded_and_the_whole_way_stays_on_the_map() -> None:
    track = Track()
    for at in range(3 * POINTS):
        track.add(moved(at, 0), "fair", at=at)
    assert POINTS / 2 <= len(track.points) <= POINTS
    assert track.points[0].place.longitude < track.points[-1].place.longitude
    assert metres(HERE, track.points[0].place) < 16
    assert metres(moved(3 * POINTS, 0), track.points[-1].place) < 16
    assert track.here == moved(3 * POINTS - 1, 0)


def test_the_same_fix_again_and_again_is_counted() -> None:
    track = Track()
    for _ in range(5):
        track.add(HERE, "fair", at=0)
    assert track.same == 4
    track.add(moved(0.3, 0), "fair", at=0)
    assert track.same == 0


def test_a_stop_is_told_once_and_again_after_moving_on() -> None:
    standing = Standing(30)
    told = [at for at in range(100) if standing.stands(moved(at % 3, 0), at)]
    assert told == [30]
    assert not standing.stands(moved(500, 0), 101)
    assert [at for at in range(102, 200) if standing.stands(moved(500, 2), at)] == [131]
