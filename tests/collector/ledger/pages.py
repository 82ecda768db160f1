"""An archive in memory that the journal follows, and facts of reports that never were."""

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from agent.wire.codec import Accepted, decode_reports
from collector.archive.position import Position
from collector.config import LedgerSettings
from collector.errors import RegistryUnavailable
from collector.ledger.facts import Fact, fact_of
from collector.ledger.journal import Journal
from collector.metrics import Metrics
from collector.registry.database import Database
from collector.registry.registry import Registry
from collector.registry.site import Site

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
on_one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For tests of what does not depend on a database's words: those that other tests use on both."""
LONG_AGO = datetime.min.replace(tzinfo=UTC)
SITE = Site("s1", "School 1", "school", "rural", "Lạng Sơn", "Hữu Lũng", plan="lang-son-2025")


def report(seq: int, *, agent: str = "a1", epoch: str = "e1", started: datetime = NOON, **more: Any) -> bytes:  # noqa: ANN401 - any JSON
    body = {
        "v": 1,
        "id": str(uuid.uuid4()),
        "epoch": epoch,
        "seq": seq,
        "agent": agent,
        "kind": "latency",
        "started": started.isoformat(),
        "duration_s": 1.0,
        "result": {"method": "stamp", "sent": 10, "received": 10},
    }
    return json.dumps(body | more).encode()


def account(seq: int, day: date, *, dropped: Sequence[tuple[int, int]] = (), **kinds: dict[str, object]) -> bytes:
    result = {"day": day.isoformat(), "kinds": kinds, "dropped": dropped}
    started = datetime(day.year, day.month, day.day, 0, 5, tzinfo=UTC) + timedelta(days=1)
    return report(seq, kind="ledger", started=started, result=result)


def facts_of(raws: Sequence[bytes], *, received: datetime, site: str | None = "s1") -> list[Fact]:
    facts = []
    for raw in raws:
        (decoded,) = decode_reports(raw)
        assert isinstance(decoded, Accepted), decoded
        facts.append(fact_of(decoded.report, site=site, received=received))
    return facts


@dataclass
class Paper:
    """One slot's archive, in memory: what it took in, frame by frame."""

    slot: str = ""
    frames: list[tuple[Position, list[tuple[datetime, bytes]]]] = field(default_factory=list)
    read: int = 0
    expired: datetime = LONG_AGO
    others: list["Paper"] = field(default_factory=list)

    def append(self, raws: Sequence[bytes], at: datetime) -> Position:
        end = self.end()
        before = end.reports if end is not None and end.day == at.date() else 0
        position = Position(self.slot, at.date(), before + len(raws))
        self.frames.append((position, [(at, raw) for raw in raws]))
        return position

    def end(self) -> Position | None:
        return self.frames[-1][0] if self.frames else None

    def reaches(self, position: Position) -> bool:
        if position.slot != self.slot:
            return any(other.reaches(position) for other in self.others)
        of_day = [frame.reports for frame, _ in self.frames if frame.day == position.day]
        return max(of_day, default=0) >= position.reports

    def slots(self) -> list[str]:
        return [self.slot]

    def settle(self, slot: str) -> None:
        assert any(other.slot == slot for other in self.others)

    def since(
        self, position: Position | None, *, slot: str | None = None
    ) -> Iterator[tuple[Position, list[tuple[datetime, bytes]]]]:
        other = next((other for other in self.others if other.slot == slot), None)
        if other is not None:
            yield from other.since(position)
            return
        assert slot in (None, self.slot)
        for frame, lines in list(self.frames):
            if position is None or (frame.day, frame.reports) > (position.day, position.reports):
                self.read += 1
                yield frame, lines

    def has_expired(self, started: datetime) -> bool:
        return started < self.expired

    def expire(self, before: date) -> None:
        """Delete the days before a date."""
        self.frames = [frame for frame in self.frames if frame[0].day >= before]
        self.expired = datetime(before.year, before.month, before.day, tzinfo=UTC)


class Shaky(Database):
    """The real database, which cannot be reached when told so, or only fails to commit."""

    down = fail_commit = False

    def open(self) -> None:
        if self.down:
            raise RegistryUnavailable("down")
        super().open()

    def read(self) -> AbstractContextManager[Connection]:
        if self.down:
            raise RegistryUnavailable("down")
        return super().read()

    @contextmanager
    def _failing(self) -> Iterator[Connection]:
        with super().write() as connection:
            yield connection
            raise RegistryUnavailable("lost at the commit")

    def write(self) -> AbstractContextManager[Connection]:
        if self.down:
            raise RegistryUnavailable("down")
        return self._failing() if self.fail_commit else super().write()


class Desk:
    """One ingest process's journal on a database, with the archive that it follows."""

    def __init__(self, url: str, paper: Paper | None = None, *, held: int = 1000) -> None:
        self.paper = paper or Paper()
        self.database = Shaky(url)
        self.registry = Registry(self.database)
        self.registry.open()
        if not self.registry.snapshot().sites:
            self.registry.import_sites([SITE], now=NOON)
            self.registry.add_agent("a1", "s1", now=NOON)
        self.metrics = Metrics()
        self.journal = Journal(
            self.registry, self.paper, settings=LedgerSettings, metrics=self.metrics, now=lambda: NOON, held=held
        )

    def archive(self, *raws: bytes, at: datetime = NOON) -> Position:
        """Archive reports without telling the journal, as if the process died in between."""
        return self.paper.append(raws, at)

    def take(self, *raws: bytes, at: datetime = NOON) -> None:
        """Archive reports and tell the journal."""
        self.journal.note(self.archive(*raws, at=at), facts_of(raws, received=at))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.registry.database.read() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def stored(self) -> list[tuple[Any, ...]]:
        return self.rows("SELECT agent, epoch, first, last FROM ledger_stored ORDER BY agent, epoch, first")

    def counts(self) -> tuple[int, int, int]:
        (found,) = self.rows(
            "SELECT CAST(coalesce(sum(received), 0) AS INTEGER), CAST(coalesce(sum(late), 0) AS INTEGER),"
            " CAST(coalesce(sum(duplicate), 0) AS INTEGER) FROM ledger_days"
        )
        return found[0], found[1], found[2]

    def close(self) -> None:
        self.registry.close()
