"""One small page over HTTP, fetched whole: bounded in size and time, no redirect followed."""

import asyncio
from dataclasses import dataclass
from typing import Final

from agent.errors import Failed
from agent.speed.http_load import Server, Space, end_all, open_connection
from agent.speed.http_message import Ask, Exchange
from agent.wire.failure import Reason, Stage

PAGE_BYTES: Final = 2**20
_BUFFER_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Page:
    """An answer of whatever status, and the round trip of its connection (None if the kernel does not tell)."""

    exchange: Exchange
    body: bytes
    rtt_us: int | None


class _Reader:
    """The turns of a connection that asks once and keeps what comes."""

    def __init__(self, target: str, most: int) -> None:
        self.exchange: Exchange | None = None
        self.complete = False
        self._target = target
        self._most = most

    def next(self, before: Exchange | None) -> Ask | None:
        self.complete = before is not None
        return None if self.complete else Ask(self._target)

    def admit(self, exchange: Exchange) -> None:
        self.exchange = exchange
        if exchange.body is not None:
            exchange.body.keep(self._most)

    def counted(self) -> bool:
        body = None if self.exchange is None else self.exchange.body
        if body is not None and body.received > self._most:
            raise Failed(Stage.PEER, Reason.PROTOCOL, f"{self._target[:100]} is longer than {self._most} bytes")
        return True


async def page(server: Server, target: str, *, timeout_s: float, most: int = PAGE_BYTES) -> Page:
    """Fetch `target`. Raises Failed if there is no whole answer of at most `most` bytes in time."""
    reader = _Reader(target, most)
    try:
        async with asyncio.timeout(timeout_s):
            connection = await open_connection(server, reader, Space(memoryview(bytearray(_BUFFER_BYTES))))
            try:
                connection.begin()
                await connection.over.wait()
                rtt_us = connection.rtt_us
            finally:
                await end_all([connection])
    except TimeoutError as error:
        raise Failed(Stage.HANDSHAKE, Reason.TIMEOUT, f"no whole answer in {timeout_s:g} s") from error
    if connection.refused is not None:
        raise connection.refused
    if not reader.complete or reader.exchange is None or reader.exchange.body is None:
        raise Failed(Stage.HANDSHAKE, Reason.CLOSED, "closed before the answer was complete")
    return Page(reader.exchange, reader.exchange.body.kept, rtt_us)
