"""What every connection under load has in common, whatever it speaks: the facts of its socket, and a hard end."""

import asyncio
import contextlib
import socket
import struct
from typing import Any, ClassVar, Final

from agent.net import tcp_info
from agent.net.tcp_info import TcpInfo

# Close now and drop what is not sent yet: linger for no time (socket(7)).
_RESET: Final = struct.pack("ii", 1, 0)


class LoadedTransport(asyncio.BufferedProtocol):
    """The transport from `connection_made` on, which its owner sets; before it, every fact is None.

    `info_bytes`: how much of the kernel's account is asked for; an older kernel has less.
    """

    info_bytes: ClassVar[int] = tcp_info.SIZE
    _transport: asyncio.Transport | None = None

    def kernel(self) -> TcpInfo | None:
        """The kernel's account of the socket, while it is open."""
        sock = self._extra("socket")
        return None if sock is None else tcp_info.read(sock, size=self.info_bytes)

    @property
    def congestion(self) -> str | None:
        """The congestion control in force on our side."""
        sock = self._extra("socket")
        return None if sock is None else tcp_info.congestion(sock)

    @property
    def cipher(self) -> str | None:
        """The TLS cipher suite, None if plain."""
        found = self._extra("cipher")
        return str(found[0]) if found else None

    @property
    def tls_version(self) -> str | None:
        """The version of TLS, None if plain."""
        found = self._extra("ssl_object")
        return None if found is None else found.version()

    def _extra(self, name: str) -> Any:  # noqa: ANN401 - asyncio's own type
        return None if self._transport is None else self._transport.get_extra_info(name)

    def _reset(self) -> None:
        """Reset the connection now: what waits in the kernel is not sent either."""
        if self._transport is None:
            return
        sock = self._extra("socket")
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()


def tune(sock: socket.socket, congestion: str | None) -> None:
    """Ask for a congestion control, if one is named, and send small frames at once."""
    if congestion is not None:
        tcp_info.set_congestion(sock, congestion)
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
