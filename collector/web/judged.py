"""What the series says of sites' verdicts, and how long results have been missing. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from collector.chain.rows import moment
from collector.detect.silence import Level, level
from collector.store.store import Values
from collector.verdicts import Present

_TAGS: Final = ("plan", "indicator", "scope")
_NUMBERS: Final = ("value", "target", "low", "high", "mean", "n", "k")
COLUMNS: Final = ("verdict", "reasons", *_NUMBERS, *_TAGS)
"""What `said` reads of a verdict's point, after its time."""
_USUAL: Final = timedelta(hours=6)
"""How far apart speed runs are taken to be where it is not known yet."""
_OFTEN: Final = timedelta(hours=1)
"""Runs that come closer together, as a new site's first ones, are no schedule that could be missed."""


def silence(present: Present | None, newest: datetime | None, now: datetime) -> Level:
    """How long a site's speed results have been missing; `newest`: when the last one started."""
    every = _USUAL if present is None or not present.every_s else timedelta(seconds=present.every_s)
    return level(newest, max(every, _OFTEN), now)


def said(site: str, rows: Iterable[Values], *, every: bool) -> list[dict[str, Any]]:
    """What a site's points say; of each question only the last, unless every one is wanted."""
    told = [_object(site, row) for row in rows]
    if every:
        return told
    return list({tuple(one.get(name) for name in _TAGS): one for one in told}.values())


def _object(site: str, row: Values) -> dict[str, Any]:
    time_ns, verdict, reasons, *rest = row
    scope = rest[-1] or ""
    one = {
        "site": site,
        "question": "contract" if scope.startswith("contract-") else "plan",
        "verdict": verdict,
        "reasons": reasons.split(",") if reasons else [],
        "window": {"to": moment(time_ns)},
    }
    return one | {name: value for name, value in zip((*_NUMBERS, *_TAGS), rest, strict=True) if value is not None}
