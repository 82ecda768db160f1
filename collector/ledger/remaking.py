"""Forget what came from the archive, because the archive is another one now; what it has no files of any more stays."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection, delete, func, insert, select

from collector.ledger.tables import CHECKPOINTS, DAYS, EXPLAINED, SPANS, STORED

Expired = Callable[[date], bool]


def forget(connection: Connection, expired: Expired, *, revision: int) -> None:
    """Delete the ledger from the first day on whose files are there, within a transaction; no place in a slot stays.

    The files of expired days cannot be read again. So their accounts stay, and their numbers as stored: all below the
    first number of the days that are read again. What came late from an expired day is found stored then.
    """
    known = sorted(date.fromisoformat(day) for day in connection.scalars(select(DAYS.c.day).distinct()))
    gone = [day for day in known if expired(day)]
    day = gone[-1] + timedelta(days=1) if gone else date.min
    begin = day.isoformat()
    kept = _numbers_before(connection, begin, revision) if gone else []
    connection.execute(delete(STORED))
    if kept:
        connection.execute(insert(STORED), kept)
    for table in (SPANS, DAYS):
        connection.execute(delete(table).where(table.c.day >= begin))
    connection.execute(delete(CHECKPOINTS))
    again = EXPLAINED.c.at >= datetime.combine(day, time(), UTC)
    connection.execute(delete(EXPLAINED).where(EXPLAINED.c.why == "dropped", again))


def _numbers_before(connection: Connection, begin: str, revision: int) -> list[dict[str, str | int]]:
    first = select(SPANS.c.agent, SPANS.c.epoch, func.min(SPANS.c.first)).where(SPANS.c.day >= begin)
    cuts = {
        (agent, epoch): cut for agent, epoch, cut in connection.execute(first.group_by(SPANS.c.agent, SPANS.c.epoch))
    }
    kept: list[dict[str, str | int]] = []
    for row in connection.execute(select(STORED)):
        cut = cuts.get((row.agent, row.epoch), row.last + 1)
        if row.first < cut:
            place = {"agent": row.agent, "epoch": row.epoch}
            kept.append({**place, "first": row.first, "last": min(row.last, cut - 1), "revision": revision})
    return kept
