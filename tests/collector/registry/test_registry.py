"""The registry on both real databases: dates, marks, and two processes' worth of writers."""

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import InterfaceError

from collector.errors import RegistryUnavailable, UsageError
from collector.registry.changes import EVERYWHERE, rising
from collector.registry.registry import Registry
from collector.registry.site import Site, Snapshot
from tests.collector.tables import with_tables

NOW = datetime(2026, 11, 22, 1, 2, 3, 456789, tzinfo=UTC)
HOUR = timedelta(hours=1)
SITE = Site("ls-th1", "Trường TH 1", "school", "rural", "lang-son", "huu-lung", access="fibre", plan="lang-son-2025")
OTHER = replace(SITE, id="ls-th2", name="Trường TH 2")


@pytest.fixture
def registry(database_url: str) -> Iterator[Registry]:
    registry = opened(database_url)
    yield registry
    registry.close()


def opened(where: Path | str) -> Registry:
    registry = Registry(where if isinstance(where, str) else f"sqlite://{where}")
    registry.open()
    return registry


def test_the_first_version_holds_from_the_beginning(registry: Registry) -> None:
    registry.import_sites([SITE], now=NOW)
    registry.add_agent("a1", SITE.id, now=NOW)
    assert registry.snapshot().site_of("a1", NOW - 1000 * HOUR) == SITE


def test_a_change_holds_from_now(registry: Registry) -> None:
    registry.import_sites([SITE], now=NOW - HOUR)
    registry.add_agent("a1", SITE.id, now=NOW - HOUR)
    moved = replace(SITE, commune="dong-dang")
    (change,) = registry.import_sites([moved], now=NOW)
    assert change.since == NOW
    snapshot = registry.snapshot()
    assert snapshot.site_of("a1", NOW - timedelta(microseconds=1)) == SITE
    assert snapshot.site_of("a1", NOW) == moved


def test_a_change_never_reaches_below_tags_that_were_given_out(registry: Registry) -> None:
    registry.import_sites([SITE, OTHER], now=NOW - HOUR)
    registry.add_agent("a1", SITE.id, now=NOW - HOUR)
    assert registry.fix_tags({SITE.id: NOW + 5 * HOUR}, revision=registry.revision())
    (change,) = registry.import_sites([replace(SITE, commune="dong-dang")], now=NOW)
    assert change.since == NOW + 5 * HOUR
    assert registry.add_agent("a1", OTHER.id, now=NOW).since == NOW + 5 * HOUR
    # moved on before the first move has begun: that one never gave out a tag
    assert registry.add_agent("a1", SITE.id, now=NOW + HOUR).since == NOW + 5 * HOUR
    site = registry.snapshot().site_of("a1", NOW + 6 * HOUR)
    assert site is not None
    assert site.id == SITE.id


def test_tags_are_not_fixed_from_a_stale_view(registry: Registry, database_url: str) -> None:
    registry.import_sites([SITE], now=NOW)
    stale = registry.revision()
    elsewhere = opened(database_url)
    elsewhere.import_sites([replace(SITE, commune="dong-dang")], now=NOW)
    elsewhere.close()
    assert not registry.fix_tags({SITE.id: NOW}, revision=stale)
    assert registry.fixed_until(SITE.id) is None
    assert registry.fix_tags({SITE.id: NOW}, revision=registry.revision())
    assert registry.fixed_until(SITE.id) == NOW


def test_marks_only_rise_and_change_no_revision(registry: Registry) -> None:
    registry.import_sites([SITE], now=NOW)
    revision = registry.revision()
    for moment in (NOW, NOW + HOUR, NOW - HOUR):
        assert registry.fix_tags({SITE.id: moment}, revision=revision)
    assert registry.fixed_until(SITE.id) == NOW + HOUR


def test_unchanged_sites_make_no_version(registry: Registry) -> None:
    registry.import_sites([SITE, OTHER], now=NOW)
    revision = registry.revision()
    assert registry.import_sites([SITE, OTHER], now=NOW + HOUR) == []
    assert registry.revision() == revision
    assert len(registry.snapshot().sites[SITE.id]) == 1


def test_a_dry_run_writes_nothing(registry: Registry) -> None:
    assert len(registry.import_sites([SITE], now=NOW, dry=True)) == 1
    assert registry.snapshot().sites == {}
    assert registry.revision() == 0


