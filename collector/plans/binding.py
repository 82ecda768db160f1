"""Which promises bind which site, and why. Pure: the moment is a parameter.

A site is asked two questions. `plan`: does it get what its plan promises? The first binding is always this one for the
download speed, also where no target applies. `contract`: does the line give what was bought?

A province may have several plans. Which plan's speeds hold for a site is the registry's word: `plan` of the site. What
that plan asks of the site comes first; every other plan of the same province adds the indicators that the site's own
does not ask of it then, and never the download speed. So an office under a plan of speeds answers to a sector plan's
IPv6 too. A site under no plan, or one that is not known, is asked by none.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Final, Literal

from collector.plans.reference import References
from collector.plans.types import Network, Plan, Target, Text
from collector.registry.site import Site

# Vietnam keeps UTC+7 all year; a plan's day begins there.
PLAN_ZONE: Final = timezone(timedelta(hours=7))
SPEED: Final = "download_mbps"

Question = Literal["plan", "contract"]
BoundUnit = Literal["Mbps", "share"]

_NETWORK: Final = {"fixed": Text(vi="cố định", en="fixed"), "mobile": Text(vi="di động", en="mobile")}
_RULE_OF_CONTRACTS: Final = "qcvn34"
_REGULATED: Final = frozenset({"fibre", "cable"})
_IPV6_WORKS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Binding:
    """One question that a site is judged by, what it is held against, and why.

    `plan`: the id of the plan that asks, which need not be the site's own; None of a contract, and under no plan.
    `rule`: id of the preset that judges. `mark`: what the samples or their statistic are compared with, None where
    nothing is: the plan's value, what is left of the national average, the contracted rate itself, or 1.0 for
    a state that each sample either has (1.0) or has not (0.0).
    """

    question: Question
    indicator: str
    scope: str
    rule: str
    mark: float | None
    unit: BoundUnit
    target: Target | None
    reason: Text
    plan: str | None = None


def bindings_for(
    plans: Mapping[str, Plan], site: Site, at: datetime, *, references: References | None = None
) -> list[Binding]:
    """All that a site is judged by at a moment; its plan's download speed first, whether a target applies or not.

    `plans`: all that are known, by id. `references`: the series that a target may point at (about the national
    average), by id.
    """
    today, known = at.astimezone(PLAN_ZONE).date(), references or {}
    own = plans.get(site.plan or "")
    found = [_speed(own, site, today, known)]
    if own is not None:
        found += [_of_target(own, target, site, today, known) for target in _beside_speed(own, site, today)]
        for plan in neighbours(own, plans.values()):
            found += [_of_target(plan, target, site, today, known) for target in asked_beside(plan, own, site, today)]
    found += _contract(site)
    return found


def neighbours(plan: Plan, plans: Iterable[Plan]) -> list[Plan]:
    """The other plans of a plan's province, by their ids."""
    found = (one for one in plans if one.province == plan.province and one.id != plan.id)
    return sorted(found, key=lambda one: one.id)


def asked_beside(plan: Plan, own: Plan, site: Site, day: date) -> list[Target]:
    """What a plan asks on a day of a site that is under another of the province: what its own plan does not ask."""
    asked = {target.indicator for target in _beside_speed(own, site, day)}
    return [target for target in _beside_speed(plan, site, day) if target.indicator not in asked]


def binding_for(plan: Plan | None, site: Site, at: datetime, *, references: References | None = None) -> Binding:
    """The plan's download speed as it binds a site at a moment, or why there is none: the first of `bindings_for`."""
    return _speed(plan, site, at.astimezone(PLAN_ZONE).date(), references or {})


def target_for(plan: Plan | None, site: Site, at: datetime) -> Target | None:
    """The target of download speed that binds a site at a moment, if any."""
    return binding_for(plan, site, at).target


def network_of(site: Site) -> Network | None:
    """Which of a plan's two networks a line belongs to; None when it is not known.

    Everything that is not a mobile network serves a fixed place, satellite too.
    """
    if site.access is None:
        return None
    return "mobile" if site.access.startswith("cellular") else "fixed"


def _beside_speed(plan: Plan, site: Site, day: date) -> list[Target]:
    """The targets of a plan that hold for a site on a day, by their indicators; those of download speed left out."""
    indicators = sorted({target.indicator for target in plan.targets if target.binds} - {SPEED})
    held = (_held(_steps(plan, site, indicator), day) for indicator in indicators)
    return [target for target in held if target is not None]


def _speed(plan: Plan | None, site: Site, today: date, references: References) -> Binding:
    if plan is None:
        return _no_plan(site)
    if network_of(site) is None:
        return _none(
            site,
            vi="chưa biết công nghệ truy nhập của điểm, nên chưa biết chỉ tiêu nào áp dụng",
            en="the site's access technology is not known, so neither is the target that applies",
        )
    steps = _steps(plan, site, SPEED)
    held = _held(steps, today)
    return _of_target(plan, held, site, today, references) if held else _not_now(plan, site, steps, today)


def _steps(plan: Plan, site: Site, indicator: str) -> list[Target]:
    """The targets of an indicator that bind a site at any time."""
    return [target for target in plan.targets if target.indicator == indicator and _fits(plan, target, site)]


def _fits(plan: Plan, target: Target, site: Site) -> bool:
    binds = target.binds
    if binds is None or site.kind not in binds.kinds or target.area not in ("any", site.area):
        return False
    if target.network is not None and target.network != network_of(site):
        return False
    return binds.group is None or site.id in plan.groups.get(binds.group, ())


