"""Line protocol: what is written, what is replaced, and what no engine can hold."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.store.line import FIRST_NS, LAST_NS, PointError, clean_tags, encode_line, field_value, tag_text, text
from collector.store.store import FieldValue, Point
from tests.collector.store.samples import NOON, point

ANY_TEXT = st.text(st.characters(), max_size=40)


def line(**fields: FieldValue) -> str:
    return encode_line(Point("m", (), fields, 1)).decode()


def test_a_point_is_one_line() -> None:
    assert encode_line(point(2, site="s", word='a "b" \\', conclusive=False)) == (
        b'throughput,agent=s-1,site=s download_mbps=2.0,conclusive=false,word="a \\"b\\" \\\\" %d' % (NOON + 2 * 10**9)
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [(100.0, "100.0"), (0.1, "0.1"), (1e300, "1e+300"), (-0.5, "-0.5"), (True, "true"), (7, "7.0"), ("", '""')],
)
def test_values_are_written_in_their_shortest_exact_form(value: FieldValue, written: str) -> None:
    assert line(v=value) == f"m v={written} 1"


def test_separators_in_names_and_tags_are_escaped() -> None:
    one = Point("a b,c", (("t,=k", "v ,="),), {"f =,": 1.0}, 1)
    assert encode_line(one) == rb"a\ b\,c,t\,\=k=v\ \,\= f\ \=\,=1.0 1"


def test_tags_are_sorted_and_empty_ones_left_out() -> None:
    assert clean_tags((("b", "2"), ("a", "1"), ("c", " \n"), ("", "x"))) == (("a", "1"), ("b", "2"))


@pytest.mark.parametrize(
    ("raw", "stored"),
    [
        ("C:\\", "C:/"),
        ("a\nb\r\nc", "a b  c"),
        (" x ", "x"),
        ("\t", ""),
        ("Lạng Sơn", "Lạng Sơn"),
        ("\ud800", "?"),
        ("x" * 9999, "x" * 1024),
    ],
)
def test_a_tag_holds_what_every_engine_can_carry(raw: str, stored: str) -> None:
    assert tag_text(raw) == stored


@given(ANY_TEXT)
def test_cleaning_is_done_once_for_all(raw: str) -> None:
    assert text(text(raw)) == text(raw)
    assert tag_text(tag_text(raw)) == tag_text(raw)


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_no_text_breaks_a_line(value: str, tag: str, name: str) -> None:
    try:
        written = encode_line(Point("m", (("t", tag), (name, "x")), {"v": value, name: 1.0}, 1))
    except PointError:
        return
    assert b"\n" not in written
    assert len(written.decode().splitlines()) == 1
    assert written.endswith(b" 1")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_none_is_left_out(number: float) -> None:
    assert line(v=number, w=1.0) == "m w=1.0 1"
    assert field_value(number) is None
    with pytest.raises(PointError, match="needs a field"):
        line(v=number)


@pytest.mark.parametrize("time_ns", [FIRST_NS - 1, LAST_NS + 1])
def test_a_time_beyond_int64_is_refused(time_ns: int) -> None:
    with pytest.raises(PointError, match="out of range"):
        encode_line(replace(point(1), time_ns=time_ns))


@pytest.mark.parametrize("measurement", ["", "\n", "##"])
def test_a_measurement_needs_a_name(measurement: str) -> None:
    with pytest.raises(PointError, match="name"):
        encode_line(replace(point(1), measurement=measurement))


def test_long_words_are_cut_to_what_influxdb_takes() -> None:
    assert len(line(v="é" * 99_999).encode()) < 65_536
    assert field_value("é" * 99_999) == "é" * 16_000
