"""The year that is filled has the shape of a real one."""

from itertools import islice, pairwise

from collector.rollups.figures import Marks, columns, figures
from collector.store.points import known_columns
from tests.bench.year_data import END, KINDS, Part, parts, points, sites


def test_parts_tile_the_year_and_have_names_of_their_own() -> None:
    found = parts(30, ("latency",), 7)
    assert len({part.key for part in found}) == len(found)
    weeks = [part for part in found if part.measurement == "throughput"]
    assert weeks[-1].end == END
    assert all(one.end == other.start for one, other in pairwise(weeks))


def test_roll_ups_have_the_fields_of_real_ones() -> None:
    for kind in KINDS:
        row = (0, *(value_of(kind, name) for name in columns(kind)))
        real = figures(kind, [row], Marks("download_mbps", ((0, 85.0),)))
        (made,) = islice(points(Part(f"{kind}_day", END, END.replace(day=2)), sites(1)), 1)
        assert made.fields.keys() == real.keys()
        assert made == next(points(Part(f"{kind}_day", END, END.replace(day=2)), sites(1)))


def value_of(kind: str, name: str) -> float | bool | None:
    known = known_columns()[kind][name]
    return True if known is bool else 1.0 if known is float else None


def test_a_site_runs_as_often_as_a_real_one() -> None:
    day = {kind: len(list(points(Part(kind, END, END.replace(day=2)), sites(1)))) for kind in ("throughput", "latency")}
    assert day == {"throughput": 6, "latency": 288}
