"""Where a redirect may lead, and where not."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Failed
from agent.net.web_address import parse, port_of, reach_of, redirected, refuse_inward

HERE = "https://www.example/a/b?c=d"


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/x", "https://www.example/x"),
        ("x#part", "https://www.example/a/x"),
        (" ?q=1 ", "https://www.example/a/b?q=1"),
        ("//other.example:8443/y", "https://other.example:8443/y"),
        ("HTTP://other.example", "http://other.example"),
        ("/a b", "https://www.example/a%20b"),
        ("/ti\u00e1\u00ba\u00bfng", "https://www.example/ti%E1%BA%BFng"),
        ("https://[2001:db8::1]/", "https://[2001:db8::1]/"),
    ],
)
def test_where_it_leads(location: str, target: str) -> None:
    assert redirected(HERE, location) == target


@pytest.mark.parametrize(
    "location",
    [
        "",
        "  ",
        "file:///etc/passwd",
        "javascript:x",
        "http://:80/",
        "http://h:0/",
        "http://h:x/",
        "http://[::1",
        "x" * 5000,
    ],
)
def test_where_nobody_goes(location: str) -> None:
    with pytest.raises(Failed, match="handshake:protocol"):
        redirected(HERE, location)


@given(st.text(st.characters(max_codepoint=255), max_size=60))
def test_no_location_does_harm(location: str) -> None:
    with contextlib.suppress(Failed):
        target = redirected(HERE, location)
        assert target.isascii()
        assert target.isprintable()
        assert parse(target).scheme in {"http", "https"}


@pytest.mark.parametrize(("url", "port"), [("http://h/", 80), ("https://h", 443), ("http://h:81/x", 81)])
def test_the_port(url: str, port: int) -> None:
    assert port_of(parse(url)) == port


@pytest.mark.parametrize(
    ("address", "reach"),
    [
        ("127.0.0.1", 0),
        ("::1", 0),
        ("10.0.0.1", 1),
        ("fe80::1%eth0", 1),
        ("100.64.0.1", 1),
        ("8.8.8.8", 2),
        ("2606:4700::1", 2),
    ],
)
def test_how_far_an_address_reaches(address: str, reach: int) -> None:
    assert reach_of(address) == reach


@pytest.mark.parametrize(
    ("first", "address", "secure", "refused"),
    [
        ("8.8.8.8", "8.8.4.4", False, ""),
        ("8.8.8.8", "2606:4700::1", True, ""),
        ("10.0.0.1", "10.9.9.9", False, ""),
        ("10.0.0.1", "8.8.8.8", False, ""),
        ("127.0.0.1", "10.0.0.1", False, ""),
        ("8.8.8.8", "192.168.1.1", False, "handshake:captive_portal"),
        ("8.8.8.8", "192.168.1.1", True, "handshake:protocol"),
        ("8.8.8.8", "127.0.0.1", False, "handshake:captive_portal"),
        ("10.0.0.1", "::1", True, "handshake:protocol"),
    ],
)
def test_nobody_is_sent_inward(first: str, address: str, *, secure: bool, refused: str) -> None:
    with pytest.raises(Failed, match=refused) if refused else contextlib.nullcontext():
        refuse_inward(first, address, secure=secure)
