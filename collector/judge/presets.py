"""The rules by which samples become a verdict, as data with their sources. Read strictly, once."""

import importlib.resources
import tomllib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cache
from typing import Annotated, Final

import msgspec

from collector.errors import UsageError
from collector.judge.verdict import Statistic
from collector.plans.types import Id, Text, Words

Ratio = Annotated[float, msgspec.Meta(gt=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=1)]
_DIGITS: Final = 9
"""Of a mark: 0.8 of 3.1 Mbit/s is 2.48, and not the 2.4800000000000004 that no result of 2.48 would reach."""


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a rule comes from: what the document says, and what was decided here because it does not say it."""

    document: Words
    clause: Words
    known: Text
    inferred: Text


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rule. A sample counts as reaching when it is at or above `factor` times what binds the site.

    `share`: how many of the samples have to, where the statistic is that share. Below `least_site` samples of a site
    (`least_area` of an area) nothing is concluded.
    """

    id: Id
    name: Text
    statistic: Statistic
    factor: Ratio
    share: Ratio | None = None
    least_site: Count
    least_area: Count
    least_reason: Text
    window_days: Count
    confidence: Annotated[float, msgspec.Meta(gt=0.5, lt=1)]
    source: Source

    def mark_of(self, bound: float) -> float:
        """What one sample is compared with, where this much binds a site."""
        return round(bound * self.factor, _DIGITS)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rules: tuple[Preset, ...]


FILE: Final = "presets.toml"


@cache
def presets() -> Mapping[str, Preset]:
    """The shipped rules by their id; raises UsageError naming the fault."""
    return read_presets(importlib.resources.files("collector.judge").joinpath(FILE).read_text(encoding="utf-8"))


@cache
def widest() -> timedelta:
    """How far back any rule looks: what is kept of samples to judge them."""
    return timedelta(days=max(rule.window_days for rule in presets().values()))


def read_presets(text: str) -> Mapping[str, Preset]:
    """Rules from TOML; raises UsageError naming the fault."""
    try:
        rules = msgspec.convert(tomllib.loads(text), _File, strict=True).rules
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UsageError(f"{FILE}: {error}") from error
    faults = list(preset_faults(rules))
    if faults:
        raise UsageError("\n".join(f"{FILE}: {fault}" for fault in faults))
    return {rule.id: rule for rule in rules}


def preset_faults(rules: tuple[Preset, ...]) -> Iterator[str]:
    """What contradicts itself among rules."""
    ids = [rule.id for rule in rules]
    yield from (f"rule {repeated} stands there twice" for repeated in sorted({i for i in ids if ids.count(i) > 1}))
    for rule in rules:
        if (rule.share is None) == (rule.statistic == "share"):
            yield f"rule {rule.id}: a share is missing, or stands beside the statistic {rule.statistic}"


def preset_of(rule: str) -> Preset:
    """The rule of this id; raises UsageError for one that nobody wrote, naming those that there are."""
    known = presets()
    if rule not in known:
        raise UsageError(f"rule {rule!r} is not known; known are: {', '.join(known)}")
    return known[rule]
