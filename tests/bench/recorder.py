"""Records one direction at full length in a client namespace: WAY HOST PORT STREAMS CONGESTION; prints JSON."""

import asyncio
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import replace

from agent.speed.engine import Leg, Target
from agent.speed.estimate import Sample
from agent.speed.limits import Limits
from agent.speed.msak import DIALECT
from agent.speed.stream import Patience, end_all
from agent.speed.transfer import Lines


class RecordedLines(Lines):
    """Keeps beside every sample what an application could have read."""

    def __init__(self, leg: Leg) -> None:
        super().__init__(leg, DIALECT, Patience())
        self.beside: list[tuple[int, float | None]] = [(0, None)]
        self._upload = leg.way == "upload"

    def sample(self, now: float) -> Sequence[Sample]:
        before = len(self.arrivals.samples)
        samples = super().sample(now)
        if len(samples) == before:
            return samples
        infos = [line.info() for line in self.lines]
        acked = sum(
            (info.bytes_acked or 0) - line.base.in_order for info, line in zip(infos, self.lines, strict=True) if info
        )
        in_order = acked if self._upload else sum(line.stream.received for line in self.lines)
        rtts = [info.rcv_rtt_us for info in infos if info and info.rcv_rtt_us]
        self.beside.append((in_order, statistics.median(rtts) if rtts else None))
        return samples


async def record(leg: Leg) -> dict[str, object]:
    """Run the direction, and give its rows."""
    lines = RecordedLines(leg)
    try:
        await lines.open()
        lines.load()
        ended = await lines.measure()
        held = lines.held()
    finally:
        await end_all([line.stream for line in lines.lines], grace_s=0.3)
    start = ended.samples[0].at_s
    rows = [
        (round(sample.at_s - start, 5), round(sample.received), in_order, sample.rtt_us, sample.retransmitted, rcv_rtt)
        for sample, (in_order, rcv_rtt) in zip(ended.samples, lines.beside, strict=True)
    ]
    return {
        "rows": rows,
        "idle_rtt_us": lines.idle_rtt_us(),
        "held": [held.rwnd, held.sndbuf, held.app],
        "stop": ended.stop.word,
    }


def main() -> None:
    way, host, port, streams, congestion = sys.argv[1:6]
    target = Target(host, int(port), secure=False)
    limits = Limits(early=False, may_grow=False, streams=int(streams))
    leg = Leg(
        "upload" if way == "upload" else "download", target, host, replace(limits), "recording", congestion=congestion
    )
    print(json.dumps(asyncio.run(record(leg))))  # noqa: T201 - read by the recording program


if __name__ == "__main__":
    main()
