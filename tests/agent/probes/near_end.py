"""One run of the ipv6 probe, as a process of its own in the near namespace; prints the outcome as JSON."""

import asyncio
import sys

import msgspec

from agent.errors import Failed
from agent.probes import PROBES
from agent.probes.probe import Task


async def main(peer: str) -> None:
    try:
        outcome = await PROBES["ipv6"](Task(peer, options={"timeout": "1"}))
    except Failed as failed:
        print(msgspec.json.encode({"failure": failed.failure}).decode())  # noqa: T201 - read by the test
    else:
        print(msgspec.json.encode(outcome).decode())  # noqa: T201 - read by the test


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
