"""One run of a probe, as a process of its own in the near namespace: KIND PEER [OPTION=VALUE …]; prints JSON."""

import asyncio
import sys

import msgspec

from agent.errors import Failed
from agent.probes import PROBES
from agent.probes.probe import Task


async def main(kind: str, peer: str, options: list[str]) -> None:
    try:
        outcome = await PROBES[kind](Task(peer, options=dict(option.split("=", 1) for option in options)))
    except Failed as failed:
        print(msgspec.json.encode({"failure": failed.failure}).decode())  # noqa: T201 - read by the test
    else:
        print(msgspec.json.encode(outcome).decode())  # noqa: T201 - read by the test


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
