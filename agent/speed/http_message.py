"""HTTP/1.1 for load, sans-I/O: requests out, answers in; heads by h11, bodies counted and not copied.

A body is skimmed whatever frames it: a length, chunks, or the end of the connection. Sizes are bounded; time limits
are the caller's.
"""

from dataclasses import dataclass
from typing import Final

import h11

from agent import __version__
from agent.errors import Failed
from agent.wire.failure import Reason, Stage

USER_AGENT: Final = f"linkgauge-agent/{__version__}"
MAX_HEAD_BYTES: Final = 16 * 1024
_MAX_LINE: Final = 256
_MAX_INTERIM: Final = 8
_MAX_TRAILERS: Final = 32
_SIZE_DIGITS: Final = 16
# Reading a chunk's head costs the time of a kilobyte: whoever sends next to nothing else holds up all others.
_CHUNKS_AT_ONCE: Final = 64
_BYTES_A_CHUNK: Final = 256
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_NETWORK_AUTHENTICATION: Final = 511
_BUSY: Final = (503, 429)
_OK: Final = range(200, 300)
_BODILESS: Final = (204, 304)


class BodyError(Exception):
    """The other side broke the framing of a body, or a limit of ours."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: path and query, and the size of a POST's body in bytes (None is a GET)."""

    target: str
    size: int | None = None


class Body:
    """Counts the payload of one body (`received`), cut anywhere. `length`: of its payload, None where not known."""

    __slots__ = (
        "_data_ended",
        "_kept",
        "_left",
        "_line",
        "_most",
        "_trailers",
        "chunked",
        "complete",
        "length",
        "received",
    )

    def __init__(self, *, length: int | None = None, chunked: bool = False) -> None:
        self.received = 0
        self.length = length
        self.chunked = chunked
        self.complete = length == 0 and not chunked
        self._left = 0 if chunked else length
        self._line = bytearray()
        self._data_ended = False
        self._trailers: int | None = None
        self._kept = bytearray()
        self._most = 0

    def keep(self, most: int) -> None:
        """From now on keep what comes, up to `most` bytes."""
        self._most = most

    @property
    def kept(self) -> bytes:
        """What was kept."""
        return bytes(self._kept)

    def feed(self, data: bytes | memoryview, position: int = 0) -> int:
        """Take bytes from `position` on; give where the body, or `data`, ended. Raises BodyError."""
        if self.chunked:
            return self._chunks(data, position)
        return position + self._take(data, position)

    def end(self) -> None:
        """The connection has ended: that completes a body without a length or chunks."""
        if self.length is None and not self.chunked:
            self.complete = True

    def _take(self, data: bytes | memoryview, position: int) -> int:
        offered = len(data) - position
        taken = offered if self._left is None else min(offered, self._left)
        self.received += taken
        if self._most:
            self._kept += data[position : position + min(taken, self._most - len(self._kept))]
        if self._left is not None:
            self._left -= taken
            self.complete = self._left == 0 and not self.chunked
        return taken

    def _chunks(self, data: bytes | memoryview, position: int) -> int:
        end = len(data)
        lines = 2 * (_CHUNKS_AT_ONCE + end // _BYTES_A_CHUNK)
        while position < end and not self.complete:
            if self._left:
                position += self._take(data, position)
                self._data_ended = self._left == 0
                continue
            line, position = self._read_line(data, position)
            if line is not None:
                self._follow(line)
                lines -= 1
                if lines < 0:
                    raise BodyError("flood of small chunks")
        return position

    def _read_line(self, data: bytes | memoryview, position: int) -> tuple[bytes | None, int]:
        part = bytes(data[position : position + _MAX_LINE])
        feed = part.find(b"\n")
        part = part if feed < 0 else part[: feed + 1]
        self._line += part
        if len(self._line) > _MAX_LINE:
            raise BodyError("line between chunks too long")
        if feed < 0:
            return None, position + len(part)
        line = bytes(self._line).rstrip(b"\r\n")
        self._line.clear()
        return line, position + len(part)

    def _follow(self, line: bytes) -> None:
        """Take a line between the chunks: the end of one, the size of the next, or a trailer."""
        if self._data_ended:
            if line:
                raise BodyError("chunk longer than its size")
            self._data_ended = False
        elif self._trailers is not None:
            self._trailers += 1
            self.complete = not line
            if self._trailers > _MAX_TRAILERS:
                raise BodyError("trailers without end")
        else:
            self._left = _chunk_size(line)
            if self._left == 0:
                self._trailers = 0


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not digits or len(digits) > _SIZE_DIGITS or not all(digit in b"0123456789abcdefABCDEF" for digit in digits):
        raise BodyError("chunk without a size")
    return int(digits, 16)


class Exchange:
    """One request and the reading of its answer. `authority`: host, or host and port, as the Host header wants it."""

    def __init__(self, ask: Ask, authority: str) -> None:
        self.ask = ask
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body: Body | None = None
        self.keeps_open = False
        self.begun = False
        self._interim = 0
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
        headers = [("Host", authority), ("User-Agent", USER_AGENT), ("Accept-Encoding", "identity")]
        if ask.size is not None:
            # Always with its length: some servers never answer a chunked body.
            headers += [("Content-Type", "application/octet-stream"), ("Content-Length", str(ask.size))]
        self._request = h11.Request(method="GET" if ask.size is None else "POST", target=ask.target, headers=headers)

    def head(self) -> bytes:
        """The bytes of the request's head; once."""
        return self._http.send(self._request) or b""

    def receive(self, data: bytes | memoryview) -> memoryview | None:
        """Take bytes until the head is complete: None while more is needed, else the first bytes of the body.

        Raises:
            Failed: `handshake:protocol` for what is not HTTP.
        """
        self.begun = True
        try:
            self._http.receive_data(bytes(data))
            return self._events()
        except h11.RemoteProtocolError as error:
            raise Failed(Stage.HANDSHAKE, Reason.PROTOCOL, f"not an HTTP answer: {error}") from error

    def _events(self) -> memoryview | None:
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.InformationalResponse):
                self._interim += 1
                if self._interim > _MAX_INTERIM or event.status_code == 101:  # noqa: PLR2004 - Switching Protocols
                    raise Failed(Stage.HANDSHAKE, Reason.PROTOCOL, "interim answers without end, or an upgrade")
            elif isinstance(event, h11.Response):
                self._read(event)
                return memoryview(self._http.trailing_data[0])
            else:
                return None

    def _read(self, answer: h11.Response) -> None:
        self.status = answer.status_code
        self.headers = {bytes(name): bytes(value) for name, value in answer.headers}
        tokens = self.headers.get(b"connection", b"").lower().replace(b" ", b"").split(b",")
        self.keeps_open = answer.http_version == b"1.1" and b"close" not in tokens
        if self.status in _BODILESS:
            self.body = Body(length=0)
        elif b"transfer-encoding" in self.headers:
            self.body = Body(chunked=True)
        else:
            length = self.headers.get(b"content-length")
            self.body = Body(length=None if length is None else int(length))
            self.keeps_open &= length is not None

    @property
    def complete(self) -> bool:
        """Whether the whole answer is here."""
        return self.body is not None and self.body.complete

    @property
    def is_page(self) -> bool:
        """Whether this is something for people to read, as a login page is; an empty answer is none."""
        html = self.headers.get(b"content-type", b"").lower().startswith(b"text/html")
        return html and not (self.body is not None and self.body.length == 0)


