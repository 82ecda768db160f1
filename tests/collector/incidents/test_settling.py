"""What the record keeps of the rules' steps, on both real databases; killed, restarted, and by two at once."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread

import msgspec
import pytest
from sqlalchemy import delete, insert, select

from collector.errors import UsageError
from collector.incidents.acts import Decision
from collector.incidents.calendar import Calendar
from collector.incidents.history import History, Key
from collector.incidents.incident import Finding, Group, Incident, Subject, begun, moved
from collector.incidents.maintenance import Window
from collector.incidents.tables import INCIDENTS, OUTBOX, TRANSITIONS
from collector.plans.types import Text
from collector.registry.database import Database

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
REPO = Path(__file__).parents[3]
KEY: Key = ("s1", "below_target")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    database.open()
    yield database
    database.close()


def incident(site: str = "s1", at: datetime = NOW) -> Incident:
    finding = Finding("warning", Text(vi="vi", en="en"), {"since": at})
    return begun(Subject(site, {"commune": "Hữu Lũng"}), "below_target", at, finding)


def told(database: Database) -> list[str]:
    """What stands in the outbox, by what happened, oldest first; it is empty afterwards."""
    with database.write() as connection:
        bodies = connection.scalars(select(OUTBOX.c.body).order_by(OUTBOX.c.id)).all()
        connection.execute(delete(OUTBOX))
    return [msgspec.json.decode(body)["history"][-1]["what"] for body in bodies]


def test_steps_see_what_is_recorded_and_leave_each_transition(database: Database) -> None:
    history = History(database, tell=True)
    over = moved(incident(), "resolved", NOW + HOUR, who="rules")
    changed = history.settle({KEY: lambda _: [incident(), over]}, at=NOW)
    assert [one.told for one in changed] == ["open", "resolved"]
    assert told(database) == ["opened", "resolved"]
    seen: list[Sequence[Incident]] = []

    def look(recorded: Sequence[Incident]) -> list[Incident]:
        seen.append(recorded)
        return []

    assert history.settle({KEY: look}, at=NOW + timedelta(days=99)) == []
    assert history.settle({KEY: look}, at=NOW + timedelta(days=101)) == []
    assert [[one.state for one in recorded] for recorded in seen] == [["resolved"], []]
    assert history.recorded(NOW) == {KEY: [changed[-1]]}
    assert history.recorded(NOW + 2 * HOUR) == {}
    assert history.recorded(NOW, ["s2"]) == {}
    with database.read() as connection:
        rows = connection.execute(select(TRANSITIONS).order_by(TRANSITIONS.c.number)).all()
    assert [(row.number, row.what, row.who) for row in rows] == [(1, "opened", "rules"), (2, "resolved", "rules")]


def test_a_step_that_fails_leaves_nothing(database: Database) -> None:
    history = History(database, tell=True)

    def fail(_: Sequence[Incident]) -> list[Incident]:
        raise UsageError("no")

    with pytest.raises(UsageError):
        history.settle({KEY: lambda _: [incident()], ("s2", "below_target"): fail}, at=NOW)
    assert (history.search(), history.waiting()) == ([], 0)


def test_a_group_is_recorded_beside_its_sites(database: Database) -> None:
    history = History(database)
    parent = begun(
        Subject(None, {}, Group("peer", "Hà Nội")), "outage", NOW, Finding("critical", incident().summary, {})
    )
    first = moved(parent, "open", NOW, who="rules", note="3 sites", what="joined")
    second = moved(parent, "open", NOW, who="rules", note="4 sites", what="joined")
    history.settle({(parent.subject, "outage"): lambda _: [first, second]}, at=NOW)
    (kept,) = history.search(site=parent.subject)
    assert (kept.group, kept.site) == (parent.group, None)
    assert parent.subject.startswith("_peer-ha-noi-")
    rows = history.transitions(parent.id)
    assert [(row.what, row.note) for row in rows] == [("joined", "4 sites")]  # a group that grows has one line for it


def test_a_long_history_is_kept_whole_and_shown_in_part(database: Database) -> None:
    history, notes = History(database), [incident()]
    for number in range(250):
        notes.append(moved(notes[-1], "open", NOW, who="Lan", note=str(number), what="noted"))
    history.settle({KEY: lambda _: notes}, at=NOW)
    (kept,) = history.search()
    assert (len(kept.history), kept.history[0].what, kept.history[-1].note) == (200, "opened", "249")
    assert [step.note for step in history.transitions(kept.id)] == [None, *(str(number) for number in range(250))]


def test_time_ends_silences_and_maintenance(database: Database) -> None:
    history, calendar = History(database, tell=True), Calendar(database)
    history.settle({KEY: lambda _: [incident()]}, at=NOW)
    history.decide(incident().id, Decision("silence", "Lan", until=NOW + 2 * HOUR), at=NOW)
    assert told(database) == ["opened", "silenced"]
    work = Window(extent="commune", name="Hữu Lũng", starts=NOW, ends=NOW + 3 * HOUR, who="Minh")
    made = calendar.add(work, at=NOW)
    assert history.wake(at=NOW)[0].maintenance
    history.settle({("s2", "below_target"): lambda _: [incident("s2")]}, at=NOW + HOUR)
    assert history.search(site="s2")[0].maintenance
    assert [one.state for one in history.wake(at=NOW + 2 * HOUR)] == ["open"]
    assert told(database) == []
    assert history.wake(at=NOW + 2 * HOUR) == []
    assert calendar.list(since=NOW) == [made]
    assert {one.site for one in history.wake(at=NOW + 3 * HOUR)} == {"s1", "s2"}
    assert told(database) == ["maintenance_over"]  # of s2; of s1 people knew
    assert calendar.list(since=NOW + 3 * HOUR) == []


def test_work_is_planned_and_ended(database: Database) -> None:
    calendar = Calendar(database)
    made = calendar.add(Window(extent="all", starts=NOW, ends=NOW + HOUR, who="Minh", note="storm"), at=NOW)
    with pytest.raises(UsageError, match="no maintenance 99"):
        calendar.end(99, who="Lan", at=NOW)
    with pytest.raises(UsageError, match="name is needed"):
        calendar.end(made.id, who=" ", at=NOW)
    ended = calendar.end(made.id, who="Lan", at=NOW + HOUR / 2)
    assert ended.note == "storm; ended by Lan"
    assert not ended.holds(NOW + HOUR / 2)
    assert calendar.list() == [ended]
    with pytest.raises(UsageError, match="over already"):
        calendar.end(made.id, who="Lan", at=NOW + HOUR / 2)
    with pytest.raises(UsageError, match="over already"):
        calendar.add(Window(extent="all", starts=NOW - HOUR, ends=NOW, who="Minh"), at=NOW)


def test_two_that_decide_at_once_open_one_and_tell_once(database: Database) -> None:
    histories = [History(database, tell=True) for _ in range(2)]
    start = Barrier(2)

    def decide(history: History) -> None:
        start.wait()
        history.settle({KEY: lambda recorded: [] if recorded else [incident()]}, at=NOW)
        history.wake(at=NOW + HOUR)

    threads = [Thread(target=decide, args=(history,)) for history in histories]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(histories[0].search()) == 1
    assert told(database) == ["opened"]


KILLED = """
import sys
from tests.collector.incidents.test_settling import HOUR, KEY, NOW, Database, History, incident, moved
database = Database(sys.argv[1]); database.open(); history = History(database, tell=True)
number = 0
while True:
    number += 1
    def step(recorded):
        last = recorded[-1] if recorded else None
        if last is None or not last.active:
            return [incident(at=NOW + number * HOUR)]
        return [moved(last, "resolved", NOW + number * HOUR, who="rules")]
    history.settle({KEY: step}, at=NOW)
    print(number, flush=True)
