"""Incidents told to a real HTTP receiver that dies, refuses and comes back."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from collector.errors import UsageError
from collector.incidents.history import History
from collector.incidents.incident import opened
from collector.incidents.send import Sender, Webhook
from collector.plans.types import Text
from collector.registry.database import Database

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Receiver:
    """A webhook receiver on loopback. `answers`: the status codes to give next, then 200 for ever."""

    def __init__(self) -> None:
        self.port = 0
        self.got: list[dict[str, Any]] = []
        self.answers: list[int] = []

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        application = web.Application()
        application.router.add_post("/hook", self._take)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = runner.addresses[0][1]
        try:
            yield
        finally:
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.json()
        status = self.answers.pop(0) if self.answers else 200
        if status == 200:
            self.got.append(body)
        return web.Response(status=status)


def history_at(path: Path) -> History:
    database = Database(f"sqlite://{path}")
    database.open()
    history = History(database, tell=True)
    history.open()
    return history


def record(history: History, site: str) -> str:
    incident = opened(site, "silent", NOW, severity="warning", summary=Text(vi="vi", en="en"), evidence={})
    history.advance(site, "silent", lambda _last: incident)
    return incident.id


@asynccontextmanager
async def sending(history: History, url: str) -> AsyncIterator[Sender]:
    webhook = Webhook(url, timeout_s=0.5, retry_first_s=0.02, retry_max_s=0.1, poll_s=0.01)
    sender = Sender(history, webhook, lambda: NOW)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(sender.run(), name="sender")
        try:
            yield sender
        finally:
            task.cancel()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what it waits for is a file and another task
            await asyncio.sleep(0.01)


async def test_every_transition_arrives_in_order_although_the_receiver_dies(tmp_path: Path) -> None:
    receiver, history = Receiver(), history_at(tmp_path / "r.db")
    async with receiver.listening():
        url = f"http://127.0.0.1:{receiver.port}/hook"
    first = record(history, "s1")
    async with sending(history, url) as sender:
        await until(lambda: sender.failed >= 3)  # nobody listens
        history.act(first, "acknowledge", who="Lan", at=NOW)
        async with receiver.listening():
            await until(lambda: len(receiver.got) == 2)
        failed = sender.failed
        history.act(first, "resolve", who="Lan", at=NOW)  # it has died again
        await until(lambda: sender.failed > failed)
    assert history.waiting() == 1
    async with receiver.listening(), sending(history_at(tmp_path / "r.db"), url):  # a restarted collector
        await until(lambda: len(receiver.got) == 3)
        await until(lambda: history.waiting() == 0)
    assert [body["state"] for body in receiver.got] == ["open", "acknowledged", "resolved"]
    assert [step["state"] for step in receiver.got[-1]["history"]] == ["open", "acknowledged", "resolved"]
    assert {body["id"] for body in receiver.got} == {first}


async def test_a_refused_letter_is_sent_again_and_holds_up_no_other(tmp_path: Path) -> None:
    receiver, history = Receiver(), history_at(tmp_path / "r.db")
    receiver.answers = [500, 200, 404]
    record(history, "s1")
    record(history, "s2")
    async with receiver.listening(), sending(history, f"http://127.0.0.1:{receiver.port}/hook"):
        await until(lambda: len(receiver.got) == 2)
    assert [body["site"] for body in receiver.got] == ["s2", "s1"]


async def test_a_receiver_that_hangs_is_left_after_the_timeout(tmp_path: Path) -> None:
    history = history_at(tmp_path / "r.db")
    record(history, "s1")
    hung = asyncio.Event()

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hung.wait()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with sending(history, f"http://127.0.0.1:{port}/hook") as sender:
            await until(lambda: sender.failed >= 2)
        hung.set()
    assert history.waiting() == 1


async def test_a_receiver_that_is_away_is_said_once_and_gets_everything_when_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    receiver, history = Receiver(), history_at(tmp_path / "r.db")
    async with receiver.listening():
        url = f"http://127.0.0.1:{receiver.port}/hook"
    for number in range(30):
        record(history, f"s{number}")
    webhook = Webhook(url, timeout_s=0.5, retry_first_s=600, poll_s=0.01)
    sender = Sender(history, webhook, lambda: NOW)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(sender.run(), name="sender")
        await until(lambda: sender.failed == 30)
        record(history, "late")
        await until(lambda: sender.failed == 31)
        async with receiver.listening():
            record(history, "latest")
            await until(lambda: len(receiver.got) == 32)
        task.cancel()
    assert [line.split(" ")[0] for line in caplog.messages if line.startswith("webhook")] == [
        "webhook.unreached",
        "webhook.reached",
    ]


async def test_the_address_is_a_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    receiver, history = Receiver(), history_at(tmp_path / "r.db")
    receiver.answers = [403]
    record(history, "s1")
    with caplog.at_level(logging.DEBUG):
        url = "http://127.0.0.1:{}/hook?token=s3cret"
        async with receiver.listening(), sending(history, url.format(receiver.port)):
            await until(lambda: len(receiver.got) == 1)
    assert "fault=status_403" in caplog.text
    assert "s3cret" not in "".join(line for line in caplog.text.splitlines() if "aiohttp.access" not in line)


@pytest.mark.parametrize("url", ["", "receiver.example/hook", "ftp://x/y", "http://", "http://[x"])
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match=r"judge\.webhook_url"):
        Webhook(url)


async def test_an_outbox_that_is_away_is_said_once_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Receiver()
    database = Database(f"sqlite://{tmp_path}/r.db")
    history = History(database, tell=True)
    async with receiver.listening(), sending(history, f"http://127.0.0.1:{receiver.port}/hook"):
        await until(lambda: "webhook.outbox_unavailable" in caplog.text)
        await asyncio.sleep(0.05)  # several tries
        database.open()
        history.open()
        record(history, "s1")
        await until(lambda: len(receiver.got) == 1)
    database.close()
    assert 1 <= caplog.text.count("webhook.outbox_unavailable") <= 2  # once closed, once perhaps between the two opens
