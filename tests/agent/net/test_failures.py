import errno
import os
import socket
import ssl

import pytest

from agent.errors import Failed
from agent.net.failures import failed
from agent.wire.failure import Reason, Stage


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ECONNREFUSED, "connect:refused"),
        (errno.ETIMEDOUT, "connect:timeout"),
        (errno.EHOSTUNREACH, "connect:unreachable"),
        (errno.EACCES, "connect:prohibited"),
        (errno.EPERM, "connect:prohibited"),
        (errno.ECONNRESET, "connect:reset"),
        (errno.ENETUNREACH, "route:no_route"),
        (errno.EINVAL, "route:no_route"),
        (errno.EADDRNOTAVAIL, "route:no_address"),
        (errno.EAFNOSUPPORT, "route:no_address"),
        (errno.EMFILE, "connect:internal"),
    ],
)
def test_errors_of_a_connect(number: int, words: str) -> None:
    assert str(failed(Stage.CONNECT, OSError(number, os.strerror(number))).failure) == words


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), "transfer:reset"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "transfer:no_route"),
        (OSError(errno.EINVAL, "Invalid argument"), "transfer:internal"),
        (TimeoutError(), "transfer:timeout"),
        (EOFError(), "transfer:closed"),
        (ssl.SSLEOFError(8, "EOF"), "transfer:closed"),
        (ssl.SSLError(1, "WRONG_VERSION_NUMBER"), "transfer:protocol"),
        (ssl.SSLCertVerificationError(1, "self-signed"), "transfer:bad_certificate"),
        (KeyError("x"), "transfer:internal"),
    ],
)
def test_errors_of_a_transfer(error: Exception, words: str) -> None:
    assert str(failed(Stage.TRANSFER, error).failure) == words


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (socket.EAI_NONAME, Reason.NXDOMAIN),
        (socket.EAI_NODATA, Reason.NODATA),
        (socket.EAI_AGAIN, Reason.SERVFAIL),
        (socket.EAI_FAIL, Reason.SERVFAIL),
        (socket.EAI_MEMORY, Reason.INTERNAL),
    ],
)
def test_errors_of_the_resolver(number: int, reason: Reason) -> None:
    assert failed(Stage.RESOLVE, socket.gaierror(number, "words")).failure.reason == reason


def test_what_the_device_forbids_is_not_what_the_network_forbids() -> None:
    assert str(failed(Stage.DEVICE, PermissionError(errno.EPERM, "no")).failure) == "device:no_permission"


def test_a_failure_that_has_its_name_keeps_it() -> None:
    named = Failed(Stage.PEER, Reason.BUSY)
    assert failed(Stage.CONNECT, named) is named


def test_the_detail_is_what_the_system_said() -> None:
    assert (
        failed(Stage.CONNECT, OSError(errno.ECONNREFUSED, "Connection refused")).failure.detail == "Connection refused"
    )
    assert failed(Stage.CONNECT, TimeoutError()).failure.detail is None
    assert len(failed(Stage.CONNECT, OSError("x" * 900)).failure.detail or "") == 500
