"""The HTTP half of a connection: one request in, one answer or the WebSocket upgrade out. Sans-I/O, on h11."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import h11

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_NONCE_BYTES = 16


class RequestError(Exception):
    """The request cannot be served as it is; carries the status and headers of the answer."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class Request:
    """One request head; header names in lower case, repeated ones joined with commas. `rest` came after it."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    version: str
    rest: bytes = b""


class RequestReader:
    """Collects one request head of at most `limit` bytes."""

    def __init__(self, *, limit: int) -> None:
        self._connection = h11.Connection(h11.SERVER, max_incomplete_event_size=limit)
        self._limit = limit
        self._fed = 0

    def feed(self, data: bytes) -> Request | None:
        """Take the next bytes; returns the request once it is whole. Raises RequestError if it never will be."""
        self._fed += len(data)
        self._connection.receive_data(data)
        try:
            request = self._next()
        except h11.RemoteProtocolError as error:
            raise RequestError(error.error_status_hint, "malformed request") from error
        # h11 limits only what is incomplete; a head that arrives in one piece is measured here.
        if request is not None and self._fed - len(request.rest) > self._limit:
            raise RequestError(431, "request head too large")
        return request

    def _next(self) -> Request | None:
        """Return the request if h11 has all of its head."""
        event = self._connection.next_event()
        if not isinstance(event, h11.Request):
            return None
        # Asking once more lets h11 see the end of a message without a body, and keeps what follows it as trailing data.
        self._connection.next_event()
        headers: dict[str, str] = {}
        for raw_name, raw_value in event.headers:
            name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        path, _, query = event.target.decode("ascii").partition("?")
        version = event.http_version.decode("ascii")
        rest, _ = self._connection.trailing_data
        return Request(event.method.decode("ascii"), path, query, headers, version, rest)


def accept_key(request: Request, *, subprotocol: str) -> str:
    """Check the WebSocket handshake; returns the value of Sec-WebSocket-Accept. Raises RequestError."""
    headers = request.headers
    if headers.get("sec-websocket-protocol") != subprotocol:
        raise RequestError(400, f"Sec-WebSocket-Protocol must be {subprotocol}")
    upgrades = "websocket" in _tokens(headers.get("upgrade", "")) and "upgrade" in _tokens(
        headers.get("connection", "")
    )
    if not upgrades or request.version != "1.1":
        raise RequestError(400, "not a WebSocket handshake")
    if headers.get("sec-websocket-version") != "13":
        raise RequestError(400, "WebSocket version must be 13", {"Sec-WebSocket-Version": "13"})
    key = headers.get("sec-websocket-key", "").strip()
    try:
        nonce = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        nonce = b""
    if len(nonce) != _NONCE_BYTES:
        raise RequestError(400, "Sec-WebSocket-Key must be 16 bytes in base64")
    # SHA-1 is what RFC 6455 prescribes; nothing here is kept secret by it.
    digest = hashlib.sha1(key.encode() + _MAGIC, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def switching(accept: str, subprotocol: str) -> bytes:
    """Return the 101 answer that ends the handshake."""
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept}",
        f"Sec-WebSocket-Protocol: {subprotocol}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def answer(status: int, body: str, *, headers: Mapping[str, str] | None = None, head: bool = False) -> bytes:
    """Return a whole plain-text answer that ends the connection; `head` leaves the body out, as for HEAD."""
    content = body.encode()
    fields = {
        "Content-Type": "text/plain; version=0.0.4; charset=utf-8",
        "Content-Length": str(len(content)),
        "Cache-Control": "no-store",
        "Connection": "close",
        **(headers or {}),
    }
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in fields.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (b"" if head else content)


def _tokens(value: str) -> set[str]:
    """Return the comma-separated tokens of a header, in lower case."""
    return {token.strip().lower() for token in value.split(",")}
