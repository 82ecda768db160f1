"""Rows as the store gives them, of one school in Lạng Sơn."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from collector.chain.rows import LATENCY, THROUGHPUT, Rows
from collector.registry.site import Site
from collector.store.points import nanoseconds
from collector.store.store import Values

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SCHOOL = Site(
    "th1", "Trường TH 1", "school", "rural", "lang-son", "huu-lung", access="fibre", plan="lang-son-2025",
    contract_down_mbps=150.0,
)  # fmt: skip


def run_row(at: datetime, download: float | None, **said: Any) -> Values:  # noqa: ANN401 - a row's fields
    """One throughput run; conclusive unless something is said against it."""
    fine = download is not None and not said
    words = {"conclusive": fine, "upload_conclusive": fine, "peer": "p1", "family": "ipv4", **said}
    upload = None if download is None else download / 2
    return (nanoseconds(at), download, upload, *(words.get(name) for name in THROUGHPUT.notes))


def latency_row(at: datetime, loss: float | None = 0.0, failure: str | None = None, peer: str = "p1") -> Values:
    return (nanoseconds(at), None if failure else loss, failure, peer)


def speeds(*values: float | None, newest: datetime = NOW, apart: timedelta = 6 * HOUR) -> list[Values]:
    """Runs so far apart, the last one at `newest`; None: it failed."""
    first = newest - apart * (len(values) - 1)
    return [
        run_row(first + apart * place, value) if value is not None
        else run_row(first + apart * place, None, failure="connect:timeout")
        for place, value in enumerate(values)
    ]  # fmt: skip


def throughput(found: Sequence[Values]) -> Rows:
    rows = Rows(THROUGHPUT)
    rows.put(0, found)
    return rows


def latency(found: Sequence[Values]) -> Rows:
    rows = Rows(LATENCY)
    rows.put(0, found)
    return rows
