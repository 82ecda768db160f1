"""What this device itself can do, per cipher and direction: a result near it says more of the device than of the line.

Loopback against our own peer in a process of its own, at first start and after upgrades. Stored is the rate at which
the device would be full, from seconds of CPU per byte and not from the clock: what else the device does meanwhile
does not count against it. Both ends run on the same device here, so the client's share alone is taken, and with it
the peer's of a plain run the same way: that stands in for what the kernel has to do for packets from a real card,
which on loopback is booked on the other end. On one core the two add up, on more the larger one is the limit.
"""

import asyncio
import contextlib
import os
import platform
import shutil
import ssl
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from agent import __version__, files
from agent.errors import AgentError, Failed
from agent.speed import msak
from agent.speed.engine import Leg, Target, Way
from agent.speed.estimate import at
from agent.speed.limits import Limits

NAME: Final = "ceiling.json"
PLAIN: Final = "plain"
RUN_S: Final = 1.3
_START_S: Final = 20.0
_STOP_S: Final = 3.0
_WHOLE_S: Final = 90.0
_WAYS: Final[tuple[Way, ...]] = ("download", "upload")
_HOST: Final = "127.0.0.1"
# The cost of a record is that of its algorithm, whatever version of TLS names it. Only those of 1.2 can be chosen.
_SUITES: Final = {
    "AES_256_GCM": "ECDHE+AESGCM+AES256",
    "AES_128_GCM": "ECDHE+AESGCM+AES128",
    "CHACHA20_POLY1305": "ECDHE+CHACHA20",
}
# The child ends when its input does: with us, whatever becomes of us.
_CHILD: Final = (
    "import os, sys, threading\n"
    "threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()\n"
    "from agent.__main__ import main\n"
    "sys.exit(main(sys.argv[1:]))\n"
)


class Rate(msgspec.Struct, frozen=True):
    """One ceiling. `wall_mbps`: what came through in the self-test, both ends sharing the device."""

    cipher: str
    way: Way
    mbps: float
    wall_mbps: float
    cpu_s_per_gb: float


class Ceilings(msgspec.Struct, frozen=True):
    """All ceilings of a device as it was when `key` described it. `missing`: what could not be measured, and why."""

    key: str
    rates: list[Rate] = []
    missing: str | None = None

    def ceiling_for(self, cipher: str | None, way: str) -> float | None:
        """Mbit/s with a cipher suite by its OpenSSL or IANA name (None: plain); None if that was not measured."""
        wanted = algorithm(cipher)
        return next((rate.mbps for rate in self.rates if (rate.cipher, rate.way) == (wanted, way)), None)


class Cost(msgspec.Struct, frozen=True):
    """What one run took: seconds of CPU per byte at both ends, and the rate by the clock. `theirs` 0: not known."""

    ours: float
    theirs: float
    wall_mbps: float


def algorithm(cipher: str | None) -> str:
    """The bulk algorithm of a cipher suite, `plain` without one; a suite that is not known is its own."""
    if cipher is None:
        return PLAIN
    name = cipher.upper().replace("-", "_")
    if "CHACHA20" in name:
        return "CHACHA20_POLY1305"
    for bits in ("128", "256"):
        if "GCM" in name and (f"AES{bits}" in name or f"AES_{bits}" in name):
            return f"AES_{bits}_GCM"
    return name


def rate_mbps(ours: float, kernel: float, cores: int) -> float:
    """The rate that fills the device, from seconds of CPU per byte of the client and of the kernel's stand-in."""
    return 8 / 1e6 / (ours + kernel if cores < 2 else max(ours, kernel))  # noqa: PLR2004 - one core is shared


def rates(costs: Mapping[tuple[str, Way], Cost], cores: int) -> list[Rate]:
    """The ceilings that follow from the costs of all runs."""
    found = []
    for (cipher, way), cost in costs.items():
        plain = costs.get((PLAIN, way))
        mbps = rate_mbps(cost.ours, plain.theirs if plain else 0.0, cores)
        found.append(Rate(cipher, way, round(mbps, 1), round(cost.wall_mbps, 1), round(cost.ours * 1e9, 3)))
    return found


def key() -> str:
    """What a ceiling depends on: this software, the kernel, the libraries, the machine, and the tool for TLS."""
    processor = _processor()
    parts = [
        f"linkgauge-agent/{__version__}",
        f"{platform.system()} {platform.release()} {platform.machine()}",
        f"Python {platform.python_version()}",
        ssl.OPENSSL_VERSION,
        f"{_cores()} cores {processor}".strip(),
        "openssl" if shutil.which("openssl") else "no openssl",
    ]
    return "; ".join(parts)


def load(folder: Path) -> Ceilings | None:
    """What was stored in the agent's data folder, if it is of this device as it is now; None otherwise."""
    content = files.read(folder / NAME)
    if content is None:
        return None
    try:
        found = msgspec.json.decode(content, type=Ceilings)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found if found.key == key() else None


def keep(folder: Path, ceilings: Ceilings) -> None:
    """Store for the next start. Raises OSError."""
    files.replace(folder / NAME, msgspec.json.encode(ceilings))


