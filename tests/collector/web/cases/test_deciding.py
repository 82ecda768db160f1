"""Forms about incidents: what they decide, and which field is wrong and why."""

from datetime import timedelta

import pytest

from collector.web.cases.deciding import Filled, Wrong, decision_of, window_of
from tests.collector.web.house import NOW
from tests.collector.web.test_words import ZONE

SILENCE = {"action": "silence", "who": "Lan"}
WORK = {"extent": "commune", "name": "Hữu Lũng", "starts": "2026-11-22T20:00", "ends": "2026-11-22T22:00", "who": "Lan"}


@pytest.mark.parametrize(
    ("form", "hours"),
    [
        ({"hours": "2"}, 2.0),
        ({"hours": "1,5"}, 1.5),
        ({"hours": ""}, None),
        ({"hours": "24", "until": "2026-11-22T16:00"}, 1.0),
    ],
)
def test_a_silence_lasts_hours_or_until_a_moment_or_until_somebody_ends_it(
    form: dict[str, str], hours: float | None
) -> None:
    decision = decision_of(Filled(SILENCE | form), NOW, ZONE)
    assert decision.until == (None if hours is None else NOW + timedelta(hours=hours))


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"action": "note", "who": "Lan"}, "note"),
        ({"action": "note", "who": "Lan", "note": "x" * 1001}, "note"),
        ({"action": "forget", "who": "Lan"}, "action"),
        ({"action": "acknowledge"}, "who"),
        ({"action": "acknowledge", "who": "a\x00b"}, "who"),
        (SILENCE | {"hours": "soon"}, "hours"),
        (SILENCE | {"hours": "-1"}, "hours"),
        (SILENCE | {"hours": "1e300"}, "hours"),
        (SILENCE | {"hours": "nan"}, "hours"),
        (SILENCE | {"until": "2020-01-01T00:00"}, "until"),
        (SILENCE | {"until": "tomorrow"}, "until"),
        (SILENCE | {"until": "9999-12-31T23:59"}, "until"),
    ],
)
def test_what_is_wrong_is_said_of_its_field(form: dict[str, str], field: str) -> None:
    with pytest.raises(Wrong) as wrong:
        decision_of(Filled(form), NOW, ZONE)
    assert list(wrong.value.faults) == [field]


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"starts": "soon"}, "starts"),
        ({"ends": "2026-11-22T19:00"}, "ends"),
        ({"starts": "2026-11-20T19:00", "ends": "2026-11-21T19:00"}, "ends"),
        ({"extent": "moon"}, "extent"),
        ({"name": ""}, "name"),
        ({"extent": "all"}, "name"),
        ({"who": " "}, "who"),
    ],
)
def test_planned_work_says_what_is_wrong_with_it(form: dict[str, str], field: str) -> None:
    values = {name: value.strip() for name, value in (WORK | form).items()}
    with pytest.raises(Wrong) as wrong:
        window_of(Filled(values), NOW, ZONE)
    assert list(wrong.value.faults) == [field]


def test_planned_work_is_in_the_provinces_time() -> None:
    window = window_of(Filled(WORK), NOW, ZONE)
    assert (window.starts.isoformat(), window.name) == ("2026-11-22T20:00:00+07:00", "Hữu Lũng")
