"""What plans promise: cards, communes, and the months of a promise against its line."""

from datetime import UTC, date, datetime

from collector.plans.load import load_plans
from collector.plans.types import Text
from collector.scoreboard.board import Board, Finding, Month, Row
from collector.web.promises import cards, communes, figures, outcomes
from collector.web.words import Words
from tests.collector.web.house import NOW, SITES, judged
from tests.collector.web.test_words import ZONE

PLAN = load_plans()["lang-son-2025"]
VERDICTS = {
    "th-huu-lung": judged(SITES[0], [120.0 + n for n in range(10)]),
    "ub-loc-ninh": judged(SITES[2], [], silent=True),
}


def test_plans_with_sites_come_first_and_say_how_they_stand() -> None:
    found = cards(load_plans().values(), SITES, VERDICTS)
    assert {card.plan.id for card in found[:3]} == {"bac-giang-2025", "binh-phuoc-2025", "lang-son-2025"}
    card = next(card for card in found if card.plan.id == PLAN.id)
    assert (card.sites, card.counts["met"], len(card.promises)) == (1, 1, len(PLAN.targets))


def test_communes_stand_by_the_share_that_reaches_the_target_and_unknown_ones_last() -> None:
    found = communes(SITES, VERDICTS, {"th-huu-lung": ("Hữu Lũng", "Lạng Sơn")})
    assert (found[0].commune, found[0].share) == ("Hữu Lũng", 1.0)
    assert [one.share for one in found[1:]] == [None] * 3


def test_a_promise_is_drawn_by_month_against_the_line_that_its_figure_is_held_against() -> None:
    target = next(target for target in PLAN.targets if target.how == "measured" and target.share is None)
    months = [Month(month=date(2026, month, 1), value=90.0 + month) for month in (8, 9, 10)]
    row = Row(
        target=target.id, indicator=target.indicator, name=Text(vi="Tốc độ", en="Speed"), scope=target.scope,
        how=target.how, promised=Text(vi="102", en="102"), mark=102.0, unit="Mbps", valid_from=target.valid_from,
        section="", quote="", finding=Finding(verdict="below"), months=months,
    )  # fmt: skip
    board = Board(
        plan=PLAN.id, name=PLAN.name, first=date(2026, 10, 1), last=date(2026, 10, 31), made=NOW, sites=1, rows=[row]
    )
    (figure,) = figures(board, PLAN, Words("en", ZONE))
    points, line = figure.plot["series"]
    assert (points["values"], line["values"]) == ([98.0, 99.0, 100.0], [102.0])
    assert figure.plot["start"] < points["at"][0] < figure.plot["end"]
    assert datetime.fromtimestamp(points["at"][0], UTC).date() == date(2026, 8, 1)
    assert figure.table.rows[0] == ("10/2026", 100.0, 102.0)
    assert outcomes(board) == {"met": 0, "below": 1, "inconclusive": 0}
