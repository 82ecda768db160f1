"""One TCP connection to one address: no second try, no other address, no other family."""

import asyncio
import contextlib
import socket

from agent.errors import Failed
from agent.net.failures import failed
from agent.wire.failure import Reason, Stage


async def connect(address: str, port: int, *, timeout_s: float) -> socket.socket:
    """Give a connected, non-blocking TCP socket that the caller must close.

    Raises:
        Failed: stage `connect` (refused, timeout, prohibited, unreachable …) or `route` (no packet left the box).
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    except OSError as error:
        raise failed(Stage.CONNECT, error) from error
    with contextlib.ExitStack() as unless_connected:
        unless_connected.callback(sock.close)
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.get_running_loop().sock_connect(sock, (address, port))
        except OSError as error:
            if isinstance(error, TimeoutError) and error.errno is None:
                raise Failed(Stage.CONNECT, Reason.TIMEOUT, f"no answer in {timeout_s:g} s") from error
            raise failed(Stage.CONNECT, error) from error
        unless_connected.pop_all()
    return sock
