"""What a scoreboard shows. Values only."""

from datetime import date, datetime
from typing import Literal

import msgspec

from collector.judge.verdict import Outcome
from collector.plans.types import How, Text, Unit

Statistic = Literal["pooled_median", "site_median", "share_of_sites", "reported"]
Reason = Literal[
    "figure_older",
    "future",
    "interval_spans_target",
    "no_data",
    "no_figure",
    "no_number",
    "no_reference",
    "no_sites",
    "not_begun",
    "not_measured_yet",
    "ended",
    "too_few",
    "too_few_sites",
]
Pace = Literal["reached", "approaching", "no_trend", "away", "far"]


class Sites(msgspec.Struct, frozen=True, kw_only=True):
    """The sites that a promise is about: all, those with samples, and those with too few to be told apart.

    Of a promise to a share of sites also: how many reach it, miss it, or cannot be told on which side they are.
    """

    aimed: int
    seen: int = 0
    short: int = 0
    reached: int | None = None
    missed: int | None = None
    open: int | None = None


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """Another statistic of the same samples, told beside the one that decides."""

    statistic: Literal["pooled_mean", "pooled_median", "site_median"]
    value: float
    low: float | None = None
    high: float | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one promise: the figure with its bounds at 95 %, from how many, and the verdict on it.

    `n`: samples of the sites, or sites where their share decides. `k`: of them, those that reach the mark.
    """

    verdict: Outcome = "inconclusive"
    reasons: list[Reason] = []
    statistic: Statistic | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    k: int | None = None
    needed: int | None = None
    beside: list[Beside] = []
    sites: Sites | None = None
    source: Text | None = None


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """The trend over months (Theil and Sen), in the row's unit a month, and the months that follow from it."""

    months: int
    slope: float
    low: float
    high: float
    pace: Pace
    month: date | None = None
    earliest: date | None = None
    latest: date | None = None


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """One month of a promise's course: its first day, and the figure that the trend is of, in the row's unit."""

    month: date
    value: float


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One promise of the plan. `mark`: what the figure is compared with, in `unit`; None where there is nothing.

    `months`: what the trend is made of, oldest first, also where they are too few for one.
    """

    target: str
    indicator: str
    name: Text
    scope: str
    how: How
    promised: Text
    mark: float | None
    unit: Unit
    valid_from: date
    section: str
    quote: str
    finding: Finding
    trend: Course | None = None
    months: list[Month] = []
    completeness: float | None = None
    notes: list[Text] = []


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """A plan's scoreboard: its rows in the plan's order. `sites`: how many it asks anything.

    These stand under the plan, or under another of the province that does not ask the same of them. `waiting`: how many
    sites have results of these days that are not counted yet; `settled`: the days are over, and there are none such.
    """

    plan: str
    name: Text
    first: date = msgspec.field(name="from")
    last: date = msgspec.field(name="to")
    made: datetime
    sites: int
    rows: list[Row]
    waiting: int = 0
    settled: bool = True
