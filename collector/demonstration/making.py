"""Makes a demonstration's reports in a process of its own, while the collector's takes them in.

`python -m collector.demonstration.making PLAN`, with the plan as JSON; chunks come on its standard output, each as its
length in four bytes and MessagePack. It ends when nobody reads any more.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Final

import msgspec

from collector.demonstration.world import Chunk, World
from collector.errors import CollectorError

_LENGTH: Final = 4


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Which world, and which stretch of it."""

    seed: int
    sites: int
    days: int
    origin: datetime
    start: datetime
    until: datetime
    epoch: str

    def world(self) -> World:
        """The world that is meant."""
        return World(self.seed, self.sites, self.days, self.origin)


async def made(plan: Plan) -> AsyncGenerator[Chunk, None]:
    """The chunks of a plan, made by another process; raises CollectorError when that one fails."""
    words = msgspec.json.encode(plan).decode()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    if process.stdout is None:
        raise CollectorError("no way to the process that makes reports")
    decoder = msgspec.msgpack.Decoder(Chunk)
    try:
        while True:
            head = await process.stdout.readexactly(_LENGTH)
            size = int.from_bytes(head, "big")
            if size == 0:
                return
            yield decoder.decode(await process.stdout.readexactly(size))
    except asyncio.IncompleteReadError as error:
        code = await process.wait()
        raise CollectorError(f"the process that makes reports ended with code {code}; start again") from error
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def main() -> None:
    """Make what the plan says."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this hears Ctrl-C, and stops reading
    plan = msgspec.json.decode(sys.argv[1], type=Plan)
    out = sys.stdout.buffer
    try:
        for chunk in plan.world().chunks(plan.start, plan.until, plan.epoch):
            body = msgspec.msgpack.encode(chunk)
            out.write(len(body).to_bytes(_LENGTH, "big") + body)
            out.flush()
        out.write(bytes(_LENGTH))
        out.flush()
    except BrokenPipeError:
        sys.stderr.close()


if __name__ == "__main__":
    main()