def _held(steps: list[Target], today: date) -> Target | None:
    """The step that holds; one for a group of sites before those for everybody."""
    special = [target for target in steps if target.binds and target.binds.group]
    return _newest(special, today) or _newest([target for target in steps if target not in special], today)


def _newest(steps: list[Target], today: date) -> Target | None:
    """The last that began, unless the plan itself has ended it: what it superseded does not come back."""
    begun = [target for target in steps if target.valid_from <= today]
    newest = max(begun, key=lambda target: target.valid_from, default=None)
    ended = newest is not None and newest.valid_until is not None and newest.valid_until < today
    return None if ended else newest


def _of_target(plan: Plan, target: Target, site: Site, today: date, references: References) -> Binding:
    mark, reason = _mark(target, today, references)
    share = target.unit in ("percent", "done")
    return Binding(
        question="plan",
        indicator=target.indicator,
        scope=target.scope if target.network else network_of(site) or target.scope,
        rule=target.binds.rule if target.binds else "plan",
        mark=_IPV6_WORKS if share else mark,
        unit="share" if share else "Mbps",
        target=target,
        reason=reason,
        plan=plan.id,
    )


def _mark(target: Target, today: date, references: References) -> tuple[float | None, Text]:
    """What a target comes to at a day, and why it binds; the reference's value stands in the reason."""
    why = target.reason or Text(vi=target.quote, en=target.quote)
    left = 1 - (target.band or 0)
    if target.reference is None:
        return None if target.value is None else target.value * left, why
    series = references.get(target.reference)
    point = series.at(today) if series else None
    if point is None:
        return None, Text(
            vi=f"{why.vi}; chưa có số liệu {target.reference} để so sánh (nhập bằng lệnh figure import)",
            en=f"{why.en}; no value of {target.reference} is known to compare with (figure import brings it)",
        )
    mark = point.value * left
    source = f"{point.value:g} ({point.period}, {point.source})"
    return mark, Text(
        vi=f"{why.vi}; số liệu cả nước {source}, mức so sánh {mark:g}",
        en=f"{why.en}; the national figure is {source}, the mark {mark:g}",
    )


def _contract(site: Site) -> Iterator[Binding]:
    """The contracted rates; a line that QCVN 34 does not cover is held to the same rule, and that is said."""
    for indicator, rate in ((SPEED, site.contract_down_mbps), ("upload_mbps", site.contract_up_mbps)):
        if rate is None:
            continue
        covered = site.access in _REGULATED
        vi = f"tốc độ đã mua là {rate:g} Mbit/s; QCVN 34:2022 yêu cầu trung bình đạt ít nhất 80 % mức đó"
        en = f"{rate:g} Mbit/s were bought; QCVN 34:2022 asks for 80 % of that on average"
        if not covered:
            vi += " (quy chuẩn này dành cho cáp quang và cáp đồng trục, ở đây chỉ dùng làm mức so sánh)"
            en += " (that regulation is for fibre and cable; here it only serves as a yardstick)"
        yield Binding(
            question="contract",
            indicator=indicator,
            scope=network_of(site) or "unknown",
            rule=_RULE_OF_CONTRACTS,
            mark=rate,
            unit="Mbps",
            target=None,
            reason=Text(vi=vi, en=en),
        )


def _not_now(plan: Plan, site: Site, steps: list[Target], today: date) -> Binding:
    """Why no step of the plan holds today."""
    words = _NETWORK[network_of(site) or "fixed"]
    coming = [target.valid_from for target in steps if target.valid_from > today]
    ended = [target.valid_until for target in steps if target.valid_until and target.valid_until < today]
    if ended:
        return _none(
            site,
            vi=f"chỉ tiêu băng rộng {words.vi} đã hết hiệu lực sau ngày {max(ended):%d/%m/%Y}",
            en=f"the {words.en} broadband target ended after {max(ended)}",
        )
    if coming:
        return _none(
            site,
            vi=f"chỉ tiêu băng rộng {words.vi} đầu tiên có hiệu lực từ {min(coming):%d/%m/%Y}",
            en=f"the first {words.en} broadband target holds from {min(coming)}",
        )
    if any(target.indicator == SPEED and target.network in (None, network_of(site)) for target in plan.targets):
        return _none(
            site,
            vi=f"không chỉ tiêu băng rộng {words.vi} nào của kế hoạch áp dụng cho loại điểm này",
            en=f"none of the plan's {words.en} broadband speed targets is for this kind of site",
        )
    return _none(
        site,
        vi=f"kế hoạch không có chỉ tiêu tốc độ băng rộng {words.vi}",
        en=f"the plan has no {words.en} broadband speed target",
    )


def _no_plan(site: Site) -> Binding:
    if site.plan is None:
        return _none(site, vi="điểm chưa được gắn với kế hoạch nào", en="the site is under no plan")
    return _none(site, vi=f"không có kế hoạch {site.plan} ở đây", en=f"plan {site.plan} is not known here")


def _none(site: Site, *, vi: str, en: str) -> Binding:
    return Binding(
        question="plan",
        indicator=SPEED,
        scope=network_of(site) or "unknown",
        rule="plan",
        mark=None,
        unit="Mbps",
        target=None,
        reason=Text(vi=vi, en=en),
        plan=site.plan,
    )
