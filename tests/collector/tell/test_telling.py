"""Webhooks through the whole of telling: real HTTP receivers that die, refuse, hang, close, redirect and come back."""

import asyncio
import contextlib
import hashlib
import hmac
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from collector.config import parse
from collector.errors import UsageError
from collector.incidents.incident import moved
from collector.incidents.tables import OUTBOX
from collector.tell.routes import routes_of
from tests.agent.net.authority import authority
from tests.collector.tell.rig import ABOUT, NOW, House, Receiver, house, incident_of, put, until

HOSTILE = 'Trường "1" <script>alert(1)</script>\r\nBcc: x@y.z\n%s %(a)s {b} \' \u202e\x00 ; DROP TABLE'


def webhook(url: str, *more: str) -> str:
    return "\n".join(["[[tell.routes]]", 'name = "hook"', f'to = "{url}"', *more])


@contextlib.asynccontextmanager
async def tcp(answer: bytes | None) -> AsyncIterator[str]:
    """A server that says this to everybody and closes, or (None) says nothing at all."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await over.wait()
        else:
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        over.set()


async def test_every_transition_arrives_in_order_although_the_receiver_dies(tmp_path: Path) -> None:
    receiver = Receiver()
    async with receiver.listening():
        routes = webhook(f"{receiver.url}/hook")
    one = house(tmp_path, routes)
    first = one.record("s1")
    async with one.running():
        await until(lambda: one.count("tell_failures_total:unreached") >= 3)  # nobody listens
        one.history.act(first, "acknowledge", who="Lan", at=NOW)
        async with receiver.listening():
            await until(lambda: len(receiver.got) == 2)
        one.history.act(first, "resolve", who="Lan", at=NOW)  # it has died again
        await until(lambda: one.states() == ["sent", "sent", "waiting"])
    one.close()
    again = house(tmp_path, routes)  # a restarted collector
    async with receiver.listening(), again.running():
        await until(lambda: len(receiver.got) == 3)
        await until(lambda: again.states() == ["sent"] * 3)
    assert [body["state"] for body in receiver.got] == ["open", "acknowledged", "resolved"]
    assert [step["state"] for step in receiver.got[-1]["history"]] == ["open", "acknowledged", "resolved"]
    assert {body["id"] for body in receiver.got} == {first}
    assert len({body["delivery"] for body in receiver.got}) == 3
    again.close()


async def test_a_refused_letter_is_sent_again_and_holds_up_no_other(tmp_path: Path) -> None:
    receiver = Receiver()
    receiver.answers = [500, 200, 404]
    async with receiver.listening():
        one = house(tmp_path, webhook(f"{receiver.url}/hook"))
        one.record("s1")
        one.record("s2")
        async with one.running():
            await until(lambda: one.states() == ["sent", "sent"])
    assert [body["site"] for body in receiver.got] == ["s2", "s1"]
    one.close()


async def test_a_receiver_that_says_when_to_come_back_is_obeyed(tmp_path: Path) -> None:
    receiver = Receiver()
    receiver.answers = [web.Response(status=429, headers={"Retry-After": "30"}, text="slow\r\ndown")]
    async with receiver.listening():
        one = house(tmp_path, webhook(f"{receiver.url}/hook"))
        one.record("s1")
        async with one.running():
            await until(lambda: one.answers() == {"status_429: slow down"})
            (row,) = one.telling.deliveries.search()
            assert (row.due - row.tried).total_seconds() >= 0.19  # as long as it asks, at most retry_max_s
            await until(lambda: len(receiver.got) == 1)
    one.close()


async def test_a_receiver_that_asks_to_be_left_alone_is_asked_for_nothing_else_meanwhile(tmp_path: Path) -> None:
    receiver = Receiver()
    receiver.answers = [web.Response(status=503, headers={"Retry-After": "3600"})]
    async with receiver.listening():
        one = House(tmp_path, parse(f"[tell]\npoll_s = 0.01\n{webhook(receiver.url)}", {}, name="test"))
        for number in range(5):
            one.record(f"s{number}")
        async with one.running():
            await until(lambda: one.answers() == {"status_503"})
            one.record("later")
            await until(lambda: len(one.states()) == 6)
            rounds = one.metrics.tell.waiting.labels("hook")
            await until(lambda: rounds._value.get() == 6)  # noqa: SLF001 - the sorting has been by, and so has the post
    assert (one.attempts(), receiver.got) == (1, [])
    one.close()


@pytest.mark.program("openssl")
async def test_a_receiver_with_a_strangers_certificate_gets_nothing(tmp_path: Path) -> None:
    receiver = Receiver()
    async with receiver.listening(tls=authority(tmp_path).server()):
        one = house(tmp_path, webhook(f"https://localhost:{receiver.port}/x"))
        one.record("s1")
        async with one.running():
            await until(lambda: one.answers() == {"unreached: bad_certificate"})
    assert receiver.paths == []
    one.close()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "unreached: timeout"),
        (b"", "unreached: closed"),
        (b"HTTP/1.1 200", "unreached: closed"),
        (b"\x00\xff nonsense\r\n\r\n", "unreached: ClientResponseError"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n", "status_302"),
        (b"HTTP/1.1 503 No\r\nContent-Length: 99\r\n\r\nhalf a wor", "status_503: half a wor"),
    ],
)
async def test_a_receiver_that_misbehaves_is_tried_again(tmp_path: Path, answer: bytes | None, said: str) -> None:
    async with tcp(answer) as url:
        one = house(tmp_path, webhook(url))
        one.record("s1")
        async with one.running():
            await until(lambda: one.answers() == {said})
            await until(lambda: one.attempts() >= 2)
    assert one.states() == ["waiting"]
    one.close()


async def test_a_receiver_that_is_away_is_said_once_and_gets_everything_when_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Receiver()
    async with receiver.listening():
        pass
    one = House(
        tmp_path,
        parse(f"[tell]\npoll_s = 0.01\nretry_first_s = 600\n{webhook(f'{receiver.url}/hook')}", {}, name="test"),
    )
    for number in range(30):
        one.record(f"s{number}")
    async with one.running():
        await until(lambda: one.count("tell_failures_total:unreached") == 30)
        one.record("late")
        await until(lambda: one.count("tell_failures_total:unreached") == 31)
        async with receiver.listening():
            one.record("latest")
            await until(lambda: len(receiver.got) == 32)
            await until(lambda: set(one.states()) == {"sent"})
    told = [line.split(" ")[0] for line in caplog.messages if "reached" in line]
    assert told == ["tell.unreached", "tell.reached"]
    one.close()


async def test_the_address_is_a_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver()
    receiver.answers = [403]
    with caplog.at_level(logging.DEBUG):
        async with receiver.listening():
            one = house(tmp_path, webhook(f"{receiver.url}/hook?token=s3cret"))
            one.record("s1")
            async with one.running():
                await until(lambda: len(receiver.got) == 1)
    assert "fault=status_403" in caplog.text
    assert "s3cret" not in "".join(line for line in caplog.text.splitlines() if "aiohttp.access" not in line)
    assert "s3cret" not in repr(one.telling.routes)
    one.close()


async def test_a_webhook_can_be_verified(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("topsecret\n")
    receiver = Receiver()
    receiver.answers = [500]
    async with receiver.listening():
        one = house(tmp_path, webhook(f"{receiver.url}/hook", f'secret_file = "{tmp_path}/key"'))
        one.record("s1")
        async with one.running():
            await until(lambda: len(receiver.got) == 1)
    (headers,), (raw,) = receiver.headers, receiver.raw
    expected = hmac.new(b"topsecret", headers["X-Linkgauge-Timestamp"].encode() + b"." + raw, hashlib.sha256)
    assert headers["X-Linkgauge-Signature"] == f"sha256={expected.hexdigest()}"
    assert headers["Idempotency-Key"] == receiver.got[0]["delivery"]
    one.close()


async def test_the_webhook_of_before_is_a_route_and_tells_the_contracts_object(tmp_path: Path) -> None:
    receiver = Receiver()
    async with receiver.listening():
        one = house(tmp_path, f'[judge]\nwebhook_url = "{receiver.url}/old"')
        incident = one.record("s1")
        async with one.running():
            await until(lambda: len(receiver.got) == 1)
    found = one.history.get(incident)
    body = receiver.got[0]
    del body["delivery"]
    assert msgspec.convert(body, type(incident_of())) == found
    one.close()


async def test_hostile_names_are_told_as_they_are(tmp_path: Path) -> None:
    receiver = Receiver()
    async with receiver.listening():
        one = house(tmp_path, webhook(f"{receiver.url}/hook"))
        incident = msgspec.structs.replace(incident_of(), about=ABOUT | {"name": HOSTILE})
        put(one.history, incident)
        async with one.running():
            await until(lambda: len(receiver.got) == 1)
    assert receiver.got[0]["about"]["name"] == HOSTILE
    one.close()


async def test_late_and_maintained_incidents_are_told_to_nobody_whoever_writes_a_letter(tmp_path: Path) -> None:
    receiver = Receiver()
    async with receiver.listening():
        one = house(tmp_path, webhook(f"{receiver.url}/hook"))
        for number, changes in enumerate([{"quiet": True}, {"maintenance": True}]):
            late = msgspec.structs.replace(incident_of(f"late{number}"), **changes)
            over = moved(late, "resolved", NOW, who="rules")
            with one.database.write() as connection:
                for letter in (late, over):
                    body = msgspec.json.encode(letter).decode()
                    connection.execute(OUTBOX.insert().values(incident=late.id, body=body))
        one.record("fresh")
        async with one.running():
            await until(lambda: one.history.waiting() == 0 and one.states() == ["sent"])
    assert [body["site"] for body in receiver.got] == ["fresh"]
    one.close()


async def test_a_letter_that_cannot_be_read_holds_up_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver()
    async with receiver.listening():
        one = house(tmp_path, webhook(f"{receiver.url}/hook"))
        with one.database.write() as connection:
            connection.execute(OUTBOX.insert().values(incident="x", body='{"id": 1}'))
        one.record("s1")
        async with one.running():
            await until(lambda: len(receiver.got) == 1)
    assert "tell.unreadable" in caplog.text
    one.close()


async def test_an_outbox_that_is_away_is_said_once_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Receiver()
    async with receiver.listening():
        one = house(tmp_path, webhook(f"{receiver.url}/hook"))
        one.record("s1")
        path, away = tmp_path / "registry.db", tmp_path / "away.db"
        one.close()
        path.rename(away)
        path.mkdir()
        async with one.running():
            await until(lambda: "tell.outbox_unavailable" in caplog.text)
            path.rmdir()
            away.rename(path)
            await until(lambda: len(receiver.got) == 1)
    assert caplog.text.count("tell.outbox_unavailable") == 1
    one.close()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[judge]\nwebhook_url = ""', "judge.webhook_url"),
        ('[judge]\nwebhook_url = "ftp://x/y"', "judge.webhook_url"),
        ('[judge]\nwebhook_url = "http://[x"', "judge.webhook_url"),
        (webhook("receiver.example"), "tell.routes hook.to: not an address"),
        (webhook("https://"), "tell.routes hook.to: not a web address"),
        (webhook("alertmanager+ftp://x"), "write alertmanager"),
        (webhook("mailto://u:pw@h?to=a@b.c"), "no password in the file"),
        (webhook("https://a/b") + "\n" + webhook("https://a/c"), "is there twice"),
        ('[[tell.routes]]\nname = "x"', "set to or to_file"),
        ('[[tell.routes]]\nname = "x"\nto_file = "/nonexistent/x"', "cannot read"),
        (webhook("alertmanager+http://h:9093", 'when = "daily"'), "not a digest"),
        ('[web]\npublic_url = "x"', "web.public_url"),
        ('[tell]\ngrafana_url = "x"', "tell.grafana_url"),
        ('[tell]\nheartbeat_url = "x"', "tell.heartbeat_url"),
        ("[tell]\nhold_s = 30", "tell.hold_s"),
        ("[tell]\nretry_max_s = 1", "tell.retry_max_s"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        routes_of(parse(text, {}, name="x"))
    assert words in str(caught.value)
    assert "pw@" not in str(caught.value)
