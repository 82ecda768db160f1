"""Ookla's servers through speedtest-cli (sivel's, unmaintained since 2021): a reference figure, never a verdict.

The library runs in a process of its own with bounded memory and time, because it is known to hang and to eat memory.
It gives one mean over the whole time, its ramp counted, and on uploads counts what it wrote, not what arrived: the
result is marked `reference_only`. It keeps no byte budget, so a run that has one is refused.
"""

import importlib.util
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from agent.errors import Failed, UsageError
from agent.speed import ookla_program
from agent.speed.engine import Engine, Leg, Target, Transfer, Wanted
from agent.speed.limits import TOO_SHORT_S, Stop
from agent.speed.program import Bounds, Program, running
from agent.wire.failure import Reason, Stage
from agent.wire.report import Peer

# Address space. It needs some 120 MB, 180 MB on a fast uplink, and much more of it reserved for its threads' stacks.
MEMORY_BYTES: Final = 512 * 2**20
FIND_S: Final = 20.0
LATE_S: Final = 0.5
# What is buffered when an upload's time is over still has to go, and be answered.
_DRAIN_S: Final = 2
_OUTPUT_BYTES: Final = 256 * 1024
# On a very fast line it is through with its files, 150 MB up and 400 MB down, before the time is.
_ALL_BYTES: Final = 100_000_000
_MAX_NAME: Final = 100
_KEPT: Final = ("url", "id", "name", "sponsor", "host", "lat", "lon", "d")
# Few arenas: each reserves 64 MB of address space.
_ENV: Final = {"MALLOC_ARENA_MAX": "2", "PYTHONDONTWRITEBYTECODE": "1"}
# -P: what lies in the working directory is not to be taken for the library.
COMMAND: Final = (sys.executable, "-P", ookla_program.__file__)
# What the library's words mean, in our vocabulary.
_SIGNS: Final = {
    "Error 403": (Stage.PEER, Reason.REFUSED),
    "Error 429": (Stage.PEER, Reason.BUSY),
    "Error 503": (Stage.PEER, Reason.BUSY),
    "NoMatchedServers": (Stage.PEER, Reason.NO_ADDRESS),
    "not known": (Stage.RESOLVE, Reason.NXDOMAIN),
    "No address associated": (Stage.RESOLVE, Reason.NODATA),
    "Temporary failure in name resolution": (Stage.RESOLVE, Reason.SERVFAIL),
    "Network is unreachable": (Stage.ROUTE, Reason.NO_ROUTE),
    "No route to host": (Stage.CONNECT, Reason.UNREACHABLE),
    "Connection refused": (Stage.CONNECT, Reason.REFUSED),
    "CERTIFICATE_VERIFY_FAILED": (Stage.TLS, Reason.BAD_CERTIFICATE),
    "reset by peer": (Stage.HANDSHAKE, Reason.RESET),
    "timed out": (Stage.HANDSHAKE, Reason.TIMEOUT),
    "TimeoutError": (Stage.PEER, Reason.TIMEOUT),
}


async def find(wanted: Wanted, *, command: Sequence[str] = COMMAND) -> Sequence[Target]:
    """The server that the URL names, or the one nearest by speedtest-cli's own ping.

    Raises:
        UsageError: speedtest-cli is not installed.
        Failed: the service said no, or nothing in time.
    """
    if importlib.util.find_spec("speedtest") is None:
        raise UsageError(
            f"peer {wanted.url.text!r}: speedtest-cli is not installed; install it with: pip install 'linkgauge[ookla]'"
        )
    bounds = Bounds(FIND_S, _OUTPUT_BYTES, MEMORY_BYTES)
    wish = [wanted.url.host] if wanted.url.host else []
    async with running([*command, "find", *wish], bounds=bounds, env=_ENV) as program:
        await program.ended()
    said = _said(program)
    server = said.get("server")
    if not isinstance(server, dict) or not server.get("url") or not server.get("id"):
        raise _failed(program, said, Stage.HANDSHAKE, f"no server chosen in {FIND_S:g} s")
    kept = {name: server[name] for name in _KEPT if name in server}
    return [Target("", 0, secure=False, name=_name(kept), paths={"server": json.dumps(kept)})]


