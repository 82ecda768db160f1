"""The role `peer`: `linkgauge-agent peer` as a process of its own, kept running, ended with us."""

import asyncio
import sys
from pathlib import Path
from typing import Final

from collector.config import PeerSettings
from collector.metrics import Readiness

_RESTART_S: Final = 5.0
_STOP_S: Final = 1.5


async def run(settings: PeerSettings, readiness: Readiness) -> None:
    """Until cancelled: start the peer, and again when it ends."""
    while True:
        process = await asyncio.create_subprocess_exec(*command(settings), stdin=asyncio.subprocess.DEVNULL)
        try:
            readiness.works("peer")
            code = await process.wait()
        finally:
            await asyncio.shield(_end(process))
        readiness.fails("peer", f"ended with code {code}; its reason stands above in the log; starting it again")
        await asyncio.sleep(_RESTART_S)


def command(settings: PeerSettings) -> list[str]:
    """Write the command line."""
    options = {
        "--listen": settings.listen or None,
        "--listen-tls": settings.listen_tls,
        "--cert": settings.cert,
        "--key": settings.key,
        "--stamp": settings.stamp or None,
        "--max-tests": settings.max_tests,
        "--pace": settings.pace_mbps,
    }
    program = str(Path(sys.executable).with_name("linkgauge-agent"))
    given = ((name, value) for name, value in options.items() if value is not None)
    return [program, "peer", *(word for name, value in given for word in (name, f"{value}"))]


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
