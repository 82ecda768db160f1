"""Which target binds which site, and why. Pure: the moment is a parameter."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

from collector.plans.types import Network, Plan, Target, Text
from collector.registry.site import Site

# Vietnam keeps UTC+7 all year; a plan's day begins there.
PLAN_ZONE: Final = timezone(timedelta(hours=7))

_NETWORK: Final = {"fixed": Text(vi="cố định", en="fixed"), "mobile": Text(vi="di động", en="mobile")}


@dataclass(frozen=True, slots=True)
class Binding:
    """The target that a site is judged by, or none; with the reason either way."""

    target: Target | None
    reason: Text


def target_for(plan: Plan | None, site: Site, at: datetime) -> Target | None:
    """The target that binds a site at a moment, if any."""
    return binding_for(plan, site, at).target


def binding_for(plan: Plan | None, site: Site, at: datetime) -> Binding:
    """The target that binds a site at a moment, or why there is none. The newest step of the site's scope holds."""
    if plan is None:
        return _no_plan(site)
    network = network_of(site)
    if network is None:
        return _none(
            vi="chưa biết công nghệ truy nhập của điểm, nên chưa biết chỉ tiêu nào áp dụng",
            en="the site's access technology is not known, so neither is the target that applies",
        )
    steps = [t for t in plan.targets if t.binds_sites and t.network == network and t.area in ("any", site.area)]
    today = at.astimezone(PLAN_ZONE).date()
    held = [target for target in steps if target.valid_from <= today]
    if held:
        newest = max(held, key=lambda target: target.valid_from)
        return Binding(newest if newest.value is not None else None, newest.reason)
    words = _NETWORK[network]
    if steps:
        first = min(target.valid_from for target in steps)
        return _none(
            vi=f"chỉ tiêu băng rộng {words.vi} đầu tiên có hiệu lực từ {first:%d/%m/%Y}",
            en=f"the first {words.en} broadband target holds from {first}",
        )
    return _none(
        vi=f"kế hoạch không có chỉ tiêu tốc độ băng rộng {words.vi}",
        en=f"the plan has no {words.en} broadband speed target",
    )


def network_of(site: Site) -> Network | None:
    """Which of a plan's two networks a line belongs to; None when it is not known.

    Everything that is not a mobile network serves a fixed place, satellite too.
    """
    if site.access is None:
        return None
    return "mobile" if site.access.startswith("cellular") else "fixed"


def _no_plan(site: Site) -> Binding:
    if site.plan is None:
        return _none(vi="điểm chưa được gắn với kế hoạch nào", en="the site is under no plan")
    return _none(vi=f"không có kế hoạch {site.plan} ở đây", en=f"plan {site.plan} is not known here")


def _none(*, vi: str, en: str) -> Binding:
    return Binding(None, Text(vi=vi, en=en))
