"""What tests of speed share: a server's side of TLS, and the proof that no socket is left."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.speed.one_direction import no_socket_left


@pytest.fixture
def no_socket_outlives() -> Iterator[None]:
    """No socket outlives its run; the loop's own pair is there before the test."""
    with no_socket_left():
        yield


@pytest.fixture
def server_tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    """The server's side of it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    return context
