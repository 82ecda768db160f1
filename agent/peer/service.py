"""The composition root of `linkgauge-agent peer`: sockets, places, paces, and one TaskGroup over all of it."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from traceback import walk_tb
from typing import Any

from agent.clock import Clock, SystemClock
from agent.errors import UsageError
from agent.peer.counters import Counters
from agent.peer.limits import Limits
from agent.peer.listeners import bind, endpoint
from agent.peer.reflector import Reflector
from agent.peer.server import Server
from agent.peer.sessions import Sessions

_log = logging.getLogger(__name__)

Ready = Callable[[dict[str, tuple[str, int]]], None]


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """What `linkgauge-agent peer` is told. Addresses are `ADDR:PORT`; `*` as ADDR means all, IPv4 and IPv6.

    With a key file the reflector answers authenticated packets only.
    """

    listen: Sequence[str] = ("*:8080",)
    listen_tls: Sequence[str] = ()
    cert: Path | None = None
    key: Path | None = None
    stamp: str | None = "*:8862"
    hmac_key: Path | None = None
    max_tests: int = 4
    pace_mbps: float | None = None


@dataclass(frozen=True, slots=True)
class _Bound:
    """One bound socket and the name `ready` gets for it."""

    name: str
    sock: socket.socket

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, port, *_ = self.sock.getsockname()
        return str(host), int(port)


async def serve(
    settings: PeerSettings, *, ready: Ready, limits: Limits | None = None, clock: Clock | None = None
) -> None:
    """Run the peer until cancelled; then every connection is dropped and every socket closed.

    `ready` gets the bound addresses under `plain`, `tls` and `stamp`; further ones of a kind (the IPv6 one of `*`,
    a second --listen) as `plain-2`, `plain-3`, … Raises UsageError or AgentError in one plain line if it cannot start.
    """
    _check(settings)
    clock = clock or SystemClock()
    tls = _tls(settings)
    key = _hmac_key(settings.hmac_key)
    counters = Counters()
    sessions = Sessions()
    reflector = Reflector(key=key, counters=counters, sessions=sessions, synchronized=clock.synchronized)
    server = Server(
        max_tests=settings.max_tests,
        pace_mbps=settings.pace_mbps,
        limits=limits or Limits(),
        counters=counters,
        now=clock.now,
        sessions=sessions,
    )
    with ExitStack() as sockets:
        sockets.enter_context(_callback_faults(counters))
        plain = _bind(sockets, "plain", settings.listen, socket.SOCK_STREAM)
        secure = _bind(sockets, "tls", settings.listen_tls, socket.SOCK_STREAM)
        stamp = _bind(sockets, "stamp", [settings.stamp] if settings.stamp else [], socket.SOCK_DGRAM)
        async with asyncio.TaskGroup() as group:
            for bound in plain:
                group.create_task(server.listen(bound.sock, tls=None), name=f"peer {bound.name}")
            for bound in secure:
                group.create_task(server.listen(bound.sock, tls=tls), name=f"peer {bound.name}")
            for bound in stamp:
                group.create_task(reflector.serve(bound.sock), name=f"peer {bound.name}")
            addresses = {bound.name: bound.address for bound in (*plain, *secure, *stamp)}
            for name, (host, port) in addresses.items():
                _log.info("event=listening kind=%s address=%s port=%d", name, host, port)
            ready(addresses)


@contextmanager
def _callback_faults(counters: Counters) -> Iterator[None]:
    """Count what goes wrong in our callbacks, with a traceback; what goes wrong in asyncio's own is one line.

    CPython 3.11 reports the loss of a TLS connection twice when the reset is met while the socket becomes writable
    (`_call_connection_lost` on a transport already closed): any client can cause that, and nothing is wrong.
    """
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()

    def log(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is not None and _is_ours(error):
            counters.faults += 1
            _log.error("event=callback_fault message=%r", context.get("message"), exc_info=error)
            return
        _log.warning("event=callback_error message=%r error=%r", context.get("message"), error)
        _log.debug("event=callback_traceback", exc_info=error)

    loop.set_exception_handler(log)
    try:
        yield
    finally:
        loop.set_exception_handler(before)


def _is_ours(error: BaseException) -> bool:
    """Whether an error came from below this package, not from asyncio itself; the network's errors are nobody's."""
    modules = [frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__)]
    return not isinstance(error, OSError) and any(name.startswith("agent.") for name in modules)


def _check(settings: PeerSettings) -> None:
    """Refuse settings that cannot work. Raises UsageError."""
    if not (settings.listen or settings.listen_tls or settings.stamp):
        raise UsageError("nothing to listen on: give --listen, --listen-tls or --stamp")
    if settings.listen_tls and not (settings.cert and settings.key):
        raise UsageError("--listen-tls needs --cert FILE and --key FILE (PEM)")
    if (settings.cert or settings.key) and not settings.listen_tls:
        raise UsageError("--cert and --key are for --listen-tls ADDR:PORT, which is not given")
    if settings.max_tests < 1:
        raise UsageError(f"--max-tests {settings.max_tests}: must be at least 1")
    if settings.pace_mbps is not None and not 0 < settings.pace_mbps < float("inf"):
        raise UsageError(f"--pace {settings.pace_mbps:g}: must be a rate above 0, in Mbit/s")


def _tls(settings: PeerSettings) -> ssl.SSLContext | None:
    """Load the certificate. Raises UsageError."""
    if not settings.listen_tls or settings.cert is None or settings.key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.cert, settings.key)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, FileNotFoundError | PermissionError) else str(error)
        raise UsageError(f"--cert {settings.cert} --key {settings.key}: cannot be used ({reason})") from error
    return context


def _hmac_key(path: Path | None) -> bytes | None:
    """Read the shared key: the file's bytes without white space around them. Raises UsageError."""
    if path is None:
        return None
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise UsageError(f"--hmac-key {path}: {error.strerror}") from error
    if not key:
        raise UsageError(f"--hmac-key {path}: the file is empty")
    return key


def _bind(sockets: ExitStack, name: str, addresses: Sequence[str], kind: socket.SocketKind) -> list[_Bound]:
    """Bind all of one kind's addresses and leave their closing to `sockets`."""
    option = {"plain": "--listen", "tls": "--listen-tls", "stamp": "--stamp"}[name]
    bound: list[_Bound] = []
    for text in addresses:
        for sock in bind(endpoint(text, option=option), kind, option=option):
            sockets.enter_context(sock)
            bound.append(_Bound(name if not bound else f"{name}-{len(bound) + 1}", sock))
    return bound
