"""A small web server inside a namespace, which gives one page whatever is asked: a public service, or a portal."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.netlab.namespace import Namespace


@dataclass(frozen=True, slots=True)
class Page:
    """What it answers: status, HTML, and where to, if it leads elsewhere."""

    status: int
    text: str
    location: str | None = None


class _Server(ThreadingHTTPServer):
    """Listens on a socket that somebody else has opened; threads end with their connections."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, page: Page) -> None:
        self.page = page
        super().__init__(listener.getsockname()[:2], _Answer, bind_and_activate=False)
        self.socket.close()
        self.socket = listener

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as socketserver has it
        """Let a client go away in mid-answer without a word."""


class _Answer(BaseHTTPRequestHandler):
    """One connection; a client that says nothing is left after a while."""

    timeout = 5
    server: _Server

    def do_GET(self) -> None:
        page = self.server.page
        body = page.text.encode()
        self.send_response(page.status)
        if page.location is not None:
            self.send_header("Location", page.location)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - http.server's name
    do_POST = do_GET  # noqa: N815 - http.server's name

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serving(place: Namespace, port: int, page: Page) -> Iterator[None]:
    """Answer HTTP on a port of a place, in both families, until the block ends."""
    with place.entered():
        listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    server = _Server(listener, page)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="web")
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
