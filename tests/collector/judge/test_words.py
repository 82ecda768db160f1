"""Numbers and reasons in both languages."""

from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judge.reasons import BLOCKING, WORDS, Reason
from collector.judge.units import mark_en, mbps_en, mbps_vi, percent_en, percent_vi


@pytest.mark.parametrize(
    ("value", "beside", "text"),
    [
        (120.0, None, "120 Mbit/s"),
        (100.0, None, "100 Mbit/s"),
        (1234.56, None, "1234.6 Mbit/s"),
        (0.04, None, "0 Mbit/s"),
        (119.97, None, "120 Mbit/s"),
        (119.97, 120.0, "119.97 Mbit/s"),
        (119.9996, 120.0, "119.9996 Mbit/s"),
        (120.0 - 1e-12, 120.0, "119.999999999999 Mbit/s"),
        (120.0, 120.0, "120 Mbit/s"),
        (119.5, 120.0, "119.5 Mbit/s"),
    ],
)
def test_a_speed_looks_equal_to_a_mark_only_where_it_is(value: float, beside: float | None, text: str) -> None:
    assert mbps_en(value, beside=beside) == text
    assert mbps_vi(value, beside=beside) == text.replace(".", ",")


@given(st.floats(0, 2000), st.decimals(1, 1000, places=3))
def test_told_numbers_stand_as_the_real_ones_do(value: float, mark: Decimal) -> None:
    told, other = (Decimal(text.split()[0]) for text in (mbps_en(value, beside=float(mark)), mark_en(float(mark))))
    assert other == mark
    assert (told > other) - (told < other) == (value > float(mark)) - (value < float(mark))


def test_shares_are_told_in_percent() -> None:
    assert (percent_en(0.95), percent_vi(0.983)) == ("95 %", "98,3 %")
    assert percent_en(0.9499, beside=0.95) == "94.99 %"


def test_every_reason_has_words() -> None:
    assert set(WORDS) == set(get_args(Reason))
    assert set(BLOCKING) < set(WORDS)
    assert all(text.vi != text.en for text in WORDS.values())
