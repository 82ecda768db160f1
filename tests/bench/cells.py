"""Every case of the table as data: which link, which family, which tools, and how often. Pure.

A star marks what `--quick` runs once. Queues hold max(50 ms, RTT) at the rate unless the case is about the queue.
"""

import fnmatch
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Final, Literal

from tests.bench.lte import lte_trace
from tests.netlab.spec import LinkSpec

Family = Literal["ipv4", "ipv6"]
Case = Literal["clean", "impaired", "doubt", "lte", "rival", "budget", "cost"]
# own: our probe. fixed: the same for a fixed 10 s. share: what four streams get in a minute. cost: CPU and memory.
Tool = Literal["own", "iperf3", "speedtest", "fixed", "share", "cost"]
PEERS: Final[tuple[Tool, ...]] = ("iperf3", "speedtest", "fixed")
FAMILIES: Final[tuple[Family, ...]] = ("ipv4", "ipv6")
CASES: Final[tuple[Case, ...]] = ("clean", "impaired", "doubt", "lte", "rival", "budget", "cost")

RATES: Final = (42, 70, 102, 120, 200, 500, 1000)
RTTS: Final = (10, 40, 80)
STARRED_RATES: Final = (42, 102, 200, 1000)
STARRED_RTTS: Final = (10, 40)
BUDGET_BYTES: Final = 10_000_000
PACE_MBPS: Final = 60
RUNS_WITHOUT_ONE_TRUTH: Final = 20
# How many runs share one minute's look at the truth
RUNS_PER_SHARE: Final = 10
# At more than this two labs on two cores would disturb each other.
LANES_MBPS: Final = 200

# About how long one run takes with all around it; only for the estimate of the time left.
SECONDS: Final[dict[Tool, float]] = {
    "own": 6,
    "iperf3": 22,
    "speedtest": 24,
    "fixed": 22,
    "share": 124,
    "cost": 180,
}
SECONDS_HARD: Final = 14.0


@dataclass(frozen=True, slots=True)
class Cell:
    """One square of the table: a link, a family, and how the two ends are set.

    `probe`: options of our client. `peer`: options of our peer. `cubic`: both ends are held to it. `rival`: another
    device fills the line too, with this congestion control. `busy`: the peer's only place is taken. `seeded`: each
    repeat has a trace of its own. `runs`: how many, whatever the repeats.
    """

    name: str
    case: Case
    family: Family
    down: LinkSpec
    up: LinkSpec
    starred: bool = False
    probe: tuple[str, ...] = ()
    peer: tuple[str, ...] = ()
    cubic: bool = False
    rival: str | None = None
    busy: bool = False
    seeded: bool = False
    tools: tuple[Tool, ...] = ("own",)
    runs: int | None = None

    @property
    def setting(self) -> tuple[object, ...]:
        """What must be equal for two cells to share one lab."""
        return (self.down, self.up, self.peer, self.cubic, self.rival, self.busy, self.seeded)

    def link(self, repeat: int) -> tuple[LinkSpec, LinkSpec]:
        """Give the link of a repeat, down and up."""
        if not self.seeded:
            return self.down, self.up
        down = lte_trace(2 * repeat, least_mbps=8, most_mbps=120)
        up = lte_trace(2 * repeat + 1, least_mbps=3, most_mbps=40)
        return replace(self.down, trace=down), replace(self.up, trace=up)