"""


def test_a_kill_leaves_a_letter_for_each_transition_and_no_more(database: Database, database_url: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    process = subprocess.Popen([sys.executable, "-c", KILLED, database_url], stdout=subprocess.PIPE, env=environment)  # noqa: S603 - our own
    assert process.stdout is not None
    for _ in range(20):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.stdout.close()
    process.wait()
    history = History(database, tell=True)
    transitions = sum(len(one.history) for one in history.search())
    assert transitions >= 20
    assert sum(one.active for one in history.search()) <= 1
    assert history.waiting() == transitions


OLD = (
    b'{"id":"s1.silent.20261120T000000000000Z","site":"s1","cause":"silent","state":"acknowledged",'
    b'"severity":"warning","opened":"2026-11-20T00:00:00Z","updated":"2026-11-20T01:00:00Z","resolved":null,'
    b'"summary":{"vi":"vi","en":"en"},"evidence":{"why":{"a1":"status"}},"history":[{"at":"2026-11-20T00:00:00Z",'
    b'"state":"open","who":"rules","note":null},{"at":"2026-11-20T01:00:00Z","state":"acknowledged","who":"Lan",'
    b'"note":"x"}]}'
)


def test_records_from_before_groups_are_read_and_go_on(database: Database) -> None:
    old = msgspec.json.decode(OLD, type=Incident)
    row = {name: getattr(old, name) for name in ("id", "subject", "cause", "state", "opened", "updated")}
    with database.write() as connection:
        connection.execute(insert(INCIDENTS).values(**row, body=OLD.decode()))
    history = History(database, tell=True)
    assert history.search() == [old]
    assert (old.since, old.told, old.reopened) == (old.opened, "open", 0)
    history.decide(old.id, Decision("resolve", "Lan"), at=NOW)
    assert told(database) == ["resolved"]  # people had been told of it
