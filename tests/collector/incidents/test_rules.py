"""The incident rules by hand and by replay."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import UsageError
from collector.incidents.acts import Decision, acted
from collector.incidents.incident import Incident
from collector.incidents.rules import Heard, Patience, Sight, below_step, silent_step
from collector.judge.sample import Sample
from collector.plans.load import load_plans
from collector.plans.types import Target

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
TARGET: Target = next(t for t in load_plans()["lang-son-2025"].targets if t.network == "mobile")  # 42 Mbit/s, minimum
PATIENCE = Patience()


def samples(*speeds: float, newest: datetime = NOW) -> list[Sample]:
    return [Sample(newest - HOUR * (len(speeds) - 1 - place), mbps) for place, mbps in enumerate(speeds)]


def sight(*speeds: float, newest: datetime = NOW, judged: datetime | None = None, at: datetime | None = None) -> Sight:
    return Sight("s1", TARGET, samples(*speeds, newest=newest), judged, at or newest)


def opened(*speeds: float) -> Incident:
    incident = below_step(None, sight(*(speeds or [30.0] * 10)))
    assert incident is not None
    return incident


def test_nine_of_ten_below_opens() -> None:
    assert below_step(None, sight(*[30.0] * 8, 50, 50)) is None
    incident = opened(50, *[30.0] * 9)
    assert (incident.state, incident.cause, incident.severity, incident.opened) == (
        "open",
        "below_target",
        "warning",
        NOW,
    )
    assert incident.id == "s1.below_target.20261122T120000000000Z"
    assert "9 of the last 10 results are under the target of 42 Mbit/s (median 30 Mbit/s)" in incident.summary.en
    assert "9/10" in incident.summary.vi
    assert incident.evidence["below"] == 9
    assert len(incident.evidence["samples"]) == 10


def test_less_than_half_the_target_is_critical() -> None:
    assert opened(*[20.9] * 10).severity == "critical"
    assert opened(*[21.0] * 10).severity == "warning"


def test_too_few_results_open_nothing() -> None:
    assert below_step(None, sight(*[1.0] * 9)) is None


def test_it_resolves_at_105_percent_only() -> None:
    incident = opened()
    later = NOW + 10 * HOUR
    assert below_step(incident, sight(*[44.0] * 10, newest=later, judged=NOW)) is None  # above 42, below 44.1
    assert below_step(incident, sight(*[44.1] * 8, 30, 30, newest=later, judged=NOW)) is None
    resolved = below_step(incident, sight(30, *[44.1] * 9, newest=later, judged=NOW))
    assert resolved is not None
    assert (resolved.state, resolved.resolved, resolved.updated) == ("resolved", later, later)
    assert [step.state for step in resolved.history] == ["open", "resolved"]


def test_late_data_neither_opens_nor_resolves() -> None:
    assert below_step(None, sight(*[30.0] * 10, judged=NOW)) is None  # nothing newer than what was judged
    assert below_step(None, sight(*[30.0] * 10, at=NOW + 16 * MINUTE)) is None  # a backlog is draining
    incident = opened()
    assert below_step(incident, sight(*[90.0] * 10, judged=NOW)) is None
    assert below_step(incident, sight(*[90.0] * 10, newest=NOW + HOUR, judged=NOW, at=NOW + 2 * HOUR)) is None
    assert below_step(None, sight(*[30.0] * 10, at=NOW + 15 * MINUTE)) is not None  # in time


def test_an_active_incident_is_not_opened_again() -> None:
    for incident in (opened(), acted(opened(), Decision("acknowledge", "Lan"), NOW)):
        assert below_step(incident, sight(*[30.0] * 10, newest=NOW + HOUR, judged=NOW)) is None


def test_no_results_and_no_target_leave_it_open() -> None:
    incident = opened()
    assert below_step(incident, Sight("s1", TARGET, [], NOW, NOW + 40 * 24 * HOUR)) is None
    assert below_step(incident, replace(sight(*[90.0] * 10, newest=NOW + HOUR, judged=NOW), target=None)) is None


def test_after_a_person_resolved_it_ten_new_results_are_needed() -> None:
    incident = acted(opened(), Decision("resolve", "Lan", "router replaced"), NOW)
    assert below_step(incident, sight(*[30.0] * 19, newest=NOW + 9 * HOUR, judged=NOW)) is None  # nine are new
    again = below_step(incident, sight(*[30.0] * 20, newest=NOW + 10 * HOUR, judged=NOW))
    assert again is not None
    assert again.id != incident.id


def test_a_persons_decisions_are_kept_with_their_name() -> None:
    incident = acted(opened(), Decision("acknowledge", " Lan ", "called the provider"), NOW + HOUR)
    incident = acted(incident, Decision("silence", "Minh"), NOW + 2 * HOUR)
    incident = acted(incident, Decision("resolve", "Minh"), NOW + 3 * HOUR)
    assert [(step.state, step.who) for step in incident.history] == [
        ("open", "rules"),
        ("acknowledged", "Lan"),
        ("silenced", "Minh"),
        ("resolved", "Minh"),
    ]
    assert incident.resolved == NOW + 3 * HOUR
    with pytest.raises(UsageError, match="resolved already"):
        acted(incident, Decision("acknowledge", "Lan"), NOW)
    with pytest.raises(UsageError, match="name is needed"):
        acted(opened(), Decision("acknowledge", "  "), NOW)


def heard(agent: str = "a1", *, ago: timedelta = MINUTE, missed: int = 0, reported: datetime | None = None) -> Heard:
    return Heard(agent, NOW - ago, NOW - ago, missed, reported)


def silent(*agents: Heard, last: Incident | None = None, at: datetime = NOW) -> Incident | None:
    return silent_step(last, "s1", agents, patience=PATIENCE, at=at)


def test_ten_minutes_without_status_is_silence() -> None:
    assert silent(heard(ago=10 * MINUTE - timedelta(seconds=1))) is None
    incident = silent(heard(ago=10 * MINUTE))
    assert incident is not None
    assert (incident.cause, incident.evidence["why"]) == ("silent", {"a1": "status"})
    assert "more than 10 min (last at 2026-11-22 11:50:00 UTC)" in incident.summary.en


def test_three_announced_times_without_report_is_silence() -> None:
    assert silent(heard(missed=2)) is None
    incident = silent(heard(missed=3))
    assert incident is not None
    assert incident.evidence["why"] == {"a1": "reports"}
    assert "3 announced throughput runs" in incident.summary.en


def test_a_site_is_silent_when_all_its_agents_are() -> None:
    assert silent() is None
    assert silent(heard("a1", ago=HOUR), heard("a2")) is None
    assert silent(heard("a1", ago=HOUR), heard("a2", missed=3)) is not None


def test_it_ends_when_the_agent_is_heard_again() -> None:
    incident = silent(heard(ago=HOUR))
    assert incident is not None
    assert silent(heard(ago=HOUR), last=incident) is None
    # listening began anew (the broker was away): that is no sign of life
    assert silent(Heard("a1", NOW + MINUTE, NOW - HOUR, 0), last=incident, at=NOW + 2 * MINUTE) is None
    over = silent(heard(ago=-MINUTE), last=incident, at=NOW + 2 * MINUTE)
    assert over is not None
    assert over.state == "resolved"
    assert over.history[-1].note == "a1 is heard again"


def test_silence_for_want_of_reports_ends_with_a_report_only() -> None:
    incident = silent(heard(missed=3, reported=NOW - 9 * HOUR))
    assert incident is not None
    stored = msgspec.json.decode(msgspec.json.encode(incident), type=Incident)
    later = NOW + 5 * MINUTE
    for known in (incident, stored):
        assert silent(Heard("a1", later, later, 0, NOW - 9 * HOUR), last=known, at=later) is None
        assert silent(Heard("a1", later, later, 3, NOW + MINUTE), last=known, at=later) is None
        over = silent(Heard("a1", later, later, 0, NOW + MINUTE), last=known, at=later)
        assert over is not None
        assert over.state == "resolved"


def test_a_silence_that_a_person_has_resolved_is_not_announced_again() -> None:
    incident = silent(heard(ago=HOUR))
    assert incident is not None
    resolved = acted(incident, Decision("resolve", "Lan", "school holiday"), NOW)
    assert silent(heard(ago=2 * HOUR), last=resolved, at=NOW + HOUR) is None
    again = NOW + 2 * HOUR
    assert silent(Heard("a1", again, again, 0), last=resolved, at=again + 11 * MINUTE) is not None


def replay(speeds: list[float]) -> list[Incident]:
    """Every incident's every state, as samples come in one by one."""
    last: Incident | None = None
    told: list[Incident] = []
    judged: datetime | None = None
    seen: list[Sample] = []
    for place, mbps in enumerate(speeds):
        seen.append(Sample(NOW + HOUR * place, mbps))
        changed = below_step(last, Sight("s1", TARGET, seen, judged, seen[-1].started + MINUTE))
        judged = seen[-1].started
        if changed is not None:
            last = changed
            told.append(changed)
    return told


@given(st.lists(st.sampled_from([20.0, 41.9, 42.0, 44.1, 60.0]), max_size=80))
def test_the_same_data_gives_the_same_incidents(speeds: list[float]) -> None:
    told = replay(speeds)
    assert told == replay(speeds)
    assert [incident.state for incident in told] == ["open", "resolved"] * (len(told) // 2) + ["open"] * (len(told) % 2)
    assert len({incident.id for incident in told}) == (len(told) + 1) // 2


def test_a_bad_spell_and_a_good_one_by_hand() -> None:
    told = replay([60.0] * 10 + [20.0] * 9 + [60.0] * 20)
    assert [(incident.state, incident.updated) for incident in told] == [
        ("open", NOW + 18 * HOUR),  # the ninth bad one: nine of ten
        ("resolved", NOW + 27 * HOUR),  # the ninth good one after them
    ]
