"""How fast one may send: never more than the share of an hour, never an hour of silence, patience after failures."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.tell.pace import HOUR, Patience, room
from tests.collector.tell.rig import NOW


@given(st.integers(1, 40), st.lists(st.integers(0, 240), min_size=20, max_size=400))
def test_never_more_than_the_share_in_any_hour(per_hour: int, pauses_s: list[int]) -> None:
    sent, now = list[datetime](), NOW
    for pause_s in pauses_s:
        now += timedelta(seconds=pause_s)
        sent += [now] * (room(sent, per_hour, now) or 0)
    for at in sent:
        assert sum(at - HOUR < other <= at for other in sent) <= per_hour


def test_the_second_half_keeps_apart_so_that_somebody_is_heard_all_hour() -> None:
    sent = [NOW] * 5
    assert room(sent, 10, NOW) == 0
    assert room(sent, 10, NOW + timedelta(minutes=11)) == 0
    assert room(sent, 10, NOW + timedelta(minutes=12)) == 1
    assert room([], 10, NOW) == 5
    assert room([], 1, NOW) == 1
    assert room([NOW], 1, NOW + timedelta(minutes=59)) == 0
    assert room(sent * 99, None, NOW) is None


@pytest.mark.parametrize(
    ("attempts", "draw", "asked", "wait_s"),
    [(1, 0.0, None, 2.5), (1, 1.0, None, 5.0), (3, 0.0, None, 10.0), (99, 0.0, None, 1800.0), (1, 0.0, 60, 60.0),
     (1, 0.0, 99999, 3600.0), (9, 0.0, 1, 640.0)],
)  # fmt: skip
def test_patience_doubles_and_obeys(attempts: int, draw: float, asked: float | None, wait_s: float) -> None:
    assert Patience().wait_s(attempts, draw, asked_s=asked) == wait_s
