"""The client's half of a WebSocket upgrade (RFC 6455, section 4) with h11: sans-I/O, sizes bounded.

Time limits are the caller's. Every answer but a good one is a named failure, so that a captive portal or a busy
peer is not taken for a broken line.
"""

import base64
import hashlib
import secrets
from typing import Final

import h11

from agent.errors import Failed
from agent.wire.failure import Reason, Stage

MAX_RESPONSE_BYTES: Final = 16 * 1024

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_SWITCHING: Final = 101
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_NETWORK_AUTHENTICATION: Final = 511
_BUSY: Final = (503, 429)
_MAX_INTERIM: Final = 8


class Upgrade:
    """One request to become a WebSocket, and the reading of its answer.

    Args:
        authority: host, or host and port, as the Host header wants it (IPv6 literals in brackets).
        target: path and query.
        subprotocol: the one spoken; the server must choose it.
        agent: the User-Agent.
    """

    def __init__(self, authority: str, target: str, *, subprotocol: str, agent: str) -> None:
        self._subprotocol = subprotocol.encode()
        self._key = base64.b64encode(secrets.token_bytes(16))
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_RESPONSE_BYTES)
        self._request = h11.Request(
            method="GET",
            target=target,
            headers=[
                ("Host", authority),
                ("Upgrade", "websocket"),
                ("Connection", "Upgrade"),
                ("Sec-WebSocket-Key", self._key.decode()),
                ("Sec-WebSocket-Version", "13"),
                ("Sec-WebSocket-Protocol", subprotocol),
                ("User-Agent", agent),
            ],
        )
        self._interim = 0

    def request(self) -> bytes:
        """The bytes to send; once."""
        data = self._http.send(self._request) or b""
        return data + (self._http.send(h11.EndOfMessage()) or b"")

    def receive(self, data: bytes) -> bytes | None:
        """Take bytes from the server (b"" at its end); None while more is needed, else what follows the upgrade.

        Raises:
            Failed: `handshake:captive_portal`, `handshake:protocol`, `handshake:closed`, or `peer:busy` (with the
                seconds of Retry-After in the detail).
        """
        try:
            self._http.receive_data(data)
            return self._events()
        except h11.RemoteProtocolError as error:
            if not data:
                raise Failed(Stage.HANDSHAKE, Reason.CLOSED, "closed before the upgrade was answered") from error
            raise Failed(Stage.HANDSHAKE, Reason.PROTOCOL, f"not an HTTP answer: {error}") from error

    def _events(self) -> bytes | None:
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.InformationalResponse):
                if event.status_code == _SWITCHING:
                    self._check(_headers(event))
                    return self._http.trailing_data[0]
                self._interim += 1
                if self._interim > _MAX_INTERIM:
                    raise Failed(Stage.HANDSHAKE, Reason.PROTOCOL, "interim answers without end")
            elif isinstance(event, h11.Response):
                raise refusal(event.status_code, _headers(event))
            elif isinstance(event, h11.ConnectionClosed):
                raise Failed(Stage.HANDSHAKE, Reason.CLOSED, "closed before the upgrade was answered")
            else:
                return None

    def _check(self, headers: dict[bytes, bytes]) -> None:
        """The upgrade must be ours: key answered, subprotocol chosen, no extension that we did not offer."""
        proof = base64.b64encode(hashlib.sha1(self._key + _GUID, usedforsecurity=False).digest())
        if headers.get(b"sec-websocket-accept", b"").strip() != proof:
            raise Failed(Stage.HANDSHAKE, Reason.PROTOCOL, "Sec-WebSocket-Accept does not answer our key")
        if headers.get(b"upgrade", b"").lower() != b"websocket":
            raise Failed(Stage.HANDSHAKE, Reason.PROTOCOL, "switched to something else than WebSocket")
        if headers.get(b"sec-websocket-protocol") != self._subprotocol:
            raise Failed(Stage.HANDSHAKE, Reason.PROTOCOL, f"peer does not speak {self._subprotocol.decode()}")
        if headers.get(b"sec-websocket-extensions"):
            raise Failed(Stage.HANDSHAKE, Reason.PROTOCOL, "peer uses an extension that was not offered")


def _headers(event: h11.InformationalResponse | h11.Response) -> dict[bytes, bytes]:
    """Headers by lower-case name; the last of a repeated one."""
    return {bytes(name): bytes(value) for name, value in event.headers}


def refusal(status: int, headers: dict[bytes, bytes]) -> Failed:
    """Name the answer `status` to a request for an upgrade: busy, someone else's login page, or not our protocol."""
    if status in _BUSY:
        after = headers.get(b"retry-after", b"").decode("ascii", "replace")[:40]
        return Failed(Stage.PEER, Reason.BUSY, f"HTTP {status}" + (f", retry after {after} s" if after else ""))
    if status in _REDIRECTS:
        where = headers.get(b"location", b"").decode("ascii", "replace")[:200]
        return Failed(Stage.HANDSHAKE, Reason.CAPTIVE_PORTAL, f"HTTP {status}, sent to {where or 'nowhere'}")
    page = headers.get(b"content-type", b"").lower().startswith(b"text/html")
    if status == _NETWORK_AUTHENTICATION or (page and status < _REDIRECTS[0]):
        return Failed(Stage.HANDSHAKE, Reason.CAPTIVE_PORTAL, f"HTTP {status}, a page instead of the upgrade")
    return Failed(Stage.HANDSHAKE, Reason.PROTOCOL, f"HTTP {status} instead of the upgrade")
