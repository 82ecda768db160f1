"""The text map: what is where, how large, and what hides what."""

import pytest

from agent.survey.level import Mark
from agent.survey.map import PLAIN, SYMBOLS, Scene, Segment, draw, length, scale_m
from agent.survey.track import Point
from tests.agent.survey.test_track import HERE, moved


def lines(scene: Scene, columns: int, rows: int) -> list[str]:
    return [
        "".join(segment.text for segment in line) for line in draw(scene, columns=columns, rows=rows, symbols=PLAIN)
    ]


def test_north_is_up_east_is_right_and_you_are_in_the_middle() -> None:
    points = [
        Point(moved(0, 40), "excellent"),
        Point(moved(40, 0), "good"),
        Point(moved(0, -40), "fair"),
        Point(moved(-40, 0), "none"),
        Point(HERE, "excellent"),
    ]
    assert lines(Scene(HERE, points), 21, 9) == [
        "          #        ^N",
        "                     ",
        "                     ",
        "                     ",
        "  x       @       =  ",
        "                     ",
        "                     ",
        "                     ",
        "|---| 25 m-          ",
    ]


@pytest.mark.parametrize(
    ("marks", "shown"),
    [
        (["unknown", "excellent", "none"], "x"),
        (["good"] * 3 + ["none"], "="),
        (["good"] * 3 + ["none"] * 2, "x"),
        (["excellent"] * 30 + ["fair"] * 8 + ["none"] * 2, "#"),
        (["excellent"] * 28 + ["fair"] * 9 + ["none"] * 3, "-"),
        (["unknown"] * 5, "."),
        (["weak"] * 3 + ["none"] * 2, "x"),
        (["fair", "weak"], "~"),
    ],
)
def test_of_several_samples_on_one_character_the_worst_quarter_is_shown(marks: list[Mark], shown: str) -> None:
    points = [Point(moved(30, 0), mark) for mark in marks]
    text = lines(Scene(HERE, points), 21, 5)[2]
    assert text.replace("@", " ").strip() == shown


def test_stops_are_shown_beside_samples_and_those_beyond_the_edge_are_not() -> None:
    scene = Scene(HERE, [], [(moved(0, 8), False), (moved(8, 0), True), (moved(9000, 0), False)])
    text = "".join(lines(scene, 21, 9))
    assert (text.count("o"), text.count("O")) == (1, 1)


@pytest.mark.parametrize(
    ("east_m", "north_m", "scale"),
    [(0, 0, 2), (20, 0, 2), (21, 0, 5), (100, 0, 10), (101, 0, 20), (0, 90, 20), (99_000, 0, 10_000)],
)
def test_the_scale_is_a_round_number_with_which_everything_is_on_the_map(
    east_m: float, north_m: float, scale: float
) -> None:
    scene = Scene(HERE, [Point(moved(east_m, north_m), "good")])
    assert scale_m(scene, columns=21, rows=9) == scale
    if east_m or north_m:
        assert "=" in "".join(lines(scene, 21, 9)[:-1])


@pytest.mark.parametrize(("columns", "rows"), [(0, 5), (5, 0), (1, 1), (2, 2), (3, 1), (40, 12), (120, 50)])
def test_any_size_gives_as_many_lines_and_none_is_wider(columns: int, rows: int) -> None:
    scene = Scene(HERE, [Point(moved(10, 10), "good")], [(moved(5, 5), False)])
    found = lines(scene, columns, rows)
    assert len(found) == (rows if columns else 0)
    assert all(len(line) == columns for line in found)


def test_a_class_has_a_colour_and_a_shape() -> None:
    assert len(set(SYMBOLS.values())) == len(SYMBOLS)
    assert len(set(PLAIN.values())) == len(PLAIN)
    found = draw(Scene(HERE, [Point(moved(8, 0), "none")]), columns=21, rows=5)
    assert Segment("×", "none") in found[2]  # noqa: RUF001 - a cross, and no letter
    assert Segment("@", "you") in found[2]


def test_lengths_as_people_say_them() -> None:
    assert [length(metres) for metres in (0, 9.6, 999, 1000, 12_345)] == ["0 m", "10 m", "999 m", "1.0 km", "12.3 km"]
