"""Several processes on one database at once: real processes, both databases, one of them killed on the way."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.collector.ledger.pages import Desk

WRITER = """
import json, sys
from collector.archive.archive import Archive, Entry, head_of
from collector.config import LedgerSettings
from collector.ledger.journal import Journal
from collector.metrics import Metrics
from collector.registry.registry import Registry
from tests.collector.ledger.pages import NOON, facts_of, report
url, folder, slot, rounds = sys.argv[1:]
archive = Archive(__import__("pathlib").Path(folder), slot=slot)
archive.open()
registry = Registry(url)
journal = Journal(registry, archive, settings=LedgerSettings, metrics=Metrics(), now=lambda: NOON)
journal.flush()
end = archive.end()
first = (end.reports if end else 0) // 5
for number in range(first, int(rounds)):
    raws = [report(number * 5 + step + 1, epoch=f"e{slot}") for step in range(4)]
    raws.append(report(number + 1, epoch="shared"))  # every process archives these
    entries = []
    for fact, raw in zip(facts_of(raws, received=NOON), raws):
        place = (fact.agent, fact.epoch, fact.seq)
        entries.append(Entry(head_of(json.loads(raw)["id"], place=place, kind="latency"), raw))
    journal.note(archive.append(entries, at=NOON), facts_of(raws, received=NOON))
    journal.flush()
    print(number, flush=True)
journal.close()
"""


def start(url: str, folder: Path, slot: str, rounds: int) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, "-c", textwrap.dedent(WRITER), url, str(folder), slot, str(rounds)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment)  # noqa: S603 - ourselves


@pytest.mark.timeout(60)
def test_processes_that_flush_at_once_and_die_count_everything_once(database_url: str, tmp_path: Path) -> None:
    desk = Desk(database_url)
    try:
        rounds = 30
        one, two = (start(database_url, tmp_path / "archive", slot, rounds) for slot in ("1", "2"))
        assert two.stdout is not None
        while two.stdout.readline().strip() != b"8":
            assert two.poll() is None
        two.send_signal(signal.SIGKILL)
        two.wait(10)
        two.stdout.close()
        again = start(database_url, tmp_path / "archive", "2", rounds)
        for process in (one, again):
            process.communicate(timeout=50)
            assert process.returncode == 0
        received, _, duplicate = desk.counts()
        assert received == rounds * 4 * 2 + rounds
        assert duplicate == rounds
        assert desk.rows("SELECT first, last FROM ledger_stored WHERE epoch = 'shared'") == [(1, rounds)]
    finally:
        desk.close()
