"""What becomes of a report: every decision, and that no bytes cause anything else."""

import json
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.codec import AnyReport
from collector.ingest import Decision, Deferred, Holding, Known, Rejected, Store, judge, unpack
from collector.registry.site import Site, Snapshot, Version

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MOVED = NOW - timedelta(days=10)
OLD = Site("s1", "Old", "school", "rural", "LS", "c1")
NEW = Site("s2", "New", "school", "rural", "LS", "c2")
REGISTRY = Snapshot(
    1,
    {"s1": (Version(None, OLD),), "s2": (Version(None, NEW),)},
    {"a1": (Version(None, "s1"), Version(MOVED, "s2")), "gone": (Version(None, "s1"), Version(MOVED, None))},
)


def report(seq: int = 1, *, agent: str = "a1", started: datetime = NOW, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {
        "v": 1,
        "id": str(uuid.uuid4()),
        "epoch": "e1",
        "seq": seq,
        "agent": agent,
        "kind": "latency",
        "started": started.isoformat(),
        "duration_s": 1.0,
        "result": {"method": "stamp", "sent": 1, "received": 1},
    } | more


def decide(
    *reports: object, topic: str = "linkgauge/v1/a1/report", archive: dict[int, str] | None = None
) -> list[Decision]:
    def holding(report: AnyReport) -> Holding:
        held = (archive or {}).get(report.seq)
        return "nothing" if held is None else "this" if held == report.id else "other"

    payload = json.dumps(reports[0] if len(reports) == 1 else reports).encode()
    return judge(unpack(topic, payload), REGISTRY, NOW, holding)


def test_stores_with_the_site_of_its_time_and_its_exact_bytes() -> None:
    raw = json.dumps(report(started=MOVED - timedelta(seconds=1), note="unknown field"), indent=1).encode()
    (decision,) = judge(unpack("linkgauge/v1/a1/report", raw), REGISTRY, NOW, lambda _: "nothing")
    assert isinstance(decision, Store)
    assert decision.site == OLD
    assert decision.raw == raw
    (later,) = decide(report(started=MOVED))
    assert isinstance(later, Store)
    assert later.site == NEW


def test_known_needs_only_a_receipt_even_when_it_would_not_be_taken_today() -> None:
    known = report(7, started=NOW + timedelta(days=9))
    assert decide(known, archive={7: known["id"]}) == [Known("a1", "e1", 7)]


def test_another_report_in_the_same_place_is_a_conflict_and_names_its_place() -> None:
    (decision,) = decide(report(7), archive={7: str(uuid.uuid4())})
    assert isinstance(decision, Rejected)
    assert (decision.reason, decision.epoch, decision.seq, decision.agent) == ("conflict", "e1", 7, "a1")


def test_same_place_twice_in_one_batch() -> None:
    first, clone = report(1), report(1)
    decisions = decide(first, first, clone)
    assert isinstance(decisions[0], Store)
    assert decisions[1] == Known("a1", "e1", 1, again=True)
    assert isinstance(decisions[2], Rejected)
    assert (decisions[2].reason, decisions[2].seq) == ("conflict", None)  # what is said of seq 1 is said of the first


def test_same_place_in_flight_waits_for_its_twin() -> None:
    flying, clone = report(1), report(1)
    places = {("a1", "e1", 1): flying["id"]}
    topic = "linkgauge/v1/a1/report"
    arrivals = [arrival for one in (flying, clone) for arrival in unpack(topic, json.dumps(one).encode())]
    again, conflict = judge(arrivals, REGISTRY, NOW, lambda _: "nothing", in_flight=places)
    assert again == Known("a1", "e1", 1, again=True)
    assert isinstance(conflict, Rejected)
    assert (conflict.reason, conflict.seq) == ("conflict", None)


def test_a_report_that_is_archived_while_it_is_looked_at_is_known() -> None:
    flying = report(1)
    places = {("a1", "e1", 1): flying["id"]}

    def holding(_: AnyReport) -> Holding:
        places.clear()  # the archive has it from now on
        return "nothing"

    arrivals = unpack("linkgauge/v1/a1/report", json.dumps(flying).encode())
    assert judge(arrivals, REGISTRY, NOW, holding, in_flight=places) == [Known("a1", "e1", 1, again=True)]


@pytest.mark.parametrize(
    "started",
    [
        datetime(2023, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
        NOW + timedelta(days=1, microseconds=1),
        datetime(9999, 12, 31, 23, 59, tzinfo=timezone(-timedelta(hours=12))),
    ],
)
def test_bad_time_is_deferred(started: datetime) -> None:
    assert decide(report(started=started)) == [Deferred("a1", "e1", 1, "bad_time")]


def test_edges_of_good_time_are_stored() -> None:
    decisions = decide(report(1, started=datetime(2024, 1, 1, tzinfo=UTC)), report(2, started=NOW + timedelta(days=1)))
    assert [type(decision) for decision in decisions] == [Store, Store]


def test_unknown_agent_is_deferred_and_a_revoked_one_from_then_on() -> None:
    stranger = decide(report(agent="nobody"), topic="linkgauge/v1/nobody/report")
    assert stranger == [Deferred("nobody", "e1", 1, "unknown_agent")]
    early, late = report(1, agent="gone", started=MOVED - timedelta(hours=1)), report(2, agent="gone")
    decisions = decide(early, late, topic="linkgauge/v1/gone/report")
    assert isinstance(decisions[0], Store)
    assert decisions[1] == Deferred("gone", "e1", 2, "unknown_agent")


def test_unknown_kind_is_deferred() -> None:
    assert decide(report(kind="telepathy", result={"x": 1})) == [Deferred("a1", "e1", 1, "unknown_kind")]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"agent": "a2"}, "malformed"),
        ({"v": 2}, "version"),
        ({"duration_s": -1}, "malformed"),
        ({"pad": "x" * 70_000}, "too_large"),
    ],
)
def test_bad_one_is_rejected_alone(change: dict[str, Any], reason: str) -> None:
    decisions = decide(report(1), report(2, **change), report(3))
    assert [type(decision) for decision in decisions] == [Store, Rejected, Store]
    assert isinstance(decisions[1], Rejected)
    assert (decisions[1].reason, decisions[1].seq) == (reason, 2)


@pytest.mark.parametrize(
    "topic", ["linkgauge/v1/collector/report", "linkgauge/v1/a1/status", "other", "linkgauge/v1/A/report"]
)
def test_other_topics_are_nobodys(topic: str) -> None:
    (decision,) = decide(report(), topic=topic)
    assert isinstance(decision, Rejected)
    assert decision.agent is None


@given(st.binary(max_size=300) | st.just(b"[" * 100_000) | st.just(b"[]"), st.text(max_size=50))
def test_any_bytes_give_decisions(payload: bytes, topic: str) -> None:
    for name in (topic, "linkgauge/v1/a1/report"):
        for decision in judge(unpack(name, payload), REGISTRY, NOW, lambda _: "nothing"):
            assert isinstance(decision, Rejected)


@pytest.mark.parametrize("epoch", ["x" * 60_000, "", "a b", "../..", "e1\n"])
def test_nothing_is_said_of_a_place_that_no_spool_can_have(epoch: str) -> None:
    (decision,) = decide(report(1, epoch=epoch, v=9))
    assert isinstance(decision, Rejected)
    assert (decision.reason, decision.epoch) == ("version", None)