async def measure_ceiling(
    *, seconds: float = RUN_S, ciphers: Sequence[str] = (PLAIN, *_SUITES), python: str = sys.executable
) -> Ceilings:
    """Measure now, about ten seconds, with one core or two full; nothing else may be measured meanwhile.

    `python`: the interpreter that the peer is started with.

    Never raises but when cancelled, which ends it at once: what could not be measured is in `missing`.
    """
    costs: dict[tuple[str, Way], Cost] = {}
    why: list[str] = []
    try:
        with TemporaryDirectory(prefix="linkgauge-") as name:
            async with asyncio.timeout(_WHOLE_S):
                secure = any(cipher != PLAIN for cipher in ciphers)
                certificate = await _certificate(Path(name), why) if secure else None
                async with _peer(certificate, python) as (pid, ports):
                    for cipher in ciphers:
                        await _measure_cipher(cipher, pid, ports, seconds, costs)
    except (OSError, ValueError, AgentError, Failed) as error:
        why.append(f"self-test ended: {str(error) or type(error).__name__}")
    return Ceilings(key(), rates(costs, _cores()), "; ".join(why) or None)


async def ensure(folder: Path, *, measure: Callable[[], Awaitable[Ceilings]] = measure_ceiling) -> Ceilings:
    """What is stored, or else measure now and store; what could not be measured at all is tried at the next start."""
    found = load(folder)
    if found is None:
        found = await measure()
        if found.rates:
            with contextlib.suppress(OSError):
                keep(folder, found)
    return found


async def _measure_cipher(
    cipher: str, pid: int, ports: Mapping[str, int], seconds: float, costs: dict[tuple[str, Way], Cost]
) -> None:
    """Both directions with one cipher; a suite that this OpenSSL does not have is left out."""
    port = ports.get(PLAIN if cipher == PLAIN else "tls")
    if port is None:
        return
    try:
        tls = None if cipher == PLAIN else _context(_SUITES[cipher])
    except ssl.SSLError:
        return
    for way in _WAYS:
        cost, used = await _run(Target(_HOST, port, tls is not None), way, tls=tls, seconds=seconds, pid=pid)
        if cost is not None and algorithm(used) == cipher:
            costs[cipher, way] = cost


async def _run(
    target: Target, way: Way, *, tls: ssl.SSLContext | None, seconds: float, pid: int
) -> tuple[Cost | None, str | None]:
    """One direction under load: its cost (None if too little moved) and its cipher. Only this thread's CPU counts."""
    marks: list[tuple[float, float, float]] = []

    def watch(_gone_s: float, _mbps: float) -> None:
        marks.append((asyncio.get_running_loop().time(), time.thread_time(), _cpu_s(pid)))

    limits = Limits(seconds=seconds, early=False, may_grow=False)
    leg = Leg(way, target, _HOST, limits, mid=str(uuid.uuid4()), tls=tls, watch=watch)
    transfer = await msak.run(leg)
    if len(marks) < 2:  # noqa: PLR2004 - between two moments
        return None, transfer.cipher
    (begun_s, ours_before, theirs_before), (ended_s, ours_after, theirs_after) = marks[0], marks[-1]
    moved = at(transfer.samples, ended_s) - at(transfer.samples, begun_s)
    if moved <= 0 or ours_after <= ours_before:
        return None, transfer.cipher
    cost = Cost(
        ours=(ours_after - ours_before) / moved,
        theirs=(theirs_after - theirs_before) / moved,
        wall_mbps=moved * 8 / 1e6 / (ended_s - begun_s),
    )
    return cost, transfer.cipher


@contextlib.asynccontextmanager
async def _peer(certificate: tuple[Path, Path] | None, python: str) -> AsyncIterator[tuple[int, dict[str, int]]]:
    """Our own peer on loopback, its process and its ports by `plain` and `tls`; gone with the block.

    Raises AgentError or OSError if it does not start.
    """
    listening = ["--listen", f"{_HOST}:0", "--max-tests", "100"]
    if certificate is not None:
        listening += ["--listen-tls", f"{_HOST}:0", "--cert", str(certificate[0]), "--key", str(certificate[1])]
    process = await asyncio.create_subprocess_exec(
        python,
        "-c",
        _CHILD,
        "peer",
        *listening,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        ports: dict[str, int] = {}
        async with asyncio.timeout(_START_S):
            while len(ports) < (1 if certificate is None else 2):
                line = await process.stdout.readline() if process.stdout else b""
                words = line.decode("ascii", "replace").split()
                if len(words) != 3:  # noqa: PLR2004 - listening KIND HOST:PORT
                    raise AgentError("the loopback peer did not start")
                ports[words[1]] = int(words[2].rpartition(":")[2])
        yield process.pid, ports
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_STOP_S):
            await process.wait()


async def _certificate(folder: Path, why: list[str]) -> tuple[Path, Path] | None:
    """Make a certificate and its key with the program openssl; None, with the reason added, if that cannot be done."""
    program = shutil.which("openssl")
    if program is None:
        why.append("TLS not measured: the program openssl is not installed")
        return None
    cert, pem = folder / "cert.pem", folder / "key.pem"
    process = await asyncio.create_subprocess_exec(
        *(program, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-days", "2", "-subj", "/CN=localhost", "-keyout", str(pem), "-out", str(cert)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(_START_S):
            code = await process.wait()
    except TimeoutError:
        code = None
    finally:
        await _end(process)
    if code != 0 or not cert.is_file() or not pem.is_file():
        why.append("TLS not measured: the program openssl made no certificate")
        return None
    return cert, pem


def _context(suites: str) -> ssl.SSLContext:
    """Rules for a peer that we have started ourselves a moment ago. Raises ssl.SSLError if there is no such suite."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(suites)
    return context


def _cpu_s(pid: int) -> float:
    """User and system time of a process so far; 0 where the kernel does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return os.cpu_count() or 1


def _processor() -> str:
    """The processor's name; boards without one in cpuinfo say what they are in the device tree."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("model name", "Model")):
                return line.partition(":")[2].strip()
    with contextlib.suppress(OSError):
        return Path("/proc/device-tree/model").read_text().strip("\0\n ")
    return ""
