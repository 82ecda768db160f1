"""Delivery through a real broker: every report once, whatever receipts, resends, refusals and restarts say."""

import asyncio
import logging
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.spool import Spool
from agent.wire.control import Boot, Profile, Receipt, Request, Resend, Slot, Status
from tests.agent.delivery import (
    AGENT,
    HERE,
    START,
    Collector,
    Mosquitto,
    measurement,
    settings,
    until,
)
from tests.agent.uplinks import agent, drained, running, say

pytestmark = [pytest.mark.program("mosquitto"), pytest.mark.timeout(60)]


async def test_a_report_is_delivered_alone_and_its_bytes_are_the_spools(tmp_path: Path, broker: Mosquitto) -> None:
    collector = Collector(broker.port)
    async with agent(tmp_path, settings(broker.port)) as one, running(collector.run()):
        await until(lambda: one.uplink.state.connected and collector.client, "both are connected")
        one.put(1)
        (body,) = one.spool.bodies(slip.place for slip in one.spool.waiting(0, 1, agent=AGENT)).values()
        await until(drained(one), "the receipt")
        assert collector.kept == {(one.spool.epoch, 1): body}
        assert collector.messages == [1]
        assert collector.statuses[0].state == "online"


@pytest.mark.slow
async def test_a_backlog_of_5000_drains_in_arrays_and_each_is_sent_once(tmp_path: Path, broker: Mosquitto) -> None:
    collector = Collector(broker.port)
    with_backlog = Spool(tmp_path / "spool.db", identity=HERE)
    for number in range(1, 5001):
        with_backlog.put(measurement(number))
    with_backlog.close()
    async with running(collector.run()):
        await until(lambda: collector.client, "the collector is connected")
        async with agent(tmp_path, settings(broker.port)) as one:
            await until(drained(one), "the backlog is receipted", within_s=50)
            assert len(collector.kept) == 5000
            assert max(collector.seen.values()) == 1
            assert collector.messages == [50] * 100
            assert [seq for _, seq in collector.arrived] == [*range(1, 5001)], "oldest first"


async def test_a_broker_killed_in_mid_stream_costs_nothing(tmp_path: Path, broker: Mosquitto) -> None:
    collector = Collector(broker.port)
    async with running(collector.run()), agent(tmp_path, settings(broker.port)) as one:
        for round_ in range(3):
            await asyncio.to_thread(one.put, round_ * 400 + 1, 400)
            await until(lambda at=round_: len(collector.kept) > at * 400 + 50, "some arrived")  # type: ignore[misc]
            broker.end(signal.SIGKILL)
            broker.start()
        await until(drained(one), "everything is receipted", within_s=30)
        assert len(collector.kept) == 1200


async def test_a_silent_collector_that_comes_back_gets_everything_again(tmp_path: Path, broker: Mosquitto) -> None:
    collector = Collector(broker.port, silent=True)
    async with agent(tmp_path, settings(broker.port)) as one:
        async with running(collector.run()):
            await until(lambda: collector.client, "the collector is connected")
            one.put(1, 130)
            await until(lambda: len(collector.seen) == 100, "the window is full")
            await asyncio.sleep(0.3)
            assert len(collector.seen) == 100, "not more than the window without a receipt"
            assert max(collector.seen.values()) == 1, "and no resend before its time"
        collector = Collector(broker.port, boot="boot-b")
        async with running(collector.run()):
            await until(drained(one), "a new boot id brings everything")
            assert len(collector.kept) == 130


async def test_silence_is_answered_by_a_resend(tmp_path: Path, broker: Mosquitto) -> None:
    collector = Collector(broker.port, silent=True)
    async with running(collector.run()), agent(tmp_path, settings(broker.port, resend_first_s=0.2)) as one:
        one.put(1)
        await until(lambda: collector.seen[one.spool.epoch, 1] >= 2, "it is sent again")
        collector.silent = False
        await until(drained(one), "the receipt")


