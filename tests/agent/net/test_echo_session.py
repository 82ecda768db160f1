"""The paced session as one who measures beside a load uses it; the probe's tests show the rest."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace

from agent.net.echo_session import Pace
from agent.net.kernel_time import Reading, read_clocks
from agent.net.round_trips import Answer
from agent.net.stamp_session import open_socket, stamp_session
from tests.agent.peer.running import LOOPBACK, running


@contextlib.asynccontextmanager
async def to_a_reflector() -> AsyncIterator[socket.socket]:
    async with running(replace(LOOPBACK, stamp="127.0.0.1:0")) as bound:
        with contextlib.closing(open_socket(*bound["stamp"][:2])) as sock:
            yield sock


async def test_whoever_runs_it_hears_every_answer_and_ends_it_when_it_is_enough() -> None:
    heard: list[Answer] = []

    def hear(answer: Answer) -> None:
        heard.append(answer)
        if len(heard) == 5:
            session.stop()

    async with to_a_reflector() as sock:
        session = stamp_session(sock, Pace(10_000, 0.01, 1.0), heard=hear)
        begin = time.monotonic()
        await session.run()
    assert time.monotonic() - begin < 5
    assert heard == session.answers
    assert 5 <= session.sent < 100
    assert len(session.answers) == session.sent, "what was on the way when it was stopped is waited for"
    moments = [answer.at_ns for answer in heard]
    assert moments == sorted(moments)
    assert 0 < moments[-1] - moments[0] < 5_000_000_000


async def test_packets_are_as_large_as_asked_both_ways() -> None:
    async with to_a_reflector() as sock:
        session = stamp_session(sock, Pace(3, 0.01, 1.0), size=500)
        with contextlib.closing(sock.dup()) as spy:
            await session.run()
            spy.setblocking(False)  # noqa: FBT003 - the socket's own signature
            sock.send(b"\0" * 14)
            answer = await asyncio.get_running_loop().sock_recv(spy, 2000)
    assert len(answer) == 14
    assert len(session.answers) == 3


async def test_it_tells_whether_the_kernel_dated_the_packets() -> None:
    """Linux may begin to date packets too late, and then dates one as it is read: after the reading had begun."""

    def behind() -> Reading:
        now = read_clocks()
        return Reading(now.wall_ns - 3_600_000_000_000, now.monotonic_ns)

    async with to_a_reflector() as sock:
        session = stamp_session(sock, Pace(5, 0.005, 1.0), clocks=behind)
        await session.run()
        assert (len(session.answers), session.stamps) == (5, "program")
        for _ in range(20):  # dating is switched on for the whole machine by work that Linux puts off
            session = stamp_session(sock, Pace(10, 0.005, 1.0))
            await session.run()
            if session.stamps == "kernel":
                return
    raise AssertionError("the kernel dated none of 200 packets as they came")


async def test_a_run_without_answers_has_no_stamps_to_speak_of() -> None:
    with contextlib.closing(open_socket("127.0.0.1", 9)) as sock:
        session = stamp_session(sock, Pace(1, 0.005, 0.05))
        assert (session.answers, session.stamps) == ([], "program")
