"""Two ends of TCP flows of a known rate, for the tests of traffic by others.

python -m tests.agent.evidence.flows serve MBPS...     a listener a rate, at ports 9000, 9001, ...; says "ready"
python -m tests.agent.evidence.flows take ADDRESS PORT  receive without end; says "ready"
python -m tests.agent.evidence.flows measure ADDRESS SECONDS
    what a probe would do with port 9000: gather evidence, receive, judge; says "loading" when the quiet time is over,
    and what it found, as a JSON line
"""

import asyncio
import json
import socket
import sys
import threading
import time
from contextlib import suppress

from agent.evidence.gathering import gather
from agent.speed import circumstances
from agent.speed.doubts import doubts
from agent.speed.engine import Transfer
from agent.speed.estimate import Sample
from agent.speed.limits import Stop
from agent.wire.results import Direction

MAX_PACING_RATE = 47  # asm-generic/socket.h
FIRST_PORT = 9000


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def send(listener: socket.socket, mbps: float) -> None:
    load = bytes(65_536)
    while True:
        sock = listener.accept()[0]
        sock.setsockopt(socket.SOL_SOCKET, MAX_PACING_RATE, int(mbps * 1e6 / 8))
        with suppress(OSError), sock:
            while True:
                sock.sendall(load)


def serve(rates: list[float]) -> None:
    listeners = [socket.create_server(("", FIRST_PORT + place)) for place in range(len(rates))]
    threads = [threading.Thread(target=send, args=pair) for pair in zip(listeners, rates, strict=True)]
    for thread in threads:
        thread.start()
    say("ready")


def take(address: str, port: int) -> None:
    with socket.create_connection((address, port)) as sock:
        sock.recv(1)
        say("ready")
        while sock.recv(1_000_000):
            pass


async def receive(address: str, seconds: float) -> Transfer:
    reader, writer = await asyncio.open_connection(address, FIRST_PORT)
    loop = asyncio.get_running_loop()
    samples, count = [Sample(loop.time(), 0)], 0
    while loop.time() < samples[0].at_s + seconds:
        count += len(await reader.read(1_000_000))
        samples.append(Sample(loop.time(), count))
    writer.transport.abort()
    await asyncio.sleep(0.1)
    return Transfer(Stop("converged"), samples, count, 1, saturation="full")


async def measure(address: str, seconds: float) -> None:
    async with gather(before_s=1.0) as gathering:
        await gathering.before(address)
        async with gathering.during("download"):
            say("loading")
            begun = time.monotonic()
            transfer = await receive(address, seconds)
        evidence = gathering.evidence()
    mbps = transfer.received * 8 / 1e6 / (time.monotonic() - begun)
    seen = circumstances.seen("download", Direction(mbps=mbps, stop="converged"), transfer, evidence)
    facts = circumstances.facts([seen], evidence, idle_rtt_ms=None)
    found = {"mbps": mbps, "before": evidence.before_mbps["download"], "during": seen.other_mbps}
    say(json.dumps({**found, "doubts": doubts(facts), "reasons": evidence.reasons}))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", *rates]:
            serve([float(rate) for rate in rates])
        case ["take", address, port]:
            take(address, int(port))
        case ["measure", address, seconds]:
            asyncio.run(measure(address, float(seconds)))
        case _:
            sys.exit(__doc__)
