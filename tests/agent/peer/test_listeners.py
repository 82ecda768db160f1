"""Addresses as people write them, and the one line when they cannot be had."""

import socket
from contextlib import ExitStack

import pytest

from agent.errors import AgentError, UsageError
from agent.peer.listeners import Endpoint, bind, endpoint


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("0.0.0.0:8080", "0.0.0.0", 8080),  # noqa: S104 - only read
        ("[::]:4443", "::", 4443),
        ("[2001:db8::1]:0", "2001:db8::1", 0),
        ("localhost:80", "localhost", 80),
        ("*:8080", "", 8080),
        (":8080", "", 8080),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    assert endpoint(text, option="--listen") == Endpoint(host, port)


@pytest.mark.parametrize(
    "text", ["", "8080", "host", "host:", "host:port", "host:70000", "::1:80", "h:1/x", "u@h:1", "[::1:80"]
)
def test_text_that_is_no_address(text: str) -> None:
    with pytest.raises(UsageError, match="--listen") as refused:
        endpoint(text, option="--listen")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_star_is_both_families_on_one_port(kind: socket.SocketKind) -> None:
    with ExitStack() as stack:
        socks = bind(Endpoint("", 0), kind, option="--listen")
        for sock in socks:
            stack.enter_context(sock)
        assert [sock.family for sock in socks] == [socket.AF_INET, socket.AF_INET6]
        assert len({sock.getsockname()[1] for sock in socks}) == 1


def test_a_port_in_use_is_one_plain_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AgentError, match=f"cannot listen on 127.0.0.1:{port}.*in use") as refused:
            bind(Endpoint("127.0.0.1", port), socket.SOCK_STREAM, option="--listen")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("host", "words"), [("192.0.2.1", "does not have that address"), ("no-such.invalid", "no such address")]
)
def test_an_address_of_somebody_else(host: str, words: str) -> None:
    with pytest.raises(AgentError, match=words):
        bind(Endpoint(host, 0), socket.SOCK_STREAM, option="--listen")
