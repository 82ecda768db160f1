"""How the API answers: JSON with a strong ETag, exact bytes, problem documents; and who may change anything."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

import msgspec
from aiohttp import web

from collector.registry.site import Site, Snapshot
from collector.web.api.operation import PROBLEM, Problem
from collector.web.sources import Sources

NOT_HERE: Final = "Changes are accepted from this machine and its own page only."
_ENCODER: Final = msgspec.json.Encoder()
_LOOPBACK: Final = ("127.0.0.1", "::1")
_PASSED_ON: Final = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")
_CODINGS: Final = ("deflate", "gzip")
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes that are given as they are. `mark`: what names them and no others, where that is known already."""

    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)
    mark: str | None = None


def problem(status: int, title: str, detail: str, *, parameter: str | None = None) -> web.Response:
    """An RFC 9457 problem document."""
    said = Problem(type="about:blank", title=title, status=status, detail=detail, parameter=parameter)
    return web.Response(body=_ENCODER.encode(said), status=status, content_type=PROBLEM)


def answered(request: web.Request, value: object) -> web.Response:
    """A value as JSON or as its own bytes; of a question that was answered before with the same, only that."""
    blob = value if isinstance(value, Blob) else Blob(_ENCODER.encode(value), "application/json")
    if request.method not in ("GET", "HEAD"):
        return web.Response(body=blob.body, headers={"Content-Type": blob.content_type})
    headers = {"Cache-Control": "no-cache", "Vary": "Accept-Encoding", **blob.headers}
    mark = blob.mark or marked(blob.body)
    # As it is sent compressed to some, those bytes have a tag of their own (RFC 9110, 8.8.3.3).
    accepted = request.headers.get("Accept-Encoding", "").lower()
    coding = next((coding for coding in _CODINGS if coding in accepted), "")
    headers["ETag"] = f'"{mark}-{coding}"' if coding else f'"{mark}"'
    if _is_known(request, mark):
        return web.Response(status=304, headers=headers)
    return web.Response(body=blob.body, headers={"Content-Type": blob.content_type, **headers})


def marked(body: bytes) -> str:
    """What names these bytes and no others."""
    return blake2b(body, digest_size=16).hexdigest()


def _is_known(request: web.Request, mark: str) -> bool:
    """Whether If-None-Match names what would be sent, in whatever coding."""
    for tag in request.headers.get("If-None-Match", "").split(","):
        stem = tag.strip().removeprefix("W/")
        if stem == "*" or stem.strip('"').partition("-")[0] == mark:
            return True
    return False


def from_here(request: web.Request) -> bool:
    """Whether a change comes from this machine, and not from a foreign page in its browser.

    The page must have been asked for by a name of loopback: a foreign name that resolves to it is an attack, and so is
    one that is none. What a proxy on this machine passes on comes from elsewhere, as it says itself.
    """
    if any(name in request.headers for name in _PASSED_ON):
        return False
    origin = request.headers.get("Origin")
    try:
        ours, host = origin is None or origin == str(request.url.origin()), request.url.host
    except ValueError:  # the header Host holds what no address has
        return False
    return ours and request.remote in _LOOPBACK and host in (*_LOOPBACK, "localhost")


async def site_of(request: web.Request, sources: Sources) -> tuple[Snapshot, Site]:
    """The site that the path names; raises HTTPNotFound."""
    return await site_named(request.match_info["site"], sources)


async def site_named(name: str, sources: Sources) -> tuple[Snapshot, Site]:
    """A site by its id; raises HTTPNotFound."""
    snapshot = await asyncio.to_thread(sources.places.snapshot)
    site = snapshot.site(name)
    if site is None:
        raise web.HTTPNotFound(text="There is no such site.")
    return snapshot, site


def bound(handler: Callable[[web.Request, Sources], Awaitable[web.StreamResponse]], sources: Sources) -> Answer:
    """A handler of a request that has its sources."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return await handler(request, sources)

    return answer
