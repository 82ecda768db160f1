"""The two directions of a test, from the end of the handshake to the end of the closing."""

import asyncio
import contextlib
import time

from agent.peer import kernel
from agent.peer.load import Load
from agent.peer.plan import FIRST_MESSAGE, next_size
from agent.peer.stream import EndedError, Outcome, Stream

_SLICE = 1 << 17
"""Written at a time: large enough to cost little, small enough for fairness between streams and small buffers."""
_LOOK_S = 0.5
"""How often a blocked sender looks whether there is still a point in waiting."""
_CLOSING_S = 1.0
"""Kept free before the hard deadline for the last words of a test that asked for all of it."""


async def transfer(stream: Stream, load: Load) -> Outcome:
    """Run the whole stream; returns why it ended. Never takes longer than the plan and the grace, or the hard limit."""
    limits = stream.limits
    hard_s = limits.msak_s if stream.plan.protocol == "msak" else limits.ndt7_s
    stream.ends_at = min(stream.ends_at, stream.started + max(0.0, hard_s - _CLOSING_S))
    overtime_s = min(hard_s, stream.plan.duration_s + limits.grace_s)
    if stream.pace is not None:
        stream.pace.join(time.monotonic())
    try:
        async with asyncio.timeout(overtime_s):
            await _move(stream, load)
            await _close(stream)
    except TimeoutError:
        stream.end(Outcome.OVERTIME)
    finally:
        if stream.pace is not None:
            stream.pace.leave()
    return stream.outcome or Outcome.DONE


async def _move(stream: Stream, load: Load) -> None:
    """Move the test's data until its end, then say the last words."""
    try:
        if stream.plan.direction == "download":
            await _download(stream, load)
        else:
            await _upload(stream)
    except EndedError:
        if stream.outcome is not Outcome.LIMIT:
            return
    stream.finish()
    stream.end(Outcome.DONE)


async def _close(stream: Stream) -> None:
    """Wait a moment until the client has closed too, then close. Whoever does not play along is cut off."""
    if stream.torn or stream.outcome in {Outcome.IDLE, Outcome.LOST}:
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(stream.limits.grace_s):
            if stream.outcome in {Outcome.DONE, Outcome.LIMIT}:
                await stream.client_closed.wait()
            stream.connection.transport.close()
            await stream.connection.lost.wait()


async def _download(stream: Stream, load: Load) -> None:
    """Send messages of growing size until the time, a limit or the client says stop."""
    size = FIRST_MESSAGE[stream.plan.protocol]
    turn = 0
    while (now := time.monotonic()) < stream.ends_at:
        stream.check()
        if stream.sample_due(now):
            _stop_at(stream, "BytesAcked", stream.sample())
        size = min(size, _payload_left(stream))
        if size == 0:
            stream.end(Outcome.LIMIT)
            raise EndedError
        await _send(stream, load.frame(size, turn), payload=size)
        turn += 1
        size = next_size(size, stream.binary_sent)


async def _send(stream: Stream, frame: memoryview, *, payload: int) -> None:
    """Send one message in slices, each when there is room and its time has come.

    Raises EndedError between two slices when the stream is over: the message stays torn.
    """
    step = _SLICE if stream.pace is None else stream.pace.chunk
    for offset in range(0, len(frame), step):
        part = frame[offset : offset + step]
        await _room(stream)
        # Even without a pace the loop gets a turn: other streams, timers, the reflector.
        await asyncio.sleep(0 if stream.pace is None else stream.pace.reserve(len(part), time.monotonic()))
        stream.check()
        stream.send_slice(part, time.monotonic())
    stream.end_message(payload)


async def _room(stream: Stream) -> None:
    """Wait for room to write. Raises EndedError when nobody will make any: the message stays torn."""
    connection = stream.connection
    while connection.full and not await connection.room(timeout_s=min(_LOOK_S, stream.limits.idle_s)):
        snapshot = kernel.read(connection.sock)
        acked = 0 if snapshot is None else snapshot.tcp["BytesAcked"]
        if stream.idle(acked, time.monotonic()):
            stream.end(Outcome.IDLE)
        stream.check()
    if connection.lost.is_set():
        raise EndedError


async def _upload(stream: Stream) -> None:
    """Let data come in and tell the client how much did, until the time, a limit or the client says stop."""
    while (now := time.monotonic()) < stream.ends_at:
        await stream.over_within(stream.until_sample(now))
        stream.check()
        now = time.monotonic()
        if stream.sample_due(now):
            _stop_at(stream, "BytesReceived", stream.sample())
        if stream.idle(stream.wire_bytes, now):
            stream.end(Outcome.IDLE)
            raise EndedError


def _stop_at(stream: Stream, counter: str, snapshot: kernel.Snapshot | None) -> None:
    """End the stream if the kernel's counter has reached the limit that is counted there."""
    limit = stream.plan.byte_limit
    counted_here = counter == "BytesReceived" or stream.plan.protocol == "ndt7"
    if limit is not None and counted_here and snapshot is not None and snapshot.tcp[counter] >= limit:
        stream.end(Outcome.LIMIT)
        raise EndedError


def _payload_left(stream: Stream) -> int:
    """Payload bytes that a download may still send."""
    limit = stream.limits.stream_bytes
    if stream.plan.protocol == "msak" and stream.plan.byte_limit is not None:
        limit = min(limit, stream.plan.byte_limit)
    return max(0, limit - stream.binary_sent)
