import socket
from pathlib import Path

import pytest

from agent.errors import Failed
from agent.net.dns_query import RecordKind, configured, query
from tests.agent.net.dns_responder import IPV4, IPV6, responding


@pytest.mark.parametrize("server", ["127.0.0.1", "::1"])
@pytest.mark.parametrize(("kind", "address"), [("A", IPV4), ("AAAA", IPV6)])
async def test_an_answer(server: str, kind: RecordKind, address: str) -> None:
    async with responding(server) as port:
        assert await query(server, "dual.example", kind, timeout_s=5, port=port) == [address]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("four.example", "resolve:nodata (four.example has no AAAA record)"),
        ("nobody.example", "resolve:nxdomain"),
        ("failing.example", "resolve:servfail"),
        ("refusing.example", "resolve:refused"),
        ("silent.example", "resolve:timeout"),
        ("x" * 64 + ".example", "resolve:protocol"),
        ("a..example", "resolve:protocol"),
    ],
)
async def test_no_answer_says_why(name: str, words: str) -> None:
    async with responding() as port:
        with pytest.raises(Failed) as caught:
            await query("127.0.0.1", name, "AAAA", timeout_s=0.3, port=port)
    assert words in str(caught.value)


async def test_strangers_and_garbage_are_not_the_answer() -> None:
    async with responding() as port:
        assert await query("127.0.0.1", "garbling.example", "AAAA", timeout_s=5, port=port) == [IPV6]


async def test_a_server_that_is_not_there_is_refused_not_a_timeout() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(Failed, match="resolve:refused"):
        await query("127.0.0.1", "dual.example", "A", timeout_s=5, port=port)


def test_the_configured_servers(tmp_path: Path) -> None:
    conf, upstream = tmp_path / "resolv.conf", tmp_path / "upstream.conf"
    conf.write_text(
        "# nameserver 192.0.2.9\nsearch example\nnameserver 192.0.2.1\nnameserver\nnameserver name\n"
        "nameserver 2001:db8::1\nnameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n"
    )
    assert configured(conf, upstream=upstream) == ["192.0.2.1", "2001:db8::1", "192.0.2.2"]
    assert configured(tmp_path / "none", upstream=upstream) == []


def test_behind_a_stub_are_the_real_servers(tmp_path: Path) -> None:
    conf, upstream = tmp_path / "resolv.conf", tmp_path / "upstream.conf"
    conf.write_text("nameserver 127.0.0.53\n")
    assert configured(conf, upstream=upstream) == ["127.0.0.53"]
    upstream.write_text("nameserver fe80::1%eth0\nnameserver 192.0.2.1\n")
    assert configured(conf, upstream=upstream) == ["fe80::1%eth0", "192.0.2.1"]
