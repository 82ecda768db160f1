"""The fleet on a terminal: one live line, or a plain one now and then where there is none."""

import sys
import time
from typing import Final, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from agent.simulate.plan import Plan
from agent.simulate.tally import Tally, quantile

_PLAIN_S: Final = 10.0
_COLUMNS: Final = ("time", "connected", "spooled", "produced", "made/s", "receipted/s", "p50", "p99", "memory")


class Board:
    """Shows what the fleet does; on stderr, so that stdout stays for the result."""

    def __init__(self, plan: Plan, *, quiet: bool) -> None:
        self._plan = plan
        self._quiet = quiet
        self._live = Live(console=Console(stderr=True), transient=True) if sys.stderr.isatty() and not quiet else None
        self._began = self._at = self._plain_at = time.monotonic()
        self._before = Tally()
        self._rates = 0.0, 0.0

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return time.monotonic() - self._began

    def show(self, tally: Tally) -> None:
        """Show the newest numbers."""
        now = time.monotonic()
        if now - self._at >= 1:
            elapsed, before = now - self._at, self._before
            self._rates = (tally.produced - before.produced) / elapsed, (tally.receipted - before.receipted) / elapsed
            self._at, self._before = now, tally
        if self._live is not None:
            self._live.update(self._table(tally))
        elif not self._quiet and now - self._plain_at >= _PLAIN_S:
            self._plain_at = now
            words = ", ".join(f"{name} {cell}" for name, cell in zip(_COLUMNS, self._cells(tally), strict=True))
            sys.stderr.write(words + "\n")

    def _table(self, tally: Tally) -> Table:
        table = Table(box=None, pad_edge=False)
        for name in _COLUMNS:
            table.add_column(name, justify="right", style="bold")
        table.add_row(*self._cells(tally))
        if tally.unregistered:
            table.caption = f"{tally.unregistered} agents are not registered; --help tells how"
        return table

    def _cells(self, tally: Tally) -> list[str]:
        made, receipted = self._rates
        return [
            f"{self.seconds:.0f} s",
            f"{tally.connected}/{self._plan.agents}",
            str(tally.spooled),
            str(tally.produced),
            f"{made:.0f}",
            f"{receipted:.0f}",
            _seconds(quantile(tally.latency, 0.5)),
            _seconds(quantile(tally.latency, 0.99)),
            f"{tally.rss_bytes / 1e6:.0f} MB",
        ]


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"
