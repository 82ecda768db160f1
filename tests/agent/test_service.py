"""The service as people run it: a process of its own, a real broker, a real peer, real signals."""

import signal
import socket
from datetime import UTC, datetime

import msgspec
import pytest

from agent import status as statuses
from agent.ledger import Book
from agent.month import Month
from agent.wire import codec
from agent.wire.control import Profile, Request, Slot
from agent.wire.topics import topic
from tests.agent.box import AGENT, QUICK, Box, broker, ended, listening, until
from tests.ports import free_port

pytestmark = [pytest.mark.program("mosquitto"), pytest.mark.timeout(60)]


async def test_it_measures_delivers_and_stops_cleanly(box: Box) -> None:
    box.configure(f"[schedule.latency]\n{QUICK}[schedule.ipv6]\nevery_s = 1\n", limits="month_bytes = 5000\n")
    box.data.mkdir()
    (box.data / "month.json").write_bytes(msgspec.json.encode(Month(f"{datetime.now(UTC):%Y-%m}", 4096)))
    with broker(box.folder, box.port):
        async with listening(box.port) as heard:
            with box.agent() as run:
                await until(lambda: {report.kind for report in heard.reports} == {"latency", "ipv6"})
                await until(lambda: heard.statuses and heard.statuses[-1].state == "online")
                await until(lambda: (told := box.status()) is not None and told.status.spooled == 0 and told.recent)
                run.send_signal(signal.SIGTERM)
                assert await ended(run, 3) == 0
            await until(lambda: heard.statuses[-1].state == "stopped")
    assert heard.statuses[0].profile == "default-1"
    assert heard.statuses[0].next is not None
    health = heard.statuses[0].health
    assert health is not None
    assert (health.data_used_bytes, health.data_allowed_bytes) == (4096, 5000), "a restart is no new budget"
    seqs = sorted({report.seq for report in heard.reports})
    assert seqs == list(range(1, len(seqs) + 1))
    told = box.status()
    assert told is not None
    assert told.status.state == "stopped"
    assert not statuses.is_alive(told)


async def test_a_receipt_shows_in_the_status_though_nothing_else_happens(box: Box) -> None:
    rare = QUICK.replace("every_s = 1\n", "every_s = 86400\nfirst_runs = 1\n")
    path = box.configure(f"[schedule.latency]\n{rare}")
    path.write_text(path.read_text().replace("status_file_s = 0.2", "status_file_s = 300"))
    with broker(box.folder, box.port):
        async with listening(box.port) as heard:
            with box.agent():
                await until(lambda: heard.reports)
                await until(lambda: (told := box.status()) and told.recent and told.status.spooled == 0, 8)
                assert len({report.seq for report in heard.reports}) == 1


async def test_a_request_and_a_profile_are_obeyed_and_the_profile_survives_a_restart(box: Box) -> None:
    box.configure("[schedule.latency]\nevery_s = 30000000\n" + QUICK.partition("\n")[2])
    profile = Profile(version="p-7", schedule={"latency": Slot(every_s=86400), "radar": Slot(every_s=1)})
    with broker(box.folder, box.port):
        async with listening(box.port) as heard:
            with box.agent() as run:
                await until(lambda: heard.statuses)
                await heard.client.publish(topic(AGENT, "profile"), codec.encode(profile), qos=1, retain=True)
                await until(lambda: heard.statuses[-1].profile == "p-7")
                request = Request(request="r-1", kind="latency")
                await heard.client.publish(topic(AGENT, "request"), codec.encode(request), qos=1)
                await until(lambda: [report.request for report in heard.reports] == ["r-1"])
                assert heard.reports[0].profile == "p-7"
                hasty = Profile(version="p-8", schedule={"latency": Slot(every_s=0.1)})
                await heard.client.publish(topic(AGENT, "profile"), codec.encode(hasty), qos=1, retain=True)
                await until(
                    lambda: (health := heard.statuses[-1].health) and "too often" in (health.config_error or "")
                )
                assert heard.statuses[-1].profile == "p-7"
                endless = Profile(version="p-9", schedule={"latency": Slot(every_s=1e308)})
                await heard.client.publish(topic(AGENT, "profile"), codec.encode(endless), qos=1, retain=True)
                await until(
                    lambda: (health := heard.statuses[-1].health) and "too seldom" in (health.config_error or "")
                )
                assert run.poll() is None
                await heard.client.publish(topic(AGENT, "profile"), b"", qos=1, retain=True)
                run.kill()
            before = len(heard.statuses)
            with box.agent():
                await until(lambda: len(heard.statuses) > before + 1)
                assert heard.statuses[-1].profile == "p-7"


async def test_a_new_broker_is_used_after_a_reload(box: Box) -> None:
    box.configure(f"[schedule.latency]\n{QUICK}")
    with box.agent() as run:
        await until(lambda: (told := box.status()) is not None and told.status.spooled)
        box.port = free_port()
        box.configure(f"[schedule.latency]\n{QUICK}")
        with broker(box.folder, box.port):
            run.send_signal(signal.SIGHUP)
            async with listening(box.port) as heard:
                await until(lambda: heard.reports)


async def test_a_stop_in_mid_run_is_quick_and_accounted_for(box: Box) -> None:
    box.configure("[schedule.throughput]\nfirst_runs = 1\n")
    with box.agent() as run:
        await until(lambda: (told := box.status()) is not None and told.measuring == "throughput")
        run.terminate()
        assert await ended(run, 3) == 0
    book = msgspec.json.decode((box.data / "ledger.json").read_bytes(), type=Book)
    assert book.kinds["throughput"].skipped == {"stopped": 1}


async def test_systemd_hears_ready_alive_and_stopping(box: Box) -> None:
    box.configure()
    path = box.folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(path))
        channel.settimeout(10)
        with box.agent(NOTIFY_SOCKET=str(path), WATCHDOG_USEC="400000") as run:
            heard = [channel.recv(100) for _ in range(3)]
            run.send_signal(signal.SIGHUP)
            while not (last := channel.recv(100)).startswith(b"RELOADING=1\nMONOTONIC_USEC="):
                assert last == b"WATCHDOG=1"
            run.terminate()
            assert await ended(run, 3) == 0
            while last != b"STOPPING=1":
                last = channel.recv(100)
    assert sorted(heard) == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]


async def test_the_times_that_are_announced_are_those_that_are_used(box: Box) -> None:
    box.configure("[schedule.latency]\n" + QUICK.replace("every_s = 1", "every_s = 3"))
    with broker(box.folder, box.port):
        async with listening(box.port) as heard:
            with box.agent() as run:
                await until(lambda: len(heard.reports) >= 3, 30)
                run.terminate()
                assert await ended(run, 3) == 0
    newest = max(report.started for report in heard.reports)
    times = {(status.next or {}).get("latency") for status in heard.statuses}
    announced = {at for at in times if at is not None and at < newest}
    assert len(announced) >= 2
    for at in announced:
        delays = [(report.started - at).total_seconds() for report in heard.reports]
        assert any(0 <= delay < 1 for delay in delays), f"nothing came of {at}: {delays}"
