"""One HTTP request and what became of it. Redirects are not followed: nobody else gets what was meant for one host."""

import contextlib
import email.utils
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import aiohttp

from collector.tell.answer import Answer, said

_OK: Final = range(200, 300)
_SHOWN: Final = 600  # bytes of what a receiver says why it refuses
LONGEST_ANSWER: Final = 8 * 1024 * 1024
_LOST = (aiohttp.ClientError, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class Wire:
    """What requests go through: one session for all routes, and the clock that a receiver's dates are held against."""

    session: aiohttp.ClientSession
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Post:
    """One request's body and headers."""

    url: str = field(repr=False)
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


async def post(wire: Wire, request: Post, *, timeout_s: float) -> Answer:
    """POST JSON once. What the receiver says besides a status of 2xx is kept as the reason; never raises."""
    headers = {"Content-Type": "application/json", **request.headers}
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    try:
        async with wire.session.post(
            request.url, data=request.body, headers=headers, allow_redirects=False, timeout=timeout
        ) as answer:
            if answer.status in _OK:
                return Answer("confirmed", f"status_{answer.status}")
            wait_s = retry_after(answer.headers.get("Retry-After"), wire.clock())
            why = await _why(answer)
            return Answer("refused", f"status_{answer.status}{why}", wait_s)
    except TimeoutError:
        return Answer("unreached", "timeout")
    except _LOST as error:
        return Answer("unreached", _fault(error))


async def get(
    wire: Wire, url: str, *, timeout_s: float, headers: Mapping[str, str] | None = None
) -> tuple[Answer, bytes]:
    """GET once, and what came; nothing unless the answer is confirmed. Never raises."""
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    try:
        async with wire.session.get(url, headers=headers, allow_redirects=False, timeout=timeout) as answer:
            if answer.status not in _OK:
                return Answer("refused", f"status_{answer.status}"), b""
            came = bytearray()
            async for piece in answer.content.iter_chunked(65536):
                came += piece
                if len(came) > LONGEST_ANSWER:
                    return Answer("refused", "answer_too_long"), b""
            return Answer("confirmed", f"status_{answer.status}"), bytes(came)
    except TimeoutError:
        return Answer("unreached", "timeout"), b""
    except _LOST as error:
        return Answer("unreached", _fault(error)), b""


def retry_after(header: str | None, now: datetime) -> float | None:
    """How long a receiver asks to be left alone, in seconds: it says a number, or a date."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header.strip()[:9])
    try:
        until = email.utils.parsedate_to_datetime(header)
    except ValueError:
        return None
    until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return max(0.0, (until - now).total_seconds())


async def _why(answer: aiohttp.ClientResponse) -> str:
    shown = b""
    with contextlib.suppress(TimeoutError, *_LOST):
        shown = await answer.content.read(_SHOWN)
    words = said(shown.decode("utf-8", "replace"))
    return f": {words}" if words else ""


def _fault(error: Exception) -> str:
    """A name without the address, which may be a secret."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return "bad_certificate"
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionResetError):
        return "closed"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "no_such_host"
    return "refused" if isinstance(error, aiohttp.ClientConnectorError) else type(error).__name__
