"""Each route's way to tell, put together; closed again at the end."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from collector.config import CollectorConfig
from collector.tell.alertmanager import Alertmanager
from collector.tell.answer import Channel, Parcel
from collector.tell.compose import composed
from collector.tell.mail import Mail, server_of
from collector.tell.message import Message, Reader
from collector.tell.posting import Wire
from collector.tell.route import Route
from collector.tell.routes import public_url_of
from collector.tell.services import Service, service_of
from collector.tell.webhook import Webhook


@dataclass(frozen=True, slots=True)
class Channels:
    """Makes channels. `opened` raises UsageError for an address that Apprise does not know."""

    config: CollectorConfig
    wire: Wire

    @asynccontextmanager
    async def opened(self, routes: Sequence[Route]) -> AsyncIterator[dict[str, Channel]]:
        """The channels of these routes, by their names."""
        channels = {route.name: await self._channel(route) for route in routes}
        try:
            yield channels
        finally:
            for channel in channels.values():
                if isinstance(channel, Mail | Service):
                    channel.close()

    async def _channel(self, route: Route) -> Channel:
        match route.kind:
            case "alertmanager":
                return Alertmanager(route, self.wire, public_url_of(self.config), hold_s=self.config.tell.hold_s)
            case "webhook":
                return Webhook(route, self.wire)
            case "mail":
                server = await asyncio.to_thread(server_of, route)  # Apprise takes a second to load
                return Mail(route, server, self._composer(route), self.wire.clock)
            case "apprise":
                return Service(route, await asyncio.to_thread(service_of, route), self._composer(route))

    def _composer(self, route: Route) -> "Composer":
        return Composer(Reader(route.language, ZoneInfo(self.config.web.zone), public_url_of(self.config)))


@dataclass(frozen=True, slots=True)
class Composer:
    """Puts parcels in one route's words."""

    reader: Reader

    def __call__(self, parcel: Parcel) -> Message:
        """The message that a person gets."""
        return composed(parcel, self.reader)
