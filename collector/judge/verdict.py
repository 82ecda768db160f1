"""A verdict as the contract shows it. Values only."""

from datetime import datetime
from typing import Final, Literal

import msgspec

from collector.plans.types import Text

RULE: Final = "last-10: at least 9 of the newest 10 conclusive results within 30 days"
INDICATOR: Final = "download_mbps"

Outcome = Literal["met", "below", "inconclusive"]
Reason = Literal["no_target", "too_few", "mixed", "silent"]


class Window(msgspec.Struct, frozen=True):
    """From the oldest to the newest sample looked at; without samples, the days that were searched."""

    start: datetime = msgspec.field(name="from")
    end: datetime = msgspec.field(name="to")


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The contract's verdict, and a sentence that says it.

    `value` is the `statistic` of the `n` samples looked at, `low` and `high` bound it at 95 %; `k` of the `n` are at
    or above the target. `needed`: how many samples the rule needs, when there are too few. `target_id` names the
    plan's target, `basis` says why it binds this site, or why none does.
    """

    site: str
    plan: str | None
    indicator: str = INDICATOR
    scope: str
    verdict: Outcome
    value: float | None = None
    target: float | None = None
    unit: str = "Mbps"
    statistic: str = "median"
    low: float | None = None
    high: float | None = None
    n: int = 0
    k: int | None = None
    window: Window
    rule: str = RULE
    reasons: list[Reason] = []
    needed: int | None = None
    target_id: str | None = None
    basis: Text
    sentence: Text
