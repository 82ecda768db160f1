"""Pre-encoded reports of many agents over a few hand-written MQTT connections: as fast as they can go, or at a rate.

A process of its own, `python -m tests.bench.raw_publisher PORT '{"agents": 200, …}'`: it prints one JSON line when it
begins to count, one when it stops, and one when every report has its receipt. Like an agent it holds at most `window`
reports without receipt, and sends again what has none after `resend_s`.
"""

import asyncio
import random
import struct
import sys
import time
import uuid
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from agent.wire.codec import encode
from agent.wire.control import Receipt
from tests.bench.believable import believable

CONNECTIONS: Final = 8
TICK_S: Final = 0.01
ID: Final = "01936f0e-0000-7000-8000-000000000001"
_RECEIPT: Final = msgspec.json.Decoder(Receipt)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """To publish: `rate` None: as fast as receipts come; `array`: reports of one message; `ids`: a file for them."""

    seconds: float
    warm_s: float = 1.5
    agents: int = 200
    array: int = 1
    rate: float | None = None
    window: int = 60
    resend_s: float = 20.0
    patience_s: float = 120.0
    seed: int = 1
    ids: str | None = None


class Line(asyncio.Protocol):
    """One connection. `on_receipt` hears topic and payload of what comes in."""

    def __init__(self, name: str, on_receipt: Any) -> None:  # noqa: ANN401 - a callable
        self.name, self.on_receipt = name, on_receipt
        self.open = True
        self.up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._rest = b""
        self._packet = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.WriteTransport = transport  # type: ignore[assignment] # a socket's
        self.transport.set_write_buffer_limits(high=1 << 20)
        name = self.name.encode()
        body = b"\x00\x04MQTT\x04\x02" + struct.pack("!H", 0) + struct.pack("!H", len(name)) + name
        self.transport.write(bytes([0x10, len(body)]) + body)

    def subscribe(self, topic: str) -> None:
        name = topic.encode()
        body = b"\x00\x01" + struct.pack("!H", len(name)) + name + b"\x00"
        self.transport.write(bytes([0x82, len(body)]) + body)

    def publish(self, topic: bytes, payload: bytes) -> bytes:
        self._packet = self._packet % 65_000 + 1
        body = struct.pack("!H", len(topic)) + topic + struct.pack("!H", self._packet)
        return b"\x32" + _length(len(body) + len(payload)) + body + payload

    def pause_writing(self) -> None:
        self.open = False

    def resume_writing(self) -> None:
        self.open = True

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        at = 0
        while (found := _packet(data, at)) is not None:
            kind, start, end = found
            if kind == 2:
                self.up.set_result(None)
            elif kind == 3:
                size = struct.unpack_from("!H", data, start)[0]
                self.on_receipt(data[start + 2 : start + 2 + size].decode(), data[start + 2 + size : end])
            at = end
        self._rest = data[at:]


def _length(size: int) -> bytes:
    out = bytearray()
    while True:
        size, digit = divmod(size, 128)
        out.append(digit | (0x80 if size else 0))
        if not size:
            return bytes(out)


