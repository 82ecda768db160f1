"""An agent without the measuring: a real spool and a real uplink, fed with believable reports.

Run as a process, so that it can be killed: `python -m tests.e2e.feeder AGENT FOLDER BROKER_URL COUNT RATE TIMERS`.
What it has produced is what its spool says, whatever moment it was killed at.
"""

import asyncio
import logging
import math
import random
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from agent.clock import SystemClock
from agent.config import BrokerSettings
from agent.identity import Identity
from agent.spool import Spool
from agent.uplink import Uplink
from agent.wire.control import Status
from agent.wire.failure import Failure
from agent.wire.report import Measurement, Peer
from agent.wire.results import Direction, Ipv6, Latency, Result, Spread, Throughput


def measurement(agent: str, number: int, chance: random.Random) -> Measurement[Any]:
    """One report out of the usual mix, with a failure now and then."""
    result: Result | None
    if number % 5 == 0:
        down, up = round(chance.gauss(110, 15), 2), round(chance.gauss(50, 5), 2)
        result = Throughput(
            download=Direction(mbps=down, mean_mbps=round(down * 0.97, 2), bytes=41233920, duration_s=10.0, streams=4),
            upload=Direction(mbps=up, mean_mbps=round(up * 0.97, 2), bytes=20616960, duration_s=10.0, streams=4),
            engine="msak",
        )
        kind = "throughput"
    elif number % 5 == 1:
        kind, result = "ipv6", Ipv6(status="dual_stack", default_route=True, score=10.0)
    else:
        rtt = round(chance.uniform(8, 30), 3)
        spread = Spread(min=rtt, median=rtt + 1, mean=rtt + 1.2, p95=rtt + 4, p99=rtt + 9, max=rtt + 20)
        kind, result = "latency", Latency(method="stamp", sent=200, received=200, lost=0, rtt_ms=spread, loss_ratio=0.0)
    failed = number % 17 == 0
    return Measurement(
        id=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        agent=agent,
        kind=kind,
        started=datetime.now(UTC),
        duration_s=1.5,
        family="ipv4",
        peer=Peer(name="dc", address="192.0.2.7"),
        result=None if failed else result,
        failure=Failure("connect", "timeout") if failed else None,
    )


async def feed(agent: str, folder: Path, broker: BrokerSettings, count: int, rate: float) -> None:
    """Produce `count` reports in all, at `rate` a second, and deliver for ever."""
    spool = Spool(folder / "spool.db", identity=Identity(machine_id=agent, boot_id="one"))
    spool.open()
    clock = SystemClock()
    chance = random.Random()  # noqa: S311 - a restarted process must not draw the same ids again

    def status() -> Status:
        return Status(state="online", epoch=spool.epoch, seq=spool.newest_seq, spooled=spool.spooled)

    uplink = Uplink(
        broker,
        agent=agent,
        spool=spool,
        status=status,
        clock=clock,
        on_request=lambda _: None,
        on_profile=lambda _: None,
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(uplink.run(), name="uplink")
        start, before = clock.monotonic(), spool.newest_seq
        while spool.newest_seq < count:
            due = before + math.ceil((clock.monotonic() - start) * rate)
            for number in range(spool.newest_seq, min(due, count)):
                await asyncio.to_thread(spool.put, measurement(agent, number, chance))
            await asyncio.sleep(0.02)


def main() -> None:
    """Read the command line and feed."""
    agent, folder, url, count, rate, timers = sys.argv[1:]
    logging.basicConfig(level=logging.INFO)
    broker = msgspec.convert({"url": url, **msgspec.json.decode(timers)}, BrokerSettings)
    Path(folder).mkdir(parents=True, exist_ok=True)
    asyncio.run(feed(agent, Path(folder), broker, int(count), float(rate)))


if __name__ == "__main__":
    main()
