"""One session with a broker over whatever wire its address asks for."""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from collector.mqtt.conversation import Listener
from collector.mqtt.packets import BrokerError, Login, Outgoing
from collector.mqtt.stream import Stream
from collector.mqtt.websocket import WebSocket


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a broker listens. `path` is set for WebSocket; `timeout_s` bounds all until we may publish."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    path: str | None = None
    timeout_s: float = 10.0

    @property
    def url(self) -> str:
        """The address of a WebSocket."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'ws' if self.tls is None else 'wss'}://{host}:{self.port}{self.path}"


class Connection:
    """Run it once, and publish while it is `ready`. Nothing outlives it but what is `unconfirmed`.

    `filters` are topic filters, each with its QoS (0 or 1). `keepalive_s` is how long a silent broker is put up with;
    the broker is told the login's, which is in whole seconds.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        login: Login,
        filters: Sequence[tuple[str, int]],
        listener: Listener,
        *,
        keepalive_s: float | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._keepalive_s = keepalive_s or login.keepalive_s
        kind = Stream if endpoint.path is None else WebSocket
        self._wire: Stream | WebSocket = kind(login, filters, listener)

    @property
    def ready(self) -> bool:
        """Whether one may publish now."""
        return self._wire.why is None and self._wire.conversation.ready

    @property
    def unconfirmed(self) -> Sequence[Outgoing]:
        """What was published with QoS 1 and not confirmed, oldest first."""
        return self._wire.conversation.unconfirmed

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Send messages in one write, when `ready`."""
        self._wire.conversation.publish(messages)

    async def run(self) -> NoReturn:
        """Connect, log in, subscribe and listen until the connection is lost; cancelled, it says goodbye.

        Raises:
            BrokerError: why it came to nothing, or was lost.
        """
        patience = self._endpoint.timeout_s
        try:
            async with asyncio.timeout(patience) as limit:
                self._wire.on_agreed = lambda: limit.reschedule(None)
                await self._carry()
        except TimeoutError as error:
            raise BrokerError(error.strerror or f"no answer within {patience:g} s") from error
        except (OSError, UnicodeError) as error:
            raise BrokerError(str(error) or type(error).__name__) from error
        raise self._wire.why or BrokerError("the broker closed the connection")

    async def _carry(self) -> None:
        endpoint, wire = self._endpoint, self._wire
        if isinstance(wire, Stream):
            await wire.carry((endpoint.host, endpoint.port), endpoint.tls, self._keepalive_s)
        else:
            await wire.carry(endpoint.url, endpoint.tls, self._keepalive_s)
