"""What speedtest-cli 2.1.3 fetches, answered: configuration, server list, pings, images, uploads, and its mini page.

    python -m tests.agent.speed.speedtest_stub --listen ADDR:PORT [--tls ADDR:PORT --cert FILE --key FILE]
        [--server HOST:PORT] [--seconds S] [--fault NAME]

`www.speedtest.net` must resolve to it (`/etc/netns/NAME/hosts`). Plain HTTP moves the load; TLS is only needed for
`speedtest-cli --secure`, which asks for configuration and list over it. It ends with its standard input.
"""

import argparse
import asyncio
import os
import re
import socket
import ssl
import struct
import sys
from typing import Final, cast

BLOCK: Final = os.urandom(256 * 1024)
FAULTS: Final = ("refuse", "busy", "hang", "mute", "reset", "dead")
_HIGH_WATER: Final = 512 * 1024
_CONFIG: Final = """<?xml version="1.0" encoding="UTF-8"?>
<settings>
<client ip="192.0.2.1" lat="21.85" lon="106.76" isp="Stub" isprating="3.7" rating="0" country="VN"/>
<server-config threadcount="4" ignoreids="" forcepingid="" notonmap="" preferredserverid=""/>
<times dl1="5000000" ul1="1000000"/>
<download testlength="{seconds}" initialtest="250K" mintestsize="250K" threadsperurl="4"/>
<upload testlength="{seconds}" ratio="5" initialtest="0" mintestsize="32K" threads="2" maxchunksize="512K"
 maxchunkcount="50" threadsperurl="4"/>
</settings>"""
_SERVERS: Final = """<?xml version="1.0" encoding="UTF-8"?>
<settings><servers>
<server url="http://{server}/speedtest/upload.php" lat="21.85" lon="106.76" name="Lang Son" country="Vietnam" cc="VN"
 sponsor="Stub" id="4711" host="{server}"/>
</servers></settings>"""
_IMAGE: Final = re.compile(r"/speedtest/random(\d+)x\d+\.jpg")


class Stub(asyncio.BufferedProtocol):
    """One connection: requests one after another; bodies are counted, images are random blocks."""

    buffer = memoryview(bytearray(256 * 1024))

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._transport: asyncio.Transport | None = None
        self._head = b""
        self._body_left = 0
        self._body_size = 0
        self._image_left = 0
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_HIGH_WATER)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._body_left:
            taken = min(nbytes, self._body_left)
            self._take(taken)
            if taken == nbytes:
                return
            self._head = bytes(self.buffer[taken:nbytes])
        else:
            self._head += bytes(self.buffer[:nbytes])
        self._requests()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._pump()

    def _requests(self) -> None:
        while not self._body_left and b"\r\n\r\n" in self._head:
            head, _, self._head = self._head.partition(b"\r\n\r\n")
            words = head.decode("latin-1").split(" ", 2)
            length = re.search(rb"(?im)^content-length: *(\d+)", head)
            self._body_size = self._body_left = int(length[1]) if length else 0
            if words[0] == "POST":
                taken = min(len(self._head), self._body_left)
                self._head = self._head[taken:]
                self._take(taken)
            else:
                self._answer(words[1].partition("?")[0])

    def _take(self, size: int) -> None:
        if self._options.fault == "reset":
            self._reset()
        self._body_left -= size
        if not self._body_left and self._options.fault != "mute":
            self._say(f"size={self._body_size}".encode())

    def _answer(self, path: str) -> None:
        fault = self._options.fault
        image = _IMAGE.fullmatch(path)
        if image is not None:
            self._give(2 * int(image[1]) ** 2)
        elif fault in {"refuse", "busy"}:
            self._say(b"", "403 Forbidden" if fault == "refuse" else "429 Too Many Requests")
        elif fault == "hang":
            pass
        elif fault == "dead" and path.endswith("latency.txt"):
            self._say(b"", "503 Service Unavailable")
        elif path.endswith("latency.txt"):
            self._say(b"test=test\n")
        elif path == "/speedtest-config.php":
            self._say(_CONFIG.format(seconds=self._options.seconds).encode())
        elif path.startswith("/speedtest-servers"):
            self._say(_SERVERS.format(server=self._options.server or self._options.listen).encode())
        else:
            self._say(b'upload_extension: "php"', "200 OK" if path == "/" else "404 Not Found")

    def _give(self, size: int) -> None:
        if self._options.fault == "mute":
            return
        self._write(f"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {size}\r\n\r\n".encode())
        self._image_left = size
        self._pump()
        if self._options.fault == "reset":
            self._reset()

    def _pump(self) -> None:
        while self._image_left and not self._paused:
            size = min(self._image_left, len(BLOCK))
            self._image_left -= size
            self._write(BLOCK if size == len(BLOCK) else BLOCK[:size])

    def _say(self, body: bytes, status: str = "200 OK") -> None:
        self._write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _reset(self) -> None:
        if self._transport is not None:
            sock: socket.socket = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


async def serve(options: argparse.Namespace) -> None:
    """Listen until standard input ends; says `ready` when it does."""
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(lambda: Stub(options), *_address(options.listen))]
    if options.tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.cert, options.key)
        servers.append(await loop.create_server(lambda: Stub(options), *_address(options.tls), ssl=context))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), lambda: ended.set() if not os.read(sys.stdin.fileno(), 4096) else None)
    await ended.wait()
    loop.remove_reader(sys.stdin.fileno())
    for server in servers:
        server.close()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--listen", default="127.0.0.1:80", help="plain HTTP")
    parser.add_argument("--tls", help="HTTPS, for speedtest-cli --secure")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--server", help="HOST:PORT of the load as the list names it; default: --listen")
    parser.add_argument("--seconds", type=int, default=10, help="length of each direction")
    parser.add_argument("--fault", choices=FAULTS, help="behave badly")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
