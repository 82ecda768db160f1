"""From a plan and what is known of it to its scoreboard. Pure: what was read comes in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from collector.figures.figure import Entry
from collector.ledger.accounts import Told
from collector.plans.binding import SPEED
from collector.plans.indicators import vocabulary
from collector.plans.reference import Point, References
from collector.plans.types import Plan, Target, Text
from collector.plans.words import promised, wide
from collector.registry.site import Site
from collector.scoreboard.board import Board, Course, Finding, Month, Row
from collector.scoreboard.courses import Months, measured_course, measured_months, reported_course, reported_months
from collector.scoreboard.measured import WORKS, Seen, can_reach, share_of_sites, speed_of_all
from collector.scoreboard.reported import of_indicator, reported_figure
from collector.scoreboard.spread import SiteFigure, Spread, site_figure
from collector.scoreboard.steps import Step, aimed_at, steps_of

MEASURED = {SPEED: ("throughput", SPEED), "upload_mbps": ("throughput", "upload_mbps"), "ipv6": ("ipv6", "score")}
"""Indicators that sites measure: the kind of report and the field that holds them."""


@dataclass(frozen=True, slots=True)
class Known:
    """What was read for one scoreboard.

    `sites`: those under the plan. `spreads`: by indicator, each site's roll-ups of the period. `months`: by indicator,
    the months that are over, for the trend. `told`: by site, what became of what was planned. `entries`: the figures
    reported under the plan. `beside`: by indicator, the sites under other plans of the province that it asks too.
    """

    sites: Sequence[Site] = ()
    spreads: Mapping[str, Mapping[str, Sequence[Spread]]] = field(default_factory=dict)
    months: Mapping[str, Months] = field(default_factory=dict)
    told: Mapping[str, Told] = field(default_factory=dict)
    entries: Sequence[Entry] = ()
    references: References = field(default_factory=dict)
    beside: Mapping[str, Sequence[Site]] = field(default_factory=dict)

    @property
    def ids(self) -> set[str]:
        """The ids of all sites that the plan asks anything."""
        return {site.id for some in (self.sites, *self.beside.values()) for site in some}


def scoreboard(plan: Plan, window: tuple[date, date], known: Known, *, now: datetime, today: date) -> Board:
    """The scoreboard of a plan over the days of a window; `today` is the province's day of `now`."""
    figures = {
        indicator: {site: figure for site, some in of.items() if (figure := site_figure(site, some)) is not None}
        for indicator, of in known.spreads.items()
    }
    names = vocabulary([plan])
    rows = []
    for step in steps_of(plan, *window):
        target = step.target
        mark, notes = _mark(target, window, known.references)
        finding, trend, months = _found(plan, step, mark, known, figures, window=window, future=window[0] > today)
        indicator = names.get(target.indicator)
        rows.append(
            Row(
                target=target.id,
                indicator=target.indicator,
                name=indicator.name if indicator else Text(vi=target.indicator, en=target.indicator),
                scope=target.scope,
                how=target.how,
                promised=promised(target),
                mark=target.value if mark is None else mark,
                unit=target.unit,
                valid_from=target.valid_from,
                section=target.section,
                quote=target.quote,
                finding=finding,
                trend=trend,
                months=months,
                completeness=_complete(plan, target, known) if target.how == "measured" else None,
                notes=[*notes, *_notes(step)],
            )
        )
    return Board(
        plan=plan.id, name=plan.name, first=window[0], last=window[1], made=now, sites=len(known.ids), rows=rows
    )


class _Told(NamedTuple):
    """What is known of one promise: its figure, and how it moved."""

    finding: Finding
    trend: Course | None = None
    months: list[Month] = []  # noqa: RUF012 - never changed: a tuple's default


def _found(  # noqa: PLR0913 - the parts of one row
    plan: Plan,
    step: Step,
    mark: float | None,
    known: Known,
    figures: Mapping[str, Mapping[str, SiteFigure]],
    *,
    window: tuple[date, date],
    future: bool,
) -> _Told:
    target = step.target
    if future:
        return _Told(Finding(reasons=["future"]))
    if target.how != "measured":
        entries = of_indicator(known.entries, target.indicator)
        finding = reported_figure(target, mark, entries, window)
        told = _Told(finding, reported_course(target, mark, entries), reported_months(entries))
    elif target.indicator not in MEASURED:
        return _Told(Finding(reasons=["no_number"]))
    else:
        told = _measured(plan, target, mark, known, figures.get(target.indicator, {}))
    if not step.begun or step.ended:
        return told._replace(finding=_undecided(told.finding, step))
    return told


