"""The upgrade: good answers in any cut, every bad one by its name."""

import base64
import hashlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import Failed
from agent.speed.handshake import MAX_RESPONSE_BYTES, Upgrade

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def upgrade() -> Upgrade:
    return Upgrade("[2001:db8::1]:8080", "/throughput/v1/download?mid=x", subprotocol="the.protocol", agent="test/1")


def answer(one: Upgrade, **changed: str) -> bytes:
    key = re.search(rb"Sec-WebSocket-Key: (\S+)\r\n", one.request())
    assert key is not None
    proof = base64.b64encode(hashlib.sha1(key[1] + GUID, usedforsecurity=False).digest()).decode()
    headers = {
        "Upgrade": "WebSocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": proof,
        "Sec-WebSocket-Protocol": "the.protocol",
    } | {name.replace("_", "-"): value for name, value in changed.items()}
    lines = [f"{name}: {value}" for name, value in headers.items() if value]
    return "\r\n".join(["HTTP/1.1 101 Switching Protocols", *lines, "", ""]).encode()


def test_the_request_says_what_the_rfc_asks() -> None:
    request = upgrade().request().decode()
    assert request.startswith("GET /throughput/v1/download?mid=x HTTP/1.1\r\n")
    for header in (
        "Host: [2001:db8::1]:8080",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: the.protocol",
        "User-Agent: test/1",
    ):
        assert f"\r\n{header}\r\n" in request
    assert request.endswith("\r\n\r\n")


@settings(deadline=None)
@given(st.lists(st.integers(1, 60)), st.binary(max_size=40))
def test_a_good_answer_in_any_cut_gives_what_follows_it(sizes: list[int], rest: bytes) -> None:
    one = upgrade()
    data = answer(one) + rest
    for size in sizes:
        part, data = data[:size], data[size:]
        if not part:
            break
        found = one.receive(part)
        if found is not None:
            assert found + data == rest
            return
    if data:
        assert one.receive(data) == rest


def test_interim_answers_are_skipped_but_not_for_ever() -> None:
    one = upgrade()
    good = answer(one)
    assert one.receive(b"HTTP/1.1 102 Processing\r\n\r\n" + good) == b""
    with pytest.raises(Failed) as caught:
        upgrade_sent().receive(b"HTTP/1.1 102 Processing\r\n\r\n" * 20)
    assert str(caught.value.failure) == "handshake:protocol"


def upgrade_sent() -> Upgrade:
    one = upgrade()
    one.request()
    return one


@pytest.mark.parametrize(
    ("data", "failure", "detail"),
    [
        (b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\n", "peer:busy", "retry after 7 s"),
        (b"HTTP/1.1 503 Busy\r\n\r\n", "peer:busy", "503"),
        (b"HTTP/1.1 429 Slow\r\n\r\n", "peer:busy", "429"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\n\r\n", "handshake:captive_portal", "login.example"),
        (b"HTTP/1.1 307 Found\r\n\r\n", "handshake:captive_portal", "nowhere"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>", "handshake:captive_portal", "page"),
        (b"HTTP/1.1 511 Network Authentication Required\r\n\r\n", "handshake:captive_portal", "511"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n", "handshake:protocol", "404"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "handshake:protocol", "400"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "handshake:protocol", "200"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "handshake:protocol", "not an HTTP answer"),
        (b"\x16\x03\x01\x02\x00" * 9, "handshake:protocol", "not an HTTP answer"),
        (b"HTTP/1.1 101 X\r\nX: " + b"a" * (MAX_RESPONSE_BYTES + 1), "handshake:protocol", "not an HTTP answer"),
    ],
)
def test_every_other_answer_has_its_name(data: bytes, failure: str, detail: str) -> None:
    with pytest.raises(Failed) as caught:
        upgrade_sent().receive(data)
    assert str(caught.value.failure) == failure
    assert detail in (caught.value.failure.detail or "")


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 101 Swi"])
def test_an_early_end_is_closed(begun: bytes) -> None:
    one = upgrade_sent()
    if begun:
        assert one.receive(begun) is None
    with pytest.raises(Failed) as caught:
        one.receive(b"")
    assert str(caught.value.failure) == "handshake:closed"


@pytest.mark.parametrize(
    ("changed", "detail"),
    [
        ({"Sec_WebSocket_Accept": "bm90IG91cnM="}, "key"),
        ({"Sec_WebSocket_Accept": ""}, "key"),
        ({"Upgrade": "h2c"}, "something else"),
        ({"Sec_WebSocket_Protocol": ""}, "the.protocol"),
        ({"Sec_WebSocket_Protocol": "another"}, "the.protocol"),
        ({"Sec_WebSocket_Extensions": "permessage-deflate"}, "extension"),
    ],
)
def test_an_upgrade_that_is_not_ours_is_refused(changed: dict[str, str], detail: str) -> None:
    one = upgrade()
    with pytest.raises(Failed) as caught:
        one.receive(answer(one, **changed))
    assert str(caught.value.failure) == "handshake:protocol"
    assert detail in (caught.value.failure.detail or "")


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=400))
def test_any_bytes_give_nothing_or_a_failure(data: bytes) -> None:
    one = upgrade_sent()
    try:
        assert one.receive(data) is None
    except Failed:
        return
