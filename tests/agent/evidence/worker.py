"""A program that moves nothing and computes without end, with the evidence gathered around it, as a JSON line.

python -m tests.agent.evidence.worker SECONDS [CORE] [CGROUP-FOLDER]
"""

import asyncio
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

from agent.evidence.gathering import gather


async def main(seconds: float) -> None:
    async with gather(before_s=0.0) as gathering:
        async with gathering.during("download"):
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                sum(range(20_000))
                await asyncio.sleep(0)
        use = gathering.evidence().loaded["download"].cpu_use(0.0, float("inf"))
    sys.stdout.write(json.dumps(asdict(use) if use else None))


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[2]:
        os.sched_setaffinity(0, {int(sys.argv[2])})
    if len(sys.argv) > 3:
        (Path(sys.argv[3]) / "cgroup.procs").write_text(str(os.getpid()))
    asyncio.run(main(float(sys.argv[1])))