def test_kept_fields_stay_as_they_are(registry: Registry) -> None:
    registry.import_sites([SITE], now=NOW)
    bare = replace(SITE, access=None, plan=None, name="Trường mới")
    registry.import_sites([bare, replace(OTHER, plan=None)], now=NOW, keep={"access", "plan"})
    assert registry.snapshot().site(SITE.id) == replace(SITE, name="Trường mới")
    assert registry.snapshot().site(OTHER.id) == replace(OTHER, plan=None)


def test_what_a_revoked_agent_measures_stays_out(registry: Registry) -> None:
    registry.import_sites([SITE], now=NOW - HOUR)
    registry.add_agent("a1", SITE.id, now=NOW - HOUR)
    registry.revoke("a1", now=NOW)
    snapshot = registry.snapshot()
    assert snapshot.site_of("a1", NOW - timedelta(seconds=1)) == SITE
    assert snapshot.site_of("a1", NOW) is None
    assert registry.add_agent("a1", SITE.id, now=NOW + HOUR).since == NOW + HOUR
    assert registry.snapshot().site_of("a1", NOW + timedelta(minutes=30)) is None


def test_waiting_agents_are_listed_until_registered(registry: Registry) -> None:
    registry.import_sites([SITE], now=NOW)
    revision = registry.revision()
    registry.see_waiting("new", at=NOW)
    registry.see_waiting("new", at=NOW + HOUR)
    (waiting,) = registry.waiting()
    assert (waiting.agent, waiting.first, waiting.last) == ("new", NOW, NOW + HOUR)
    assert registry.revision() == revision
    registry.add_agent("new", SITE.id, now=NOW + HOUR)
    assert registry.waiting() == []
    registry.see_waiting("new", at=NOW + 2 * HOUR)  # a message that was on its way
    assert registry.waiting() == []


def test_wrong_names_are_said_plainly(registry: Registry) -> None:
    with pytest.raises(UsageError, match="no site 'nowhere'"):
        registry.add_agent("a1", "nowhere", now=NOW)
    with pytest.raises(UsageError, match="no agent 'a1'"):
        registry.revoke("a1", now=NOW)


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://host/x.db", "sqlite:", "nonsense"])
def test_an_address_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="registry url"):
        Registry(url)


def test_a_driver_that_is_not_installed_is_named() -> None:
    registry = Registry("postgresql+nosuchdriver://someone:s3cret@127.0.0.1/x")
    with pytest.raises(UsageError, match=r"no driver for .*for PostgreSQL install psycopg") as caught:
        registry.open()
    assert "s3cret" not in str(caught.value)


def test_a_closed_registry_says_so() -> None:
    with pytest.raises(RegistryUnavailable, match="is not open"):
        Registry("sqlite:///nowhere.db").revision()


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(RegistryUnavailable, match="not a database"):
        opened(path)


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RegistryUnavailable, match="cannot create the folder"):
        opened(tmp_path / "file" / "registry.db")


