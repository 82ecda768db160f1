"""The emulator's process: two TUN devices, one loop, real-time priority. `python -m tests.netlab.link SETTINGS`.

SETTINGS is JSON: near and far (namespaces), device, socket (path), tick_us, seed, and the specs down and up. It says
"ready" on standard output once the devices exist, and ends on SIGTERM or when its standard input ends (its owner died).
Requests on the socket are one JSON line each, and so are the answers: see `_answer`.
"""

import gc
import json
import os
import select
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import Any, Final

from tests.netlab.direction import Direction
from tests.netlab.shaping import Shaper
from tests.netlab.spec import LinkSpec
from tests.netlab.tun import Tun

PRIORITY: Final = 10
IDLE_S: Final = 1.0
HISTORY_ROWS: Final = 1000
REQUEST_BYTES: Final = 262_144


class Emulator:
    """Owns the two directions and the socket by which they are asked and changed."""

    def __init__(self, settings: dict[str, Any]) -> None:
        near = Tun(settings["near"], settings["device"])
        far = Tun(settings["far"], settings["device"])
        now = time.monotonic()
        shapers = {
            name: Shaper(LinkSpec.from_json(settings[name]), f"{settings['seed']}/{name}", now)
            for name in ("down", "up")
        }
        self._down = Direction(far, near, shapers["down"])
        self._up = Direction(near, far, shapers["up"])
        self._directions = {far.descriptor: self._down, near.descriptor: self._up}
        self._tick = settings["tick_us"] / 1e6
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(settings["socket"])
        self._server.listen()
        self._clients: dict[int, socket.socket] = {}
        self._watched = [*self._directions, self._server.fileno(), sys.stdin.fileno()]
        self._orphaned = False

    def run(self) -> None:
        """Forward until the owner dies; a signal ends it as it ends any process."""
        monotonic, tick = time.monotonic, self._tick
        drained = monotonic()
        while not self._orphaned:
            now = monotonic()
            if now < drained + tick:
                time.sleep(drained + tick - now)
            since = drained
            ready = select.select(self._watched, [], [], 0)[0]
            now = monotonic()
            if not ready and (pause := self._due() - now) > 0:
                ready = select.select(self._watched, [], [], min(pause, IDLE_S))[0]
                since = now = monotonic()
            drained = now
            self._turn(ready, since, now)

    def _due(self) -> float:
        return min((d.pending[0].due for d in (self._down, self._up) if d.pending), default=float("inf"))

    def _turn(self, ready: list[int], since: float, now: float) -> None:
        horizon = now + self._tick / 2
        for direction in (self._down, self._up):
            direction.deliver(horizon, now)
        for descriptor in ready:
            direction_read = self._directions.get(descriptor)
            if direction_read is not None:
                direction_read.take(since, now)
                direction_read.deliver(horizon, now)
            else:
                self._hear(descriptor)
        for direction in (self._down, self._up):
            direction.remember(now)

    def _hear(self, descriptor: int) -> None:
        if descriptor == sys.stdin.fileno():
            self._orphaned = True
        elif descriptor == self._server.fileno():
            client, _ = self._server.accept()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            self._clients[client.fileno()] = client
            self._watched.append(client.fileno())
        else:
            self._converse(descriptor)

    def _converse(self, descriptor: int) -> None:
        client = self._clients[descriptor]
        try:
            request = client.recv(REQUEST_BYTES)
            if request:
                client.sendall(json.dumps(self._answer(json.loads(request))).encode() + b"\n")
                return
        except OSError:
            pass
        self._watched.remove(descriptor)
        del self._clients[descriptor]
        client.close()

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer {"ask": "counters"}, {"ask": "history", "way", "start"} or {"ask": "change", "down"?, "up"?}."""
        ways = {"down": self._down, "up": self._up}
        now = time.monotonic()
        if request["ask"] == "history":
            return {"rows": ways[request["way"]].history(request["start"], HISTORY_ROWS)}
        if request["ask"] == "change":
            try:
                specs = {way: LinkSpec.from_json(request[way]) for way in ways if way in request}
            except (TypeError, ValueError) as error:
                return {"error": str(error)}
            for way, spec in specs.items():
                ways[way].change(spec, now)
        return {"time": now, "cpu_s": time.process_time(), **{way: d.report(now) for way, d in ways.items()}}


def main() -> None:
    """Run until the owner ends this process; if the owner itself was killed, remove what it made."""
    settings = json.loads(sys.argv[1])
    emulator = Emulator(settings)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except PermissionError:
        os.nice(-10)
    # No cycles are made in the loop, and a pause of the collector would be jitter.
    gc.disable()
    print("ready", flush=True)  # noqa: T201 - the owner waits for it
    emulator.run()
    from tests.netlab.namespace import remove

    remove(settings["namespaces"])
    shutil.rmtree(Path(settings["socket"]).parent, ignore_errors=True)


if __name__ == "__main__":
    main()
