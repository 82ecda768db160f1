"""A verdict as the contract shows it. Values only."""

from datetime import datetime
from typing import Final, Literal

import msgspec

from collector.judge.reasons import Reason
from collector.plans.binding import Question
from collector.plans.types import Text

INDICATOR: Final = "download_mbps"

Outcome = Literal["met", "below", "inconclusive"]
Statistic = Literal["median", "mean", "share"]


class Window(msgspec.Struct, frozen=True, gc=False):
    """From the oldest to the newest sample looked at; without samples, the days that were searched."""

    start: datetime = msgspec.field(name="from")
    end: datetime = msgspec.field(name="to")


class Verdict(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The contract's verdict on one question about a site and an indicator, and sentences that say it.

    `scope`: of the plan's promise (`fixed`, `mobile`, `fixed-urban`, …), or `contract-` and the network: with plan and
    indicator it tells a site's verdicts apart, here and in the series.
    `value` is the `statistic` of the `n` samples looked at, `low` and `high` bound it at `confidence`, and `target` is
    what it is compared with, all in `unit` (`Mbps`, or `share` from 0 to 1). `k` of the `n` samples are at or above
    `mark`, which is in the indicator's own unit (`mark_unit`). `mean`, `median`, `p5`, `p95` are those of the samples.
    `failed` runs and `doubted` results within the window did not count; one result may have several doubts.
    `needed`: how many more conclusive samples it would take if they are like those that are there; `needed_more`: it
    would take more than that. `needed_by`: when they come at the present pace, if they come within one window.
    `rule`: id of the preset that judged. `contract`: the contracted rate in Mbps. `target_id` names the plan's target,
    `basis` says why it binds this site, or why none does. `watch`: how near recent results are to opening an incident,
    0 to 1.
    """

    site: str
    plan: str | None
    question: Question = "plan"
    indicator: str = INDICATOR
    scope: str
    verdict: Outcome
    value: float | None = None
    target: float | None = None
    unit: str = "Mbps"
    statistic: Statistic = "median"
    low: float | None = None
    high: float | None = None
    confidence: float = 0.95
    n: int = 0
    k: int | None = None
    mark: float | None = None
    mark_unit: str = "Mbps"
    mean: float | None = None
    median: float | None = None
    p5: float | None = None
    p95: float | None = None
    failed: int = 0
    doubted: dict[str, int] = {}
    window: Window
    rule: str
    reasons: list[Reason] = []
    needed: int | None = None
    needed_more: bool = False
    needed_by: datetime | None = None
    contract: float | None = None
    watch: float | None = None
    target_id: str | None = None
    basis: Text
    sentence: Text
