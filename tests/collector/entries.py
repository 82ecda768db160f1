"""Reports for the archive's tests, and a reader of its files that is not ours."""

import json
import subprocess
import uuid
from datetime import UTC, datetime

from collector.archive.archive import Archive, Entry, Position, head_of
from collector.archive.intervals import Range

AT = datetime(2026, 11, 22, 1, 2, 3, 456789, tzinfo=UTC)


def zcat(data: bytes) -> bytes:
    """What anybody reads with `zstdcat`."""
    return subprocess.run(["zstdcat"], input=data, stdout=subprocess.PIPE, check=True).stdout  # noqa: S607 - a standard tool


def entry(
    seq: int,
    *,
    agent: str = "a1",
    epoch: str = "e1",
    note: str = "",
    dropped: list[Range] | None = None,
    started: str = "",
) -> Entry:
    report_id = str(uuid.uuid4())
    kind = "ledger" if dropped else "latency"
    body = {"id": report_id, "agent": agent, "epoch": epoch, "seq": seq, "kind": kind, "started": started, "note": note}
    if dropped:
        body["result"] = {"day": "2026-11-22", "dropped": dropped}
    raw = json.dumps(body, ensure_ascii=False).encode()
    return Entry(head_of(report_id, place=(agent, epoch, seq), kind=kind, dropped=dropped or ()), raw)


def seqs(archive: Archive, position: Position | None = None) -> list[int]:
    """The sequence numbers that somebody who follows our own slot gets."""
    return [json.loads(raw)["seq"] for _, lines in archive.since(position) for _, raw in lines]
