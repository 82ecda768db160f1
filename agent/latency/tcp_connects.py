"""Round trips as the time that TCP takes to connect: for peers that answer neither STAMP nor ping.

The time is the kernel's own, from SYN to SYN-ACK (tcp_info, right after connecting). A SYN that had to be sent again is
a lost packet, though the connection came about. Each connection is cut at once (RST), so that nothing stays behind.
"""

import asyncio
import socket
import struct
import time
from typing import Final

from agent.errors import Failed
from agent.net import tcp_info
from agent.net.connect import connect
from agent.net.echo_session import Pace, Watch
from agent.net.round_trips import FIRST_SEQ, Answer
from agent.wire.failure import Reason, Stage

_CUT: Final = struct.pack("ii", 1, 0)  # linger for no time: close with a reset


class TcpConnects:
    """One run to one address and port."""

    def __init__(self, address: str, port: int, pace: Pace) -> None:
        self.sent = 0
        self.answers: list[Answer] = []
        self._address = address
        self._port = port
        self._pace = pace
        self._by_kernel = True
        self._failure: Failed | None = None
        self._over = asyncio.Event()

    @property
    def stamps(self) -> str:
        """`kernel`, or `program` if the kernel did not tell a time of its own."""
        return "kernel" if self._by_kernel else "program"

    async def run(self, watch: Watch | None = None) -> None:
        """Begin all connections at their times and wait for the last; ends at once when refused from the start."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        async with asyncio.TaskGroup() as connecting:
            for number in range(self._pace.count):
                connecting.create_task(self._connect(FIRST_SEQ + number), name=f"connect-{number}")
                self.sent += 1
                if watch is not None:
                    latest = self.answers[-1].rtt_ns / 1_000_000 if self.answers else None
                    watch((number + 1) / self._pace.count, latest)
                due = max(due + self._pace.interval_s, loop.time())
                if number + 1 < self._pace.count and await self._ended(due - loop.time()):
                    break

    def why_no_answer(self) -> Failed:
        """Name the failure of a run without a single answer."""
        return self._failure or Failed(Stage.CONNECT, Reason.TIMEOUT, f"no answer to {self.sent} connects")

    async def _connect(self, seq: int) -> None:
        begin_ns = time.monotonic_ns()
        try:
            sock = await connect(self._address, self._port, timeout_s=self._pace.timeout_s)
        except Failed as failure:
            self._stumble(failure)
            return
        elapsed_ns = time.monotonic_ns() - begin_ns
        with sock:
            info = tcp_info.read(sock) or tcp_info.TcpInfo()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _CUT)
        if info.total_retrans:
            return
        self._by_kernel &= info.rtt_us is not None
        rtt_ns = elapsed_ns if info.rtt_us is None else info.rtt_us * 1000
        self.answers.append(Answer(seq, None, rtt_ns, at_ns=begin_ns))

    def _stumble(self, failure: Failed) -> None:
        """Before the first answer a refusal is the outcome; later, and in silence, it is loss."""
        if not self.answers and failure.failure.reason != Reason.TIMEOUT:
            self._failure = failure
            self._over.set()

    async def _ended(self, after_s: float) -> bool:
        try:
            await asyncio.wait_for(self._over.wait(), max(0.0, after_s))
        except TimeoutError:
            return False
        return True