def refusal(exchange: Exchange, *, page_allowed: bool = False) -> Failed | None:
    """Name an answer that is not what was asked for: busy, somebody's login page, or not this protocol; None if fine.

    `page_allowed`: HTML is fine (an empty page whose length is not known beforehand, a server list badly labelled).
    """
    status, headers = exchange.status, exchange.headers
    if status in _BUSY:
        after = headers.get(b"retry-after", b"").decode("ascii", "replace")[:40]
        return Failed(Stage.PEER, Reason.BUSY, f"HTTP {status}" + (f", retry after {after} s" if after else ""))
    if status in _REDIRECTS:
        where = headers.get(b"location", b"").decode("ascii", "replace")[:200]
        return Failed(Stage.HANDSHAKE, Reason.CAPTIVE_PORTAL, f"HTTP {status}, sent to {where or 'nowhere'}")
    if status == _NETWORK_AUTHENTICATION:
        return Failed(Stage.HANDSHAKE, Reason.CAPTIVE_PORTAL, f"HTTP {status}, this network wants a login")
    if status not in _OK:
        path = exchange.ask.target.partition("?")[0]
        return Failed(Stage.HANDSHAKE, Reason.PROTOCOL, f"HTTP {status} for {path[:200]}")
    if exchange.is_page and not page_allowed:
        return Failed(Stage.HANDSHAKE, Reason.CAPTIVE_PORTAL, f"HTTP {status}, a page instead of the load")
    return None