async def test_a_resend_on_request_covers_what_had_its_receipt(tmp_path: Path, broker: Mosquitto) -> None:
    collector = Collector(broker.port)
    async with running(collector.run()), agent(tmp_path, settings(broker.port)) as one:
        one.put(1, 60)
        await until(drained(one), "the receipts")
        epoch = one.spool.epoch
        before = dict(collector.kept)
        collector.kept.clear()
        await say(broker.port, "request", Request(request="r", resend=Resend(epoch, [(3, 5), (59, 2**53)])))
        await until(lambda: len(collector.kept) == 5, "what was asked for comes again")
        assert collector.kept == {key: before[key] for key in ((epoch, seq) for seq in (3, 4, 5, 59, 60))}
        await until(drained(one), "the receipts")


async def test_deferred_ones_come_later_and_rejected_ones_never(tmp_path: Path, broker: Mosquitto) -> None:
    collector = Collector(broker.port, refuse={"deferred": {1: "unknown_agent"}, "rejected": {2: "malformed"}})
    async with running(collector.run()), agent(tmp_path, settings(broker.port, defer_s=0.3)) as one:
        one.put(1, 3)
        await until(lambda: collector.seen[one.spool.epoch, 1] >= 2, "the deferred one is tried again")
        assert one.spool.spooled == 1
        await until(lambda: one.uplink.unregistered, "the agent knows that nobody registered it")
        collector.refuse.clear()
        await until(drained(one), "the deferred one is stored")
        assert not one.uplink.unregistered
        assert [seq for _, seq in collector.kept] == [3, 1]
        assert collector.seen[one.spool.epoch, 2] == 1


async def test_a_report_whose_place_is_taken_is_delivered_in_another(tmp_path: Path, broker: Mosquitto) -> None:
    collector = Collector(broker.port, refuse={"rejected": {1: "conflict"}})
    async with running(collector.run()), agent(tmp_path, settings(broker.port)) as one:
        before = one.spool.epoch
        one.put(1, 2)
        await until(lambda: one.spool.epoch != before, "a new epoch")
        collector.refuse.clear()
        await say(broker.port, "collector", Boot(boot="b", at=START))
        await until(drained(one), "both are stored")
        assert (before, 2) in collector.kept
        assert (before, 1) not in collector.kept
        assert len(collector.kept) == 2


async def test_a_receipt_for_something_not_in_flight_counts(tmp_path: Path, broker: Mosquitto) -> None:
    collector = Collector(broker.port, silent=True)
    async with running(collector.run()), agent(tmp_path, settings(broker.port)) as one:
        one.put(1, 130)
        await until(lambda: len(collector.seen) == 100, "the window is full")
        await say(broker.port, "receipt", Receipt(epoch=one.spool.epoch, stored=[(1, 100), (120, 130)]))
        await until(lambda: len(collector.seen) == 119, "the rest")
        assert one.spool.spooled == 19


