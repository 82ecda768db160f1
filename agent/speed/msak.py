"""M-Lab's msak throughput1, the client's vocabulary; the default engine.

Source: m-lab/msak, pkg/throughput1 (facts/protocols.md, 2.1). Pure but for `run`.
"""

from typing import Final
from urllib.parse import urlencode

import msgspec

from agent import __version__
from agent.speed.dialect import Amount, Counted, Dialect, KernelFacts, LoadFacts, Said, Told, Word, kernel_facts
from agent.speed.engine import Engine, Leg, Transfer, named
from agent.speed.transfer import transfer
from agent.wire.codec import HOSTILE

SUBPROTOCOL: Final = "net.measurementlab.throughput.v1"
MIN_MESSAGE: Final = 2**10
# The protocol lets a message grow to 2^20. A quarter of that costs no more CPU, and a server that counts whole
# messages then knows four times as precisely what it has received.
MAX_MESSAGE: Final = 2**18
_PATHS: Final = {"download": "/throughput/v1/download", "upload": "/throughput/v1/upload"}
# We end a run; the server's own end is a net below it. The client's clock starts with the first of the streams.
_SERVER_MARGIN_S: Final = 1.0


class Counters(msgspec.Struct, rename="pascal"):
    """Bytes over one stream since its upgrade, in the speaker's view."""

    bytes_sent: Amount = 0
    bytes_received: Counted = 0


class Measurement(msgspec.Struct, omit_defaults=True):
    """One text message. All parts are optional on the way in; `elapsed_us` counts from the speaker's upgrade."""

    congestion: Word | None = msgspec.field(default=None, name="CC")
    application: Counters | None = msgspec.field(default=None, name="Application")
    network: Counters | None = msgspec.field(default=None, name="Network")
    elapsed_us: Amount | None = msgspec.field(default=None, name="ElapsedTime")
    kernel: KernelFacts | None = msgspec.field(default=None, name="TCPInfo")
    peer: LoadFacts | None = msgspec.field(default=None, name="Peer")


_decoder: Final = msgspec.json.Decoder(Measurement)


def decode(payload: bytes) -> Said | None:
    """Read a text message; None for anything that is not one (such messages are advice, never an error)."""
    try:
        said = _decoder.decode(payload)
    except HOSTILE:
        return None
    return Said(
        elapsed_s=None if said.elapsed_us is None else said.elapsed_us / 1e6,
        received=None if said.application is None else said.application.bytes_received,
        kernel=said.kernel,
        congestion=said.congestion,
        load=None if said.peer is None else said.peer.load(),
    )


def tell(told: Told) -> bytes:
    """Write our text message about one stream."""
    info = told.info
    return msgspec.json.encode(
        Measurement(
            application=Counters(bytes_sent=told.sent, bytes_received=told.received),
            network=Counters(bytes_sent=info.bytes_sent or 0, bytes_received=info.bytes_received or 0),
            elapsed_us=told.elapsed_us,
            kernel=kernel_facts(info, told.elapsed_us),
        )
    )


def target(leg: Leg) -> str:
    """Path and query of one stream's request."""
    limits = leg.limits
    query = {
        "mid": leg.mid,
        "streams": limits.streams,
        "duration": round((limits.seconds + _SERVER_MARGIN_S) * 1000),
        "delay": 0,
        "cc": leg.congestion,
        "client_name": "linkgauge",
        "client_version": __version__,
    }
    # On upload we stop ourselves, exactly; the server counts headers too and would end a little early.
    if limits.share is not None and leg.way == "download":
        query["bytes"] = limits.share
    return f"{_PATHS[leg.way]}?{urlencode(query)}"


DIALECT: Final = Dialect("msak", SUBPROTOCOL, target, decode, tell, MIN_MESSAGE, MAX_MESSAGE)


async def run(leg: Leg) -> Transfer:
    """Move load over several streams; see `Engine`."""
    return await transfer(leg, DIALECT)


ENGINE: Final = Engine(find=named, run=run)
