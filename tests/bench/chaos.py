"""Nothing lost, nothing doubled, whatever fails: `python -m tests.bench.chaos --minutes 20`.

Reports of 50 real uplinks go to real collectors while agents, ingest processes, broker (it forgets everything) and
InfluxDB get SIGKILL and SIGSTOP, the line is cut and stalls, and the collector's disk fills. At the end what was made,
what is in the series and what is in the archive are held against each other, each read without the code under test.
Exit code 1, and the folder stays, if they differ.
"""

import argparse
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.e2e.balance import Balance, balance
from tests.e2e.chaos import Chaos, whole
from tests.e2e.processes import wait_for
from tests.e2e.province import Province, Shape, running_province

MADE = 0.8  # share of the time in which reports are made; the rest is for the last of them


def main() -> int:
    """Run the faults and print the balance."""
    args = _arguments()
    folder = Path(tempfile.mkdtemp(prefix="linkgauge-chaos-", dir=args.folder))
    seconds = args.minutes * 60
    shape = Shape(
        agents=args.agents,
        workers=args.processes,
        reports=-(-args.reports // args.agents),
        rate=args.reports / (seconds * MADE),
        collectors=args.collectors,
        seed=args.seed,
    )
    began = time.monotonic()
    with ExitStack() as stack:
        try:
            province = stack.enter_context(running_province(folder, shape))
            stack.enter_context(whole(province))
            counts = _run(province, seconds=seconds, database_down_s=args.database_down)
            found = balance(province)
        except BaseException:
            sys.stderr.write(f"failed; see {_kept(folder)}\n")
            raise
        sys.stdout.write(_table(shape, counts, found, time.monotonic() - began) + "\n")
        if found.faults:
            sys.stdout.write(f"NOT EQUAL: {'; '.join(found.faults)}; see {_kept(folder)}\n")
            return 1
    shutil.rmtree(folder)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--reports", type=int, default=10_000, help="of all agents (100000 in the full edition)")
    parser.add_argument("--agents", type=int, default=50)
    parser.add_argument("--processes", type=int, default=5, help="that the agents run in")
    parser.add_argument("--collectors", type=int, default=1, help="ingest processes; several make a group")
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--database-down", type=float, default=0, metavar="S", help="no faults, but no database for S")
    parser.add_argument("--folder", type=Path, help="where to work")
    return parser.parse_args()


def _run(province: Province, *, seconds: float, database_down_s: float) -> dict[str, int]:
    """Produce everything while things fail; gives how often each kind of thing failed."""
    province.import_sites()
    province.register(province.agents)
    province.start()
    total = province.shape.total
    if database_down_s:
        wait_for(lambda: province.produced_now() > total // 10, within_s=seconds, what="a tenth is made")
        province.influxd.kill()
        time.sleep(database_down_s)
        province.influxd.restart()
        counts = {f"database down {database_down_s:g} s": 1}
        wait_for(lambda: province.produced_now() >= total, within_s=seconds * 2, what="everything is made")
    else:
        chaos = Chaos(province)
        chaos.until(lambda: province.produced_now() >= total, within_s=seconds * 3 + 60)
        counts = chaos.counts
    province.settle(within_s=300)
    died = province.died()
    assert not died, died
    return counts


def _table(shape: Shape, counts: dict[str, int], found: Balance, seconds: float) -> str:
    lines = [f"{shape.agents} agents, {shape.collectors} collectors, seed {shape.seed}, {seconds:.0f} s", ""]
    lines += [f"  {kind:24}{count:6}" for kind, count in counts.items()]
    numbers = {
        "reports made": found.produced,
        "points in the series": found.in_series,
        "reports in the archive": found.in_archive,
        "of these more than once": found.archived_again,
        "counted in the ledger": found.in_ledger,
        "without receipt": found.without_receipt,
    }
    lines += ["", *(f"  {name:24}{number:9,}" for name, number in numbers.items())]
    return "\n".join(lines)


def _kept(folder: Path) -> Path:
    """Copy what lies on the mounted disk beside it, because that goes; gives the folder."""
    if (folder / "data").exists():
        shutil.copytree(folder / "data", folder / "data-kept", dirs_exist_ok=True)
    return folder


if __name__ == "__main__":
    sys.exit(main())
