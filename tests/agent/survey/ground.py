"""A stretch of country to walk through: a modem on a private bus, a gpsd that plays a track, and the command itself."""

import asyncio
import contextlib
import json
import math
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.agent.box import process
from tests.agent.radio import modems
from tests.agent.radio.standin import Plugged, StandIn, private_bus, stand_in
from tests.ports import free_port

AGENT = "bg-survey-1"
CENTRE = (21.2731, 106.1946)
POINTS = 500


def track(count: int = POINTS) -> list[tuple[float, float]]:
    """A way of about 8 m a step that bends, and never comes to the same place twice."""
    places = []
    latitude, longitude = CENTRE
    for step in range(count):
        angle = 2 * math.pi * step / count
        latitude += 7e-5 * math.cos(angle) + 1e-7
        longitude += 7e-5 * math.sin(angle)
        places.append((round(latitude, 7), round(longitude, 7)))
    return places


class Asked(dict[str, Plugged]):
    """No modem, and how often it was asked for: a manager's table that counts."""

    times = 0

    def items(self) -> Any:  # noqa: ANN401 - as a dictionary's
        self.times += 1
        return super().items()


@dataclass
class Receiver:
    """A gpsd that gives the next place of a track to each who asks; at its end the last one. None in it: no fix.

    `now`: the satellites' time.
    """

    places: list[tuple[float, float] | None]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    port: int = 0
    asked: int = 0
    open: int = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            writer.write(b'{"class":"VERSION","release":"3.22","proto_major":3,"proto_minor":14}\n')
            await reader.readuntil(b"\n")
            place = self.places[min(self.asked, len(self.places) - 1)]
            self.asked += 1
            while not reader.at_eof():  # a receiver goes on; who has enough closes
                writer.write(json.dumps(self._report(place)).encode() + b"\n")
                await writer.drain()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await reader.read(1)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self.open -= 1

    def _report(self, place: tuple[float, float] | None) -> dict[str, Any]:
        if place is None:
            return {"class": "TPV", "mode": 1}
        stamp = self.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"class": "TPV", "mode": 3, "time": stamp, "lat": place[0], "lon": place[1], "eph": 4.5, "speed": 1.2}


@asynccontextmanager
async def receiver(places: list[tuple[float, float] | None], **more: Any) -> AsyncIterator[Receiver]:  # noqa: ANN401
    """A running gpsd on loopback."""
    playing = Receiver(places, **more)
    server = await asyncio.start_server(playing.answer, "127.0.0.1", 0)
    playing.port = server.sockets[0].getsockname()[1]
    try:
        yield playing
    finally:
        server.close()
        async with asyncio.timeout(5):
            while playing.open:  # noqa: ASYNC110 - who has asked closes by and by
                await asyncio.sleep(0.01)


@dataclass
class Ground:
    """The box that is carried through it: its files, its modem, its receiver."""

    folder: Path
    bus: str
    manager: StandIn
    receiver: Receiver
    broker_port: int = field(default_factory=free_port)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def recorded(self) -> Path:
        """The spool of the survey."""
        return self.data / "survey" / "spool.db"

    def configure(self, more: str = "") -> Path:
        path = self.folder / "agent.toml"
        path.write_text(
            f'[agent]\nid = "{AGENT}"\ndata = "{self.data}"\n'
            f'[broker]\nurl = "mqtt://127.0.0.1:{self.broker_port}"\nreconnect_first_s = 0.1\n'
            "reconnect_max_s = 0.5\nresend_first_s = 2\n"
            f'[peer]\nurls = ["msak+ws://127.0.0.1:1"]\n{more}'
        )
        return path

    def command(self, *arguments: str) -> list[str]:
        """The command line of a survey here."""
        config = self.folder / "agent.toml"
        if not config.exists():
            self.configure()
        place = ["--bus", self.bus, "--gpsd", f"127.0.0.1:{self.receiver.port}"]
        walking = [] if "--upload" in arguments else place
        return [sys.executable, "-m", "agent", "survey", "--config", str(config), *walking, *arguments]

    @contextmanager
    def survey(self, *arguments: str, **environment: str) -> Iterator[Any]:
        with process(self.command(*arguments), **environment) as run:
            yield run


@asynccontextmanager
async def ground(
    folder: Path, places: list[tuple[float, float] | None], modem: Plugged | None = None
) -> AsyncIterator[Ground]:
    async with private_bus(folder) as (address, _), stand_in(address) as manager, receiver(places) as playing:
        manager.plug(modem or modems.lte())
        yield Ground(folder, address, manager, playing)


def kept(spool: Path) -> list[dict[str, Any]]:
    """What a spool holds, in the order of its places."""
    if not spool.exists():
        return []
    with contextlib.closing(sqlite3.connect(f"file:{spool}?mode=ro", uri=True, timeout=5)) as db:
        if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'reports'").fetchone():
            return []
        return [json.loads(body) for (body,) in db.execute("SELECT body FROM reports ORDER BY place")]
