"""Accepts connections, answers HTTP, and lets admitted clients measure."""

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Callable
from datetime import datetime

from agent.net import tcp_info
from agent.peer import kernel, large, open_way, small
from agent.peer.admission import Admission, Crowd, client_of
from agent.peer.connection import Connection
from agent.peer.counters import Counters
from agent.peer.limits import Limits
from agent.peer.load import Load
from agent.peer.pace import Pace
from agent.peer.plan import ROUTES, SUBPROTOCOLS, BadQueryError, Direction, Plan, plan_of
from agent.peer.request import Request, RequestError, RequestReader, accept_key, answer, switching
from agent.peer.sessions import Sessions
from agent.peer.stream import Outcome, Stream, Terms
from agent.peer.transfer import transfer
from agent.peer.workload import Workload

_log = logging.getLogger(__name__)

_READ_BUFFER = 1 << 18
_ACCEPT_PAUSE_S = 0.2
_LATER_S = 2.0
"""The kernel gives a dead peer up after our own idle limit has had its chance, which sees more and says why."""
_READABLE = {"GET", "HEAD"}


class Server:
    """Serves any number of listeners with one set of places, paces and counters."""

    def __init__(
        self,
        *,
        max_tests: int,
        pace_mbps: float | None,
        limits: Limits,
        counters: Counters,
        now: Callable[[], datetime],
        sessions: Sessions,
    ) -> None:
        self._limits = limits
        self._counters = counters
        self._now = now
        self._sessions = sessions
        self._admission = Admission(max_tests, streams_per_test=limits.streams_per_test)
        self._paces: dict[Direction, Pace | None] = {
            direction: None if pace_mbps is None else Pace(pace_mbps) for direction in ("download", "upload")
        }
        self._workload = Workload(self._admission, max_tests=max_tests, pace_mbps=pace_mbps)
        self._load = Load()
        self._buffer = memoryview(bytearray(_READ_BUFFER))
        self._crowd = Crowd(max_tests * limits.streams_per_test + limits.spare_connections)

    def gauges(self) -> dict[str, tuple[str, float]]:
        """What is going on now, for /metrics."""
        return {
            "connections": ("Connections open.", len(self._crowd)),
            "tests": ("Tests running.", self._admission.tests),
            "places": ("Places taken, by tests that run or are between their directions.", self._admission.places),
            "streams": ("Measurement streams running.", self._admission.streams),
            "stamp_sessions": ("STAMP senders heard lately.", len(self._sessions)),
        }

    async def listen(self, listener: socket.socket, *, tls: ssl.SSLContext | None) -> None:
        """Accept on one listening socket until cancelled; every connection is a task of its own below this one."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as connections:
            while True:
                try:
                    sock, (host, *_) = await loop.sock_accept(listener)
                except OSError as error:
                    # Out of descriptors or memory, or the client was gone before it was accepted: never the end.
                    _log.warning("event=accept_failed error=%s", error)
                    await asyncio.sleep(_ACCEPT_PAUSE_S)
                    continue
                client = client_of(str(host))
                if not self._crowd.enter(client):
                    self._counters.connections["turned_away"] += 1
                    sock.close()
                    continue
                self._counters.connections["plain" if tls is None else "tls"] += 1
                connections.create_task(self._serve(sock, tls, client), name=f"peer connection {sock.fileno()}")

    async def _serve(self, sock: socket.socket, tls: ssl.SSLContext | None, client: str) -> None:
        """Serve one connection and leave nothing of it behind."""
        connection = Connection(self._buffer)
        try:
            await self._connect(connection, sock, tls)
            await self._converse(connection)
        except OSError as error:
            _log.debug("event=connection_failed error=%s", error)
        except Exception:  # noqa: BLE001 - a fault that one client has found must not end the tests of all the others
            self._counters.faults += 1
            _log.exception("event=connection_fault")
        finally:
            self._crowd.leave(client)
            await connection.release()
            sock.close()

    async def _connect(self, connection: Connection, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Put the connection on the socket, with its TLS handshake behind it."""
        limits = self._limits
        pace = self._paces["download"]
        kernel.prepare(
            sock,
            user_timeout_s=2 * limits.idle_s + _LATER_S,
            pace_bytes_per_s=None if pace is None else pace.bytes_per_s,
        )
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: connection,
            sock,
            ssl=tls,
            ssl_handshake_timeout=None if tls is None else limits.handshake_s,
            ssl_shutdown_timeout=None if tls is None else limits.grace_s,
        )

    async def _converse(self, connection: Connection) -> None:
        """Read the request and do what it asks."""
        try:
            request = await self._request(connection)
            if request is None:
                return
            reply = await self._route(connection, request)
        except RequestError as error:
            self._counters.responses[str(error.status)] += 1
            await connection.close_after(answer(error.status, f"{error}\n", headers=error.headers))
            return
        if reply is not None:
            self._counters.responses["204" if reply.startswith(b"HTTP/1.1 204 ") else "200"] += 1
            await connection.close_after(reply)

    async def _request(self, connection: Connection) -> Request | None:
        """Wait for one whole request; None when the client left. Raises RequestError 408 when it takes its time."""
        reader = RequestReader(limit=self._limits.header_bytes)
        arrived: asyncio.Future[Request | None] = asyncio.get_running_loop().create_future()

        def take(data: memoryview) -> None:
            if arrived.done():
                return
            try:
                request = reader.feed(bytes(data))
            except RequestError as error:
                connection.ignore()
                arrived.set_exception(error)
                return
            if request is not None:
                connection.pause_reading()
                connection.ignore()
                arrived.set_result(request)

        def lose() -> None:
            if not arrived.done():
                arrived.set_result(None)

        connection.read_into(take, on_lost=lose)
        try:
            async with asyncio.timeout(self._limits.handshake_s):
                return await arrived
        except TimeoutError:
            raise RequestError(408, "request not complete in time") from None

    async def _route(self, connection: Connection, request: Request) -> bytes | None:
        """Return the answer to a plain request, or run a test and return None."""
        route = ROUTES.get(request.path)
        if route is None and request.path in small.PATHS:
            return small.page(request, secure=connection.transport.get_extra_info("sslcontext") is not None)
        if route is None:
            return self._page(request)
        if request.method != "GET":
            raise RequestError(405, "only GET", {"Allow": "GET"})
        protocol, direction = route
        try:
            plan = plan_of(protocol, direction, request.query)
        except BadQueryError as error:
            raise RequestError(400, str(error)) from error
        subprotocol = SUBPROTOCOLS[protocol]
        handshake = switching(accept_key(request, subprotocol=subprotocol), subprotocol)
        await self._admit(connection, plan, handshake=handshake, rest=request.rest)
        return None

    def _page(self, request: Request) -> bytes:
        """Answer /healthz, /metrics, /large and /generate_204."""
        if request.path == large.PATH:
            return large.page(request)
        if request.path == open_way.PATH:
            return open_way.page(request)
        if request.path not in {"/healthz", "/metrics"}:
            raise RequestError(404, "not found")
        if request.method not in _READABLE:
            raise RequestError(405, "only GET", {"Allow": "GET, HEAD"})
        text = "ok\n" if request.path == "/healthz" else self._counters.text(self.gauges())
        return answer(200, text, head=request.method == "HEAD")

    async def _admit(self, connection: Connection, plan: Plan, *, handshake: bytes, rest: bytes) -> None:
        """Run the test if there is a place for it; otherwise say when to come back, before any upgrade."""
        peername = connection.transport.get_extra_info("peername")
        # Streams of one measurement id are one test, but not those of strangers who chose the same id.
        test: object = connection if plan.test is None or peername is None else (peername[0], plan.test)
        hard_s = self._limits.msak_s if plan.protocol == "msak" else self._limits.ndt7_s
        now = time.monotonic()
        ends_at = now + min(hard_s, plan.duration_s + self._limits.grace_s)
        if not self._admission.enter(test, now=now, ends_at=ends_at):
            wait_s = self._admission.retry_after_s(now)
            raise RequestError(503, f"busy, try again in {wait_s} s", {"Retry-After": str(wait_s)})
        try:
            await self._measure(connection, plan, handshake=handshake, rest=rest)
        finally:
            # The upload of a test belongs to its download, but only msak says which one that was.
            between = plan.protocol == "msak" and plan.direction == "download"
            self._admission.leave(test, keep_until=time.monotonic() + self._limits.between_s if between else None)

    async def _measure(self, connection: Connection, plan: Plan, *, handshake: bytes, rest: bytes) -> None:
        """Switch to WebSocket, run the stream, and write down how it went."""
        if plan.congestion is not None and not tcp_info.set_congestion(connection.sock, plan.congestion):
            _log.info("event=congestion_unavailable cc=%s", plan.congestion)
        if connection.lost.is_set():
            return
        self._counters.responses["101"] += 1
        connection.transport.write(handshake)
        stream = Stream(
            connection, plan, Terms(self._limits, self._paces[plan.direction], self._workload, at=self._now())
        )
        stream.begin(rest)
        outcome = Outcome.STOPPED
        try:
            outcome = await transfer(stream, self._load)
        finally:
            self._counters.streams[plan.protocol, plan.direction, outcome] += 1
            self._counters.payload_bytes[plan.direction] += stream.payload
            _log.info(
                "event=stream protocol=%s direction=%s outcome=%s payload_bytes=%d duration_s=%.3f uuid=%s",
                plan.protocol,
                plan.direction,
                outcome,
                stream.payload,
                time.monotonic() - stream.started,
                stream.uuid,
            )