@dataclass(frozen=True, slots=True)
class Job:
    """One run of one tool in one cell."""

    repeat: int
    tool: Tool
    cell: Cell

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from all others."""
        return self.cell.name, self.tool, self.repeat

    @property
    def seconds(self) -> float:
        """About how long it takes."""
        if self.tool == "own" and self.cell.case not in {"clean", "budget"}:
            return SECONDS_HARD
        return SECONDS[self.tool]

    @property
    def in_lanes(self) -> bool:
        """Whether another run at the same time does no harm: never for our own accuracy."""
        return self.tool in {"iperf3", "speedtest"} and (self.cell.down.rate_mbps or 0) <= LANES_MBPS


def both(rate_mbps: float, rtt_ms: float, **settings: Any) -> tuple[LinkSpec, LinkSpec]:  # noqa: ANN401 - LinkSpec's own
    """Give a link that is the same both ways."""
    if "queue_bytes" not in settings:
        settings.setdefault("queue_ms", max(50.0, rtt_ms))
    spec = LinkSpec(rate_mbps=rate_mbps, rtt_ms=rtt_ms, **settings)
    return spec, spec


def _clean() -> Iterator[Cell]:
    for rtt, rate in product(RTTS, RATES):
        for family in FAMILIES:
            yield Cell(
                f"clean/{rate}/{rtt}/{family}",
                "clean",
                family,
                *both(rate, rtt),
                starred=family == _starred_family(rate, rtt),
                tools=("own", *PEERS),
            )


def _starred_family(rate: int, rtt: int) -> Family | None:
    """Give the family that the quick run takes on this link: they take turns."""
    if rate not in STARRED_RATES or rtt not in STARRED_RTTS:
        return None
    return FAMILIES[(STARRED_RATES.index(rate) + STARRED_RTTS.index(rtt) + 1) % 2]


_HARM: Final[dict[str, dict[str, Any]]] = {
    "loss-0.1": {"loss": 0.001},
    "loss-0.5": {"loss": 0.005},
    "loss-1": {"loss": 0.01},
    "burst": {"loss": 0.002, "burst": 5},
    "queue-15": {"queue_ms": 15},
    "queue-20": {"queue_ms": 20},
    "jitter-3": {"jitter_ms": 3},
}
_UNSTARRED: Final = {"loss-1", "jitter-3"}
_IMPAIRED_AT: Final[dict[int, Family]] = {40: "ipv4", 20: "ipv6", 60: "ipv4"}


def _impaired() -> Iterator[Cell]:
    for rtt, family in _IMPAIRED_AT.items():
        for harm, settings in _HARM.items():
            yield Cell(
                f"impaired/{harm}/{rtt}/{family}",
                "impaired",
                family,
                *both(102, rtt, **settings),
                starred=rtt == 40 and harm not in _UNSTARRED,
            )
        yield Cell(
            f"impaired/200-20/{rtt}/{family}",
            "impaired",
            family,
            both(200, rtt)[0],
            both(20, rtt)[1],
            starred=rtt == 40,
        )


def _doubtful() -> Iterator[Cell]:
    link = both(102, 40)
    yield Cell("doubt/cubic-loss/ipv4", "doubt", "ipv4", *both(102, 40, loss=0.005), cubic=True)
    one = ("--streams", "1")
    yield Cell("doubt/one-stream/ipv4", "doubt", "ipv4", *both(102, 40, queue_bytes=15_000), probe=one)
    yield Cell("doubt/paced/ipv4", "doubt", "ipv4", *link, peer=("--pace", str(PACE_MBPS)))
    yield Cell("doubt/busy/ipv4", "doubt", "ipv4", *link, peer=("--max-tests", "1"), busy=True)


def _unsteady() -> Iterator[Cell]:
    wild = LinkSpec(rtt_ms=50, jitter_ms=3, queue_ms=150, trace=lte_trace(0))
    runs = RUNS_WITHOUT_ONE_TRUTH
    yield Cell("lte/ipv4", "lte", "ipv4", wild, wild, seeded=True, runs=runs)
    for rival in ("cubic", "bbr"):
        tools: tuple[Tool, ...] = ("share", "own")
        yield Cell(f"rival/{rival}/ipv4", "rival", "ipv4", *both(102, 40), rival=rival, tools=tools, runs=runs)


def _budget() -> Iterator[Cell]:
    most = ("--max-bytes", str(BUDGET_BYTES))
    for family in FAMILIES:
        yield Cell(f"budget/120/40/{family}", "budget", family, *both(120, 40), probe=most, starred=family == "ipv4")


def cells() -> list[Cell]:
    """Give the whole table."""
    nowhere = LinkSpec()
    cost = Cell("cost", "cost", "ipv4", nowhere, nowhere, tools=("cost",), runs=1)
    return [*_clean(), *_impaired(), *_doubtful(), *_unsteady(), *_budget(), cost]


# The quick run compares with the peers on this link only.
QUICK_PEERS: Final = "clean/102/40/*"


def plan(
    *,
    cases: Iterable[str] = CASES,
    pattern: str = "*",
    repeats: int = 3,
    quick: bool = False,
    peers: bool = True,
) -> list[Job]:
    """Give the runs in the order in which they are done: those of one link together, a repeat of every case first.

    The peers run once per cell. `quick`: the starred cells once. ValueError if nothing is left.
    """
    wanted = [
        cell
        for cell in cells()
        if cell.case in set(cases) and fnmatch.fnmatch(cell.name, pattern) and (cell.starred or not quick)
    ]
    jobs = [job for cell in wanted for job in _jobs(cell, repeats, quick=quick)]
    jobs = [job for job in jobs if peers or job.tool not in PEERS]
    if not jobs:
        raise ValueError(f"no cell of {', '.join(cases)} is like {pattern!r}; --list names them")
    return sorted(jobs, key=_order)


def _jobs(cell: Cell, repeats: int, *, quick: bool) -> list[Job]:
    """Give the runs of one cell; a look at the truth comes before the runs that it is for."""
    runs = 1 if quick else cell.runs or repeats
    compared = not quick or fnmatch.fnmatch(cell.name, QUICK_PEERS)
    return [
        Job(repeat, tool, cell)
        for repeat, tool in product(range(runs), cell.tools)
        if not (tool == "share" and repeat % RUNS_PER_SHARE) and not (tool in PEERS and (repeat or not compared))
    ]


def _order(job: Job) -> tuple[int, int]:
    """Sort: our own runs first, then the peers; within each, `sorted` keeps the order of the table."""
    return (job.tool in PEERS, CASES.index(job.cell.case))


def batches(jobs: Sequence[Job]) -> list[list[Job]]:
    """Group neighbours that can share one lab."""
    found: list[list[Job]] = []
    for job in jobs:
        if found and found[-1][0].cell.setting == job.cell.setting and found[-1][0].cell.case == job.cell.case:
            found[-1].append(job)
        else:
            found.append([job])
    return found
