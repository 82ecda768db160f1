"""What the ledger is told of one archived report, and what it tells those who derive from the series. Pure."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

import msgspec

from agent.wire.codec import Accepted, AnyReport, decode_reports
from agent.wire.results import Ledger as Account
from agent.wire.results import Tally

Why = Literal["dropped", "rejected", "deferred", "ended"]
Sites = Callable[[str, datetime], str | None]
_KIND: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
_KINDS: Final = 32
_OLD: Final = timedelta(days=400)


class Place(NamedTuple):
    """One agent's spool: its sequence numbers count in an epoch."""

    agent: str
    epoch: str


class Fact(msgspec.Struct, frozen=True, gc=False):
    """One report that has just become durable in the archive.

    `site`: where its agent stood when it started; None if nobody knows any more. `received`: the archive's time of
    arrival. `account`: a ledger report's result, None for every other kind. Of one archive frame, `received` is the
    same object, and facts stand in the frame's order.
    """

    agent: str
    epoch: str
    seq: int
    kind: str
    site: str | None
    started: datetime
    received: datetime
    account: Account | None = None


class Touched(msgspec.Struct, frozen=True):
    """An hour (UTC, its start) of a site's measurement into which reports fell that no roll-up has seen yet.

    `stamp` changes whenever another report falls into it: `Ledger.settle` deletes it only if it is still the same.
    """

    measurement: str
    site: str
    hour: datetime
    stamp: int


def fact_of(report: AnyReport, *, site: str | None, received: datetime) -> Fact:
    """Give the fact of a report."""
    account = report.result if isinstance(report.result, Account) and _sane(report.result, report.started) else None
    return Fact(report.agent, report.epoch, report.seq, report.kind, site, report.started, received, account)


def fact_from(raw: bytes, *, sites: Sites, received: datetime) -> Fact | None:
    """Give the fact of an archived report's bytes; None for bytes that this version cannot read."""
    for decoded in decode_reports(raw):
        if isinstance(decoded, Accepted):
            report = decoded.report
            return fact_of(report, site=sites(report.agent, report.started), received=received)
    return None


def kinds_of(account: Account) -> Mapping[str, Tally]:
    """Give what an account says of kinds that can be kinds: a device must not fill our tables with names."""
    kinds = sorted(kind for kind in account.kinds if _KIND.fullmatch(kind))
    return {kind: account.kinds[kind] for kind in kinds[:_KINDS]}


def _sane(account: Account, written: datetime) -> bool:
    """Whether an account speaks of a day that its author can have lived through lately."""
    return written.date() - _OLD <= account.day <= written.date()
