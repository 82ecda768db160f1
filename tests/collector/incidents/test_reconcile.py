"""Incidents from episodes: the same data give the same incidents, and only fresh news is told."""

from datetime import datetime, timedelta
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.incidents.acts import Decision, acted
from collector.incidents.chains import chains
from collector.incidents.incident import Finding, Incident, Subject, begun, moved
from collector.incidents.reconcile import GRACE, LATE, UPDATE_EVERY, Sight, episode_of, reconcile
from collector.incidents.telling import FLAPS
from collector.plans.types import Text
from tests.collector.incidents.book import SITE, START, STEP, Book, contacts, fold, found, identity

HOUR = timedelta(hours=1)
DOWN, UP = "xxx", "..."
LONG = "." * 30  # longer than what an outage settles in


def one_pass(pattern: str) -> Book:
    book = Book()
    book.see(contacts(pattern))
    return book


def live(pattern: str) -> Book:
    book, known = Book(), contacts(pattern)
    for place in range(len(known)):
        book.see(known[: place + 1])
    return book


def test_an_outage_opens_once_and_ends_once() -> None:
    book = live(f"...{DOWN}xx{UP}..")
    (incident,) = book.incidents
    assert (incident.state, incident.opened, incident.resolved) == ("resolved", START + 5 * STEP, START + 10 * STEP)
    assert book.told == [(incident.id, "opened"), (incident.id, "resolved")]
    assert incident.history[-1].note == "5/8"


def test_a_backlog_is_recorded_and_nobody_is_told() -> None:
    book = Book()
    known = contacts(f"...{DOWN}{UP}{LONG}{DOWN}")
    book.see(known, at=known[-1].at + LATE + STEP)
    assert [(one.state, one.quiet) for one in book.incidents] == [("resolved", True), ("open", True)]
    assert book.told == []
    known += contacts("x", start=known[-1].at + STEP)
    book.see(known)
    assert book.told == [(book.incidents[1].id, "confirmed")]
    assert not book.incidents[1].quiet


def test_late_data_end_nothing_aloud_until_something_fresh_comes() -> None:
    book, known = live(DOWN), contacts(DOWN)
    known += contacts(UP, start=known[-1].at + STEP)
    book.see(known, at=known[-1].at + HOUR)
    (incident,) = book.incidents
    assert (incident.state, incident.quiet, incident.told) == ("resolved", True, "open")
    known += contacts(".", start=known[-1].at + STEP)
    book.see(known)
    assert book.told == [(incident.id, "opened"), (incident.id, "confirmed")]
    assert book.incidents[0].told == "resolved"


def test_late_data_before_a_fresh_one_open_quietly() -> None:
    book, known = Book(), contacts("...   .")
    book.see(known)
    book.see(sorted([*known, *contacts("   xxx")], key=lambda c: c.at))
    assert [one.quiet for one in book.incidents] == [True]
    assert book.told == []


def test_what_later_data_do_not_bear_out_is_withdrawn() -> None:
    book, known = live(".x x x"), contacts(".x x x")
    assert [one.state for one in book.incidents] == ["open"]
    known = sorted([*known, *contacts("  . . .")], key=lambda c: c.at)
    book.see(known, at=known[-1].at)
    (incident,) = book.incidents
    assert (incident.state, incident.history[-1].what) == ("resolved", "withdrawn")


def test_an_incident_older_than_the_window_stays_until_it_is_over() -> None:
    book = live(f".{DOWN}")
    later = contacts("xx..", start=START + 100 * STEP)
    book.see(later)  # what made it is gone
    assert book.incidents[0].active
    episodes = fold(contacts("...", start=START + 104 * STEP), episode_of(book.incidents[0]))
    sight = Sight(SITE, "outage", START + 106 * STEP, START + 106 * STEP, START + 104 * STEP, START + 103 * STEP)
    (changed,) = reconcile(book.incidents, episodes, sight, found)
    assert (changed.state, changed.id) == ("resolved", book.incidents[0].id)


@settings(deadline=None)
@given(st.text("x.", min_size=1, max_size=60).map(lambda text: text + "  " * 30), st.randoms(use_true_random=False))
def test_restarts_and_batches_change_nothing(pattern: str, random: Random) -> None:
    known = contacts(pattern + "".join(random.choice((DOWN, UP, LONG, "x", ".", " " * 40)) for _ in range(8)))
    book, place = Book(), 0
    while place < len(known):
        place += random.randrange(1, 9)
        book.see(known[:place], at=known[:place][-1].at + random.choice((STEP, HOUR)))
    whole = Book()
    whole.see(known)
    assert [identity(one) for one in book.incidents] == [identity(one) for one in whole.incidents]


@settings(deadline=None)
@given(st.lists(st.sampled_from((DOWN, UP, LONG, "x", "..", "xxxx")), min_size=1, max_size=10), st.randoms())
def test_whatever_the_order_of_arrival_the_record_says_in_the_end_what_the_data_say(
    parts: list[str], random: Random
) -> None:
    whole = contacts("".join(parts))
    shuffled = list(whole)
    random.shuffle(shuffled)
    book, place = Book(), 0
    while place < len(shuffled):
        place += random.randrange(1, 9)
        book.see(shuffled[:place], at=START + STEP * 1000)
    derived = chains(fold(whole), "outage")
    assert any(one.active for one in book.incidents) == any(chain.closed is None for chain in derived)
    for chain in derived:
        assert any(chain.overlaps(one.since, one.resolved) for one in book.incidents)
    assert book.told == []  # all of it came late


