"""`linkgauge-agent run` in a process of its own, on a machine whose wall clock is off by what a file says."""

import asyncio
import logging
import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

from agent.clock import SystemClock
from agent.config import AgentConfig, read
from agent.net.peer_url import parse
from agent.service import Surroundings, serve
from agent.systemd import Notifier


class ShiftedClock(SystemClock):
    """The machine's clocks, of which the wall clock is moved by the seconds in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> datetime:
        """Wall clock, UTC, moved."""
        return super().now() + timedelta(seconds=float(self._path.read_text("ascii")))


def main(config: Path, shift: Path) -> None:
    """Run until a signal."""

    def reread() -> AgentConfig:
        return read(config, os.environ, check_peer=parse)

    logging.basicConfig(level=logging.INFO)
    around = Surroundings(clock=ShiftedClock(shift), notifier=Notifier(os.environ), reread=reread, check_peer=parse)
    asyncio.run(serve(reread(), around))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
