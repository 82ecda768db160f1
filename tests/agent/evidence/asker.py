"""Ask a gateway a few times while the loop is blocked now and then, and say what came, as a JSON line.

python -m tests.agent.evidence.asker ADDRESS TIMES BLOCKED_S
"""

import asyncio
import json
import sys
import time

from agent.evidence.gateway import Gateway


async def block(seconds: float) -> None:
    while True:
        await asyncio.sleep(0)
        time.sleep(seconds)  # noqa: ASYNC251 - this is the point


async def main(address: str, times: int, blocked_s: float) -> None:
    gateway = Gateway(address)
    async with asyncio.TaskGroup() as group:
        blocking = group.create_task(block(blocked_s), name="block") if blocked_s else None
        answers = [await gateway.ask() for _ in range(times)]
        if blocking:
            blocking.cancel()
    gateway.close()
    said = [None if answer is None else [answer.rtt_us, answer.late] for answer in answers]
    sys.stdout.write(json.dumps([said, gateway.reason, len(gateway.answers)]))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
