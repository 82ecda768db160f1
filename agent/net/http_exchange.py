"""One HTTP/1.1 request and its answer on one connection, bounded in every way but time, which is the caller's."""

import asyncio
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult

import h11

from agent import __version__

USER_AGENT: Final = f"linkgauge-agent/{__version__}"
READ_BYTES: Final = 16 * 1024
_HEAD_BYTES: Final = 16 * 1024
_EARLY: Final = 10
_COOKIES: Final = 20
_COOKIE_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class Wish:
    """What to ask for: of the body at most `max_bytes` are read, `keep_bytes` kept; `first_byte_s` waits for a byte."""

    accept: str = "*/*"
    max_bytes: int = 512 * 1024
    keep_bytes: int = 0
    first_byte_s: float | None = None
    cookies: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Arrival:
    """What has come of an answer so far, whatever ends it.

    Headers by lower-case name, of a repeated one the last. `size`: bytes of the body; `whole`: to its end, not only to
    the limit. `first_byte_s`: from sending the request.
    """

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    size: int = 0
    whole: bool = False
    first_byte_s: float | None = None


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, parts: SplitResult, wish: Wish, arrival: Arrival
) -> None:
    """Ask for `parts` and fill `arrival`; returns at the end of the answer, or when it has enough of it.

    Raises:
        h11.RemoteProtocolError: what came is no HTTP, or its head has no end.
        TimeoutError: no first byte in time. EOFError: closed too early. OSError: what the socket says.
    """
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_BYTES)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    writer.write(http.send(_request(parts, wish)) or b"")
    writer.write(http.send(h11.EndOfMessage()) or b"")
    async with asyncio.timeout(wish.first_byte_s):
        data = await reader.read(READ_BYTES)
    if not data:
        raise EOFError("closed without an answer")
    arrival.first_byte_s = loop.time() - begun
    http.receive_data(data)
    early = 0
    while not arrival.whole and arrival.size <= wish.max_bytes:
        event = _next(http, closed=not data)
        if event is h11.NEED_DATA:
            data = await reader.read(READ_BYTES)
            http.receive_data(data)
        elif isinstance(event, h11.InformationalResponse):
            early += 1
            if early > _EARLY:
                raise h11.RemoteProtocolError("many answers that are none yet")
        else:
            _take(event, arrival, wish)


def _next(http: h11.Connection, *, closed: bool) -> object:
    try:
        return http.next_event()
    except h11.RemoteProtocolError as error:
        if closed:
            raise EOFError("closed in the middle of the answer") from error
        raise


def _request(parts: SplitResult, wish: Wish) -> h11.Request:
    headers = [
        ("Host", parts.netloc.rpartition("@")[2]),
        ("User-Agent", USER_AGENT),
        ("Accept", wish.accept),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ]
    if wish.cookies:
        headers.append(("Cookie", "; ".join(f"{name}={value}" for name, value in wish.cookies.items())))
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    plain = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return h11.Request(method="GET", target=target, headers=plain)


def _take(event: object, arrival: Arrival, wish: Wish) -> None:
    match event:
        case h11.Response():
            arrival.status = event.status_code
            for name, value in event.headers:
                _note_header(arrival, name.decode("latin-1").lower(), value.decode("latin-1"))
        case h11.Data():
            arrival.size += len(event.data)
            arrival.body += event.data[: max(0, wish.keep_bytes - len(arrival.body))]
        case h11.EndOfMessage():
            arrival.whole = True
        case _:
            raise EOFError("closed without an answer")


def _note_header(arrival: Arrival, name: str, value: str) -> None:
    arrival.headers[name] = value
    if name == "set-cookie" and len(arrival.cookies) < _COOKIES:
        key, equals, content = value.partition(";")[0].strip().partition("=")
        if equals and key and len(key) + len(content) <= _COOKIE_BYTES:
            arrival.cookies[key] = content
