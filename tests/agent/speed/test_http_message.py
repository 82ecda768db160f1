"""Answers cut anywhere, framed in every way, honest and broken."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Failed
from agent.speed.http_message import Ask, Body, BodyError, Exchange, refusal


def read(data: bytes, cuts: list[int], *, ask: Ask | None = None) -> Exchange:
    """Feed `data` in pieces, as a socket might."""
    exchange = Exchange(ask or Ask("/x"), "h")
    exchange.head()
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    for begin, end in itertools.pairwise(edges):
        piece: memoryview | None = memoryview(data[begin:end])
        if exchange.body is None:
            piece = exchange.receive(data[begin:end])
        if piece is not None and exchange.body is not None and not exchange.complete:
            exchange.body.feed(piece)
    return exchange


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.lists(st.integers(0, 500), max_size=8))
def test_chunks_are_counted_however_they_are_cut(parts: list[bytes], cuts: list[int]) -> None:
    chunks = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(part), part) for part in parts)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    exchange = read(head + chunks + b"0\r\nTrailer: x\r\n\r\n", cuts)
    assert exchange.complete
    assert exchange.keeps_open
    assert exchange.body is not None
    assert exchange.body.received == sum(len(part) for part in parts)


@given(st.binary(max_size=200), st.lists(st.integers(0, 500), max_size=8))
def test_a_length_bounds_a_body(payload: bytes, cuts: list[int]) -> None:
    exchange = read(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(payload), payload), cuts)
    assert exchange.complete
    assert exchange.body is not None
    assert exchange.body.received == len(payload)


@given(st.binary(max_size=200), st.lists(st.integers(0, 500), max_size=8))
def test_without_either_the_end_of_the_connection_is_its_end(payload: bytes, cuts: list[int]) -> None:
    exchange = read(b"HTTP/1.0 200 OK\r\n\r\n" + payload, cuts)
    body = exchange.body
    assert body is not None
    assert (body.complete, body.received, exchange.keeps_open) == (False, len(payload), False)
    body.end()
    assert exchange.complete


def test_the_end_of_the_connection_completes_nothing_that_has_a_length() -> None:
    body = Body(length=10)
    body.feed(b"12345")
    body.end()
    assert not body.complete


@pytest.mark.parametrize(
    ("chunks", "words"),
    [
        (b"zz\r\n", "without a size"),
        (b"\r\n", "without a size"),
        (b"-5\r\n", "without a size"),
        (b"11111111111111111\r\n", "without a size"),
        (b"2\r\nabc\r\n", "longer than its size"),
        (b"5;" + b"x" * 300, "too long"),
        (b"0\r\n" + b"a: b\r\n" * 40, "trailers without end"),
        (b"1\r\nx\r\n" * 200, "small chunks"),
    ],
)
def test_broken_chunks_are_an_error(chunks: bytes, words: str) -> None:
    with pytest.raises(BodyError, match=words):
        Body(chunked=True).feed(chunks)


def test_what_is_kept_is_bounded() -> None:
    body = Body(length=None)
    body.keep(4)
    body.feed(b"abc")
    body.feed(b"def")
    assert (body.kept, body.received) == (b"abcd", 6)


def test_a_request_has_its_length_and_asks_for_no_compression() -> None:
    head = Exchange(Ask("/empty.php?r=1", 20), "h:8080").head().lower()
    assert head.startswith(b"post /empty.php?r=1 http/1.1\r\n")
    assert b"content-length: 20\r\n" in head
    assert b"transfer-encoding" not in head
    assert b"host: h:8080\r\n" in head
    assert b"accept-encoding: identity\r\n" in head


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000,
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20,
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    ],
)
def test_what_is_not_http_is_named(answer: bytes) -> None:
    with pytest.raises(Failed, match="handshake:protocol"):
        read(answer, [])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\n", r"peer:busy .*retry after 7 s"),
        (b"HTTP/1.1 429 Slow\r\n\r\n", "peer:busy"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n\r\n", "captive_portal .*http://portal/"),
        (b"HTTP/1.1 511 Login\r\n\r\n", "captive_portal"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", "captive_portal .*a page"),
        (b"HTTP/1.1 404 No\r\nContent-Type: text/html\r\n\r\n", "handshake:protocol .*404 for /x"),
        (b"HTTP/1.1 413 Big\r\n\r\n", "handshake:protocol .*413"),
    ],
)
def test_refusals_are_named(answer: bytes, words: str) -> None:
    found = refusal(read(answer, []))
    assert found is not None
    with pytest.raises(Failed, match=words):
        raise found


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 None\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n",
    ],
)
def test_good_answers_are_not_refused(answer: bytes) -> None:
    assert refusal(read(answer, [])) is None
