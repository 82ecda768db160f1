"""What the fleet shows of an agent: signs of life, announcements kept and missed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.wire.control import Status
from collector.fleet import Fleet
from collector.registry.site import Site
from collector.store.points import status_point
from collector.store.sqlite import SqliteStore
from collector.store.store import Point

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SITE = Site("s1", "School", "school", "rural", "LS", "c1")


def online(*, throughput: datetime | None = None) -> Status:
    return Status(state="online", next={"throughput": throughput} if throughput else None)


def test_retained_and_will_are_no_signs_of_life() -> None:
    fleet = Fleet()
    fleet.heard("a1", online(), NOW, retained=True)
    assert fleet.agents["a1"].last_seen is None
    assert fleet.agents["a1"].state == "online"
    fleet.heard("a1", online(), NOW)
    fleet.heard("a1", Status(state="offline"), NOW + MINUTE)
    assert fleet.agents["a1"].last_seen == NOW
    assert fleet.agents["a1"].state == "offline"
    assert fleet.agents["a1"].status == online()
    fleet.heard("a1", Status(state="stopped"), NOW, retained=True)
    assert fleet.agents["a1"].state == "offline"


def test_counts_announced_times_that_passed_without_a_report() -> None:
    fleet = Fleet()
    times = [NOW + hours * timedelta(hours=1) for hours in range(1, 5)]
    for moment in times:
        for _ in range(3):
            fleet.heard("a1", online(throughput=moment), moment - MINUTE)
    state = fleet.agents["a1"]
    assert state.missed("throughput", now=times[2] + timedelta(minutes=6)) == times[:3]
    assert state.missed("throughput", now=times[0]) == []
    fleet.reported("a1", "throughput", times[1] - timedelta(seconds=30), times[2])
    assert state.missed("throughput", now=times[3] + timedelta(hours=1)) == times[2:]
    fleet.reported("a1", "latency", times[3], times[3])
    assert state.missed("throughput", now=times[3] + timedelta(hours=1)) == times[2:]


def test_new_plan_replaces_what_lies_ahead() -> None:
    fleet = Fleet()
    fleet.heard("a1", online(throughput=NOW + timedelta(hours=6)), NOW)
    fleet.heard("a1", online(throughput=NOW + timedelta(hours=1)), NOW + MINUTE)
    assert fleet.agents["a1"].missed("throughput", now=NOW + timedelta(days=1)) == [NOW + timedelta(hours=1)]


def test_late_reports_never_move_the_newest_back() -> None:
    fleet = Fleet()
    fleet.reported("a1", "latency", NOW, NOW)
    fleet.reported("a1", "latency", NOW - timedelta(days=3), NOW + MINUTE)
    assert fleet.agents["a1"].last_report == {"latency": NOW}
    assert fleet.agents["a1"].last_seen == NOW + MINUTE


def test_is_bounded() -> None:
    fleet = Fleet(limit=2)
    for agent in ("a1", "a2", "a3"):
        fleet.heard(agent, online(), NOW)
        fleet.reported(agent, "latency", NOW, NOW)
    assert sorted(fleet.agents) == ["a1", "a2"]


async def test_is_read_from_the_series_after_a_restart(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "series.db")
    await store.open()
    start_ns = int(NOW.timestamp()) * 10**9
    tags = (("agent", "a2"), ("site", "s1"))
    await store.write(
        [
            status_point("a1", online(), SITE, NOW - MINUTE),
            status_point("a1", online(), SITE, NOW),
            status_point("a1", Status(state="offline"), SITE, NOW + MINUTE),
            Point("latency", tags, {"id": "x", "conclusive": True}, start_ns),
        ]
    )
    fleet = Fleet()
    await fleet.load(store, since=NOW - timedelta(days=1), kinds=("throughput", "latency"))
    await store.close()
    assert (fleet.agents["a1"].last_seen, fleet.agents["a1"].state) == (NOW, "offline")
    assert fleet.agents["a2"].last_report == {"latency": NOW}


def test_announcements_from_the_edges_of_time_and_of_kinds_that_nobody_knows_are_harmless() -> None:
    fleet = Fleet()
    edges = [datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)]
    for moment in edges:
        fleet.heard("a1", Status(state="online", next={"throughput": moment}), NOW)
        assert fleet.agents["a1"].missed("throughput", now=NOW) in ([], edges[1:])
    for number in range(100):
        fleet.heard("a1", Status(state="online", next={f"kind{number}": NOW}), NOW)
    assert fleet.agents["a1"].announced.keys() == {"throughput"}


def test_a_restarted_agent_that_plans_anew_has_missed_nothing() -> None:
    fleet = Fleet()
    first, second = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
    fleet.heard("a1", Status(state="online", next={"throughput": first}), NOW)
    fleet.heard("a1", Status(state="online", next={"throughput": second}), NOW + timedelta(minutes=1))
    assert fleet.agents["a1"].announced["throughput"] == [second]
    fleet.heard("a1", Status(state="online", next={"throughput": second + timedelta(hours=4)}), second)
    assert fleet.agents["a1"].missed("throughput", now=second + timedelta(hours=1)) == [second]
