"""What contradicts itself in a plan, and what holds when nothing does. Pure."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from collector.plans.indicators import INDICATORS, SERIES, vocabulary
from collector.plans.types import How, Indicator, Plan, Target

RULES: Final[Mapping[str, frozenset[str]]] = {
    "plan": frozenset({"Mbps"}),
    "share95": frozenset({"Mbps", "percent", "done"}),
    "fcc8080": frozenset({"Mbps"}),
}
"""Rules that judge a site by a target, and the units that each can judge."""
SEEN_AT_SITES: Final = frozenset({"download_mbps", "upload_mbps", "ipv6"})
"""What the samples of a single site tell."""
HOWS: Final[tuple[How, ...]] = ("measured", "derived", "reported")
_HIGHEST: Final = 1e9
_WHOLE: Final = 100
_YEARS: Final = range(2000, 2101)


def plan_faults(name: str, plan: Plan) -> Iterator[str]:
    """Everything that contradicts itself in a plan; `name` is the id that its file name promises."""
    if plan.id != name:
        yield f"its id is {plan.id}, its file says {name}"
    yield from _indicator_faults(plan)
    for repeated in _repeated(target.id for target in plan.targets):
        yield f"target {repeated} stands there twice"
    for group, sites in plan.groups.items():
        yield from (f"group {group} names site {repeated} twice" for repeated in _repeated(sites))
    known = vocabulary([plan])
    for target in plan.targets:
        for check in _CHECKS:
            yield from (f"target {target.id}: {fault}" for fault in check(target))
        yield from (f"target {target.id}: {fault}" for fault in _vocabulary_faults(target, known))
        if target.binds and target.binds.group and target.binds.group not in plan.groups:
            yield f"target {target.id}: it binds the group {target.binds.group}, which [groups] does not name"
    yield from _clashes(plan)


def proven(plan: Plan) -> Iterator[str]:
    """What a plan without faults is known to fulfil, a sentence each."""
    count, years = len(plan.targets), sorted({target.valid_from.year for target in plan.targets})
    parts = ", ".join(f"{sum(t.how == how for t in plan.targets)} {how}" for how in HOWS)
    yield f"{count} targets ({parts}), in steps of {', '.join(map(str, years)) or 'no year'}"
    yield f"{count} ids, all different; {len({t.indicator for t in plan.targets})} indicators, all known, units fitting"
    yield "every value is there, finite, and a share from 0 to 100; every range rises; no period ends before it begins"
    yield "every target names its section and quotes it; every later step of a promise begins later and supersedes"
    bound = [target for target in plan.targets if target.binds]
    yield f"{len(bound)} targets bind sites, each with a rule and a reason, no two the same site from the same day"
    references = sorted({target.reference for target in plan.targets if target.reference})
    if references:
        yield f"reference series, all known: {', '.join(references)}"


def _indicator_faults(plan: Plan) -> Iterator[str]:
    for repeated in _repeated(indicator.id for indicator in plan.indicators):
        yield f"indicator {repeated} stands there twice"
    for indicator in plan.indicators:
        if indicator.id in INDICATORS:
            yield f"indicator {indicator.id} is shipped already, and no plan can redefine it"


def _vocabulary_faults(target: Target, known: Mapping[str, Indicator]) -> Iterator[str]:
    indicator = known.get(target.indicator)
    if indicator is None:
        near = get_close_matches(target.indicator, known, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        yield f"no indicator {target.indicator} is known{hint} (a new one goes under [[indicators]])"
    elif indicator.unit != target.unit:
        yield f"{target.indicator} is counted in {indicator.unit}, not in {target.unit}"
    for name in (target.reference, target.published):
        if name is not None and name not in SERIES:
            yield f"no published series {name} is known (known: {', '.join(sorted(SERIES))})"
        elif name is not None and known[name].unit != target.unit:
            yield f"the series {name} is counted in {known[name].unit}, not in {target.unit}"


def _value_faults(target: Target) -> Iterator[str]:
    absent = target.reference is not None or target.comparison == "done"
    if (target.value is None) != absent:
        yield "a value is missing, or stands where a reference series or `done` says it all"
    if (target.reference is not None) != (target.promise == "national_average"):
        yield "`reference` and the promise `national_average` belong together"
    if (target.band is not None) != (target.comparison == "about"):
        yield "`band` and the comparison `about` belong together"
    if target.reference is not None and target.comparison != "about":
        yield "a reference series is compared with `about`"
    if target.upper is not None and (target.value is None or target.upper <= target.value):
        yield "`upper` must be above `value`"
    if target.share is not None and target.audience is None:
        yield "`share` needs the `audience` that it is a share of"


def _number_faults(target: Target) -> Iterator[str]:
    baseline = target.baseline.value if target.baseline else None
    for key, number in (("value", target.value), ("upper", target.upper), ("baseline", baseline)):
        if number is None:
            continue
        if not math.isfinite(number) or number > _HIGHEST:
            yield f"{key} is no number that can be meant"
        elif target.unit == "percent" and number > _WHOLE:
            yield f"{key} is a share and cannot be above 100"


def _word_faults(target: Target) -> Iterator[str]:
    if target.valid_until is not None and target.valid_until < target.valid_from:
        yield f"it ends on {target.valid_until}, before it begins on {target.valid_from}"
    for key, day in (("valid_from", target.valid_from), ("valid_until", target.valid_until)):
        if day is not None and day.year not in _YEARS:
            yield f"{key} is {day}, and plans are of the years {_YEARS.start} to {_YEARS.stop - 1}"
    for key, words in (("section", target.section), ("quote", target.quote)):
        if not words.strip():
            yield f"{key} is empty"
    if target.how == "measured" and target.reason is None:
        yield "it is measured, so `reason` has to say why it binds sites, or why it binds none"


def _binding_faults(target: Target) -> Iterator[str]:
    binds = target.binds
    if binds is None:
        return
    if target.how != "measured" or target.indicator not in SEEN_AT_SITES:
        yield f"no single site can be judged by it (what sites tell: {', '.join(sorted(SEEN_AT_SITES))}, measured)"
    if binds.rule not in RULES:
        yield f"no rule {binds.rule} judges sites by targets (known: {', '.join(RULES)})"
    elif target.unit not in RULES[binds.rule]:
        yield f"the rule {binds.rule} does not judge {target.unit}"
    if target.comparison == "at_most":
        yield "sites are judged by what they reach, not by what they must stay below"
    if not binds.kinds:
        yield "`binds.kinds` is empty: no site could be bound"


_CHECKS: Final[tuple[Callable[[Target], Iterator[str]], ...]] = (
    _value_faults,
    _number_faults,
    _word_faults,
    _binding_faults,
)


def _clashes(plan: Plan) -> Iterator[str]:
    """Two steps of one promise from the same day, and two targets that bind the same sites from the same day."""
    steps: dict[tuple[object, ...], str] = {}
    bound: dict[tuple[object, ...], str] = {}
    for target in plan.targets:
        key = (target.indicator, target.network, target.area, target.promise, _group(target), target.valid_from)
        other = steps.setdefault(key, target.id)
        if other != target.id:
            yield f"targets {other} and {target.id} are the same promise from the same day"
            continue
        clashing = {bound.setdefault(sites, target.id) for sites in _bound(target)} - {target.id}
        for first in sorted(clashing):
            yield f"targets {first} and {target.id} bind the same sites from the same day"


def _bound(target: Target) -> Iterator[tuple[object, ...]]:
    """Each smallest kind of site that a target binds from its day."""
    for kind in target.binds.kinds if target.binds else ():
        for network in (target.network,) if target.network else ("fixed", "mobile"):
            for area in ("urban", "rural") if target.area == "any" else (target.area,):
                yield target.indicator, network, area, kind, _group(target), target.valid_from


def _group(target: Target) -> str | None:
    return target.binds.group if target.binds else None


def _repeated(names: Iterable[str]) -> list[str]:
    return sorted(name for name, count in Counter(names).items() if count > 1)
