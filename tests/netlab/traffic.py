"""Traffic for a lab, made by threads of this process with sockets inside its namespaces: floods, streams, echoes."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from tests.netlab.control import Link
from tests.netlab.namespace import Namespace

UDP_SEGMENT: Final = 103
SO_TIMESTAMPNS: Final = 35
STAMP: Final = struct.Struct("@ll")
ECHO: Final = struct.Struct("!Iqqq")
FAMILIES: Final = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
FULL: Final = {"ipv4": 1472, "ipv6": 1452}
BLOCK: Final = bytes(262_144)
# One system call sends at most this time's worth, and at most this many datagrams.
BURST_S: Final = 0.0005
BURST: Final = 40


def settled(link: Link) -> None:
    """Wait until nothing is on the line any more of what was sent before, nor comes after."""
    deadline, still, before = time.monotonic() + 10, 0, None
    while still < 5:  # looks in a row at which nothing had moved: longer than a round trip
        assert time.monotonic() < deadline, "the line does not come to rest"
        time.sleep(0.02)
        now = link.counters()
        seen = [(way.total.packets_in, way.total.packets_delivered, way.waiting_bytes) for way in (now.up, now.down)]
        still = still + 1 if seen == before and not any(waiting for _, _, waiting in seen) else 0
        before = seen


@contextlib.contextmanager
def flooding(
    source: Namespace, sink: Namespace, mbps: float, family: str = "ipv4", size: int = 0
) -> Iterator[Callable[[], None]]:
    """Send UDP at a rate (IP bytes, full packets unless `size` says the payload) until the block ends.

    Gives what stops it earlier, with the socket of the sink still open. Nobody reads that one.
    """
    with contextlib.ExitStack() as stack:
        receiver, sender = _udp(sink, family, stack), _udp(source, family, stack)
        size = size or FULL[family]
        packet = size + 1500 - FULL[family]
        burst = max(1, min(BURST, int(mbps * 125_000 * BURST_S / packet)))
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        sender.setsockopt(socket.SOL_UDP, UDP_SEGMENT, size)
        sender.connect((sink.address(family), receiver.getsockname()[1]))
        stop = threading.Event()
        thread = threading.Thread(
            target=_flood, args=(sender, bytes(size * burst), burst * packet / (mbps * 125_000), stop), name="flood"
        )
        thread.start()

        def finish() -> None:
            stop.set()
            thread.join()

        stack.callback(finish)
        yield finish


def _flood(sender: socket.socket, block: bytes, pause: float, stop: threading.Event) -> None:
    due = time.monotonic()
    while not stop.is_set():
        with contextlib.suppress(OSError):
            sender.send(block)
        due += pause
        if (wait := due - time.monotonic()) > 0:
            time.sleep(wait)


@contextlib.contextmanager
def streaming(source: Namespace, sink: Namespace, count: int, family: str = "ipv4") -> Iterator[list[socket.socket]]:
    """Send TCP as fast as it goes over so many connections until the block ends; gives the receiving ends."""
    with contextlib.ExitStack() as stack:
        with source.entered():
            listener = stack.enter_context(socket.create_server((source.address(family), 0), family=FAMILIES[family]))
        receivers, threads = [], []
        for number in range(count):
            with sink.entered():
                receiver = stack.enter_context(socket.create_connection(listener.getsockname()[:2], timeout=10))
            sender = stack.enter_context(listener.accept()[0])
            receiver.settimeout(None)
            receivers.append(receiver)
            for target, end in ((_send, sender), (_receive, receiver)):
                thread = threading.Thread(target=target, args=(end,), name=f"{target.__name__}-{number}")
                threads.append((thread, end))
        stack.callback(_finish, threads)
        for thread, _ in threads:
            thread.start()
        yield receivers


def _finish(threads: list[tuple[threading.Thread, socket.socket]]) -> None:
    for _, end in threads:
        _shut(end)
    for thread, _ in threads:
        thread.join()


def _send(sender: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            sender.sendall(BLOCK)


def _receive(receiver: socket.socket) -> None:
    buffer = bytearray(len(BLOCK))
    with contextlib.suppress(OSError):
        while receiver.recv_into(buffer):
            pass


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


def echoes(
    client: Namespace, server: Namespace, *, count: int, pause_s: float, family: str = "ipv4", wait_s: float = 2
) -> list[float | None]:
    """Give round-trip times (ms) by UDP with kernel stamps at both ends, None for each that got no answer."""
    with contextlib.ExitStack() as stack:
        responder, asker = _udp(server, family, stack), _udp(client, family, stack)
        answering = threading.Thread(target=_answer, args=(responder,), name="answer")
        answering.start()
        stack.callback(answering.join)
        port = responder.getsockname()[1]
        stack.callback(responder.sendto, b"", (server.address(family), port))
        asker.connect((server.address(family), port))
        found: list[float | None] = [None] * count
        listening = threading.Thread(target=_listen, args=(asker, found, wait_s), name="listen")
        listening.start()
        for number in range(count):
            asker.send(ECHO.pack(number, _now(), 0, 0))
            time.sleep(pause_s)
        listening.join()
        return found


def _answer(responder: socket.socket) -> None:
    while True:
        data, arrived, address = _stamped(responder)
        if not data:
            return
        number, sent, _, _ = ECHO.unpack(data)
        responder.sendto(ECHO.pack(number, sent, arrived, _now()), address)


def _listen(asker: socket.socket, found: list[float | None], wait_s: float) -> None:
    asker.settimeout(wait_s)
    with contextlib.suppress(TimeoutError):
        while None in found:
            data, arrived, _ = _stamped(asker)
            number, sent, heard, answered = ECHO.unpack(data)
            found[number] = (arrived - sent - (answered - heard)) / 1e6


def _stamped(end: socket.socket) -> tuple[bytes, int, tuple[str, int]]:
    data, ancillary, _, address = end.recvmsg(2048, 128)
    for level, kind, value in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = STAMP.unpack(value)
            return data, seconds * 1_000_000_000 + nanoseconds, address
    return data, _now(), address


def _now() -> int:
    return time.clock_gettime_ns(time.CLOCK_REALTIME)


def _udp(place: Namespace, family: str, stack: contextlib.ExitStack) -> socket.socket:
    with place.entered():
        end = stack.enter_context(socket.socket(FAMILIES[family], socket.SOCK_DGRAM))
    end.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    end.bind((place.address(family), 0))
    return end
