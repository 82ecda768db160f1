"""The chain of one site as values, ready for a terminal, a page or JSON. Values only.

What stands here is enough to do every sum again with pen and paper.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from collector.chain.course import Detector
from collector.chain.evidence import Fate
from collector.detect.episode import Episode
from collector.incidents.incident import Cause, Incident
from collector.judge.verdict import Verdict
from collector.plans.types import Text


class Fact(msgspec.Struct, frozen=True):
    """What the registry said of the site from a moment on (None: from the beginning)."""

    since: datetime | None
    site: Mapping[str, Any]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """The rule that judges, and where it comes from."""

    id: str
    name: Text
    statistic: str
    factor: float
    share: float | None
    least: int
    window_days: int
    confidence: float
    document: str
    clause: str


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """What the site is held against, and why."""

    question: str
    indicator: str
    scope: str
    mark: float | None
    unit: str
    reason: Text
    target: str | None = None
    plan: str | None = None
    section: str | None = None
    quote: str | None = None
    valid_from: str | None = None


class Run(msgspec.Struct, frozen=True):
    """One run within the window: what it gave, and whether that counts."""

    at: datetime
    value: float | None
    fate: Fate
    failure: str | None = None
    doubts: tuple[str, ...] = ()


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """One question: the rule, every run of its window, the counted ones from the least up, and the verdict.

    `low_rank` and `high_rank`: which of the sorted ones bound the median (from 1 up). `deviation`: of the samples about
    their mean, with n - 1.
    """

    bound: Bound
    rule: Rule
    start: datetime
    end: datetime
    line_since: datetime | None
    runs: list[Run]
    ordered: list[float]
    low_rank: int | None
    high_rank: int | None
    deviation: float | None
    per_day: float | None
    verdict: Verdict


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One sample as a detector saw it. `score`: ln(value/mark); None of 0. `watch`: how near it is to opening after it.

    Of the sequential test: `added` to the evidence by this sample, which weighs `weight` (less than 1 if it came soon
    after another), what it came to then, never less than 0 (`evidence`), and what it `needs` to open or to close. After
    that the evidence begins at 0. Of a collapse: what was `usual` then; None: not known yet.
    """

    at: datetime
    value: float
    mark: float
    score: float | None
    watch: float
    evidence: float | None = None
    added: float | None = None
    needs: float | None = None
    weight: float | None = None
    usual: float | None = None
    opens: bool = False
    closes: bool = False


class Contacts(msgspec.Struct, frozen=True):
    """How many reports got through, and the ones that did not, oldest first."""

    reached: int
    lost: list[tuple[datetime, str, str | None]]


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """One detector: its steps (none of what it counts only: `contacts`), and the episodes that came of them.

    `rule`: how it decides. `seed`: the episode that was open when the first row came. `anew`: when persons resolved
    incidents of its cause: it began from nothing then.
    """

    detector: Detector
    cause: Cause
    rule: Text
    watch: float
    steps: list[Step] = []
    contacts: Contacts | None = None
    episodes: list[Episode] = []
    seed: Episode | None = None
    anew: list[datetime] = []


class Replay(msgspec.Struct, frozen=True):
    """Whether the episodes and the recorded incidents of a cause are the same. `apart`: what is not, in words.

    `agree`: how many incidents they agree on. `untold`: began before the rows that are there, so it cannot be said.
    """

    cause: Cause
    same: bool
    apart: list[Text]
    agree: int = 0
    untold: int = 0


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, as of a moment."""

    site: str
    name: str
    at: datetime
    plan: str | None
    facts: list[Fact]
    judgements: list[Judgement]
    courses: list[Course]
    incidents: list[Incident]
    replays: list[Replay]
