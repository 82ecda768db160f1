"""What plans promise and how it goes: their cards, the months of each promise on a chart, and communes. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final

from collector.judge.verdict import Verdict
from collector.plans.indicators import vocabulary
from collector.plans.types import Plan, Target, Text, Unit
from collector.plans.words import promised
from collector.registry.site import Site
from collector.scoreboard.board import Board, Row
from collector.web import pages, plot
from collector.web.overview.selection import folded
from collector.web.pages import Contact
from collector.web.plot import Column, Plot, Points, Series, Steps, Table
from collector.web.words import Words

STATES: Final = ("met", "below", "inconclusive", "silent", "unjudged")
_FEWEST: Final = 2
_UNITS: Final[Mapping[Unit, str]] = {"Mbps": "Mbit/s", "percent": "%", "GB": "GB", "km": "km"}
_AROUND: Final = timedelta(days=20)


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise in words, and how it becomes known."""

    target: Target
    name: Text
    said: Text


@dataclass(frozen=True, slots=True)
class Card:
    """A plan in the list: what it promises, in its order, and how its sites stand now."""

    plan: Plan
    promises: tuple[Promise, ...]
    sites: int
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Commune:
    """How the sites of a commune under a plan stand now."""

    province: str
    commune: str
    sites: int
    counts: Mapping[str, int]

    @property
    def share(self) -> float | None:
        """Of those that can be judged, the share that reaches the target; None where none can."""
        judged = self.counts["met"] + self.counts["below"]
        return self.counts["met"] / judged if judged else None


@dataclass(frozen=True, slots=True)
class Figure:
    """The months of a promise: the chart, and the numbers behind it."""

    id: str
    title: str
    note: str
    plot: dict[str, Any]
    table: Table


def state_of(verdict: Verdict | None) -> str:
    """How a site stands, as the list of sites says it."""
    return pages.state_of(verdict, Contact(silent=verdict is not None and "silent" in verdict.reasons))


def cards(plans: Iterable[Plan], sites: Sequence[Site], verdicts: Mapping[str, Verdict]) -> list[Card]:
    """Every plan, those with sites first."""
    made = []
    for plan in plans:
        names, own = vocabulary([plan]), [site for site in sites if site.plan == plan.id]
        promises = tuple(_promise(target, names) for target in plan.targets)
        made.append(Card(plan, promises, len(own), _counts(own, verdicts)))
    return sorted(made, key=lambda card: (-card.sites, card.plan.id))


def communes(
    sites: Iterable[Site], verdicts: Mapping[str, Verdict], places: Mapping[str, tuple[str, str]]
) -> list[Commune]:
    """The communes of these sites, the least share first. `places`: commune and province by site, as people say."""
    by_place: dict[tuple[str, str], list[Site]] = {}
    for site in sites:
        by_place.setdefault(places.get(site.id, (site.commune, site.province)), []).append(site)
    found = [
        Commune(province, commune, len(some), _counts(some, verdicts)) for (commune, province), some in by_place.items()
    ]
    return sorted(found, key=lambda one: (2.0 if one.share is None else one.share, -one.sites, folded(one.commune)))


def outcomes(board: Board) -> Mapping[str, int]:
    """How many promises have which verdict."""
    return dict.fromkeys(STATES[:3], 0) | Counter(row.finding.verdict for row in board.rows)


def figures(board: Board, plan: Plan, words: Words) -> list[Figure]:
    """The promises whose months are known, each with its target."""
    targets = {target.id: target for target in plan.targets}
    return [
        _figure(row, targets.get(row.target), words)
        for row in board.rows
        if len(row.months) >= _FEWEST and row.target in targets
    ]


def _figure(row: Row, target: Target | None, words: Words) -> Figure:
    shared = target is not None and row.how == "measured" and (target.share is not None or row.indicator == "ipv6")
    line = (target.share if target and target.share else 100.0) if shared else row.mark
    unit = "%" if shared else _UNITS.get(row.unit, "")
    at = [datetime.combine(one.month, time(12), words.zone) for one in row.months]
    end = at[-1] + timedelta(days=31)
    measured = words.say("reported" if row.how != "measured" else "share of sites" if shared else "median of sites")
    series: list[Series] = [
        Points(
            name=measured,
            at=[plot.second(each) for each in at],
            values=[round(one.value, 3) for one in row.months],
            shape="circle" if row.how == "measured" else "square",
            said=[f"{measured}, {one.month:%m/%Y}" for one in row.months],
            joins_s=_MONTH_S,
        )
    ]
    if line is not None:
        begins = max(at[0] - _AROUND, datetime.combine(row.valid_from, time(), words.zone))
        series.append(Steps(name=words.say("target"), at=[plot.second(begins)], values=[line]))
    drawn = Plot(
        start=plot.second(at[0] - _AROUND), end=plot.second(end), zone=words.zone.key, unit=unit, series=series
    )
    table = Table(
        (Column("month", "Month"), Column("value", "Figure", 1), Column("target", "Target", 1)),
        tuple((f"{one.month:%m/%Y}", one.value, line) for one in reversed(row.months)),
    )
    name: str = getattr(row.name, words.language)
    return Figure(
        f"months-{row.target}", name, f"{unit} · {words.say('scope-' + row.scope)}", plot.payload(drawn), table
    )


_MONTH_S: Final = 32 * 86400.0


def _promise(target: Target, names: Mapping[str, Any]) -> Promise:
    indicator = names.get(target.indicator)
    name = indicator.name if indicator else Text(vi=target.indicator, en=target.indicator)
    return Promise(target, name, promised(target))


def _counts(sites: Iterable[Site], verdicts: Mapping[str, Verdict]) -> Mapping[str, int]:
    return dict.fromkeys(STATES, 0) | Counter(state_of(verdicts.get(site.id)) for site in sites)
