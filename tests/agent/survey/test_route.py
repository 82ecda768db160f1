"""Routes as people write them, their faults by line, and ticking places off."""

from pathlib import Path

import pytest

from agent.errors import UsageError
from agent.survey.route import Route, Stop, read
from agent.survey.track import Place

GPX = """<?xml version="1.0"?><gpx xmlns="http://www.topografix.com/GPX/1/1" version="1.1">
<metadata><name>no place</name></metadata>
<wpt lat="21.27" lon="106.19"><name>Trường TH số 1</name></wpt>
<rte><rtept lat="21.28" lon="106.20"><ele>3</ele></rtept></rte></gpx>"""


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "route"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        "name,latitude,longitude\nTrường TH số 1,21.27,106.19\n,21.28,106.20\n",
        "\ufeffLat;Lng;Name\r\n21.27;106.19;Trường TH số 1\r\n\r\n21.28;106.20;\r\n",
        'note,name,lat,lon\nx,"Trường TH số 1", 21.27 ,106.19\ny,2,21.28,106.20,more\n',
        GPX,
        "\n " + GPX.partition("?>")[2],
    ],
)
def test_the_ways_of_writing_a_route_mean_the_same(tmp_path: Path, content: str) -> None:
    route = read(written(tmp_path, content))
    assert route.stops == (Stop("Trường TH số 1", Place(21.27, 106.19)), Stop("2", Place(21.28, 106.2)))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "line 1: expected the columns"),
        ("name,latitude,longitude\n", "no place in it"),
        ("name;lat\nx;21\n", "line 1: expected the columns"),
        ("name,lat,lon\na,21,106\n\nb,91,106\n", "line 4: latitude"),
        ("name,lat,lon\na,21\n", "line 2: longitude"),
        ("name,lat,lon\na,21,nan\n", "line 2: longitude"),
        ('name,lat,lon\n"a\n', "line 2: latitude"),
        (b"name,lat,lon\nTr\xd0,21,106\n", "UTF-8"),
        ("<gpx><wpt lat='1'", "not GPX"),
        ("<gpx><wpt lat='1' lon='x'/></gpx>", "point 1: longitude"),
        ("<html><body/></html>", "no place in it"),
        (b"a" * (2 * 1024 * 1024 + 1), "larger than"),
        ("lat,lon\n" + "1,1\n" * 5001, "at most 5000"),
    ],
)
def test_a_fault_is_one_line_that_says_where(tmp_path: Path, content: str | bytes, says: str) -> None:
    with pytest.raises(UsageError, match=says) as raised:
        read(written(tmp_path, content))
    assert str(raised.value).startswith("--route: ")
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read(tmp_path / "none.csv")


def test_entities_that_grow_are_refused(tmp_path: Path) -> None:
    doubling = "".join(f'<!ENTITY l{at} "{f"&l{at - 1};" * 10}">' for at in range(1, 10))
    bomb = f'<!DOCTYPE gpx [<!ENTITY l0 "lol">{doubling}]><gpx><wpt lat="1" lon="1"><name>&l9;</name></wpt></gpx>'
    with pytest.raises(UsageError):
        read(written(tmp_path, bomb))


def test_places_are_ticked_off_in_any_order() -> None:
    route = Route(tuple(Stop(str(at), Place(21.27, 106.19 + at / 100)) for at in range(3)))
    assert route.at(Place(21.28, 106.19)) is None
    assert route.next(Place(21.27, 106.189)) == route.stops[0]
    assert route.at(Place(21.2701, 106.2001)) == route.stops[1]
    assert route.reached == {1}
    assert route.next(Place(21.27, 106.2)) in {route.stops[0], route.stops[2]}
    assert route.at(Place(21.27, 106.19)) is not None
    assert route.at(Place(21.27, 106.21)) is not None
    assert route.next(Place(21.27, 106.2)) is None