async def run(leg: Leg, *, command: Sequence[str] = COMMAND) -> Transfer:
    """Let it load the line, for `leg.limits.seconds` at most; see `Engine`."""
    limits = leg.limits
    if limits.max_bytes is not None:
        detail = "speedtest-cli keeps no byte budget; leave out max_bytes, or measure with another engine"
        raise Failed(Stage.DEVICE, Reason.BUDGET, detail)
    server = leg.target.paths["server"]
    # It takes whole seconds.
    seconds = max(1, int(limits.seconds) - (_DRAIN_S if leg.way == "upload" else 0))
    words = [*command, leg.way, str(seconds), server]
    bounds = Bounds(limits.opening_s, _OUTPUT_BYTES, MEMORY_BYTES)

    def hear(program: Program, line: bytes) -> None:
        if _words(line).get("begun"):
            program.allow(limits.seconds + LATE_S)

    async with running(words, bounds=bounds, env=_ENV, on_line=hear) as program:
        await program.ended()
    said = _said(program)
    if not said.get("begun"):
        raise _failed(program, said, Stage.HANDSHAKE, f"speedtest-cli was not ready after {limits.opening_s:g} s")
    moved, figure = said.get("moved"), said.get("figure")
    whole = isinstance(moved, int) and isinstance(figure, float) and b"Traceback" not in program.err
    if not whole or moved is None or figure is None or not _is_enough(moved, figure):
        failed = _failed(program, said, Stage.TRANSFER, "speedtest-cli did not finish in time")
        return _transfer(leg, Stop("error", failed.failure), None, 0)
    return _transfer(leg, Stop("time"), figure / 1e6, moved)


def _is_enough(moved: int, figure: float) -> bool:
    """Whether this was a measurement: it does not mind connections that break, and divides bytes by next to no time."""
    return moved > 0 and figure > 0 and (moved * 8 / figure >= TOO_SHORT_S or moved >= _ALL_BYTES)


def _transfer(leg: Leg, stop: Stop, figure: float | None, moved: int) -> Transfer:
    chosen = json.loads(leg.target.paths["server"])
    return Transfer(
        stop=stop,
        samples=(),
        received=moved,
        streams=0,  # how many it opens, it does not say
        reference_only=True,
        figure_mbps=figure,
        server=Peer(name=leg.target.name, url=f"ookla://{str(chosen.get('id', ''))[:_MAX_NAME]}"),
    )


def _words(line: bytes) -> dict[str, Any]:
    """One line of the program; nothing if it is not one of ours."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _said(program: Program) -> dict[str, Any]:
    """All that the program said, put together."""
    said: dict[str, Any] = {}
    for line in bytes(program.out).splitlines():
        said.update(_words(line))
    return said


def _failed(program: Program, said: Mapping[str, Any], stage: Stage, late: str) -> Failed:
    """Name what went wrong: killed by a limit, an error that the library told, or one that killed it."""
    if program.cut == "time":
        return Failed(stage, Reason.TIMEOUT, late)
    if program.cut is not None:
        return Failed(Stage.DEVICE, Reason.INTERNAL, "speedtest-cli wrote without end")
    if b"MemoryError" in program.err or said.get("failed") == "MemoryError":
        return Failed(Stage.DEVICE, Reason.INTERNAL, f"speedtest-cli needs more than {MEMORY_BYTES >> 20} MB")
    if "failed" in said:
        text = f"{said['failed']}: {said.get('words', '')}"
        stage, reason = next((named for sign, named in _SIGNS.items() if sign in text), (stage, Reason.PROTOCOL))
        return Failed(stage, reason, text)
    if program.err or program.code:
        last = bytes(program.err).decode(errors="replace").strip().rpartition("\n")[2]
        return Failed(Stage.DEVICE, Reason.INTERNAL, f"speedtest-cli ended with {program.code}: {last[:200]}")
    return Failed(stage, Reason.CLOSED, "speedtest-cli moved next to nothing")


def _name(server: Mapping[str, Any]) -> str:
    text = f"{server.get('sponsor', '')} ({server.get('name', '')})"
    return "".join(letter for letter in text if letter.isprintable())[:_MAX_NAME]


ENGINE: Final = Engine(find=find, run=run, keeps_budget=False)