def _packet(data: bytes, at: int) -> tuple[int, int, int] | None:
    """Kind, first byte of the body and end of the packet that begins there; None if it is not whole."""
    size, shift, place = 0, 0, at + 1
    while place < len(data):
        digit = data[place]
        size |= (digit & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if digit < 0x80:
            return (data[at] >> 4, place, place + size) if place + size <= len(data) else None
    return None


class Fleet:
    """All agents' spools: what was produced, what is under way, since when."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.chance = random.Random(order.seed)  # noqa: S311 - not a secret
        self.epoch = str(uuid.UUID(int=self.chance.getrandbits(128), version=4))
        self.names = [f"agent-{number}" for number in range(order.agents)]
        self.under_way: list[dict[int, tuple[float, bytes]]] = [{} for _ in self.names]
        self.resend: deque[tuple[float, int, int]] = deque()
        self.produced = [0] * order.agents
        self.receipted = self.sent_again = 0
        self.latencies: list[float] | None = None
        self.ids: list[str] = []
        self._forms = [self._form(number) for number in range(256)]
        self._first = datetime.now(UTC) - timedelta(hours=2)

    def _form(self, number: int) -> tuple[str, ...]:
        text = encode(believable(ID, "AGENT", self.chance, number, epoch=self.epoch)).decode()
        return tuple(text.replace("2026-01-01T00:00:00Z", "STARTED").replace('"seq":1}', '"seq":SEQ}').split(ID))

    def make(self, agent: int) -> bytes:
        """The agent's next report, put into its spool."""
        self.produced[agent] += 1
        seq = self.produced[agent]
        bits = f"{self.chance.getrandbits(128):032x}"
        report_id = f"{bits[:8]}-{bits[8:12]}-{bits[12:16]}-{bits[16:20]}-{bits[20:]}"
        self.ids.append(report_id)
        before, after = self._forms[(agent * 31 + seq) % 256]
        # Not isoformat(), which leaves out the microseconds of a whole second.
        started = f"{self._first + timedelta(milliseconds=37 * seq, microseconds=agent):%Y-%m-%dT%H:%M:%S.%f}Z"
        after = after.replace("AGENT", self.names[agent], 1).replace("STARTED", started, 1).replace("SEQ", str(seq), 1)
        return f"{before}{report_id}{after}".encode()

    def receipt(self, topic: str, payload: bytes) -> None:
        """Forget what is stored; `latencies` notes how long it took."""
        agent = int(topic.split("/")[2][6:])
        waiting, now = self.under_way[agent], time.monotonic()
        for first, last in _RECEIPT.decode(payload).stored:
            for seq in range(first, last + 1):
                one = waiting.pop(seq, None)
                if one is not None:
                    self.receipted += 1
                    if self.latencies is not None:
                        self.latencies.append(now - one[0])

    def due_again(self, now: float) -> Iterator[tuple[int, bytes]]:
        """What has had no receipt for so long; it is due again later."""
        while self.resend and self.resend[0][0] <= now:
            _, agent, seq = self.resend.popleft()
            one = self.under_way[agent].get(seq)
            if one is not None:
                self.resend.append((now + self.order.resend_s, agent, seq))
                self.sent_again += 1
                yield agent, one[1]

    def message(self, agent: int, now: float) -> bytes:
        """The payload of an agent's next message."""
        reports = []
        for _ in range(self.order.array):
            report = self.make(agent)
            self.under_way[agent][self.produced[agent]] = (now, report)
            self.resend.append((now + self.order.resend_s, agent, self.produced[agent]))
            reports.append(report)
        return reports[0] if self.order.array == 1 else b"[" + b",".join(reports) + b"]"


class Publisher:
    """Sends what is due, in turn."""

    def __init__(self, fleet: Fleet, lines: list[Line]) -> None:
        self.fleet, self.lines = fleet, lines
        self.topics = [f"linkgauge/v1/{name}/report".encode() for name in fleet.names]
        self.turn = 0

    async def run(self, until: float) -> None:
        order, begun = self.fleet.order, time.monotonic()
        sent = 0.0
        while (now := time.monotonic()) < until:
            self.again(now)
            due = (now - begun) * order.rate - sent if order.rate else 4000.0
            sent += self.burst(due, now)
            await asyncio.sleep(TICK_S if order.rate else 0.001)

    def again(self, now: float) -> None:
        for agent, payload in self.fleet.due_again(now):
            line = self.lines[agent % len(self.lines)]
            line.transport.write(line.publish(self.topics[agent], payload))

    def burst(self, due: float, now: float) -> int:
        """Send up to so many reports, agent by agent, as far as lines and windows allow."""
        order, count = self.fleet.order, 0
        out: list[list[bytes]] = [[] for _ in self.lines]
        for _ in range(len(self.topics)):
            if count + order.array > due:
                break
            agent = self.turn = (self.turn + 1) % len(self.topics)
            line = self.lines[agent % len(self.lines)]
            if line.open and len(self.fleet.under_way[agent]) + order.array <= order.window:
                out[agent % len(self.lines)].append(line.publish(self.topics[agent], self.fleet.message(agent, now)))
                count += order.array
        for line, packets in zip(self.lines, out, strict=True):
            if packets:
                line.transport.write(b"".join(packets))
        return count

    async def drain(self) -> bool:
        """Wait for every receipt; False when patience ends."""
        deadline = time.monotonic() + self.fleet.order.patience_s
        while any(self.fleet.under_way) and time.monotonic() < deadline:
            self.again(time.monotonic())
            await asyncio.sleep(TICK_S)
        return not any(self.fleet.under_way)


def _say(**what: object) -> None:
    sys.stdout.write(msgspec.json.encode(what).decode() + "\n")
    sys.stdout.flush()


def _quantile(values: list[float], share: float) -> float | None:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else None


async def publish(port: int, order: Order) -> None:
    """Do it, and tell."""
    loop = asyncio.get_running_loop()
    fleet = Fleet(order)
    lines = []
    for number in range(CONNECTIONS + 1):
        _, line = await loop.create_connection(lambda n=number: Line(f"raw-{n}", fleet.receipt), "127.0.0.1", port)  # type: ignore[misc]
        await line.up
        lines.append(line)
    lines[-1].subscribe("linkgauge/v1/+/receipt")
    publisher = Publisher(fleet, lines[:-1])
    begun = time.monotonic()
    async with asyncio.TaskGroup() as group:
        work = group.create_task(publisher.run(begun + order.warm_s + order.seconds), name="publish")
        await asyncio.sleep(order.warm_s)
        fleet.latencies, before, since = [], fleet.receipted, time.monotonic()
        _say(what="begun", receipted=before)
        await work
    latencies, after, seconds = fleet.latencies, fleet.receipted, time.monotonic() - since
    _say(what="ended", receipted=after - before, seconds=seconds)
    fleet.latencies = None
    whole = await publisher.drain()
    if order.ids:
        Path(order.ids).write_text(  # noqa: ASYNC240 - nothing else is going on
            "\n".join(fleet.ids)
        )
    _say(
        what="done",
        whole=whole,
        produced=sum(fleet.produced),
        again=fleet.sent_again,
        drained_s=time.monotonic() - since - seconds,
        p50=_quantile(latencies, 0.5),
        p99=_quantile(latencies, 0.99),
    )


def main() -> None:
    """Read the order and carry it out."""
    import uvloop

    order = msgspec.json.decode(sys.argv[2], type=Order)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(publish(int(sys.argv[1]), order))


if __name__ == "__main__":
    main()
