"""M-Lab's locate service, version 2: what to ask, what its answers mean. Pure.

Source: m-lab/locate, api/v2 (facts/protocols.md, 1.5).
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import SplitResult, urlencode, urlsplit

import msgspec

from agent.errors import Failed
from agent.speed.engine import Target
from agent.wire.codec import HOSTILE
from agent.wire.failure import Reason, Stage

BASE: Final = "https://locate.measurementlab.net"
MOST: Final = 4
_PATH: Final = "/v2/nearest/ndt/ndt7"
_WAYS: Final = ("download", "upload")
_SCHEMES: Final = {"wss": 443, "ws": 80}
_TARGET_BYTES: Final = 4096
_MAX_NAME: Final = 100
_BUSY: Final[Mapping[int, str]] = {
    HTTPStatus.NO_CONTENT: "M-Lab has no capacity now",
    HTTPStatus.TOO_MANY_REQUESTS: "M-Lab was asked too often from this address",
    HTTPStatus.SERVICE_UNAVAILABLE: "M-Lab cannot tell where this address is",
    HTTPStatus.INTERNAL_SERVER_ERROR: "M-Lab found no server",
}


class _Offer(msgspec.Struct):
    machine: str = ""
    hostname: str = ""
    urls: dict[str, str] = {}


class _Problem(msgspec.Struct):
    title: str = ""
    detail: str = ""


class _Reply(msgspec.Struct):
    results: list[_Offer] | None = None
    error: _Problem | None = None


def question(base: str, about: Mapping[str, str]) -> str:
    """The URL that asks for the nearest servers; `about` is the client's metadata, copied into what it answers."""
    return f"{base.rstrip('/')}{_PATH}?{urlencode(about)}"


def servers(status: int, body: bytes) -> list[Target]:
    """The servers of an answer, best first, at most 4; each with path and query of both directions.

    Raises:
        Failed: `peer:busy` if there is none for us now, `peer:protocol` for an answer that means nothing.
    """
    reply = _reply(body)
    if status != HTTPStatus.OK:
        raise _refusal(status, reply)
    if reply is None:
        raise Failed(Stage.PEER, Reason.PROTOCOL, "the locate service's answer cannot be read")
    found = [target for offer in reply.results or [] if (target := _target(offer)) is not None]
    if not found:
        said = _words(reply) or "no server in the locate service's answer"
        raise Failed(Stage.PEER, Reason.PROTOCOL if reply.results else Reason.BUSY, said)
    return found[:MOST]


def _reply(body: bytes) -> _Reply | None:
    try:
        return msgspec.json.decode(body, type=_Reply)
    except HOSTILE:
        return None


def _words(reply: _Reply | None) -> str:
    problem = None if reply is None else reply.error
    return "" if problem is None else ": ".join(part for part in (problem.title, problem.detail) if part)[:200]


def _refusal(status: int, reply: _Reply | None) -> Failed:
    said = _words(reply)
    known = _BUSY.get(status)
    words = f"{known or 'the locate service refused'}, HTTP {status}" + (f" ({said})" if said else "")
    return Failed(Stage.PEER, Reason.PROTOCOL if known is None else Reason.BUSY, words)


def _target(offer: _Offer) -> Target | None:
    """One server, over TLS if it offers that; None if it does not have both directions at one place."""
    for scheme in _SCHEMES:
        found = {way: _split(offer.urls, scheme, way) for way in _WAYS}
        whole = {way: parts for way, parts in found.items() if parts is not None}
        places = {(parts.hostname or "", parts.port or _SCHEMES[scheme]) for parts in whole.values()}
        if len(whole) == len(_WAYS) and len(places) == 1:
            host, port = places.pop()
            paths = {way: f"{parts.path}?{parts.query}" for way, parts in whole.items()}
            name = offer.hostname or offer.machine or host
            return Target(host, port, scheme == "wss", name[:_MAX_NAME], paths)
    return None


def _split(urls: Mapping[str, str], scheme: str, way: str) -> SplitResult | None:
    """The URL of one direction, if it is one that can be asked for as it stands."""
    text = urls.get(f"{scheme}:///ndt/v7/{way}", "")
    if not text.isascii() or not text.isprintable() or " " in text or len(text) > _TARGET_BYTES:
        return None
    try:
        parts = urlsplit(text)
        usable = parts.scheme == scheme and bool(parts.hostname) and parts.port != 0 and parts.path.startswith("/")
    except ValueError:
        return None
    return parts if usable else None
