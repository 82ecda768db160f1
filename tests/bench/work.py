"""Works through the runs: one lab per link, our own alone on the machine, others in two lanes if that is allowed."""

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from tests.bench import competitors, runs
from tests.bench.cells import Job, Tool, batches
from tests.bench.ground import LOOK_S, Ground, Stopped, ground
from tests.bench.machine import ROOT, commit, machine
from tests.bench.store import Figure, Run, Store
from tests.bench.table import line

# The speed of the work is judged over the whole of it: its steps differ by the factor of ten.
JUDGED_S: Final = 100_000.0
COST_S: Final = 900.0

TOOLS: Final[dict[Tool, Callable[[Ground, Job], Run]]] = {
    "own": runs.own,
    "fixed": runs.fixed,
    "iperf3": competitors.iperf3,
    "share": competitors.share,
    "speedtest": competitors.speedtest,
}


@dataclass(slots=True)
class Work:
    """What is to be done goes into `done`; it comes out in the store, and as lines on the console."""

    store: Store
    console: Console
    stopping: threading.Event
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def done(self, jobs: Sequence[Job], *, lanes: int = 1) -> bool:
        """Run all of them; False if it was stopped. RuntimeError says what a lab or a program lacks."""
        alone = [job for job in jobs if lanes == 1 or not job.in_lanes]
        together = [job for job in jobs if job not in alone]
        columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
        hidden = not self.console.is_terminal
        with Progress(*columns, console=self.console, speed_estimate_period=JUDGED_S, disable=hidden) as progress:
            bar = progress.add_task("speed", total=sum(job.seconds for job in jobs))
            for part, width in ((alone, 1), (together, lanes)):
                self._lanes(part, width, progress, bar)
        return not self.stopping.is_set()

    def _lanes(self, jobs: Sequence[Job], width: int, progress: Progress, bar: TaskID) -> None:
        with ThreadPoolExecutor(width, "lane") as lanes:
            left: set[Future[None]] = {lanes.submit(self._batch, batch, progress, bar) for batch in batches(jobs)}
            try:
                while left:
                    # a short wait, so that signals are heard
                    finished, left = wait(left, timeout=LOOK_S, return_when=FIRST_COMPLETED)
                    for future in finished:
                        future.result()
            finally:
                if left:
                    self.stopping.set()
                    lanes.shutdown(cancel_futures=True)

    def _batch(self, jobs: Sequence[Job], progress: Progress, bar: TaskID) -> None:
        """Run those that share a lab."""
        if self.stopping.is_set():
            return
        try:
            if jobs[0].tool == "cost":
                self._keep(_cost(jobs[0], self.stopping), jobs[0], progress, bar)
                return
            with ground(jobs[0].cell, self.stopping) as found:
                for job in jobs:
                    if self.stopping.is_set():
                        return
                    found.cell = job.cell
                    progress.update(bar, description=f"{job.cell.name} {job.tool}")
                    self._keep(TOOLS[job.tool](found, job), job, progress, bar)
        except Stopped:
            return

    def _keep(self, run: Run, job: Job, progress: Progress, bar: TaskID) -> None:
        with self._lock:
            self.store.add(run)
        progress.advance(bar, job.seconds)
        self.console.print(line(run), markup=False)


def _cost(job: Job, stopping: threading.Event) -> Run:
    """Let the other bench measure CPU and memory, and take its figures."""
    begun = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figures.json"
        command = [sys.executable, "-m", "tests.bench.data_path", "--part", "cpu", "rss", "--json", str(path)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as bench:  # noqa: S603 - ours
            said = _watched(bench, stopping)
        document = json.loads(path.read_text("utf-8")) if path.exists() else {"rows": []}
    figures = {row["what"]: Figure(row["value"], row["unit"], row["goal"]) for row in document["rows"]}
    return Run(
        cell=job.cell.name,
        tool=job.tool,
        repeat=job.repeat,
        at=begun.isoformat(timespec="seconds"),
        commit=commit(),
        took_s=round((datetime.now(UTC) - begun).total_seconds(), 2),
        machine=machine(),
        figures=figures,
        failure=None if figures else f"data_path: {' '.join(said.split())[-160:]}",
    )


def _watched(bench: "subprocess.Popen[str]", stopping: threading.Event) -> str:
    """Wait for the other bench to end, and give what it complained of; raises Stopped."""
    looks = 0.0
    while True:
        try:
            return bench.communicate(timeout=LOOK_S)[1]
        except subprocess.TimeoutExpired:
            looks += LOOK_S
            if stopping.is_set() or looks > COST_S:
                bench.terminate()
                said = bench.communicate()[1]
                if stopping.is_set():
                    raise Stopped from None
                return said
