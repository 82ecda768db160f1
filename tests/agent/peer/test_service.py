"""Starting, refusing to start, and stopping."""

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import AgentError, UsageError
from agent.peer.service import PeerSettings, serve
from tests.agent.peer.running import LOOPBACK, Addresses, running
from tests.agent.peer.websocket import get, stream


async def test_all_addresses_are_told_and_reachable() -> None:
    settings = PeerSettings(listen=("127.0.0.1:0", "[::1]:0"), stamp="*:0")
    async with running(settings) as at:
        assert at.keys() == {"plain", "plain-2", "stamp", "stamp-2"}
        assert at["stamp"][1] == at["stamp-2"][1]
        assert at["plain-2"][0] == "::1"
        for name in ("plain", "plain-2"):
            assert (await asyncio.to_thread(get, at[name], "/healthz")).body == b"ok\n"


async def test_a_star_listens_on_both_families() -> None:
    async with running(replace(LOOPBACK, listen=("*:0",))) as at:
        port = at["plain"][1]
        for host in ("127.0.0.1", "::1"):
            assert (await asyncio.to_thread(get, (host, port), "/healthz")).status == 200


def nobody(_: Addresses) -> None:
    """`ready` must not be called by a peer that cannot start."""
    raise AssertionError


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (PeerSettings(listen=(), stamp=None), "nothing to listen on"),
        (replace(LOOPBACK, listen_tls=("127.0.0.1:0",)), "--cert"),
        (replace(LOOPBACK, listen_tls=("127.0.0.1:0",), cert=Path("/none"), key=Path("/none")), "--cert /none"),
        (replace(LOOPBACK, hmac_key=Path("/none")), "--hmac-key /none"),
        (replace(LOOPBACK, hmac_key=Path("/dev/null")), "empty"),
        (replace(LOOPBACK, max_tests=0), "--max-tests"),
        (replace(LOOPBACK, pace_mbps=0.0), "--pace"),
        (replace(LOOPBACK, pace_mbps=float("nan")), "--pace"),
        (replace(LOOPBACK, listen=("8080",)), "--listen 8080"),
        (replace(LOOPBACK, stamp="nowhere"), "--stamp nowhere"),
    ],
)
async def test_wrong_settings_are_one_plain_line(settings: PeerSettings, words: str) -> None:
    with pytest.raises(UsageError, match=words) as refused:
        await serve(settings, ready=nobody)
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code == 2


async def test_a_certificate_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("not PEM")
    file = tmp_path / "x.pem"
    with pytest.raises(UsageError, match=r"x\.pem"):
        await serve(replace(LOOPBACK, listen_tls=("127.0.0.1:0",), cert=file, key=file), ready=nobody)


async def test_an_address_in_use_is_one_plain_line_and_leaves_nothing_bound() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        free = socket.create_server(("127.0.0.1", 0))
        other = free.getsockname()[1]
        free.close()
        with pytest.raises(AgentError, match=f"127.0.0.1:{port} .*in use") as refused:
            await serve(replace(LOOPBACK, listen=(f"127.0.0.1:{other}", f"127.0.0.1:{port}")), ready=nobody)
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code == 1
    socket.create_server(("127.0.0.1", other)).close()


def drain(sock: socket.socket) -> None:
    """Read until the end."""
    while sock.recv(1 << 20):
        pass


async def test_a_stop_in_the_middle_of_a_test_drops_it_and_frees_the_port() -> None:
    def begin(address: tuple[str, int]) -> socket.socket:
        with stream(address, "/throughput/v1/download?mid=1&streams=1&duration=20000") as client:
            client.sock.recv(1 << 16)
            return client.sock.dup()

    async with running() as at:
        sock = await asyncio.to_thread(begin, at["plain"])
    with sock:
        sock.settimeout(3)
        with pytest.raises(ConnectionResetError):
            drain(sock)
    socket.create_server(at["plain"]).close()
