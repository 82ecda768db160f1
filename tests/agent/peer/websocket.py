"""A tiny blocking WebSocket client that does exactly what a test tells it, right or wrong."""

import json
import os
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

MSAK = "net.measurementlab.throughput.v1"
NDT7 = "net.measurementlab.ndt.v7"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""The example of RFC 6455, section 1.3."""


@dataclass(slots=True)
class Answer:
    """An HTTP answer: status, headers by lower-case name, body as far as it came."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Heard:
    """What came over one stream until its end."""

    binary: list[int] = field(default_factory=list)
    texts: list[dict[str, Any]] = field(default_factory=list)
    text_bytes: int = 0
    pings: list[bytes] = field(default_factory=list)
    close: tuple[int, str] | None = None
    clean: bool = False


class Client:
    """One connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.unread = bytearray()
        self.said_close = False
        self.head = False

    @classmethod
    def to(cls, address: tuple[str, int], *, tls: ssl.SSLContext | None = None) -> Self:
        """Connect."""
        raw = socket.create_connection(address, timeout=8)
        return cls(raw if tls is None else tls.wrap_socket(raw, server_hostname="localhost"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def request(self, target: str, headers: dict[str, str] | None = None, *, method: str = "GET") -> Answer:
        """Send a request and read the answer's head, and its body if it has a length."""
        self.head = method == "HEAD"
        lines = [f"{method} {target} HTTP/1.1", *(f"{k}: {v}" for k, v in ({"Host": "peer"} | (headers or {})).items())]
        self.sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return self.answer()

    def answer(self) -> Answer:
        """Read an answer."""
        while b"\r\n\r\n" not in self.unread:
            self._more()
        head, _, rest = bytes(self.unread).partition(b"\r\n\r\n")
        self.unread[:] = rest
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        has_body = first.split()[1] != "101" and not self.head
        body = self._take(int(headers.get("content-length", "0"))) if has_body else b""
        return Answer(int(first.split()[1]), headers, body)

    def upgrade(self, target: str, subprotocol: str | None = MSAK, **extra: str) -> Answer:
        """Ask for a WebSocket."""
        headers = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": KEY,
        }
        if subprotocol is not None:
            headers["Sec-WebSocket-Protocol"] = subprotocol
        return self.request(target, headers | {name.replace("_", "-"): value for name, value in extra.items()})

    def send(self, opcode: int, payload: bytes = b"", *, masked: bool = True) -> None:
        """Send one frame."""
        self.said_close |= opcode == CLOSE
        self.sock.sendall(encode(opcode, payload, masked=masked))

    def frame(self) -> tuple[int, bytes] | None:
        """Read one frame; None at the end of the connection."""
        try:
            first, second = self._take(2)
            assert not second & 0x80, "a server must not mask"
            assert first & 0xF0 == 0x80, "the peer sends whole messages"
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack("!H", self._take(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", self._take(8))
            return first & 0x0F, self._take(size)
        except EOFError:
            return None

    def listen(self, *, pong: bool = True) -> Heard:
        """Take everything until the connection ends, answering pings and the Close as a good client does."""
        heard = Heard()
        try:
            while (frame := self.frame()) is not None:
                self._hear(heard, *frame, pong=pong)
            heard.clean = True
        except ConnectionError:
            pass
        return heard

    def _hear(self, heard: Heard, opcode: int, payload: bytes, *, pong: bool) -> None:
        if opcode == BINARY:
            heard.binary.append(len(payload))
        elif opcode == TEXT:
            heard.texts.append(json.loads(payload))
            heard.text_bytes += len(payload)
        elif opcode == PING:
            heard.pings.append(payload)
            if pong:
                self.send(PONG, payload)
        elif opcode == CLOSE:
            heard.close = (int.from_bytes(payload[:2]), payload[2:].decode())
            if not self.said_close:
                self.send(CLOSE, payload[:2])

    def _take(self, size: int) -> bytes:
        while len(self.unread) < size:
            self._more()
        data = bytes(self.unread[:size])
        del self.unread[:size]
        return data

    def _more(self) -> None:
        data = self.sock.recv(1 << 20)
        if not data:
            raise EOFError
        self.unread += data


def encode(opcode: int, payload: bytes = b"", *, masked: bool = True) -> bytes:
    """One frame."""
    bit = 0x80 if masked else 0
    if len(payload) < 126:
        head = struct.pack("!BB", 0x80 | opcode, bit | len(payload))
    elif len(payload) < 1 << 16:
        head = struct.pack("!BBH", 0x80 | opcode, bit | 126, len(payload))
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, bit | 127, len(payload))
    if not masked:
        return head + payload
    # Random payload masked with zeros is still random payload.
    return head + b"\0\0\0\0" + payload


def load(size: int) -> bytes:
    """A masked binary frame of random payload."""
    return encode(BINARY, os.urandom(size))


@contextmanager
def stream(
    address: tuple[str, int], target: str, subprotocol: str = MSAK, *, tls: ssl.SSLContext | None = None
) -> Iterator[Client]:
    """A connected client whose upgrade was accepted."""
    with Client.to(address, tls=tls) as connected:
        answer = connected.upgrade(target, subprotocol)
        assert answer.status == 101, answer
        assert answer.headers["sec-websocket-accept"] == ACCEPT
        assert answer.headers["sec-websocket-protocol"] == subprotocol
        yield connected


def get(address: tuple[str, int], target: str, *, method: str = "GET") -> Answer:
    """One plain request on a connection of its own."""
    with Client.to(address) as client:
        return client.request(target, method=method)
