"""Promises and sites for tests, made in a line each."""

from datetime import UTC, date, datetime
from typing import Any

import msgspec

from collector.figures.figure import Entry, Figure
from collector.plans.load import load_plans
from collector.plans.period import period
from collector.plans.types import Binds, Plan, Target, Text
from collector.registry.site import Site
from collector.scoreboard.spread import SiteFigure, Spread, site_figure

WHY = Text(vi="vì", en="because")
HOUSEHOLDS = Text(vi="hộ gia đình", en="households")


def target(name: str = "t", **other: Any) -> Target:  # noqa: ANN401 - any of a target's parts
    """A speed of fixed lines from 2025 on, unless something else is said."""
    parts: dict[str, Any] = {
        "id": name, "indicator": "download_mbps", "how": "measured", "network": "fixed", "value": 100.0,
        "unit": "Mbps", "valid_from": date(2025, 1, 1), "section": "II", "quote": "đạt", "reason": WHY,
    }  # fmt: skip
    return Target(**(parts | other))


def shared(share: float = 90.0, **other: Any) -> Target:  # noqa: ANN401 - as above
    """A speed that a share of households is promised."""
    return target(share=share, audience=HOUSEHOLDS, **other)


def ipv6() -> Target:
    """State bodies moved to IPv6."""
    return target(
        "ipv6", indicator="ipv6", network=None, value=None, unit="percent", comparison="done",
        binds=Binds(rule="share95", kinds=("office",)),
    )  # fmt: skip


def plan(*targets: Target, groups: dict[str, tuple[str, ...]] | None = None) -> Plan:
    """A plan of these promises."""
    shipped = load_plans()["lang-son-2025"]
    return msgspec.structs.replace(shipped, id="p", targets=targets, groups=groups or {})


def site(name: str, **other: Any) -> Site:  # noqa: ANN401 - any of a site's parts
    """A rural school on fibre."""
    parts: dict[str, Any] = {
        "name": name, "kind": "school", "area": "rural", "province": "Lạng Sơn", "commune": "Hữu Lũng",
        "access": "fibre", "plan": "p",
    }  # fmt: skip
    return Site(name, **(parts | other))


def spread(median: float, n: int = 120, *, width: float = 10.0) -> Spread:
    """A symmetric roll-up."""
    return Spread(n, median, median - 2 * width, median - width, median, median + width, median + 2 * width)


def figure(median: float, n: int = 120, *, width: float = 10.0) -> SiteFigure:
    """A site with such a month."""
    found = site_figure(f"s{median}", [spread(median, n, width=width)])
    assert found is not None
    return found


def entry(value: float | None, text: str, *, indicator: str = "households_fibre", area: str = "") -> Entry:
    """A reported figure."""
    one = Figure("p", indicator, area, period(text), value, "percent", "Sở TT&TT")
    return Entry(one, 1, "An", datetime(2026, 11, 2, tzinfo=UTC))
