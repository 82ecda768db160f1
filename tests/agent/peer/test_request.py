"""Requests in pieces, requests gone wrong, and the WebSocket handshake's rules."""

import pytest

from agent.peer.request import Request, RequestError, RequestReader, accept_key, answer, switching

HEAD = (
    b"GET /ndt/v7/download?a=1&b=2 HTTP/1.1\r\nHost: peer\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sub\r\n\r\n"
)


def read(data: bytes, *, limit: int = 8192) -> Request | None:
    return RequestReader(limit=limit).feed(data)


def whole(data: bytes) -> Request:
    request = read(data)
    assert request is not None
    return request


def without(header: bytes) -> bytes:
    return b"".join(line for line in HEAD.splitlines(keepends=True) if not line.startswith(header))


def test_a_request_byte_by_byte() -> None:
    reader = RequestReader(limit=8192)
    assert [reader.feed(bytes([byte])) for byte in HEAD[:-1]] == [None] * (len(HEAD) - 1)
    request = reader.feed(HEAD[-1:])
    assert request is not None
    assert (request.method, request.path, request.query) == ("GET", "/ndt/v7/download", "a=1&b=2")


def test_what_follows_the_head_is_kept() -> None:
    assert whole(HEAD + b"\x82\x80frames").rest == b"\x82\x80frames"


def test_repeated_headers_are_joined() -> None:
    request = whole(HEAD.replace(b"Upgrade: WebSocket", b"Upgrade: h2c\r\nUpgrade: WebSocket"))
    assert request.headers["upgrade"] == "h2c, WebSocket"
    assert accept_key(request, subprotocol="sub")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 9000, 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 9000 + b"\r\n\r\n", 431),
        (b"G" * 9000, 431),
    ],
)
def test_malformed_and_oversized_requests(data: bytes, status: int) -> None:
    with pytest.raises(RequestError) as refused:
        read(data)
    assert refused.value.status == status


def test_the_accept_key_of_the_rfc() -> None:
    assert accept_key(whole(HEAD), subprotocol="sub") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize(
    "data",
    [
        without(b"Sec-WebSocket-Protocol"),
        without(b"Sec-WebSocket-Key"),
        without(b"Sec-WebSocket-Version"),
        without(b"Upgrade"),
        without(b"Connection"),
        HEAD.replace(b": sub", b": sub, other"),
        HEAD.replace(b": 13", b": 8"),
        HEAD.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"c2hvcnQ="),
        HEAD.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"!!!"),
        HEAD.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"\xff\xfe"),
        HEAD.replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
)
def test_handshakes_that_are_none(data: bytes) -> None:
    with pytest.raises(RequestError) as refused:
        accept_key(whole(data), subprotocol="sub")
    assert refused.value.status == 400


def test_answers_are_whole_http() -> None:
    text = answer(503, "busy\n", headers={"Retry-After": "7"}).decode()
    head, _, body = text.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 503 Service Unavailable\r\n")
    assert "Retry-After: 7" in head
    assert "Content-Length: 5" in head
    assert body == "busy\n"
    assert answer(200, "ok\n", head=True).endswith(
        b"Content-Length: 3\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    assert switching("key", "sub").startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
