"""A collector for any number of agents in a few lines: keeps every report and gives its receipt."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiomqtt

from agent.wire.codec import Accepted, decode, decode_reports, encode
from agent.wire.control import Receipt, Status
from agent.wire.report import Report
from agent.wire.topics import parse, topic


@dataclass
class Receipts:
    """What came, by agent."""

    port: int
    reports: dict[str, list[Report[Any]]] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Serve until cancelled."""
        async with aiomqtt.Client("127.0.0.1", self.port) as client:
            await client.subscribe([("linkgauge/v1/+/report", 1), ("linkgauge/v1/+/status", 1)])
            self.ready.set()
            async for message in client.messages:
                place = parse(message.topic.value)
                assert place is not None
                agent, leaf = place
                if leaf == "status":
                    status = decode(message.payload, Status)
                    assert isinstance(status, Status)
                    self.statuses[status.state] += 1
                    continue
                read = decode_reports(message.payload)
                found = [one.report for one in read if isinstance(one, Accepted)]
                assert len(found) == len(read)
                self.reports.setdefault(agent, []).extend(found)
                receipt = Receipt(epoch=found[0].epoch, stored=[(one.seq, one.seq) for one in found])
                await client.publish(topic(agent, "receipt"), encode(receipt))
