"""Server-sent events: what happens, told to open pages within moments."""

import asyncio
import contextlib
from typing import Final

import msgspec
from aiohttp import web

from collector.events import Event, Subscription
from collector.web.sources import Sources

HEARTBEAT_S: Final = 15.0


def add_routes(app: web.Application, sources: Sources) -> None:
    """Add `/api/v1/live`; a stream ends when its viewer goes or the application stops."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        with sources.bus.listen() as subscription, contextlib.suppress(ConnectionError):
            await response.write(b"retry: 2000\n\n")
            while True:
                await response.write(await _next(subscription))
        return response

    app.router.add_get("/api/v1/live", answer)


async def _next(subscription: Subscription) -> bytes:
    """Wait for the next event; a comment when nothing happens, so that a dead viewer is noticed."""
    try:
        async with asyncio.timeout(HEARTBEAT_S):
            return text_of(await subscription.queue.get())
    except TimeoutError:
        return b":\n\n"


def text_of(event: Event) -> bytes:
    """An event as the stream carries it."""
    body = msgspec.json.encode({"site": event.site, "at": event.at, **event.data})
    return b"event: " + event.topic.encode() + b"\ndata: " + body + b"\n\n"
