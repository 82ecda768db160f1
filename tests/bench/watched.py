"""One run as the link saw it: counters before and after, and what could have been carried meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.bench.cells import Job
from tests.bench.ground import Ground
from tests.bench.machine import commit, machine
from tests.bench.store import WAYS, Run, Side, Way
from tests.bench.truth import ceiling_mbps, loaded, possible_mbps, ten_seconds_bytes
from tests.netlab.counts import Counters
from tests.netlab.spec import LinkSpec


@dataclass(frozen=True, slots=True)
class Told:
    """What a tool said: per direction the fields of a Side, and of the whole run."""

    sides: Mapping[Way, Mapping[str, Any]]
    took_s: float
    failure: str | None = None
    doubts: tuple[str, ...] = ()
    congestion: str | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """A run that has begun."""

    ground: Ground
    job: Job
    specs: Mapping[Way, LinkSpec]
    before: Counters

    def ended(self, told: Told) -> Run:
        """Wait for the line to fall silent, and put together what the tool said and what the link saw."""
        after = self.ground.quiet()
        return Run(
            cell=self.job.cell.name,
            tool=self.job.tool,
            repeat=self.job.repeat,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            commit=commit(),
            took_s=round(told.took_s, 2),
            machine=machine(),
            sides={way: self._side(way, told.sides.get(way, {}), after) for way in WAYS},
            doubts=list(told.doubts),
            congestion=told.congestion,
            failure=told.failure,
            late_ms=round(max(after.down.late_s, after.up.late_s) * 1000, 2),
            overruns=sum(
                (now.overruns + now.refused) - (then.overruns + then.refused)
                for now, then in ((after.down, self.before.down), (after.up, self.before.up))
            ),
        )

    def _side(self, way: Way, said: Mapping[str, Any], after: Counters) -> Side:
        cell, spec = self.job.cell, self.specs[way]
        ceiling = ceiling_mbps(spec, cell.family)
        if cell.rival or cell.busy:
            # others are on the line too: its counters do not tell who
            return Side(**said, truth_mbps=None if cell.rival else round(ceiling, 4))
        now, then = getattr(after, way), getattr(self.before, way)
        passed = now.total - then.total
        count = passed.bytes_delivered + passed.bytes_lost
        load = loaded(self.ground.net.link.history(way), since_s=self.before.time, limit_mbps=ceiling)
        carried, truth = (load.carried_mbps if load else None), ceiling
        if spec.trace is not None and load is not None:
            truth = possible_mbps(spec, cell.family, epoch=now.epoch, start_s=load.start_s)
        return Side(
            **said,
            truth_mbps=round(truth, 4),
            carried_mbps=None if carried is None else round(carried, 4),
            link_bytes=count,
            share=round(count / ten_seconds_bytes(spec), 4),
        )


def watch(ground: Ground, job: Job) -> Watch:
    """Begin: set the link for this run, if it has one of its own, and read the counters."""
    down, up = job.cell.link(job.repeat)
    link = ground.net.link
    before = link.change(down=down, up=up) if job.cell.seeded else link.counters()
    return Watch(ground, job, {"down": down, "up": up}, before)
