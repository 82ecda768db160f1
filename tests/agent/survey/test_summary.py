"""The card at the end of a walk."""

from agent.survey.route import Route, Stop
from agent.survey.summary import summary_rows
from agent.survey.walk import Walk
from agent.survey.words import _WORDS
from agent.wire.results import Radio
from tests.agent.survey.test_track import moved
from tests.agent.survey.test_view import walked


def test_it_says_what_was_found_and_what_went_wrong() -> None:
    walk = walked()
    walk.take(Radio(registration="searching", state="searching"), at=70)
    walk.route = Route((Stop("A", moved(0, 0)), Stop("B", moved(1, 1))), {0})
    walk.tally.unkept, walk.tally.failures, walk.tally.tests = 3, 1, 2
    rows = {row.label: row.value for row in summary_rows(walk, "en", elapsed_s=3725)}
    assert rows["Walk"] == "20261122_0102_beef  walking"
    assert rows["Samples"] == "21 samples, 20 with position"
    assert rows["Way"].endswith(" m in 1:02:05")
    assert rows["Network"] == "Viettel 4G (95 %)"
    assert rows["4G level"] == "-97 best, -97 median, -97 worst dBm"
    assert rows["Classes"] == "fair 95 %, none 5 %"
    assert rows["Places"] == "1 of 2 places reached"
    assert rows["Speed tests"] == "2"
    troubles = [row.value for row in summary_rows(walk, "en", elapsed_s=1) if row.look == "doubt"]
    assert troubles == ["3 samples were NOT kept: the disk refused", "the modem could not be asked 1 times"]


def test_an_empty_walk_has_no_figures_to_show() -> None:
    rows = summary_rows(Walk("w", "a"), "vi", elapsed_s=0)
    assert [row.value for row in rows] == ["w", "0 mẫu, 0 có vị trí", "0 m trong 0:00:00"]


def test_every_text_has_the_same_gaps_in_both_languages() -> None:
    for key, (english, vietnamese) in _WORDS.items():
        assert english.count("{}") == vietnamese.count("{}"), key
