"""Server-sent events: what happens, told to open pages within moments (contract, `GET /api/v1/live`)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType
from typing import Final, get_args

from aiohttp import web

from collector.events import Topic
from collector.web import api
from collector.web.audience import STALL_S, Audience, Digest, Viewer, Wish
from collector.web.sources import Sources

__all__ = ["AUDIENCE", "Digest", "add_routes", "stream", "wish_of"]

AUDIENCE: Final = web.AppKey("audience", Audience)
BACK_IN_S: Final = 30
_NONE: Final[Mapping[str, Digest]] = MappingProxyType({})
_HEADERS: Final = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""The last one keeps a proxy in front of us from collecting events before it passes them on."""
_FIRST: Final = b"retry: 2000\n\n"
_DIGITS: Final = 16


def add_routes(app: web.Application, sources: Sources, digests: Mapping[str, Digest] = _NONE) -> None:
    """Add `/api/v1/live`; a stream ends when its viewer goes, takes nothing any more, or the application stops."""
    audience = app[AUDIENCE] = Audience(sources.bus, digests)

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            wish = wish_of(request, digests)
        except ValueError as error:
            return api.problem(400, "Bad request", str(error))
        if audience.full:
            return _full()
        return await stream(request, audience, wish, since=_since(request))

    async def work(_: web.Application) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(audience.run(), name="live page")
            yield
            task.cancel()

    async def farewell(_: web.Application) -> None:
        audience.close()

    app.cleanup_ctx.append(work)
    app.on_shutdown.append(farewell)
    app.router.add_get("/api/v1/live", answer, allow_head=False)


def wish_of(request: web.Request, digests: Mapping[str, Digest]) -> Wish:
    """What the address asks for; raises ValueError that says what is wrong with it."""
    known: tuple[Topic, ...] = get_args(Topic)
    asked = [name for name in request.query.get("topics", "").split(",") if name]
    if any(name not in known for name in asked):
        raise ValueError(f"topics: some of {', '.join(known)}, separated by commas.")
    digest = request.query.get("digest") or None
    if digest is not None and digest not in digests:
        raise ValueError(f"digest: one of {', '.join(digests) or 'none here'}.")
    topics = frozenset(topic for topic in known if topic in asked or not asked)
    return Wish(request.query.get("site") or None, topics, digest)


def _since(request: web.Request) -> int | None:
    """The mark of what the viewer knows: the newest that the stream has told it, or else its page's."""
    text = request.headers.get("Last-Event-ID") or request.query.get("since", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None


async def stream(
    request: web.Request, audience: Audience, wish: Wish, *, since: int | None = None, stall_s: float = STALL_S
) -> web.StreamResponse:
    """Tell one viewer until it goes; one that takes nothing for so long is cut off."""
    response = web.StreamResponse(headers=_HEADERS)
    with audience.join(wish, since=since) as viewer:
        await response.prepare(request)
        if not await _fed(viewer, response, stall_s) and request.transport is not None:
            request.transport.abort()  # what was written and not taken would keep the connection for ever
    return response


async def _fed(viewer: Viewer, response: web.StreamResponse, stall_s: float) -> bool:
    """Whether the viewer took all that it was told."""
    with contextlib.suppress(ConnectionError, TimeoutError):
        await response.write(_FIRST)
        await viewer.feed(response.write, stall_s=stall_s)
        return True
    return False


def _full() -> web.Response:
    response = api.problem(503, "Not available", "So many people watch already; come back in half a minute.")
    response.headers["Retry-After"] = str(BACK_IN_S)
    return response
