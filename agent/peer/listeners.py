"""From `ADDR:PORT` as people write it to bound sockets, IPv4 and IPv6, with one clear error when that fails."""

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

from agent.errors import AgentError, UsageError

_BACKLOG = 128
_ATTEMPTS = 16
_ANY = {"", "*"}
_NO_SUCH_FAMILY = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to listen: a host (empty means every address of both families) and a port (0 means any free one)."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host or "*"
        return f"{host}:{self.port}"


def endpoint(text: str, *, option: str) -> Endpoint:
    """Read `ADDR:PORT`: a name, an IPv4 address, an IPv6 address in brackets, or `*` for all addresses.

    Raises UsageError in one plain line.
    """
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
        parts = urlsplit("")
    bare_ipv6 = ":" in host and not text.startswith("[")
    if port is None or parts.path or parts.query or bare_ipv6 or "@" in text:
        raise UsageError(f"{option} {text}: not ADDR:PORT; write for example 0.0.0.0:8080, [::]:8080 or *:8080")
    return Endpoint("" if host in _ANY else host, port)


def bind(where: Endpoint, kind: socket.SocketKind, *, option: str) -> list[socket.socket]:
    """Return bound (TCP: listening) non-blocking sockets, one per address; for `*` both families on one port.

    Raises AgentError in one plain line: what, why, what to do.
    """
    attempts = _ATTEMPTS if where.port == 0 else 1
    for left in reversed(range(attempts)):
        try:
            return _bind_all(where, kind)
        except OSError as error:
            # The port that was free for IPv4 may be taken for IPv6: ask for another one.
            if error.errno != errno.EADDRINUSE or left == 0:
                raise AgentError(_plain(where, error, option)) from error
    raise AssertionError("unreachable: the last attempt returns or raises")


def _bind_all(where: Endpoint, kind: socket.SocketKind) -> list[socket.socket]:
    """Bind every address of `where`, or none."""
    port = where.port
    skipped: OSError | None = None
    bound: list[socket.socket] = []
    with ExitStack() as undo:
        for family, name in _names(where, kind):
            try:
                sock = _bind_one(family, kind, (name, port))
            except OSError as error:
                if where.host or error.errno not in _NO_SUCH_FAMILY:
                    raise
                # `*` on a machine without one of the families means the other one.
                skipped = error
                continue
            undo.enter_context(sock)
            bound.append(sock)
            port = sock.getsockname()[1]
        if not bound and skipped is not None:
            raise skipped
        undo.pop_all()
    return bound


def _names(where: Endpoint, kind: socket.SocketKind) -> Iterator[tuple[socket.AddressFamily, str]]:
    """Yield the addresses behind `where`."""
    if not where.host:
        yield socket.AF_INET, "0.0.0.0"  # noqa: S104 - a measurement peer is there to be reached
        yield socket.AF_INET6, "::"
        return
    for family, _, _, _, address in socket.getaddrinfo(where.host, where.port, type=kind, flags=socket.AI_PASSIVE):
        yield family, str(address[0])


def _bind_one(family: socket.AddressFamily, kind: socket.SocketKind, address: tuple[str, int]) -> socket.socket:
    """Bind one socket, IPv6 apart from IPv4."""
    sock = socket.socket(family, kind)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        if kind == socket.SOCK_STREAM:
            sock.listen(_BACKLOG)
        sock.settimeout(0)
    except OSError:
        sock.close()
        raise
    return sock


def _plain(where: Endpoint, error: OSError, option: str) -> str:
    """Say in one line what failed, why, and what to do."""
    if isinstance(error, socket.gaierror):
        return f"{option} {where}: no such address here ({error.strerror}); check the name"
    match error.errno:
        case errno.EADDRINUSE:
            advice = "the port is in use; stop the other program or choose another port"
        case errno.EACCES | errno.EPERM:
            advice = "not allowed; choose a port above 1023 or grant CAP_NET_BIND_SERVICE"
        case errno.EADDRNOTAVAIL:
            advice = "this machine does not have that address; use one it has, or *"
        case _:
            advice = error.strerror or str(error)
    return f"cannot listen on {where} ({option}): {advice}"
