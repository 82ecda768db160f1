"""M-Lab's ndt7, the client's vocabulary: one stream a direction, always.

Source: m-lab/ndt-server, spec/ndt7-protocol.md and what its code does beyond that (facts/protocols.md, 1). Pure but
for `run`.
"""

import platform
from dataclasses import replace
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec

from agent import __version__
from agent.errors import UsageError
from agent.speed.dialect import Amount, Counted, Dialect, KernelFacts, LoadFacts, Said, Told, kernel_facts
from agent.speed.engine import Engine, Leg, Transfer, named
from agent.speed.limits import Limits
from agent.speed.transfer import transfer
from agent.wire.codec import HOSTILE

SUBPROTOCOL: Final = "net.measurementlab.ndt.v7"
STREAMS: Final = 1
MIN_MESSAGE: Final = 2**13
MAX_MESSAGE: Final = 2**20
# The one early exit that M-Lab's servers accept, in units of 10^6 bytes acknowledged; any other value is HTTP 400.
EARLY_EXIT: Final = "250"
EARLY_EXIT_BYTES: Final = 250_000_000
_PATHS: Final = {"download": "/ndt/v7/download", "upload": "/ndt/v7/upload"}


class AppInfo(msgspec.Struct, rename="pascal"):
    """Payload bytes over the stream in its test's direction, after so many microseconds."""

    elapsed_time: Amount | None = None
    num_bytes: Counted | None = None


class Measurement(msgspec.Struct, omit_defaults=True, rename="pascal"):
    """One text message. All parts are optional on the way in; servers send more than is read here."""

    app_info: AppInfo | None = None
    origin: str | None = None
    test: str | None = None
    kernel: KernelFacts | None = msgspec.field(default=None, name="TCPInfo")
    bbr: object = msgspec.field(default=None, name="BBRInfo")
    peer: LoadFacts | None = None


_decoder: Final = msgspec.json.Decoder(Measurement)


def decode(payload: bytes) -> Said | None:
    """Read a text message; None for anything that is not one (such messages are advice, never an error).

    The present reference server sends no AppInfo on an upload: what its kernel has received is its count.
    """
    try:
        said = _decoder.decode(payload)
    except HOSTILE:
        return None
    app = said.app_info or AppInfo()
    kernel = said.kernel
    elapsed_us = app.elapsed_time if app.elapsed_time is not None else None if kernel is None else kernel.elapsed_us
    return Said(
        elapsed_s=None if elapsed_us is None else elapsed_us / 1e6,
        received=app.num_bytes,
        kernel=kernel,
        congestion=None if said.bbr is None else "bbr",
        load=None if said.peer is None else said.peer.load(),
    )


def tell(told: Told) -> bytes:
    """Write our text message about the stream: the bytes of its test's direction."""
    moved = told.sent if told.way == "upload" else told.received
    return msgspec.json.encode(
        Measurement(AppInfo(told.elapsed_us, moved), "client", told.way, kernel_facts(told.info, told.elapsed_us))
    )


def metadata() -> dict[str, str]:
    """What a client says of itself in the query: no key twice, no empty value."""
    said = {
        "client_name": "linkgauge",
        "client_version": __version__,
        "client_library_name": "linkgauge-agent",
        "client_library_version": __version__,
        "client_os": platform.system().lower(),
        "client_arch": platform.machine(),
    }
    return {name: value for name, value in said.items() if value}


def target(leg: Leg) -> str:
    """Path and query of the request. A download's budget of exactly 250 MB is asked of the server too."""
    query = metadata()
    if leg.way == "download" and leg.limits.max_bytes == EARLY_EXIT_BYTES:
        query["early_exit"] = EARLY_EXIT
    return f"{_PATHS[leg.way]}?{urlencode(query)}"


def capped(limits: Limits, path: str) -> Limits:
    """The limits of a download by the path that a service gave for it: one with an early exit ends at 250 MB."""
    if EARLY_EXIT not in parse_qs(urlsplit(path).query).get("early_exit", []):
        return limits
    return replace(limits, max_bytes=min(limits.max_bytes or EARLY_EXIT_BYTES, EARLY_EXIT_BYTES))


DIALECT: Final = Dialect("ndt7", SUBPROTOCOL, target, decode, tell, MIN_MESSAGE, MAX_MESSAGE, receiver_must_count=False)


async def run(leg: Leg) -> Transfer:
    """Move load over the one stream that the protocol has; see `Engine`."""
    if leg.limits.streams != STREAMS:
        raise UsageError("ndt7 measures over one stream: leave the option streams out, or use an msak peer")
    limits = replace(leg.limits, may_grow=False)
    if leg.way == "download":
        limits = capped(limits, leg.target.paths.get("download", ""))
    return await transfer(replace(leg, limits=limits), DIALECT)


ENGINE: Final = Engine(find=named, run=run, streams=STREAMS)
