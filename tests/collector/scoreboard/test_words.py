"""Sentences of a row, in both languages."""

from datetime import date
from typing import get_args

import pytest

from collector.scoreboard.board import Course, Finding, Pace, Reason, Sites
from collector.scoreboard.scoreboard import Known
from collector.scoreboard.words import REASONS, basis, course_said, reasons_said, sites_said, unit_of
from tests.collector.scoreboard.promises import plan, shared, target
from tests.collector.scoreboard.test_scoreboard import SITES, SPEEDS, rows


def course(pace: Pace, **other: date) -> Course:
    return Course(months=12, slope=1.25, low=0.5, high=2.0, pace=pace, **other)


@pytest.mark.parametrize(
    ("told", "vi", "en"),
    [
        (
            course("approaching", month=date(2027, 3, 1), earliest=date(2027, 1, 1), latest=date(2027, 8, 1)),
            "theo đà này sẽ đạt chỉ tiêu vào tháng 3/2027 (từ 1/2027 đến 8/2027); ",
            "reaches the target in March 2027 at this pace (January 2027 to August 2027); ",
        ),
        (
            course("approaching", month=date(2027, 3, 1), earliest=date(2027, 1, 1)),
            "theo đà này sẽ đạt chỉ tiêu vào tháng 3/2027 (từ 1/2027 hoặc rất lâu sau); ",
            "reaches the target in March 2027 at this pace (January 2027 or much later); ",
        ),
        (course("no_trend"), "không có xu hướng; ", "no trend; "),
        (course("reached"), "xu hướng đã ở mức chỉ tiêu; ", "the trend is at the target; "),
        (course("away"), "đang giảm, ra xa chỉ tiêu; ", "falling, away from the target; "),
        (course("far"), "theo đà này không đạt trong 10 năm; ", "not within ten years at this pace; "),
        (course("approaching"), "đang tăng; ", "rising; "),
    ],
)
def test_a_trend_in_words(told: Course, vi: str, en: str) -> None:
    said = course_said(told, "Mbps")
    assert said.vi == f"{vi}1,25 Mbit/s mỗi tháng (0,5 đến 2 Mbit/s, 12 tháng)"
    assert said.en == f"{en}1.25 Mbit/s a month (0.5 to 2 Mbit/s, 12 months)"


def test_every_reason_has_words() -> None:
    assert REASONS.keys() == set(get_args(Reason))
    said = reasons_said(Finding(reasons=["too_few"], needed=180))
    assert [text.en for text in said] == ["too few results", "180 more are needed"]


def test_sites_in_words() -> None:
    assert sites_said(Sites(aimed=9, seen=8)).vi == "8/9 điểm có kết quả"
    told = sites_said(Sites(aimed=9, seen=8, short=1, reached=5, missed=1, open=1))
    assert told.en == (
        "8 of 9 sites have results; 5 clearly reach it, 1 clearly do not, 1 are open; 1 have too few results"
    )


def test_what_a_figure_is_of() -> None:
    speed, share, nothing = rows(
        plan(target(), shared(id="share"), target("up", indicator="upload_mbps")), Known(SITES, SPEEDS)
    )
    assert basis(speed).en == "median of all results: n = 3000, 25 sites"
    assert basis(share).vi.startswith("tỷ lệ điểm đạt rõ ràng: ")
    assert basis(nothing).en == "-"
    assert [unit_of(row) for row in (speed, share, nothing)] == ["Mbps", "percent", "Mbps"]
