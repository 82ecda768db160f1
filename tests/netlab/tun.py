"""TUN devices in other namespaces, with offloads, so that one read carries a super-packet."""

import contextlib
import ctypes
import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

NAMESPACES: Final = Path("/run/netns")
CLONE_NEWNET: Final = 0x40000000
TUNSETIFF: Final = 0x400454CA
TUNSETOFFLOAD: Final = 0x400454D0
IFF_TUN: Final = 0x0001
IFF_NO_PI: Final = 0x1000
IFF_VNET_HDR: Final = 0x4000
CHECKSUM: Final = 0x01
TSO4: Final = 0x02
TSO6: Final = 0x04
USO4: Final = 0x20  # Linux 6.2
USO6: Final = 0x40

_libc: Final = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def entered(namespace: str) -> Iterator[None]:
    """Let the calling thread be in a named network namespace: sockets and devices opened inside stay there."""
    with Path("/proc/thread-self/ns/net").open("rb") as home, (NAMESPACES / namespace).open("rb") as place:
        _set_namespace(place.fileno())
        try:
            yield
        finally:
            _set_namespace(home.fileno())


class Tun:
    """A TUN device created in a namespace; OSError if the kernel refuses. Reads and writes do not block."""

    def __init__(self, namespace: str, device: str) -> None:
        self._device = f"{device}:"
        with entered(namespace):
            self.descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            request = struct.pack("16sH22x", device.encode(), IFF_TUN | IFF_NO_PI | IFF_VNET_HDR)
            fcntl.ioctl(self.descriptor, TUNSETIFF, request)
            basic = CHECKSUM | TSO4 | TSO6
            try:
                fcntl.ioctl(self.descriptor, TUNSETOFFLOAD, basic | USO4 | USO6)
            except OSError:
                fcntl.ioctl(self.descriptor, TUNSETOFFLOAD, basic)
            # Opened here, it goes on telling of this namespace.
            self._statistics = os.open("/proc/thread-self/net/dev", os.O_RDONLY | os.O_CLOEXEC)

    def overruns(self) -> int:
        """How many frames the kernel dropped because nobody read them in time."""
        for line in os.pread(self._statistics, 65_536, 0).decode().splitlines():
            name, *numbers = line.split()
            if name == self._device:
                return int(numbers[11])
        return 0


def _set_namespace(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"setns: {os.strerror(error)}")
