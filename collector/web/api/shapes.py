"""What the API answers, where it is not a value that the rest of the program has already. Values only."""

from datetime import date, datetime
from typing import Annotated, Generic, Literal, TypeVar

import msgspec

from collector.judge.verdict import Outcome, Verdict
from collector.plans.types import Text
from collector.registry.site import Access, Area, SiteKind
from collector.scoreboard.board import Row
from collector.vitals import Levels, Trouble
from collector.web.fleet import DoubtCount, EarlyStop
from collector.web.pages import State

T = TypeVar("T")
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Listing(msgspec.Struct, Generic[T], frozen=True):
    """Part of a list; `next` asks for what follows, null where nothing does."""

    items: list[T]
    next: str | None = None


class Last(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The newest report of a kind. `value`: Mbit/s down, the median round trip in ms, or the state of IPv6."""

    time: Moment
    id: str
    value: float | str | None = None
    doubts: list[str] = []
    failure: str | None = None


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An administrative unit; `until`: its last day, of one that is no more."""

    code: str
    path: str
    name: str
    kind: str | None = None
    until: date | None = None


class Current(msgspec.Struct, frozen=True, kw_only=True):
    """Today's province and commune; where only several are known to be possible, `one_of` has them."""

    province: Place | None
    commune: Place | None
    one_of: list[Place] | msgspec.UnsetType = msgspec.UNSET


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Where a site lies: the area of its plan, and the units of today, which are so `since` then."""

    plan_area: Place | None
    current: Current
    since: date | None


class Site(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A school, clinic or office, who measures there, and what is said of it.

    `state` is what the list files it under; `verdict` is on its plan's download speed, `verdicts` are all.
    """

    id: str
    name: str
    kind: SiteKind
    area: Area
    province: str
    commune: str
    village: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    access: Access | None = None
    provider: str | None = None
    contract_down_mbps: float | None = None
    contract_up_mbps: float | None = None
    plan: str | None = None
    agents: list[str]
    state: State
    verdict: Verdict | None
    verdicts: list[Verdict]


class WholeSite(Site, frozen=True, kw_only=True, omit_defaults=True):
    """The same with the newest report of each kind within 30 days, and where the site lies."""

    last: dict[str, Last]
    places: Places


class Point(msgspec.Struct, frozen=True, kw_only=True, tag="Point", tag_field="type"):
    """A position: longitude and latitude (WGS 84), as RFC 7946 has them."""

    coordinates: tuple[float, float]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a map shows of a site. Numbers are of its verdict on the plan's download speed."""

    id: str
    name: str
    kind: SiteKind
    area: Area
    province: str
    commune: str
    access: Access | None
    provider: str | None
    plan: str | None
    state: State
    verdict: Outcome | None
    value: float | None
    target: float | None
    unit: str | None
    n: int | None


class Feature(msgspec.Struct, frozen=True, kw_only=True, tag="Feature", tag_field="type"):
    """One site on the map."""

    id: str
    geometry: Point
    properties: Facts


class FeatureCollection(msgspec.Struct, frozen=True, kw_only=True, tag="FeatureCollection", tag_field="type"):
    """All sites that have a position (RFC 7946); `without_position`: how many more fit what was asked."""

    features: list[Feature]
    without_position: int


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One report as the series has it; `href` is where its exact bytes are. Absent: not measured."""

    time: Moment
    kind: str
    id: str
    href: str
    agent: str | None = None
    family: str | None = None
    peer: str | None = None
    conclusive: bool = False
    download_mbps: float | None = None
    upload_mbps: float | None = None
    rtt_ms: float | None = None
    loss_ratio: float | None = None
    status: str | None = None
    doubts: list[str] = []
    failure: str | None = None


class Until(msgspec.Struct, frozen=True):
    """When the days end that a verdict of the past looked at."""

    to: Moment


class PastVerdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A verdict as it stands in the series: what a verdict has, without its words."""

    site: str
    question: Literal["plan", "contract"] | msgspec.UnsetType = msgspec.UNSET
    verdict: Outcome
    reasons: list[str] | msgspec.UnsetType = msgspec.UNSET
    window: Until
    value: float | None = None
    target: float | None = None
    low: float | None = None
    high: float | None = None
    mean: float | None = None
    n: float | None = None
    k: float | None = None
    plan: str | None = None
    indicator: str | None = None
    scope: str | None = None


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One agent: where it stands, when it was heard, and what it last said of itself. null: unknown.

    `data_used_bytes`: what speed tests and pages moved in the month (UTC) in which it was last heard;
    `data_allowed_bytes`: what they may, null where there is no budget.
    """

    agent: str
    site: str | None
    seen: Moment | None
    state: str | None
    software: str | None
    profile: str | None
    waiting: int | None
    dropped: int | None
    clock: bool | None
    disk_free_bytes: int | None
    data_used_bytes: int | None
    data_allowed_bytes: int | None
    trouble: tuple[str, ...]
    doubted: int


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """Devices by their ids; over all of them what is doubted, and how far stopping early was off."""

    items: list[Device]
    next: str | None
    doubts: list[DoubtCount]
    early_stop: list[EarlyStop]


class CompleteDay(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One day of a site; `ratio` is absent while it cannot be told, `run` while the devices have not accounted."""

    day: date
    ratio: Share | None = None
    planned: int | msgspec.UnsetType = msgspec.UNSET
    run: int | msgspec.UnsetType = msgspec.UNSET
    produced: int | msgspec.UnsetType = msgspec.UNSET
    received: int | msgspec.UnsetType = msgspec.UNSET
    late: int | msgspec.UnsetType = msgspec.UNSET
    rejected: int | msgspec.UnsetType = msgspec.UNSET
    dropped: int | msgspec.UnsetType = msgspec.UNSET
    missing: int | msgspec.UnsetType = msgspec.UNSET
    duplicate: int | msgspec.UnsetType = msgspec.UNSET
    skipped: dict[str, int]
    accounted: bool


class CompleteSite(msgspec.Struct, frozen=True, kw_only=True):
    """What became of what was planned at one site. `ratio`: of the days that are over; null: not to be told."""

    site: str
    ratio: Share | None
    planned: int
    received: int
    produced: int
    late: int
    dropped: int
    rejected: int
    missing: int
    skipped: dict[str, int]
    days: list[CompleteDay]


class Days(msgspec.Struct, frozen=True, kw_only=True):
    """From the first to the last day, both included."""

    first: date = msgspec.field(name="from")
    last: date = msgspec.field(name="to")


class Completeness(msgspec.Struct, frozen=True, kw_only=True):
    """The least complete sites first; `ratio` is that of all."""

    items: list[CompleteSite]
    next: str | None
    ratio: Share | None
    period: Days


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """One payload in quarantine: when it came first and last, how often, from where, why, how big.

    `asked`, `asked_by`: since when it waits to be judged again, and who wants it; `replayed`, `outcome`: when and how
    that last ended.
    """

    number: int
    first: str
    last: str
    times: int
    topic: str
    reason: str
    detail: str
    bytes: int
    asked: str | None
    asked_by: str | None
    claimed: str | None
    replayed: str | None
    outcome: str | None


class Asked(msgspec.Struct, frozen=True):
    """The numbers of what is to be judged again."""

    asked: list[int]


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """A stage that reports pass. `rate`: of `unit` a second, `rates` of the last minutes; null: nobody told."""

    name: str
    state: Literal["good", "slow", "trouble", "unknown"]
    unit: str
    rate: float | None
    rates: list[float | None]
    queue: float | None
    age_s: float | None
    errors: float
    troubles: list[Trouble]


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """One process of the collector. `cpu`: share of a core."""

    name: str
    roles: list[str]
    alive: bool
    heard: Moment
    started: Moment
    rate: float | None
    cpu: float | None
    levels: Levels
    troubles: list[Trouble]


class Latency(msgspec.Struct, frozen=True):
    """Seconds from a report's arrival to its receipt: half and 99 of 100 are below."""

    p50: float | None
    p99: float | None


class Pipe(msgspec.Struct, frozen=True, kw_only=True):
    """How reports flow, stage by stage. Sizes in bytes, ages in seconds."""

    state: Literal["good", "slow", "trouble", "unknown"]
    stages: list[Stage]
    receipt_s: Latency
    leader: str | None
    quarantine: float | None
    quarantine_gone: float | None
    gaps: float | None
    completeness: Share | None
    processes: list[Process]


class Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A row's sentences, for programs that only show them."""

    basis: Text
    reasons: list[Text]
    sites: Text | None = None
    trend: Text | None = None


class Promise(Row, frozen=True, kw_only=True):
    """One promise of the plan. `mark`: what the figure is compared with, in `unit`; null where there is nothing."""

    said: Said


class Scoreboard(msgspec.Struct, frozen=True, kw_only=True):
    """A plan's scoreboard of a period: one row a promise, in the plan's order. `sites`: how many it asks anything.

    `waiting`: how many sites have results of these days that are not counted yet; `settled`: the days are over, and
    there are none such, so that only late results can change it.
    """

    plan: str
    name: Text
    first: date = msgspec.field(name="from")
    last: date = msgspec.field(name="to")
    made: Moment
    sites: int
    rows: list[Promise]
    waiting: int
    settled: bool