def test_what_comes_back_soon_is_the_same_incident() -> None:
    book = live(f"{DOWN}{UP}.{DOWN}{UP}")
    (incident,) = book.incidents
    steps = ["opened", "resolved", "reopened", "resolved"]
    assert [step.what for step in incident.history] == steps
    assert [what for _, what in book.told] == steps
    assert len(live(f"{DOWN}{UP}{LONG}{DOWN}").incidents) == 2


def test_flapping_is_told_once() -> None:
    book = live(f"{DOWN}{UP}" * 6)
    (incident,) = book.incidents
    assert [what for _, what in book.told] == ["opened", "resolved", "reopened", "resolved", "flapping"]
    assert (incident.state, incident.told, len(incident.history)) == ("resolved", "open", 12)


def test_after_a_person_resolved_it_only_what_comes_later_counts() -> None:
    book = live(DOWN)
    at = START + 2 * STEP + STEP / 2
    book.keep([acted(book.incidents[0], Decision("resolve", "Lan", "router replaced"), at)])
    known = contacts(DOWN + "xx")
    book.see(known)
    assert [one.state for one in book.incidents] == ["resolved"]
    book.see([*known, *contacts("x", start=START + 5 * STEP)])
    assert [one.state for one in book.incidents] == ["resolved", "open"]
    assert book.incidents[1].opened == START + 5 * STEP


def test_a_persons_acts_survive_the_rules() -> None:
    book = live(DOWN)
    book.keep([acted(book.incidents[0], Decision("silence", "Lan", until=START + 9 * HOUR), START + HOUR)])
    book.see(contacts(DOWN + "x" * 20))
    assert book.incidents[0].state == "silenced"
    book.see(contacts(DOWN + "x" * 20 + UP))
    assert [what for _, what in book.told] == ["opened", "silenced", "resolved"]


def shortfall(median: float, *, severe: bool = False) -> Finding:
    severity = "critical" if severe else "warning"
    return Finding(severity, Text(vi="vi", en="en"), {"median": median, "since": START})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("now", "after", "is_told"),
    [
        (shortfall(15), UPDATE_EVERY, True),  # half of what was told
        (shortfall(16), UPDATE_EVERY, False),
        (shortfall(30, severe=True), UPDATE_EVERY, True),
        (shortfall(1), UPDATE_EVERY - STEP, False),  # at most once a day
        (shortfall(30, severe=True), STEP, True),  # a rise at once
    ],
)
def test_growing_worse_is_told_at_most_once_a_day_and_a_rise_at_once(
    now: Finding,
    after: timedelta,
    is_told: bool,  # noqa: FBT001 - a parameter
) -> None:
    incident = msgspec.structs.replace(begun(SITE, "outage", START, shortfall(30)), told="open")
    episode = msgspec.structs.replace(episode_of(incident), last=START + after)
    sight = Sight(SITE, "outage", START + after, START + after, START, START + after - STEP)
    changes = reconcile([incident], [episode], sight, lambda _: now)
    assert [(one.history[-1].what, one.severity) for one in changes] == ([("updated", now.severity)] if is_told else [])


def test_a_severity_is_told_once_and_of_what_comes_and_goes_once_a_day() -> None:
    first = msgspec.structs.replace(begun(SITE, "outage", START, shortfall(30)), told="open")
    at = START + STEP

    def updated(incident: Incident, finding: Finding, at: datetime) -> list[Incident]:
        episode = msgspec.structs.replace(episode_of(incident), last=at)
        return list(
            reconcile([incident], [episode], Sight(SITE, "outage", at, at, START, at - STEP), lambda _: finding)
        )

    (grave,) = updated(first, shortfall(30, severe=True), at)
    assert [updated(grave, shortfall(30, severe=severe), at + STEP) for severe in (False, True)] == [[], []]
    (weaker,) = updated(grave, shortfall(1), at + UPDATE_EVERY)
    assert weaker.severity == "critical"
    flapping = first
    for _ in range(FLAPS):
        flapping = moved(moved(flapping, "resolved", START, who="rules"), "open", START, who="rules", what="reopened")
    assert updated(flapping, shortfall(30, severe=True), at) == []
    assert len(updated(flapping, shortfall(30, severe=True), at + UPDATE_EVERY)) == 1


def parent(*, resolved: bool = False) -> Incident:
    made = begun(Subject(None), "outage", START + 2 * STEP, found(episode_of(live(DOWN).incidents[0])))
    state, end = ("resolved", START + 5 * STEP) if resolved else ("open", None)
    return msgspec.structs.replace(made, state=state, resolved=end, children=["s1"])


def test_what_a_parent_explains_opens_nothing() -> None:
    book = Book()
    book.see(contacts(DOWN), parents=[parent()])
    book.see(contacts(f"{DOWN}{UP}"), parents=[parent()])
    assert book.incidents == []
    book.see(contacts(f"{DOWN}{UP}"), parents=[parent(resolved=True)])
    assert book.incidents == []


def test_what_goes_on_after_a_parent_becomes_an_incident_of_its_own() -> None:
    book, known = Book(), contacts(DOWN + "x" * 6)
    book.see(known[:6], parents=[parent(resolved=True)])
    assert book.incidents == []
    at = START + 5 * STEP + GRACE
    book.see(known, at=at, parents=[parent(resolved=True)])
    (incident,) = book.incidents
    assert (incident.parent, incident.opened, incident.state) == (parent().id, START + 2 * STEP, "open")
    assert book.told == [(incident.id, "opened")]
