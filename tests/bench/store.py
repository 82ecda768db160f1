"""What was measured, one JSON line a run, so that a bench that was stopped goes on where it was."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal, Self

import msgspec

from tests.bench.cells import Job

FOLDER: Final = Path(__file__).with_name("results")
Way = Literal["down", "up"]
WAYS: Final[tuple[Way, ...]] = ("down", "up")


class Side(msgspec.Struct, frozen=True, omit_defaults=True):
    """One direction of a run: what the tool said (Mbit/s, s) and what the link saw.

    `truth_mbps`: the payload that the link could carry; None where the run alone cannot say. `link_bytes`: IP bytes
    that passed the bottleneck; `share`: those of what it carries in 10 s. `carried_mbps`: the payload that it delivered
    while this direction was loaded, to check the truth by.
    """

    mbps: float | None = None
    mean_mbps: float | None = None
    low_mbps: float | None = None
    high_mbps: float | None = None
    truth_mbps: float | None = None
    carried_mbps: float | None = None
    link_bytes: int = 0
    share: float | None = None
    duration_s: float | None = None
    streams: int | None = None
    stop: str | None = None
    failure: str | None = None

    @property
    def error(self) -> float | None:
        """How far the figure is from the truth, as a share of it; None without one of the two."""
        if self.mbps is None or not self.truth_mbps:
            return None
        return self.mbps / self.truth_mbps - 1


class Run(msgspec.Struct, frozen=True, omit_defaults=True):
    """One run of one tool. `failure`: of the whole run, with the reason; `took_s`: of the whole program.

    `machine`: what it ran on. `late_ms`, `overruns`: how late the emulator was at worst, and what it could not take:
    the noise of the bench itself. `figures`: of the tool "cost" only, by name.
    """

    cell: str
    tool: str
    repeat: int
    at: str
    commit: str
    took_s: float
    machine: str = ""
    sides: dict[str, Side] = {}
    doubts: list[str] = []
    congestion: str | None = None
    failure: str | None = None
    late_ms: float | None = None
    overruns: int = 0
    figures: dict[str, "Figure"] = {}

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from all others."""
        return self.cell, self.tool, self.repeat

    @property
    def case(self) -> str:
        """The row of the table that it belongs to."""
        return self.cell.partition("/")[0]


class Figure(msgspec.Struct, frozen=True, omit_defaults=True):
    """A cost, in its unit, and its goal."""

    value: float
    unit: str
    goal: float | None = None


class Store:
    """The runs of one file. A line cut short by a crash is dropped; of two with one key the later counts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.runs: dict[tuple[str, str, int], Run] = {}

    @classmethod
    def opened(cls, path: Path, *, fresh: bool = False) -> Self:
        """Read what is there; `fresh` puts it aside (as FILE.before)."""
        store = cls(path)
        if fresh and path.exists():
            path.replace(path.with_suffix(path.suffix + ".before"))
        elif path.exists():
            text = path.read_bytes()
            if text and not text.endswith(b"\n"):
                # or the next line would be glued to it
                path.write_bytes(text[: text.rfind(b"\n") + 1])
            for line in text.splitlines():
                with contextlib.suppress(msgspec.DecodeError):
                    run = msgspec.json.decode(line, type=Run)
                    store.runs[run.key] = run
        return store

    def add(self, run: Run) -> None:
        """Keep a run, on the disk before this returns."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(msgspec.json.encode(run) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.runs[run.key] = run

    def left(self, jobs: Iterable[Job]) -> list[Job]:
        """Give those still to be done: a failure of ours is a result, one of another program is tried again."""
        return [
            job
            for job in jobs
            if (run := self.runs.get(job.key)) is None or (run.failure is not None and job.tool != "own")
        ]
