"""Each route's way to tell, put together; closed again at the end."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from collector.config import CollectorConfig
from collector.errors import UsageError
from collector.tell.alertmanager import Alertmanager
from collector.tell.answer import Answer, Channel, Parcel, said
from collector.tell.compose import composed
from collector.tell.mail import Mail, server_of
from collector.tell.message import Message, Reader
from collector.tell.posting import Wire
from collector.tell.route import Route
from collector.tell.routes import public_url_of
from collector.tell.services import Service, service_of
from collector.tell.webhook import Webhook

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Channels:
    """Makes channels. An address that cannot be used says so at each attempt, and holds up no other route."""

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
        try:
            return await self._made(route)
        except UsageError as error:
            log.error("tell.unusable route=%s why=%s", route.name, error)  # noqa: TRY400 - it says it all
            return Unusable(str(error))

    async def _made(self, route: Route) -> Channel:
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
class Unusable:
    """A route whose address cannot be used."""

    why: str

    async def send(self, parcel: Parcel) -> Answer:
        """Say so."""
        del parcel
        return Answer("refused", said(self.why))


def check(routes: Sequence[Route]) -> None:
    """Raise UsageError for an address that Apprise does not know. Loads Apprise, where a route needs it."""
    for route in routes:
        if route.kind == "mail":
            server_of(route)
        elif route.kind == "apprise":
            service_of(route)


@dataclass(frozen=True, slots=True)
class Composer:
    """Puts parcels in one route's words."""

    reader: Reader

    def __call__(self, parcel: Parcel) -> Message:
        """The message that a person gets."""
        return composed(parcel, self.reader)
