"""What is said of trouble, how grave it is, and what to do first."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import msgspec
import pytest

from collector.detect.episode import Episode
from collector.incidents.actions import TABLE, Clues, first_action
from collector.incidents.description import Scene, about_of, described
from collector.incidents.incident import Cause, Severity, Subject, begun
from collector.incidents.silence import Heard, Patience, evidence_of, silences
from collector.judge.sample import Sample
from collector.registry.site import Site

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
EPISODE = Episode(NOW - 2 * DAY, NOW - DAY, NOW, None, 14, 15)
SITE = Site("s1", "Trường TH 1", "school", "rural", "lang-son", "huu-lung", access="fibre", provider="VNPT")
SLOW = Scene("Trường TH 1", 42.0, "ls-mobile", "Mbps", 30.5, 28.0, 33.25, [Sample(NOW, 30.5)])


def test_a_shortfall_has_its_numbers_in_both_languages() -> None:
    found = described("below_target", EPISODE, SLOW)
    assert found.summary.en == (
        "Trường TH 1: 14 of 15 results since 2026-11-20 19:00 (UTC+7) are under the target of 42 Mbit/s; "
        "median 30.5 Mbit/s (95 % interval 28 Mbit/s to 33.2 Mbit/s)."
    )
    assert "14/15 kết quả từ 19:00 20/11/2026 dưới chỉ tiêu 42 Mbit/s; trung vị 30,5 Mbit/s" in found.summary.vi
    assert found.evidence == {
        "target": 42.0, "target_id": "ls-mobile", "unit": "Mbps", "k": 14, "n": 15, "median": 30.5, "low": 28.0,
        "high": 33.25, "since": NOW - 2 * DAY, "samples": [{"started": NOW, "value": 30.5}],
    }  # fmt: skip
    msgspec.json.encode(begun(Subject("s1"), "below_target", NOW, found))


@pytest.mark.parametrize(
    ("cause", "clues", "median", "severity"),
    [
        ("below_target", Clues("below_target", subscription_low=True, contract="met"), 30.0, "notice"),
        ("below_target", Clues("below_target", subscription_low=True, contract="below"), 30.0, "warning"),
        ("below_target", Clues("below_target", subscription_low=True, contract="met"), 3.0, "notice"),
        ("below_target", Clues("below_target", subscription_low=True), 3.0, "notice"),
        ("below_target", Clues("below_target", subscription_low=True, contract="below"), 3.0, "critical"),
        ("below_target", None, 30.0, "warning"),
        ("below_target", None, 20.9, "critical"),
        ("below_contract", None, 20.9, "critical"),
        ("collapse", None, 21.0, "warning"),
        ("outage", None, None, "critical"),
        ("silent", None, None, "warning"),
    ],
)
def test_severity(cause: Cause, clues: Clues | None, median: float | None, severity: Severity) -> None:
    scene = Scene("s1", 42.0 if median else None, median=median, clues=clues)
    assert described(cause, EPISODE, scene).severity == severity


def test_outages_and_silences_are_said() -> None:
    outage = described("outage", EPISODE, Scene("s1", facts={"why": ["hanoi", "langson-dc"]}))
    assert (
        outage.summary.en
        == "s1: 14 of 15 runs since 2026-11-20 19:00 (UTC+7) reached nothing (peer hanoi, langson-dc)."
    )
    assert "không kết nối được tới hanoi, langson-dc" in outage.summary.vi
    assert "unit" not in outage.evidence
    silent = described("silent", EPISODE, Scene("s1", facts={"why": {"a1": "status"}}))
    assert silent.summary.en == "s1: nothing heard since 2026-11-20 19:00 (UTC+7)."
    busy = described("silent", EPISODE, Scene("s1", facts={"why": {"a1": "reports"}}))
    assert "connected" in busy.summary.en


def test_a_site_is_remembered_as_it_was() -> None:
    assert about_of(SITE) == {
        "name": "Trường TH 1", "kind": "school", "area": "rural", "province": "lang-son", "commune": "huu-lung",
        "provider": "VNPT", "access": "fibre",
    }  # fmt: skip


@pytest.mark.parametrize("place", range(len(TABLE)))
def test_every_row_of_the_table_is_taken_by_somebody(place: int) -> None:
    row = TABLE[place]
    known: dict[str, Any] = {"cause": "below_target"}
    for name, wanted in row.needs.items():
        kind = frozenset if isinstance(getattr(Clues("outage"), name), frozenset) else None
        known[name] = frozenset({wanted}) if kind else min(wanted) if isinstance(wanted, frozenset) else wanted
    assert first_action(Clues(**known)) == row.text
    assert row.text.vi != row.text.en


@pytest.mark.parametrize("cause", get_args(Cause))
def test_something_can_always_be_done(cause: Cause) -> None:
    assert first_action(Clues(cause)).en.endswith((".", "?"))


@pytest.mark.parametrize(
    ("clues", "words"),
    [
        (Clues("outage", domain="lan"), "router, cable and Wi-Fi"),
        (Clues("below_target", domain="destination"), "check the peer first"),
        (Clues("silent", domain="lan"), "is there power"),  # of who is not heard nothing newer is known
        (Clues("silent", medium="cellular"), "SIM"),
        (Clues("below_target", contract="below", doubts=frozenset({"wifi_bound"})), "contracted rate"),
        (Clues("below_target", contract="met", doubts=frozenset({"wifi_bound"})), "by cable"),
        (Clues("outage", domain="access", group="peer"), "measurement peer first"),
    ],
)
def test_the_first_clue_that_decides(clues: Clues, words: str) -> None:
    assert words in first_action(clues).en


def heard(minutes: float, *, missed: int = 0, reported: datetime | None = None) -> Heard:
    at = NOW - timedelta(minutes=minutes)
    return Heard("a1", at, at, missed, reported)


def test_a_silence_begins_with_the_last_sign_of_life() -> None:
    assert silences([], [heard(9)], Patience(), NOW) == []
    assert silences([], [], Patience(), NOW) == []
    (episode,) = silences([], [heard(11)], Patience(), NOW)
    assert episode == Episode(NOW - timedelta(minutes=11), NOW, NOW)
    assert silences([], [heard(11), heard(1)], Patience(), NOW) == []


def test_a_silence_ends_when_one_is_heard_and_reports_if_that_was_missing() -> None:
    agents = [heard(1, missed=3)]
    (episode,) = silences([], agents, Patience(), NOW)
    scene = Scene("s1", facts=evidence_of(agents, Patience(), NOW))
    incident = begun(Subject("s1"), "silent", episode.opened, described("silent", episode, scene))
    later = NOW + timedelta(minutes=5)
    (still,) = silences([incident], [Heard("a1", later, later, 0)], Patience(), later)
    assert still.closed is None
    (over,) = silences([incident], [Heard("a1", later, later, 0, later)], Patience(), later)
    assert over.closed == later
    assert (over.since, over.opened) == (episode.since, episode.opened)
