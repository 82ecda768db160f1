"""What a throughput engine is: two functions, and the types that all of them share. No I/O.

`find` names the servers that a peer URL stands for, best first; `run` moves load one way and says what came through.
Every engine fills the same `Transfer`; what it cannot know is left out.
"""

import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from agent.net.peer_url import PeerUrl
from agent.speed.estimate import Sample
from agent.speed.limits import Limits, Stop
from agent.wire.report import Peer

Way = Literal["download", "upload"]
Watch = Callable[[float, float], None]
Saturation = Literal["full", "stuck", "peer"]


def unwatched(_gone_s: float, _mbps: float) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `find` is asked: the peer as written, and what it may need to honour a service's rules.

    `folder`: where small facts may be kept between runs (None: nowhere). `now`: the wall clock, for daily limits.
    """

    url: PeerUrl
    family: Literal["ipv4", "ipv6"] | None = None
    tls: ssl.SSLContext | None = None
    folder: Path | None = None
    now: datetime | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """One server as an engine reaches it. `host` is empty where the engine's own program finds it.

    `paths`: path and query by direction, where a list or a locate service gives them.
    """

    host: str
    port: int
    secure: bool
    name: str | None = None
    paths: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Leg:
    """One direction of one run, as an engine is asked for it.

    `address`: the target's, resolved (empty if it has no host). `mid` is the same for both directions of a run.
    `watch` gets the seconds gone and the live rate in Mbit/s. `congestion`: what the sender is asked to use.
    """

    way: Way
    target: Target
    address: str
    limits: Limits
    mid: str
    tls: ssl.SSLContext | None = None
    watch: Watch = unwatched
    congestion: str = "bbr"

    @property
    def authority(self) -> str:
        """Host and port as the Host header wants them."""
        host, port = self.target.host, self.target.port
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(frozen=True, slots=True)
class Early:
    """What stopping early would have said, noted in a run that went its full length."""

    mbps: float
    duration_s: float
    received: int


@dataclass(frozen=True, slots=True)
class Queue:
    """The queue that stood before a full line. `spread_mbps`: the extremes of the rate meanwhile.

    `rise`: by how much the load lengthened the round trip, as a share of what it was at rest. Where that is little, the
    line's buffer is short, or somebody else's queue stood there before.
    """

    spread_mbps: tuple[float, float]
    rise: float | None = None


@dataclass(frozen=True, slots=True)
class PeerLoad:
    """How busy the peer says it is. `cpu_ratio`: of its busiest core; `paced`: it holds a rate of its own choice.

    That rate is `pace_mbps`, for all tests together, as far as it says.
    """

    tests: int | None = None
    max_tests: int | None = None
    cpu_ratio: float | None = None
    paced: bool = False
    pace_mbps: float | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """What held the senders back, as shares of the loaded time: the receiver's window, their own buffer, their program.

    `app`: share of the readings in which the program had not given TCP enough to send.
    """

    rwnd: float | None = None
    sndbuf: float | None = None
    app: float | None = None


@dataclass(frozen=True, slots=True)
class Transfer:
    """What one direction gave.

    `samples`: the receiver's count over all streams, from the first one's start until the first one's end;
    `received`: all payload bytes, later ones too. `steady_since_s`: where the window of the steady rate begins, if the
    run was ended for having found it, and `queue` what stood before the line if it was full. `rtts_us`:
    (moment, round trip) under load. `congestion`: the sender's. `figure_mbps`: from an engine that gives a figure and
    no samples. `server`: what the engine's own program chose.
    """

    stop: Stop
    samples: Sequence[Sample]
    received: int
    streams: int
    saturation: Saturation | None = None
    early: Early | None = None
    steady_since_s: float | None = None
    queue: Queue | None = None
    idle_rtts_us: Sequence[int] = ()
    rtts_us: Sequence[tuple[float, int]] = ()
    sent_bytes: int | None = None
    retransmitted_bytes: int | None = None
    held: Held = Held()
    cipher: str | None = None
    tls: str | None = None
    congestion: str | None = None
    pmtu_bytes: int | None = None
    peer_load: PeerLoad | None = None
    reference_only: bool = False
    figure_mbps: float | None = None
    server: Peer | None = None


@dataclass(frozen=True, slots=True)
class Engine:
    """A row of the table. `find` raises UsageError for a URL it cannot serve, Failed if the service said no.

    `run` raises Failed if the direction could not begin; a failure in mid-run is in `Transfer.stop`.
    `streams`: how many it opens unless told otherwise. `keeps_budget`: whether it can end at a number of bytes.
    """

    find: Callable[[Wanted], Awaitable[Sequence[Target]]]
    run: Callable[[Leg], Awaitable[Transfer]]
    streams: int = 4
    keeps_budget: bool = True


async def named(wanted: Wanted) -> Sequence[Target]:
    """The `find` of engines whose URL is the server itself."""
    url = wanted.url
    return [Target(url.host, url.port, url.secure, paths={"base": url.path} if url.path else {})]
