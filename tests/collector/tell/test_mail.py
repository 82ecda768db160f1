"""Mail to a real SMTP server: one thread an incident, the same Message-ID at every attempt, hostile names."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from collector.errors import UsageError
from collector.tell.mail import message_id, server_of
from collector.tell.route import Route
from tests.collector.tell.rig import ABOUT, NOW, house, incident_of, put, until
from tests.collector.tell.sink import Sink
from tests.collector.tell.test_telling import HOSTILE


def mailto(port: int, *more: str) -> str:
    to = f"mailto://127.0.0.1:{port}?from=linkgauge@province.example&to=noc@province.example,boss@province.example"
    return "\n".join(["[[tell.routes]]", 'name = "mail"', f'to = "{to}"', *more])


async def test_an_incidents_mails_are_one_thread(tmp_path: Path) -> None:
    sink = Sink()
    sink.answers = ["451 try again"]
    one = house(tmp_path, mailto(sink.port, 'language = "en"'))
    one.telling.places = lambda: lambda province, commune: (f"Tỉnh {province}", f"Xã {commune}")
    with sink.listening():
        incident = one.record("s1")
        async with one.running():
            await until(lambda: len(sink.mails) == 1)
            one.history.act(incident, "acknowledge", who="Lan", note="on my way", at=NOW)
            await until(lambda: len(sink.mails) == 2)
            one.resolve(incident)
            await until(lambda: len(sink.mails) == 3)
            await until(lambda: one.states() == ["sent"] * 3)
    first, second, third = sink.mails
    rows = one.telling.deliveries.search()[::-1]
    assert [mail["Message-ID"] for mail in sink.mails] == [message_id(row.id) for row in rows]
    assert first["In-Reply-To"] is None
    assert second["In-Reply-To"] == second["References"] == third["In-Reply-To"] == first["Message-ID"]
    assert first["Subject"] == "Tỉnh Lạng Sơn, Xã Hữu Lũng, Trường TH Hữu Lũng 1: speed below target (open, warning)"
    assert (
        third["Subject"] == "Tỉnh Lạng Sơn, Xã Hữu Lũng, Trường TH Hữu Lũng 1: speed below target (resolved, warning)"
    )
    assert sink.recipients == [["noc@province.example", "boss@province.example"]] * 3
    text = second.get_body(("plain",))
    assert text is not None
    assert "Note: on my way" in text.get_content()
    one.close()


async def test_a_server_that_dies_and_comes_back_gets_every_mail_once(tmp_path: Path) -> None:
    sink = Sink()
    one = house(tmp_path, mailto(sink.port))
    one.record("s1")
    async with one.running():
        await until(lambda: one.count("tell_failures_total:unreached") >= 2)
        with sink.listening():
            await until(lambda: len(sink.mails) == 1)
            one.record("s2")
            await until(lambda: len(sink.mails) == 2)
        await until(lambda: one.states() == ["sent"] * 2)
    one.close()


async def test_a_refusal_is_kept_in_the_servers_words(tmp_path: Path) -> None:
    sink = Sink()
    sink.answers = ["554 we know you"] * 100
    one = house(tmp_path, mailto(sink.port))
    one.record("s1")
    with sink.listening():
        async with one.running():
            await until(lambda: one.answers() == {"smtp_554: we know you"})
    one.close()


async def test_hostile_names_begin_no_header_and_no_markup(tmp_path: Path) -> None:
    sink = Sink()
    one = house(tmp_path, mailto(sink.port))
    incident = msgspec.structs.replace(incident_of(), about=ABOUT | {"name": HOSTILE, "commune": "a\r\nX-Evil: 1"})
    with sink.listening():
        put(one.history, incident)
        async with one.running():
            await until(lambda: len(sink.mails) == 1)
    (mail,) = sink.mails
    assert mail["Bcc"] is None
    assert mail["X-Evil"] is None
    assert "<script>alert(1)</script> Bcc: x@y.z %s %(a)s {" in mail["Subject"]
    assert sink.recipients == [["noc@province.example", "boss@province.example"]]
    html = mail.get_body(("html",))
    assert html is not None
    assert "<script>" not in html.get_content()
    assert "&lt;script&gt;" in html.get_content()
    one.close()


async def test_a_server_that_hangs_holds_up_no_other_route(tmp_path: Path) -> None:
    sink = Sink()
    over = asyncio.Event()

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        hung = mailto(port).replace('"mail"', '"hung"')
        one = house(tmp_path, f"{hung}\n{mailto(sink.port)}")
        with sink.listening():
            one.record("s1")
            async with one.running():
                await until(lambda: len(sink.mails) == 1)
                await until(lambda: one.answers("hung") == {"unreached: timeout"})
        over.set()
    one.close()


async def test_a_server_that_closes_half_way_is_tried_again(tmp_path: Path) -> None:
    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        await reader.readline()
        writer.close()

    server = await asyncio.start_server(close, "127.0.0.1", 0)
    async with server:
        one = house(tmp_path, mailto(server.sockets[0].getsockname()[1]))
        one.record("s1")
        async with one.running():
            await until(lambda: one.answers() == {"unreached: closed"})
            await until(lambda: one.attempts() >= 2)
    one.close()


@pytest.mark.parametrize(
    ("url", "host", "port", "mode"),
    [
        ("mailto://127.0.0.1:2525?from=a@here.example&to=d@there.example", "127.0.0.1", 2525, "insecure"),
        ("mailto://127.0.0.1?from=a@here.example&to=d@there.example", "127.0.0.1", 25, "insecure"),
        ("mailtos://u:p@mail.example?from=a@here.example&to=d@there.example", "mail.example", 587, "starttls"),
        ("mailtos://u:p@mail.example?from=a@here.example&to=d@there.example&mode=ssl", "mail.example", 465, "ssl"),
        ("mailtos://lan:p@gmail.com?to=d@there.example", "smtp.gmail.com", 587, "starttls"),
    ],
)
def test_addresses_mean_what_apprise_says(url: str, host: str, port: int, mode: str) -> None:
    server = server_of(Route("mail", "mail", url))
    assert (server.host, server.port, server.mode) == (host, port, mode)
    assert server.to == (("", "d@there.example"),)
    assert "p@" not in repr(server)


@pytest.mark.parametrize(
    "lost", ["to=chánh@province.example,d@x.example", "to=d@x.example&cc=a@b@c", "to=d@x.example&bcc=@c"]
)
def test_nobody_is_left_out_without_a_word(lost: str) -> None:
    with pytest.raises(UsageError, match=r"tell\.routes mail: '.*@.*' is no mail address"):
        server_of(Route("mail", "mail", f"mailto://127.0.0.1?from=a@here.example&{lost}"))


@pytest.mark.parametrize("url", ["mailto://", "mailto://u:p@host?to=nobody", "mailto://?"])
def test_an_address_that_names_nobody_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match=r"tell\.routes mail: not a mail address"):
        server_of(Route("mail", "mail", url))
