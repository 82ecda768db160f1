"""Incidents on both real databases: read back as they were written, searched, and told in order."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy.exc import IntegrityError

from collector.errors import RegistryUnavailable, UsageError
from collector.incidents.history import History
from collector.incidents.incident import Finding, Incident, Subject, begun
from collector.plans.types import Text
from collector.registry.database import Database

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    database.open()
    yield database
    database.close()


def history_on(database: Database, *, tell: bool = False) -> History:
    history = History(database, tell=tell)
    history.open()
    return history


def incident(site: str = "s1", at: datetime = NOW) -> Incident:
    finding = Finding("warning", Text(vi="vi", en="en"), {"median": 30.0, "at": at})
    return begun(Subject(site, {"province": "Lạng Sơn"}), "below_target", at, finding)


def put(history: History, *incidents: Incident) -> None:
    """Record these as they are."""
    for one in incidents:
        history.settle({(one.subject, one.cause): lambda _, one=one: [one]}, at=one.updated)  # type: ignore[misc]  # bound now


def told(incident: Incident) -> Incident:
    """The same after it was recorded: people know of it."""
    return msgspec.structs.replace(incident, told="open")


def test_what_was_recorded_is_read_back_the_same(database: Database) -> None:
    history = history_on(database)
    put(history, incident())
    assert history.get(incident().id) == told(incident())
    assert history.newest() == {("s1", "below_target"): told(incident())}
    assert history.get("nothing") is None


def test_decisions_are_recorded_and_searched(database: Database) -> None:
    history = history_on(database)
    put(history, incident(), incident("s2"))
    done = history.act(incident().id, "resolve", who="Lan", note="fixed", at=NOW + HOUR)
    assert [each.id for each in history.search()] == [done.id, incident("s2").id]
    assert history.search(active=True) == [told(incident("s2"))]
    assert history.search(active=False) == [done]
    assert history.search(site="s2") == [told(incident("s2"))]
    with pytest.raises(UsageError, match="no incident 'x'"):
        history.act("x", "resolve", who="Lan", at=NOW)


def test_active_ones_are_counted_and_read_without_a_limit(database: Database) -> None:
    history = history_on(database)
    assert history.count() == 0
    put(history, *(incident(f"s{number}") for number in range(5)))
    history.act(incident("s0").id, "resolve", who="Lan", note="fixed", at=NOW + HOUR)
    assert history.count() == 4
    assert len(history.search(active=True, limit=2)) == 2
    assert len(history.search(active=True, limit=None)) == 4


def test_two_active_incidents_of_one_cause_are_impossible(database: Database) -> None:
    history = history_on(database)
    put(history, incident())
    with pytest.raises((RegistryUnavailable, IntegrityError)):
        put(history, incident(at=NOW + HOUR))
    assert len(history.search()) == 1


def test_the_newest_of_several_is_found(database: Database) -> None:
    history = history_on(database)
    put(history, incident())
    history.act(incident().id, "resolve", who="Lan", at=NOW + HOUR)
    second = incident(at=NOW + 2 * HOUR)
    put(history, second)
    assert history.newest() == {("s1", "below_target"): told(second)}
    assert history.newest(["s2"]) == {}


def test_marks_of_judged_samples_are_kept(database: Database) -> None:
    history = history_on(database)
    history.set_judged({"s1": NOW, "s2": NOW})
    history.set_judged({"s1": NOW + HOUR})
    assert history_on(database).judged() == {"s1": NOW + HOUR, "s2": NOW}


def test_without_a_receiver_no_letters_pile_up(database: Database) -> None:
    history = history_on(database)
    put(history, incident())
    assert history.waiting() == 0
