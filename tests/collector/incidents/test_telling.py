"""Which transitions are told, what maintenance and silences hold back, and what comes of them afterwards."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from collector.errors import UsageError
from collector.incidents.acts import Decision, acted, unsilenced
from collector.incidents.incident import Finding, Incident, Subject, begun, moved
from collector.incidents.maintenance import Extent, Window, checked, maintained
from collector.incidents.telling import SETTLED, settled, with_telling
from collector.plans.types import Text

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ABOUT = {"province": "Lạng Sơn", "commune": "Hữu Lũng", "provider": "VNPT"}


def incident() -> Incident:
    finding = Finding("warning", Text(vi="vi", en="en"), {})
    return begun(Subject("s1", ABOUT), "below_target", NOW, finding)


def known(one: Incident) -> Incident:
    return with_telling(one)[0]


def is_told(one: Incident) -> bool:
    return with_telling(one)[1]


def test_an_opening_is_told_and_nothing_twice() -> None:
    assert is_told(incident())
    assert known(incident()).told == "open"
    noted = acted(known(incident()), Decision("note", "Lan", "asked the provider"), NOW + HOUR)
    assert not is_told(noted)
    taken = acted(known(incident()), Decision("acknowledge", "Lan"), NOW + HOUR)
    assert is_told(taken)


def test_what_is_quiet_is_told_when_it_is_known() -> None:
    quiet = msgspec.structs.replace(incident(), quiet=True)
    assert with_telling(quiet) == (quiet, False)
    over = moved(quiet, "resolved", NOW + HOUR, who="rules")
    assert not is_told(msgspec.structs.replace(over, quiet=False))  # nobody knew of it
    confirmed = msgspec.structs.replace(moved(quiet, "open", NOW, who="rules", what="confirmed"), quiet=False)
    assert is_told(confirmed)


def test_a_silence_holds_until_it_ends_and_its_end_is_told() -> None:
    silenced = acted(known(incident()), Decision("silence", "Lan", until=NOW + 2 * HOUR), NOW + HOUR)
    assert is_told(silenced)
    worse = moved(silenced, "silenced", NOW + HOUR, who="rules", what="updated")
    assert not is_told(worse)
    assert worse.silenced_until == NOW + 2 * HOUR
    assert unsilenced(worse, NOW + HOUR) is None
    back = unsilenced(worse, NOW + 3 * HOUR)
    assert back is not None
    assert (back.state, back.updated, back.silenced_until) == ("open", NOW + 2 * HOUR, None)
    assert is_told(back)
    assert is_told(moved(silenced, "resolved", NOW + 2 * HOUR, who="rules"))


def test_an_acknowledged_incident_comes_back_from_silence_acknowledged() -> None:
    taken = acted(incident(), Decision("acknowledge", "Lan"), NOW)
    silenced = acted(acted(taken, Decision("silence", "Lan"), NOW), Decision("silence", "Lan", until=NOW + HOUR), NOW)
    endless = acted(taken, Decision("silence", "Lan"), NOW)
    assert unsilenced(endless, NOW + 99 * HOUR) is None  # until somebody ends it
    ended = acted(known(endless), Decision("unsilence", "Lan", "done"), NOW + HOUR)
    assert (ended.state, ended.history[-1].what, ended.history[-1].who) == ("acknowledged", "unsilenced", "Lan")
    assert is_told(ended)
    back = unsilenced(silenced, NOW + HOUR)
    assert back is not None
    assert back.state == "acknowledged"


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (Decision("acknowledge", " "), "name is needed"),
        (Decision("note", "Lan", " "), "needs words"),
        (Decision("unsilence", "Lan"), "is not silenced"),
        (Decision("unsilence", "Lan", until=NOW + HOUR), "only a silence"),
        (Decision("silence", "Lan", until=NOW), "in the future"),
        (Decision("silence", "Lan", until=NOW + timedelta(days=400)), "within a year"),
        (Decision("resolve", "Lan", until=NOW + HOUR), "only a silence"),
    ],
)
def test_acts_that_make_no_sense_are_refused(decision: Decision, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        acted(incident(), decision, NOW)


def test_one_that_is_over_takes_notes_only() -> None:
    over = acted(incident(), Decision("resolve", "Lan"), NOW)
    assert over.dismissed == NOW
    noted = acted(over, Decision("note", "Minh", "it was the router"), NOW + HOUR)
    assert (noted.state, noted.resolved, noted.dismissed, noted.updated) == ("resolved", NOW, NOW, NOW + HOUR)
    with pytest.raises(UsageError, match="resolved already"):
        acted(over, Decision("silence", "Lan"), NOW)


def window(extent: Extent = "all", name: str = "") -> Window:
    return Window(extent=extent, name=name, starts=NOW - HOUR, ends=NOW + HOUR, who="Lan", note="new router")


@pytest.mark.parametrize(
    ("extent", "name", "held"),
    [
        ("all", "", True),
        ("site", "s1", True),
        ("site", "s2", False),
        ("commune", "Hữu Lũng", True),
        ("commune", "huu-lung", True),  # as the registry files it
        ("commune", "Chi Lăng", False),
        ("provider", "VNPT", True),
        ("provider", "Viettel", False),
    ],
)
def test_maintenance_is_where_it_is_planned(extent: Extent, name: str, held: bool) -> None:  # noqa: FBT001 - a parameter
    found = maintained(incident(), [window(extent, name)], NOW)
    assert (found is not None and found.maintenance) == held


def test_what_opens_in_maintenance_is_told_when_that_is_over() -> None:
    held = maintained(incident(), [window()], NOW)
    assert held is not None
    assert not is_told(held)
    assert held.history[-1].note == "Lan: new router"
    assert maintained(held, [window()], NOW + HOUR / 2) is None
    over = maintained(held, [window()], NOW + HOUR)
    assert over is not None
    assert is_told(over)
    early = msgspec.structs.replace(window(), ended=NOW)
    assert maintained(held, [early], NOW) is not None
    resolved = moved(held, "resolved", NOW, who="rules")
    assert not is_told(resolved)
    assert maintained(resolved, [], NOW + 2 * HOUR) is None


def test_what_was_known_before_maintenance_is_not_told_again_after_it() -> None:
    held = maintained(known(incident()), [window()], NOW)
    assert held is not None
    over = maintained(held, [], NOW + HOUR)
    assert over is not None
    assert not is_told(over)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"who": " "}, "name is needed"),
        ({"extent": "site"}, "which one"),
        ({"name": "s1"}, "takes no name"),
        ({"ends": NOW - 2 * HOUR}, "after it starts"),
        ({"ends": NOW + timedelta(days=400)}, "within a year"),
    ],
)
def test_windows_that_make_no_sense_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        checked(msgspec.structs.replace(window(), **changes))


def test_what_comes_and_goes_is_told_as_over_when_it_has_settled() -> None:
    one = incident()
    for at in range(2):
        one = known(moved(one, "resolved", NOW + at * HOUR, who="rules"))
        one = known(moved(one, "open", NOW + at * HOUR, who="rules"))
    over = moved(one, "resolved", NOW + 3 * HOUR, who="rules")
    assert with_telling(over) == (over, False)
    assert settled(over, NOW + 3 * HOUR) is None
    held = settled(over, NOW + 3 * HOUR + SETTLED["below_target"])
    assert held is not None
    assert is_told(held)
    assert settled(known(held), NOW + 99 * HOUR) is None
    assert is_told(acted(one, Decision("resolve", "Lan"), NOW + 3 * HOUR))  # a person's word counts
