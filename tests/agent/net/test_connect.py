import asyncio
import socket

import pytest

from agent.errors import Failed
from agent.net.connect import connect


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_connected_socket(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        sock = await connect(host, server.getsockname()[1], timeout_s=5)
        with sock:
            assert not sock.getblocking()
            assert sock.getpeername()[:2] == server.getsockname()[:2]


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Failed, match=r"connect:refused \(Connection refused\)"):
        await connect("127.0.0.1", port, timeout_s=5)


async def test_nobody_answers() -> None:
    # A queue that is full drops what knocks, as a dead host does.
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        address = server.getsockname()
        with socket.create_connection(address), pytest.raises(Failed, match=r"connect:timeout \(no answer in 0\.2 s\)"):
            await connect(*address, timeout_s=0.2)


async def test_a_connect_that_is_given_up_closes_its_socket() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        address = server.getsockname()
        with socket.create_connection(address), pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await connect(*address, timeout_s=30)
