"""An end of a latency run, as a process of its own, whose event loop may be blocked in slices, as on a busy box.

reflect SLICE_MS PORT                  our reflector; says "ready"
probe SLICE_MS PEER [OPTION=VALUE …]   one run; prints its result and when (Unix time) it began and ended, as JSON
"""

import asyncio
import contextlib
import sys
import time

import msgspec

from agent.peer.service import PeerSettings, serve
from agent.probes.latency import probe
from agent.probes.probe import Progress, Task


async def block(slice_s: float) -> None:
    """Hold the loop for a slice, let everything that waits run once, and again."""
    while slice_s:
        time.sleep(slice_s)  # noqa: ASYNC251 - the blocked loop is what is tested
        await asyncio.sleep(0)


async def run(peer: str, options: list[str]) -> None:
    moments: list[float] = []

    def note(_: Progress) -> None:
        moments.append(time.time_ns() / 1e9)

    outcome = await probe(Task(peer, options=dict(option.split("=", 1) for option in options), progress=note))
    told = {"begin": moments[0], "end": moments[-1], "result": outcome.result}
    print(msgspec.json.encode(told).decode(), flush=True)  # noqa: T201 - read by the test


async def main(role: str, slice_ms: str, rest: list[str]) -> None:
    async with asyncio.TaskGroup() as tasks:
        blocking = tasks.create_task(block(float(slice_ms) / 1000), name="block")
        if role == "reflect":
            settings = PeerSettings(listen=(), stamp=f"*:{rest[0]}")
            await serve(settings, ready=lambda _: print("ready", flush=True))  # noqa: T201 - what the test waits for
        else:
            await run(rest[0], rest[1:])
        blocking.cancel()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
