"""What a message costs the collector on the wire: CPU per message received, and per receipt sent, client by client.

A real Mosquitto, messages of 850 bytes with QoS 1, one report each; the receiver is a process of its own.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from collector.inbox import Inbox, Letter
from collector.mqtt.connection import Connection, Endpoint
from collector.mqtt.packets import Login, Message, Outgoing, Skipped
from tests.collector.mosquitto import mosquitto

FILTER: Final = "linkgauge/v1/+/report"
AGENTS: Final = 2000
PAYLOAD: Final = b'{"v":1,"seq":1,' + b"x" * 835
RECEIPT: Final = b'{"epoch":"01936f0e-0000-7000-8000-000000000000","stored":[[1,50],[60,61]]}'
RECEIPTS: Final = 50  # in one batch
CLIENTS: Final = ("own", "own + inbox", "aiomqtt")
LOOPS: Final = ("asyncio", "uvloop")
WAIT_S: Final = 120.0


@dataclass
class Ear:
    """Counts what it hears, through an inbox if there is one."""

    inbox: Inbox | None = None
    count: int = 0

    def heard(self, messages: Sequence[Message], skipped: Sequence[Skipped]) -> None:
        del skipped
        self.count += len(messages)
        if self.inbox is not None:
            for message in messages:
                self.inbox.offer(Letter(message.topic, message.payload))
            while self.inbox.take() is not None:
                pass

    def agreed(self) -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    def room(self) -> None:
        pass


async def own(port: int, count: int, *, through_inbox: bool) -> None:
    """Receive with our client, then send receipts."""
    ear = Ear(Inbox(limit_messages=20_000, limit_bytes=1 << 26) if through_inbox else None)
    one = Connection(Endpoint("127.0.0.1", port), Login(), [(FILTER, 1)], ear)

    async def publish() -> None:
        while not one.ready:  # noqa: ASYNC110 - a bench may look
            await asyncio.sleep(0.001)
        one.publish([Outgoing(f"linkgauge/v1/a{number}/receipt", RECEIPT) for number in range(RECEIPTS)])
        await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(one.run(), name="connection")
        await tell(lambda: ear.count, count, publish)
        task.cancel()


async def others(port: int, count: int) -> None:
    """Receive with aiomqtt, then send receipts."""
    import aiomqtt

    heard = 0

    async def listen(client: aiomqtt.Client) -> None:
        nonlocal heard
        async for _ in client.messages:
            heard += 1

    async with aiomqtt.Client("127.0.0.1", port) as client:

        async def publish() -> None:
            for number in range(RECEIPTS):
                await client.publish(f"linkgauge/v1/a{number}/receipt", RECEIPT, qos=0)

        await client.subscribe(FILTER, 1)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(listen(client), name="listen")
            Ear().agreed()
            await tell(lambda: heard, count, publish)
            task.cancel()


async def tell(heard: Callable[[], int], count: int, publish: Callable[[], Awaitable[None]]) -> None:
    """Print what `count` messages cost from the first on, then what receipts cost."""
    while not heard():  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.01)
    first, cpu, began = heard(), time.process_time(), time.monotonic()
    while heard() < count:
        await asyncio.sleep(0.05)
        if time.monotonic() - began > WAIT_S:
            raise TimeoutError(f"{heard()} of {count} messages came")
    received = (time.process_time() - cpu) / (count - first) * 1e6
    rate = (count - first) / (time.monotonic() - began)
    await publish()
    batches, cpu = max(20, count // RECEIPTS // 2), time.process_time()
    for _ in range(batches):
        await publish()
        await asyncio.sleep(0)
    sent = (time.process_time() - cpu) / batches / RECEIPTS * 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({"received_us": received, "rate": rate, "sent_us": sent, "rss_mb": peak}) + "\n")


async def feed(port: int, count: int, rate: float | None) -> None:
    """Publish `count` messages, at a rate or as fast as the broker takes them."""
    one = Connection(Endpoint("127.0.0.1", port), Login(), [("nothing", 0)], Quiet())
    async with asyncio.TaskGroup() as group:
        task = group.create_task(one.run(), name="publisher")
        began, sent = time.monotonic(), 0
        while sent < count:
            due = count if rate is None else min(count, int((time.monotonic() - began) * rate))
            if one.ready and due > sent:
                some = range(sent, min(due, sent + 50))
                one.publish([Outgoing(f"linkgauge/v1/a{number % AGENTS}/report", PAYLOAD, 1) for number in some])
                sent = some.stop
            await asyncio.sleep(0 if due > sent else 0.005)
        while one.unconfirmed:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
        task.cancel()


class Quiet(Ear):
    """Says nothing."""

    def agreed(self) -> None:
        pass


def measure(client: str, loop: str, count: int, rate: float | None) -> dict[str, float]:
    """One receiver in a process of its own."""
    with tempfile.TemporaryDirectory() as folder, mosquitto(Path(folder)) as broker:
        words = [sys.executable, "-m", "tests.bench.mqtt", "--receive", client, loop, str(broker.port), str(count)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as receiver:  # noqa: S603 - ourselves
            assert receiver.stdout is not None
            assert receiver.stdout.readline() == "ready\n"
            run("uvloop", feed(broker.port, count, rate))
            told: dict[str, float] = json.loads(receiver.stdout.readline())
            return told


def run(loop: str, main: Awaitable[None]) -> None:
    """Run it in a loop of this kind."""
    import uvloop

    async def whole() -> None:
        await main

    with asyncio.Runner(loop_factory=uvloop.new_event_loop if loop == "uvloop" else None) as runner:
        runner.run(whole())


def main() -> None:
    """Read the command line, measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=40_000, help="for each row (default %(default)s)")
    parser.add_argument("--rate", type=float, default=2000, help="messages a second of the second column")
    parser.add_argument("--receive", nargs=4, metavar=("CLIENT", "LOOP", "PORT", "COUNT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.receive:
        client, loop, port, count = options.receive
        work = others(int(port), int(count))
        if client != "aiomqtt":
            work.close()
            work = own(int(port), int(count), through_inbox=client != "own")
        run(loop, work)
        return
    sys.stdout.write(
        f"| client | loop | all at once: rate, µs each | at {options.rate:g}/s: µs each | receipt: µs | RSS, MB |\n"
    )
    sys.stdout.write("| --- | --- | --- | --- | --- | --- |\n")
    for client in CLIENTS:
        for loop in LOOPS:
            fast = measure(client, loop, options.messages, None)
            paced = measure(client, loop, int(options.rate * 5), options.rate)
            sys.stdout.write(
                f"| {client} | {loop} | {fast['rate']:,.0f}/s, {fast['received_us']:.1f} | {paced['received_us']:.1f} "
                f"| {fast['sent_us']:.1f} | {fast['rss_mb']:.0f} |\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
