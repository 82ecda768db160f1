"""What the kernel, the resolver and TLS say, in the contract's vocabulary of stage and reason."""

import errno
import os
import socket
import ssl
from typing import Final

from agent.errors import Failed
from agent.wire.failure import Reason, Stage

_REASONS: Final[dict[int, Reason]] = {
    errno.ECONNREFUSED: Reason.REFUSED,
    errno.ENETUNREACH: Reason.NO_ROUTE,
    errno.ENETDOWN: Reason.NO_ROUTE,
    errno.EINVAL: Reason.NO_ROUTE,  # connect(2) answers so on a blackhole route
    errno.EHOSTUNREACH: Reason.UNREACHABLE,
    errno.EHOSTDOWN: Reason.UNREACHABLE,
    errno.ECONNRESET: Reason.RESET,
    errno.EPIPE: Reason.RESET,
    errno.ECONNABORTED: Reason.RESET,
    errno.ETIMEDOUT: Reason.TIMEOUT,
    errno.EADDRNOTAVAIL: Reason.NO_ADDRESS,
    errno.EAFNOSUPPORT: Reason.NO_ADDRESS,
    errno.ENODEV: Reason.NO_INTERFACE,
    errno.EPROTO: Reason.PROTOCOL,
}
_FORBIDDEN: Final = (errno.EACCES, errno.EPERM)
_NO_PATH: Final = (Reason.NO_ROUTE, Reason.NO_ADDRESS, Reason.NO_INTERFACE)
_RESOLVER: Final[dict[int, Reason]] = {
    socket.EAI_NONAME: Reason.NXDOMAIN,
    socket.EAI_NODATA: Reason.NODATA,
    socket.EAI_ADDRFAMILY: Reason.NODATA,
    socket.EAI_AGAIN: Reason.SERVFAIL,
    socket.EAI_FAIL: Reason.SERVFAIL,
}

# From the particular to the general: each TLS error is also an SSLError, and that an OSError.
_KINDS: Final[tuple[tuple[type[BaseException], Reason], ...]] = (
    (TimeoutError, Reason.TIMEOUT),
    (ssl.SSLCertVerificationError, Reason.BAD_CERTIFICATE),
    (ssl.SSLEOFError, Reason.CLOSED),
    (ssl.SSLZeroReturnError, Reason.CLOSED),
    (EOFError, Reason.CLOSED),
    (ssl.SSLError, Reason.PROTOCOL),
)


def failed(stage: Stage, error: BaseException) -> Failed:
    """Name what `error` means at `stage`; an answer is always given, `internal` when nothing fits.

    A connect that found no way out of the box is moved to stage `route`: no packet was sent.
    """
    if isinstance(error, Failed):
        return error
    reason = _reason(stage, error)
    if stage is Stage.CONNECT and reason in _NO_PATH:
        stage = Stage.ROUTE
    return Failed(stage, reason, _words(error))


def _reason(stage: Stage, error: BaseException) -> Reason:
    if isinstance(error, socket.gaierror):
        return _RESOLVER.get(error.errno or 0, Reason.INTERNAL)
    for kind, reason in _KINDS:
        if isinstance(error, kind):
            return reason
    return _reason_of(stage, error.errno or 0) if isinstance(error, OSError) else Reason.INTERNAL


def _reason_of(stage: Stage, number: int) -> Reason:
    if number in _FORBIDDEN:
        return Reason.NO_PERMISSION if stage is Stage.DEVICE else Reason.PROHIBITED
    if number == errno.EINVAL and stage is not Stage.CONNECT:
        return Reason.INTERNAL
    return _REASONS.get(number, Reason.INTERNAL)


def _words(error: BaseException) -> str | None:
    why = getattr(error, "verify_message", None)  # of a certificate, set by OpenSSL only
    if why:
        return str(why)
    if isinstance(error, OSError) and error.strerror:
        # asyncio writes the address here, which the report has beside it.
        if error.errno is not None and error.strerror.startswith("Connect call failed"):
            return os.strerror(error.errno)
        return error.strerror
    if type(error) is TimeoutError and not error.args:
        return None
    return str(error) or type(error).__name__
