"""A plan's promises as values, each with the place in the plan that it comes from. No logic here beyond naming."""

from datetime import date
from typing import Annotated, Final, Literal

import msgspec

from collector.registry.site import SiteKind

How = Literal["measured", "derived", "reported"]
Network = Literal["fixed", "mobile"]
Scope = Literal["any", "urban", "rural"]
Promise = Literal["value", "minimum", "average", "reach", "national_average"]
Comparison = Literal["at_least", "more_than", "at_most", "about", "done"]
Unit = Literal["Mbps", "percent", "per_100_people", "per_person", "GB", "km", "count", "done"]
Id = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
IndicatorId = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_]{0,62}$")]
Words = Annotated[str, msgspec.Meta(min_length=1)]
Amount = Annotated[float, msgspec.Meta(ge=0)]
Percent = Annotated[float, msgspec.Meta(gt=0, le=100)]

WHOLE: Final = "province"
"""The scope of a promise that is about the whole province and no network in particular."""


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The same words in Vietnamese and English."""

    vi: Words
    en: Words


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The official text. `number` and `issued` as far as the text names them (drafts leave a gap there)."""

    title: Words
    issued: Words
    number: Words | None = None


class Indicator(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is counted: its id, its unit and its name."""

    id: IndicatorId
    unit: Unit
    name: Text


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the plan says that things stood: a value in the target's unit, and when (`2023-Q2`, `2021`)."""

    value: Amount
    period: Words
    note: Text | None = None


class Binds(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which single sites are judged by a target, and by which rule; the target's network and area narrow it further.

    `group`: only the sites that the plan's `groups` name under this word, and these before any other target of the
    indicator. Why is the target's `reason`.
    """

    rule: Id
    kinds: tuple[SiteKind, ...] = ("school", "clinic", "office", "other")
    group: Id | None = None


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One promise. It holds from `valid_from` (the province's day) until a later one of its scope supersedes it.

    `how` the product knows the value. `promise`: how the plan words it: a bare `value`, a `minimum`, an `average`, what
    a line can `reach`, or about the `national_average`, which has a `reference` series instead of a `value` of its own.
    `comparison`: on which side of `value` the promise is kept; `upper` ends a range that begins at `value`; `band` is
    the part of the value or reference that "about" leaves on either side; `done` has no value. `share` is the part, in
    percent, of `audience` that it is promised to. `published`: the series in which, as the plan says, the value stands
    (what is measured here is then another reading of it). `valid_until`: the last day, where the plan itself ends it.
    `binds`: which sites are judged by it, if any; `reason` says why, or why none. `note`: how the text was read.
    """

    id: Id
    indicator: IndicatorId
    how: How
    network: Network | None = None
    area: Scope = "any"
    audience: Text | None = None
    share: Percent | None = None
    promise: Promise = "value"
    comparison: Comparison = "at_least"
    value: Amount | None = None
    upper: Amount | None = None
    reference: IndicatorId | None = None
    band: Annotated[float, msgspec.Meta(gt=0, lt=1)] | None = None
    unit: Unit
    published: IndicatorId | None = None
    baseline: Baseline | None = None
    valid_from: date
    valid_until: date | None = None
    section: Words
    quote: Words
    binds: Binds | None = None
    reason: Text | None = None
    note: Text | None = None

    @property
    def scope(self) -> str:
        """What it is about, as one word: `fixed`, `mobile`, `fixed-urban`, …; `province` where it is about neither."""
        words = [self.network, None if self.area == "any" else self.area]
        return "-".join(word for word in words if word) or WHOLE

    @property
    def binds_sites(self) -> bool:
        """Whether single sites are judged by it."""
        return self.binds is not None


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One official plan and all that it promises in numbers.

    `groups`: ids of sites that the plan names apart (such as `parks`), filled from `PLAN.sites.toml` in the folder of
    plans. `indicators`: those that this plan needs beyond the shipped ones.
    """

    id: Id
    province: Id
    name: Text
    document: Document
    note: Text | None = None
    groups: dict[Id, tuple[Id, ...]] = {}
    indicators: tuple[Indicator, ...] = ()
    targets: tuple[Target, ...] = ()