def _measured(plan: Plan, target: Target, mark: float | None, known: Known, figures: Mapping[str, SiteFigure]) -> _Told:
    aimed = {site.id for site in _aimed(plan, target, known)}
    seen = Seen(len(aimed), [figure for site, figure in figures.items() if site in aimed])
    months: Months = {
        month: {site: spread for site, spread in of.items() if site in aimed}
        for month, of in known.months.get(target.indicator, {}).items()
    }
    shared = target.share is not None or target.indicator == "ipv6"
    against = WORKS if target.indicator == "ipv6" else mark
    finding = share_of_sites(target, against, seen) if shared else speed_of_all(target, mark, seen)
    course = measured_course(target, against, months, shared=shared)
    return _Told(finding, course, measured_months(target, against, months, shared=shared))


def _aimed(plan: Plan, target: Target, known: Known) -> list[Site]:
    """The sites that a row is about; those under other plans only where they are judged by its target."""
    beside = known.beside.get(target.indicator, ()) if target.binds_sites else ()
    return aimed_at(plan, target, [*known.sites, *beside])


def _undecided(finding: Finding, step: Step) -> Finding:
    """The same figure without a verdict: the promise does not hold yet, or not any more."""
    return Finding(
        reasons=["ended" if step.begun else "not_begun"],
        statistic=finding.statistic,
        value=finding.value,
        low=finding.low,
        high=finding.high,
        n=finding.n,
        k=finding.k,
        beside=finding.beside,
        sites=finding.sites,
        source=finding.source,
    )


def _mark(target: Target, window: tuple[date, date], references: References) -> tuple[float | None, list[Text]]:
    """What a figure is compared with; for the national average that of the window's months, less the band."""
    if target.reference is None:
        return target.value, []
    series = references.get(target.reference)
    if series is None:
        return None, []
    within = [point for point in series.points if window[0] < point.ended and point.began <= window[1]]
    point = series.at(window[1])
    used = within or ([point] if point else [])
    if not used:
        return None, []
    national = sum(point.value for point in used) / len(used)
    mark = national * (1 - (target.band or 0))
    return mark, [_national(used, national, mark, target)]


def _national(used: Sequence[Point], national: float, mark: float, target: Target) -> Text:
    periods = ", ".join(point.period for point in used)
    sources = "; ".join(dict.fromkeys(point.source for point in used))
    value, least = wide(round(national, 2), target.unit), wide(round(mark, 2), target.unit)
    band = f"{100 * (target.band or 0):g}"
    return Text(
        vi=f"cả nước {value.vi} (kỳ {periods}; {sources}); xấp xỉ là không thấp hơn quá {band} %: {least.vi}",
        en=f"the nation: {value.en} (of {periods}; {sources}); about means no more than {band} % below: {least.en}",
    )


def _notes(step: Step) -> list[Text]:
    target, notes = step.target, []
    if step.before is not None:
        old = promised(step.before)
        notes.append(
            Text(
                vi=f"trong kỳ, chỉ tiêu này có hiệu lực từ {target.valid_from:%d/%m/%Y}, thay cho {old.vi}; "
                "cả kỳ được đánh giá theo chỉ tiêu có hiệu lực vào cuối kỳ",
                en=f"this target began within the period, on {target.valid_from}, in place of {old.en}; "
                "the whole period is judged by the one that holds at its end",
            )
        )
    if step.after is not None:
        new = promised(step.after)
        notes.append(
            Text(
                vi=f"bước tiếp theo: {new.vi}, từ {step.after.valid_from:%d/%m/%Y}",
                en=f"the next step: {new.en}, from {step.after.valid_from}",
            )
        )
    if can_reach(target) and target.how == "measured":
        notes.append(
            Text(
                vi="mức có thể đạt đến được so với mức mà 1 trong 20 lần đo của điểm vượt qua (phân vị 95 %)",
                en="what can be reached is compared with what one of 20 tests of a site is above (its 95 % quantile)",
            )
        )
    return notes + ([target.note] if target.note else [])


def _complete(plan: Plan, target: Target, known: Known) -> float | None:
    sites = _aimed(plan, target, known)
    return sum((known.told[site.id] for site in sites if site.id in known.told), Told()).share
