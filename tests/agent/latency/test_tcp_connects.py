import asyncio
import socket
import time

import pytest

from agent.errors import Failed
from agent.latency.tcp_connects import TcpConnects
from agent.net.echo_session import Pace

PACE = Pace(10, 0.005, 1.0)


async def test_the_time_to_connect_is_the_kernels() -> None:
    """Nobody accepts: the kernel completes the handshake, so a busy program at the far end costs nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        run = TcpConnects("127.0.0.1", server.getsockname()[1], PACE)
        told: list[float] = []
        await run.run(lambda share, _: told.append(share))
    assert (run.sent, sorted(answer.seq for answer in run.answers)) == (10, list(range(1, 11)))
    assert all(0 < answer.rtt_ns < 50_000_000 for answer in run.answers)
    assert all(answer.reflector_seq is None for answer in run.answers)
    assert run.stamps == "kernel"
    assert told == pytest.approx([n / 10 for n in range(1, 11)])


async def test_a_busy_loop_does_not_look_like_a_slow_line() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        run = TcpConnects("127.0.0.1", server.getsockname()[1], Pace(3, 0.01, 1.0))
        asyncio.get_running_loop().call_later(0.001, time.sleep, 0.1)
        await run.run()
    assert all(answer.rtt_ns < 50_000_000 for answer in run.answers)


async def test_nothing_stays_behind() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        await TcpConnects("127.0.0.1", server.getsockname()[1], Pace(1, 0.005, 1.0)).run()
        server.settimeout(5)
        connection, _ = server.accept()
        with connection:
            connection.settimeout(5)
            with pytest.raises(ConnectionResetError):
                connection.recv(1)


async def test_a_closed_port_is_refused_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    run = TcpConnects("127.0.0.1", port, Pace(1000, 1.0, 1.0))
    begin = time.monotonic()
    await run.run()
    assert time.monotonic() - begin < 5
    assert run.answers == []
    with pytest.raises(Failed, match="connect:refused"):
        raise run.why_no_answer()


async def test_silence_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):  # the only place in the queue
            run = TcpConnects("127.0.0.1", port, Pace(2, 0.005, 0.3))
            await run.run()
    assert run.answers == []
    with pytest.raises(Failed, match=r"connect:timeout \(no answer to 2 connects\)"):
        raise run.why_no_answer()
