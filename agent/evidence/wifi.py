"""The Wi-Fi that a run goes through, without root: what `iw` says if it is there, else the kernel's signal alone."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
from typing import Final

from agent.evidence.places import Places, text
from agent.wire.report import Wifi

ASK_S: Final = 1.0
_MOST_BYTES: Final = 16_384
_SBIN: Final = "/usr/sbin:/sbin:/usr/local/sbin"
_BANDS: Final = ((2400, 2500, "2.4 GHz"), (4900, 5925, "5 GHz"), (5925, 7200, "6 GHz"), (57_000, 71_000, "60 GHz"))
_FACT: Final = re.compile(
    r"^[ \t]+(freq|signal|[rt]x bitrate):[ \t]*(-?[0-9]+(?:\.[0-9]+)?)(?: +([A-Za-z]+))?", re.MULTILINE
)
_SCALE: Final = {"MBit": 1.0, "GBit": 1000.0, "KBit": 0.001}
_QUALITY_ROW: Final = 5
_PLAUSIBLE_DBM: Final = (-120.0, 0.0)


async def look(interface: str, places: Places) -> Wifi | None:
    """What is known of the Wi-Fi of `interface` now; None if nothing is. Takes a second at most, and never raises."""
    told = parse_link(await _ask(interface, places) or "")
    if told is not None and told.signal_dbm is not None:
        return told
    level = signal_dbm(text(places.proc / "net" / "wireless") or "", interface)
    if told is None:
        return None if level is None else Wifi(signal_dbm=level)
    return Wifi(signal_dbm=level, band=told.band, rx_mbps=told.rx_mbps, tx_mbps=told.tx_mbps)


def parse_link(said: str) -> Wifi | None:
    """Read what `iw dev IF link` prints; None if it is not connected. A bitrate is of the last packet, each way."""
    if not said.startswith("Connected to"):
        return None
    facts: dict[str, float] = {}
    for name, value, unit in _FACT.findall(said):
        facts[name] = float(value) * _SCALE.get(unit, 1.0)
    return Wifi(
        signal_dbm=facts.get("signal"),
        band=band(facts["freq"]) if "freq" in facts else None,
        rx_mbps=facts.get("rx bitrate") or None,
        tx_mbps=facts.get("tx bitrate") or None,
    )


def band(megahertz: float) -> str | None:
    """The name of the band that a frequency lies in."""
    return next((name for low, high, name in _BANDS if low <= megahertz < high), None)


def signal_dbm(said: str, interface: str) -> float | None:
    """The signal in `/proc/net/wireless`; None if it is not there, or only as a quality without unit.

    Columns: name, status, quality, level. A driver may count the level in a byte: 200 is -56 dBm.
    """
    for line in said.splitlines():
        fields = line.split()
        if len(fields) < _QUALITY_ROW or fields[0] != f"{interface}:":
            continue
        with contextlib.suppress(ValueError):
            level = float(fields[3].rstrip("."))
            level = level - 256 if level > 127 else level  # noqa: PLR2004 - a signed byte
            low, high = _PLAUSIBLE_DBM
            return level if low <= level < high else None
    return None


async def _ask(interface: str, places: Places) -> str | None:
    """Run `iw`, and end it hard if it takes too long; None if there is none or it failed."""
    path = places.programs if places.programs is not None else f"{os.environ.get('PATH', '')}:{_SBIN}"
    program = shutil.which("iw", path=path)
    if program is None:
        return None
    # A pipe of our own, read when the program is gone: asyncio's stays open until its end, which may never come.
    out, into = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        try:
            ended = await _run(program, "dev", interface, "link", into=into)
        finally:
            os.close(into)
        return os.read(out, _MOST_BYTES).decode("utf-8", "replace") if ended == 0 else None
    except (OSError, TimeoutError):
        return None
    finally:
        os.close(out)


async def _run(*command: str, into: int) -> int:
    """The exit code of a program; raises TimeoutError if it took too long. However it goes, it is gone then."""
    none = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *command, stdin=none, stdout=into, stderr=none, start_new_session=True
    )
    try:
        async with asyncio.timeout(ASK_S):
            return await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # with whatever it started
            await process.wait()
