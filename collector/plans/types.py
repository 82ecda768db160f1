"""A plan's promises as values, each with the place in the plan that it comes from. No logic here."""

from datetime import date
from typing import Annotated, Literal

import msgspec

Network = Literal["fixed", "mobile"]
Scope = Literal["any", "urban", "rural"]
Promise = Literal["value", "minimum", "average", "reach", "national_average"]
Id = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Words = Annotated[str, msgspec.Meta(min_length=1)]


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The same words in Vietnamese and English."""

    vi: Words
    en: Words


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The official text. `number` and `issued` as far as the text names them (drafts leave a gap there)."""

    title: Words
    issued: Words
    number: Words | None = None


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One promise. It holds from `valid_from` (the province's day) until a later one of its scope supersedes it.

    `promise`: how the plan words it: a bare `value`, a `minimum`, an `average`, what a line can `reach`, or about the
    `national_average`, which has no `value` of its own. `binds_sites`: whether single sites are judged by it; `reason`
    says why, or why not.
    """

    id: Id
    indicator: Literal["download_mbps"]
    network: Network
    area: Scope = "any"
    audience: Words | None = None
    promise: Promise
    value: Annotated[float, msgspec.Meta(gt=0)] | None = None
    unit: Literal["Mbps"] = "Mbps"
    valid_from: date
    section: Words
    quote: Words
    binds_sites: bool = True
    reason: Text

    @property
    def scope(self) -> str:
        """What it is about, as one word: `fixed`, `mobile`, `fixed-urban`, …."""
        return self.network if self.area == "any" else f"{self.network}-{self.area}"


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One official plan and its speed targets."""

    id: Id
    province: Id
    name: Text
    document: Document
    note: Text | None = None
    targets: tuple[Target, ...] = ()
