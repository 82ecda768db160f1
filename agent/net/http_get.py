"""One small HTTPS GET: bounded in size and time, one address, certificates checked; not for load.

A redirect is followed once, and only from TLS to TLS: nobody on the way can have made that one up. Over plain HTTP it
is what a captive portal does.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import SplitResult, urljoin, urlsplit

import h11

from agent import __version__
from agent.errors import Failed
from agent.net.connect import connect
from agent.net.failures import failed
from agent.net.resolve import choose_family, resolve
from agent.wire.failure import Reason, Stage

MAX_BYTES: Final = 256 * 1024
USER_AGENT: Final = f"linkgauge-agent/{__version__}"
_HEAD_BYTES: Final = 16 * 1024
_READ_BYTES: Final = 16 * 1024
_STEP_S: Final = 10.0
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_NETWORK_AUTHENTICATION: Final = 511
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said: status, headers by lower-case name (the last of a repeated one), and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Asking:
    """How to ask: over which family (None: whichever the box would use), whom to trust, and the bounds."""

    family: Literal["ipv4", "ipv6"] | None = None
    tls: ssl.SSLContext | None = None
    timeout_s: float = 15.0
    max_bytes: int = MAX_BYTES
    accept: str = "application/json"


async def get(url: str, asking: Asking | None = None) -> Answer:
    """Fetch `url`, whatever status it has.

    Raises:
        Failed: stage resolve, connect or tls as these say; `handshake:timeout` after `timeout_s` in all;
            `handshake:captive_portal` for somebody else's page; `handshake:protocol` for what is no HTTP or too much.
    """
    asking = asking or Asking()
    try:
        async with asyncio.timeout(asking.timeout_s):
            answer = await _one(_parts(url), asking)
            if answer.status in _REDIRECTS:
                answer = await _one(_elsewhere(url, answer), asking)
    except TimeoutError as error:
        raise Failed(Stage.HANDSHAKE, Reason.TIMEOUT, f"no whole answer in {asking.timeout_s:g} s") from error
    if answer.status in _REDIRECTS:
        raise Failed(Stage.HANDSHAKE, Reason.PROTOCOL, f"HTTP {answer.status} twice")
    _refuse_portal(answer)
    return answer


def _parts(url: str) -> SplitResult:
    wrong = Failed(Stage.HANDSHAKE, Reason.PROTOCOL, f"not a web address: {url[:100]!r}")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise wrong
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise wrong from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise wrong
    return parts


def _elsewhere(url: str, answer: Answer) -> SplitResult:
    where = answer.headers.get("location", "")
    if not (url.startswith("https:") and urljoin(url, where).startswith("https:")):
        said = f"HTTP {answer.status}, sent to {where[:200] or 'nowhere'}"
        raise Failed(Stage.HANDSHAKE, Reason.CAPTIVE_PORTAL, said)
    return _parts(urljoin(url, where))


def _refuse_portal(answer: Answer) -> None:
    page = answer.headers.get("content-type", "").lower().startswith("text/html")
    if answer.status == _NETWORK_AUTHENTICATION or (page and answer.status == _OK):
        raise Failed(Stage.HANDSHAKE, Reason.CAPTIVE_PORTAL, f"HTTP {answer.status}, a page instead of an answer")


async def _one(parts: SplitResult, asking: Asking) -> Answer:
    host = parts.hostname or ""
    secure = parts.scheme == "https"
    family = asking.family or await choose_family(host, timeout_s=_STEP_S)
    address = (await resolve(host, family, timeout_s=_STEP_S))[0]
    sock = await connect(address, parts.port or (443 if secure else 80), timeout_s=_STEP_S)
    context = (asking.tls or ssl.create_default_context()) if secure else None
    try:
        reader, writer = await asyncio.open_connection(
            sock=sock, ssl=context, server_hostname=host if secure else None, limit=_READ_BYTES
        )
    except (OSError, EOFError) as error:
        if isinstance(error, TimeoutError) and error.errno is None:
            raise  # the caller's deadline
        raise failed(Stage.TLS, error) from error
    try:
        return await _converse(reader, writer, parts, asking)
    except OSError as error:
        if isinstance(error, TimeoutError) and error.errno is None:
            raise
        raise failed(Stage.HANDSHAKE, error) from error
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _converse(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, parts: SplitResult, asking: Asking
) -> Answer:
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_BYTES)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = [
        ("Host", parts.netloc.rpartition("@")[2]),
        ("User-Agent", USER_AGENT),
        ("Accept", asking.accept),
        ("Connection", "close"),
    ]
    writer.write(http.send(h11.Request(method="GET", target=target, headers=headers)) or b"")
    writer.write(http.send(h11.EndOfMessage()) or b"")
    try:
        head, body = await _events(http, reader, asking.max_bytes)
    except h11.RemoteProtocolError as error:
        raise Failed(Stage.HANDSHAKE, Reason.PROTOCOL, f"not an HTTP answer: {error}") from error
    return Answer(head.status_code, {_text(name).lower(): _text(value) for name, value in head.headers}, body)


async def _events(http: h11.Connection, reader: asyncio.StreamReader, most: int) -> tuple[h11.Response, bytes]:
    head: h11.Response | None = None
    body = bytearray()
    while True:
        match http.next_event():
            case h11.Response() as head:
                pass
            case h11.Data(data=data):
                body += data
                if len(body) > most:
                    raise Failed(Stage.HANDSHAKE, Reason.PROTOCOL, f"an answer of more than {most} bytes")
            case h11.EndOfMessage() if head is not None:
                return head, bytes(body)
            case h11.ConnectionClosed():
                raise Failed(Stage.HANDSHAKE, Reason.CLOSED, "closed without an answer")
            case event if event is h11.NEED_DATA:
                http.receive_data(await reader.read(_READ_BYTES))


def _text(value: bytes) -> str:
    return value.decode("latin-1")
