"""One GET against servers that answer well, too much, too late, wrongly, or for somebody else."""

import socket
import ssl
from pathlib import Path

import pytest

from agent.errors import Failed
from agent.net.http_get import Asking, get
from tests.agent.net.web import Web, page, web
from tests.agent.speed.peers import make_certificate

QUICK = Asking("ipv4", timeout_s=0.5)


async def refusal(url: str, asking: Asking = QUICK) -> str:
    with pytest.raises(Failed) as caught:
        await get(url, asking)
    return str(caught.value.failure)


async def test_what_was_asked_and_what_came() -> None:
    async with web(lambda _: page(b'{"a":1}', more="X-Word: Ja\r\n")) as server:
        answer = await get(server.url("/v2/x?a=b"), QUICK)
    assert (answer.status, answer.body, answer.headers["x-word"]) == (200, b'{"a":1}', "Ja")
    assert server.asked[0].startswith("GET /v2/x?a=b HTTP/1.1\r\n")
    assert f"Host: localhost:{server.port}\r\n" in server.asked[0]
    assert "User-Agent: linkgauge-agent/" in server.asked[0]


@pytest.mark.parametrize("status", ["204 No Content", "404 Not Found", "429 Too Many Requests", "500 Oh"])
async def test_any_status_is_an_answer(status: str) -> None:
    async with web(lambda _: page(b"", status=status)) as server:
        assert (await get(server.url(), QUICK)).status == int(status[:3])


async def test_chunks_and_a_body_that_ends_with_the_connection() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    for raw in (chunked, b"HTTP/1.0 200 OK\r\n\r\nabcde", b"HTTP/1.1 103 Early\r\n\r\n" + chunked):
        async with web(lambda _, raw=raw: raw) as server:  # type: ignore[misc] # bound at once
            assert (await get(server.url(), QUICK)).body == b"abcde"


@pytest.mark.parametrize(
    ("raw", "failure"),
    [
        (None, "handshake:timeout"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "handshake:closed"),
        (b"", "handshake:closed"),
        (b"SSH-2.0-x\r\n\r\n", "handshake:protocol"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, "handshake:protocol"),
        (page(b"x" * 300_000), "handshake:protocol"),
        (page(b"<html>", kind="text/html; charset=x"), "handshake:captive_portal"),
        (page(b"", status="511 Network Authentication Required"), "handshake:captive_portal"),
        (page(b"", status="302 Found", more="Location: http://login.example/\r\n"), "handshake:captive_portal"),
        (page(b"", status="302 Found", more="Location: https://login.example/\r\n"), "handshake:captive_portal"),
        (page(b"", status="302 Found"), "handshake:captive_portal"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "handshake:protocol"),
    ],
)
async def test_what_is_no_answer_has_its_name(raw: bytes | None, failure: str) -> None:
    async with web(lambda _: raw) as server:
        assert await refusal(server.url()) == failure


@pytest.mark.parametrize("url", ["ftp://localhost/", "http://", "http://localhost:99999/", "http://localhost:0/", "x"])
async def test_what_is_no_web_address(url: str) -> None:
    assert await refusal(url) == "handshake:protocol"


async def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert await refusal(f"http://127.0.0.1:{free.getsockname()[1]}/") == "connect:refused"
    assert await refusal("http://127.0.0.1/", Asking("ipv6")) == "resolve:no_address"


@pytest.mark.program("openssl")
async def test_over_tls_the_certificate_is_checked_and_one_redirect_followed(tmp_path: Path) -> None:
    cert, key = make_certificate(tmp_path)
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.load_cert_chain(cert, key)
    trusting = Asking("ipv4", ssl.create_default_context(cafile=cert), timeout_s=2)

    def give(server: Web) -> bytes:
        if "GET /old " in server.asked[-1]:
            return page(b"", status="301 Moved", more=f"Location: {server.url('/new', 'https')}\r\n")
        if "GET /down " in server.asked[-1]:
            return page(b"", status="301 Moved", more=f"Location: {server.url('/new')}\r\n")
        if "GET /round " in server.asked[-1]:
            return page(b"", status="301 Moved", more="Location: /round\r\n")
        return page(b"here")

    async with web(give, tls=theirs) as server:
        assert (await get(server.url("/old", "https"), trusting)).body == b"here"
        assert await refusal(server.url("/down", "https"), trusting) == "handshake:captive_portal"
        assert await refusal(server.url("/round", "https"), trusting) == "handshake:protocol"
        assert await refusal(server.url("/new", "https")) == "tls:bad_certificate"
    async with web(lambda _: b"plain") as plain:
        assert await refusal(plain.url("/", "https"), trusting) in {"tls:protocol", "tls:timeout"}


@pytest.mark.parametrize(
    "url", ["ftp://h/", "http://", "http://h:0/", "http://h:99999/", "http://h/a b", "http://h/\x7f"]
)
async def test_what_is_no_web_address_is_not_asked_for(url: str) -> None:
    with pytest.raises(Failed, match="not a web address"):
        await get(url)
