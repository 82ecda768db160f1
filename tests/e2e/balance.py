"""What was produced, held against series and archive, each read independently of the code under test.

What holds, whatever failed: the ids in the series, with one point each, are the ids in the archive and those that were
produced, and the ledger counts each once. One process archives each report once. In a group each looks, in its turn,
at what the others have archived, also at what one left that died in the middle. A second copy of the same bytes may
still come about when a process is stopped for seconds between its last look and its write, or while one reads long
stretches of its archive into the ledger: `archive verify` names it, `archive cat` gives the report once. It is counted
here (`archived_again`), and must be rare.
"""

import json
import time
from collections import Counter
from dataclasses import dataclass

from tests.e2e import truth
from tests.e2e.province import DATABASE, Province, Shape

LEDGER_S = 15.0


@dataclass(frozen=True)
class Balance:
    """The counts, and everything that is not as it must be, in words; none if nothing was lost and nothing doubled."""

    produced: int
    in_series: int
    in_archive: int
    without_receipt: int
    archived_again: int
    in_ledger: int
    faults: list[str]
    communes: dict[str, set[str]]


def balance(province: Province) -> Balance:
    """Read all three and compare."""
    spools = {agent: truth.produced(province.spool(agent)) for agent in province.agents}
    bodies = {report: body for spool in spools.values() for report, body in spool.bodies.items()}
    rows = truth.points(province.influxd.url, DATABASE)
    series = Counter(row["id"] for row in rows)
    raws = Counter(truth.archived(province.data / "archive"))
    archive: Counter[str] = Counter()
    for raw, times in raws.items():
        archive[json.loads(raw)["id"]] += times
    again = sum(times > 1 for times in archive.values())
    waiting = sum(spool.unreceipted for spool in spools.values())
    counted, unbooked = _ledger(province, spools)
    wrong = {
        "epochs are not whole in the ledger": unbooked,
        "reports more or less are counted in the ledger": abs(counted - len(bodies)),
        "reports are not those that were asked for": abs(len(bodies) - province.shape.total),
        "reports have no receipt": waiting,
        "points have no id": series[None],
        "reports have more than one point": sum(times > 1 for report, times in series.items() if report is not None),
        "reports are not in the series": len(bodies.keys() - series.keys()),
        "points are of no report": len(series.keys() - bodies.keys() - {None}),
        "reports are not in the archive": len(bodies.keys() - archive.keys()),
        "archived reports were never made": len(archive.keys() - bodies.keys()),
        "reports are archived more than once": again if again > _second_copies(province.shape) else 0,
        "archived reports have other bytes": len(raws.keys() - set(bodies.values())),
        "spools have gaps": sum(
            seqs != list(range(1, len(seqs) + 1)) for spool in spools.values() for seqs in spool.seqs.values()
        ),
    }
    communes: dict[str, set[str]] = {}
    for row in rows:
        communes.setdefault(row["agent"], set()).add(row["commune"])
    return Balance(
        produced=len(bodies),
        in_series=len(rows),
        in_archive=sum(archive.values()),
        without_receipt=waiting,
        archived_again=again,
        in_ledger=counted,
        faults=[f"{number} {words}" for words, number in wrong.items() if number],
        communes=communes,
    )


def _second_copies(shape: Shape) -> int:
    """How many may be there: none of one process, one in ten thousand of a group."""
    return 0 if shape.collectors == 1 else shape.total // 10_000


def _ledger(province: Province, spools: dict[str, truth.Produced]) -> tuple[int, int]:
    """What the ledger counted, and how many epochs are not whole there. It follows the archive by a second or two."""
    made = {
        (agent, epoch): [(1, len(seqs))] if seqs == list(range(1, len(seqs) + 1)) else []
        for agent, spool in spools.items()
        for epoch, seqs in spool.seqs.items()
    }
    total = sum(len(seqs) for spool in spools.values() for seqs in spool.seqs.values())
    registry = province.data / "registry.db"
    deadline = time.monotonic() + LEDGER_S
    while (truth.booked(registry) != made or truth.received(registry) != total) and time.monotonic() < deadline:
        time.sleep(0.2)
    booked = truth.booked(registry)
    return truth.received(registry), sum(booked.get(place) != ranges for place, ranges in made.items())