def test_a_database_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    opened(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(UsageError, match="newer linkgauge"):
        opened(path)


def test_writers_in_several_threads_and_connections_all_succeed(database_url: str) -> None:
    failures: list[BaseException] = []

    def write(number: int) -> None:
        try:
            mine = opened(database_url)
            for step in range(10):
                mine.import_sites([replace(SITE, id=f"s{number}-{step}")], now=NOW)
            mine.close()
        except BaseException as error:  # noqa: BLE001 - a thread's error must reach the test
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    registry = opened(database_url)
    assert registry.revision() == 40
    assert len(registry.snapshot().sites) == 40
    registry.close()


def test_the_mark_of_everywhere_holds_for_every_site_and_every_agent(registry: Registry) -> None:
    registry.import_sites([SITE, OTHER], now=NOW)
    registry.add_agent("a1", SITE.id, now=NOW)
    assert registry.fix_tags({EVERYWHERE: NOW + HOUR}, revision=registry.revision())
    assert registry.fixed_until(OTHER.id) == NOW + HOUR
    (change,) = registry.import_sites([replace(OTHER, commune="dong-dang")], now=NOW)
    assert change.since == NOW + HOUR
    assert registry.add_agent("a1", OTHER.id, now=NOW).since == NOW + HOUR


def test_marks_of_single_sites_from_before_still_hold(registry: Registry) -> None:
    registry.import_sites([SITE, OTHER], now=NOW)
    assert registry.fix_tags({SITE.id: NOW + 2 * HOUR, EVERYWHERE: NOW + HOUR}, revision=registry.revision())
    changed = [replace(site, commune="dong-dang") for site in (SITE, OTHER)]
    assert [change.since for change in registry.import_sites(changed, now=NOW)] == [NOW + 2 * HOUR, NOW + HOUR]


@dataclass
class Giver:
    """One ingest process: its view of the registry, perhaps an old one, and the marks that it raised."""

    registry: Registry
    snapshot: Snapshot
    marks: dict[str, datetime] = field(default_factory=dict)

    def site(self, agent: str, started: datetime, now: datetime) -> Site:
        for _ in range(2):
            site = self.snapshot.site_of(agent, started)
            assert site is not None
            raised = rising({site.id: started}, self.marks, now=now, step=timedelta(minutes=10))
            if not raised or self.registry.fix_tags(raised, revision=self.snapshot.revision):
                self.marks |= raised
                return site
            self.snapshot = self.registry.snapshot()
        raise AssertionError("a fresh view was refused")


step = st.one_of(
    st.tuples(st.just("tag"), st.integers(0, 3), st.integers(-3, 8)),
    st.tuples(st.just("move"), st.integers(0, 1), st.integers(0, 2)),
    st.tuples(st.just("change"), st.integers(0, 2), st.integers(0, 3)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(step, max_size=25))
def test_tags_once_given_out_never_change(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    """Whatever the order of reports at two processes, moves and changes: a resent report gets its first tags again."""
    registry = opened(with_tables(tmp_path_factory.mktemp("dates")))
    sites = [replace(SITE, id=f"s{number}") for number in range(3)]
    registry.import_sites(sites, now=NOW)
    for agent in ("a0", "a1"):
        registry.add_agent(agent, "s0", now=NOW)
    givers = [Giver(registry, registry.snapshot()) for _ in range(2)]
    given_out: dict[tuple[str, datetime], Site] = {}
    for number, (what, which, how) in enumerate(steps):
        now = NOW + number * timedelta(minutes=20)
        if what == "tag":
            agent, started = f"a{which % 2}", NOW + how * HOUR
            site = givers[which // 2].site(agent, started, now)
            assert given_out.setdefault((agent, started), site) == site
        elif what == "move":
            registry.add_agent(f"a{which}", f"s{how}", now=now)
        else:
            registry.import_sites([replace(sites[which], commune=f"c{how}")], now=now)
    snapshot = registry.snapshot()
    registry.close()
    assert {key: snapshot.site_of(*key) for key in given_out} == given_out


def test_marks_rise_by_steps_with_the_clock_and_for_one_site_alone_when_a_clock_is_ahead() -> None:
    step = timedelta(seconds=10)
    now = datetime(2026, 11, 22, 12, 0, 3, tzinfo=UTC)
    reach = now + timedelta(seconds=7)
    assert rising({"s1": now, "s2": now - HOUR}, {}, now=now, step=step) == {EVERYWHERE: reach}
    held = {EVERYWHERE: reach}
    assert rising({"s1": now + timedelta(seconds=6)}, held, now=now, step=step) == {}
    ahead = {"s1": now + HOUR, "s2": now}
    assert rising(ahead, held, now=now, step=step) == {"s1": reach + HOUR}
    assert rising(ahead, held | {"s1": reach + HOUR}, now=now, step=step) == {}


def test_a_connection_that_the_server_has_closed_is_trouble_not_a_fault(registry: Registry) -> None:
    with pytest.raises(RegistryUnavailable, match="connection already closed"), registry.database.read():
        raise InterfaceError("SELECT 1", None, Exception("connection already closed"))


def test_one_revision_is_read_once_and_shared(registry: Registry) -> None:
    registry.import_sites([SITE], now=NOW)
    first = registry.snapshot()
    assert registry.snapshot() is first
    registry.import_sites([replace(SITE, commune="dong-dang")], now=NOW)
    second = registry.snapshot()
    assert second.revision > first.revision
    assert second.site(SITE.id) != first.site(SITE.id)