async def test_receipts_profile_and_requests_reach_their_places(tmp_path: Path, broker: Mosquitto) -> None:
    await say(broker.port, "profile", Profile(version="p-1", schedule={"latency": Slot(60)}), retain=True)
    async with agent(tmp_path, settings(broker.port)) as one:
        await until(lambda: one.profiles, "the retained profile")
        assert one.profiles[0].version == "p-1"
        old = datetime.now(UTC) - timedelta(seconds=1)
        await say(broker.port, "request", Request(request="late", kind="latency", expires=old))
        await say(broker.port, "request", Request(request="now", kind="latency", expires=old + timedelta(hours=1)))
        await until(lambda: one.requests, "the request")
        assert [request.request for request in one.requests] == ["now"]


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff\xfe\x00", b"[" * 60_000, b"x" * 70_000, b'{"epoch":1}', b"null"])
async def test_garbage_is_counted_and_ignored(tmp_path: Path, broker: Mosquitto, payload: bytes) -> None:
    collector = Collector(broker.port)
    async with running(collector.run()), agent(tmp_path, settings(broker.port)) as one:
        await until(lambda: one.uplink.state.connected, "connected")
        for leaf in ("receipt", "request", "profile", "collector"):
            await say(broker.port, leaf, payload)
        await until(lambda: one.uplink.state.garbage == 4, "all four are counted")
        one.put(1)
        await until(drained(one), "delivery goes on")


async def test_a_rolled_back_disk_is_known_by_what_the_broker_remembers(tmp_path: Path, broker: Mosquitto) -> None:
    with_past = Spool(tmp_path / "spool.db", identity=HERE)
    with_past.open()
    before = with_past.epoch
    with_past.close()
    await say(broker.port, "status", Status(state="offline", epoch=before, seq=7), retain=True)
    collector = Collector(broker.port)
    async with running(collector.run()), agent(tmp_path, settings(broker.port)) as one:
        await until(lambda: one.uplink.state.connected, "connected")
        assert one.spool.epoch != before
        epoch = one.spool.epoch
        await say(broker.port, "receipt", Receipt(epoch=epoch, stored=[(1, 3)]))
        await until(lambda: one.spool.epoch != epoch, "a receipt for what was never sent tells it too")


async def test_a_disk_that_refuses_is_told_and_delivery_goes_on_after_it(
    tmp_path: Path, broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    collector = Collector(broker.port)
    async with running(collector.run()), agent(tmp_path, settings(broker.port)) as one:
        await until(lambda: one.uplink.state.connected and collector.client, "connected")
        one.spool.close()
        path = tmp_path / "spool.db"
        path.rename(tmp_path / "kept")
        path.mkdir()
        await say(broker.port, "collector", Boot(boot="x", at=START))
        await say(broker.port, "receipt", Receipt(epoch="e", stored=[(1, 1)]))
        await until(lambda: "event=spool_trouble" in caplog.text, "it is told")
        path.rmdir()
        (tmp_path / "kept").rename(path)
        one.put(1)
        await until(drained(one), "delivered")


async def test_a_collector_that_finds_every_place_taken_is_not_answered_in_a_circle(
    tmp_path: Path, broker: Mosquitto
) -> None:
    collector = Collector(broker.port, refuse={"rejected": {1: "conflict", 2: "conflict"}})
    async with running(collector.run()), agent(tmp_path, settings(broker.port)) as one:
        before = one.spool.epoch
        one.put(1, 2)
        await until(lambda: one.spool.epoch != before, "a new epoch")
        await until(lambda: collector.seen[one.spool.epoch, 1] and collector.seen[one.spool.epoch, 2], "a second try")
        await asyncio.sleep(1)
        assert sum(collector.seen.values()) <= 5
        collector.refuse.clear()
        await say(broker.port, "collector", Boot(boot="b", at=START))
        await until(drained(one), "once it has come to its senses, both are stored")


async def test_a_request_that_comes_twice_resends_once(tmp_path: Path, broker: Mosquitto) -> None:
    collector = Collector(broker.port)
    async with running(collector.run()), agent(tmp_path, settings(broker.port)) as one:
        one.put(1)
        await until(drained(one), "the receipt")
        for request in ("r", "r", "last"):
            resend = Resend(one.spool.epoch, [(1, 1), (7, 3)])
            await say(broker.port, "request", Request(request=request, resend=resend))
            await until(lambda: collector.seen[one.spool.epoch, 1] >= 2, "it comes again")
            await until(drained(one), "the receipt")
        one.put(2)
        await until(lambda: (one.spool.epoch, 2) in collector.kept, "what came after")
        assert collector.seen[one.spool.epoch, 1] == 3


async def test_resends_without_end_are_bounded(
    tmp_path: Path, broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "linkgauge")
    collector = Collector(broker.port)
    async with running(collector.run()), agent(tmp_path, settings(broker.port)) as one:
        one.put(1)
        await until(drained(one), "the receipt")
        for number in range(60):
            await say(broker.port, "request", Request(request=f"r{number}", resend=Resend(one.spool.epoch, [(1, 1)])))
        one.put(2)
        await until(lambda: collector.seen[one.spool.epoch, 2], "what came after")
        await until(drained(one), "the receipts")
        assert collector.seen[one.spool.epoch, 1] >= 2
    assert 10 <= caplog.text.count("event=resend_asked") <= 25
