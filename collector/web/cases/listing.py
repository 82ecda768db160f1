"""The list of incidents: filters that live in the address, order, groups by severity, and what is folded. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, get_args

from collector.incidents.incident import Cause, Incident, Severity, State
from collector.plans.types import Text
from collector.web.cases.naming import Names, Where
from collector.web.overview.selection import folded

CAUSES: Final[tuple[Cause, ...]] = get_args(Cause)
STATES: Final[tuple[State, ...]] = get_args(State)
SEVERITIES: Final[tuple[Severity, ...]] = ("critical", "warning", "notice")
Section = Literal["critical", "warning", "notice", "resolved"]
_SECTIONS: Final[tuple[Section, ...]] = get_args(Section)
_TEXT: Final = 100


@dataclass(frozen=True, slots=True)
class Filters:
    """What is wanted; empty: all. `state` may also be `active`: all that still need somebody."""

    state: str = ""
    cause: str = ""
    severity: str = ""
    province: str = ""
    provider: str = ""
    site: str = ""
    text: str = ""

    @property
    def chosen(self) -> Mapping[str, str]:
        """What is filtered, by the address's names."""
        names = {"q": self.text} | {name: getattr(self, name) for name in FACETS}
        return {name: value for name, value in names.items() if value}


@dataclass(frozen=True, slots=True)
class Case:
    """One incident as the list shows it. `folded`: incidents of its sites, which it tells of."""

    incident: Incident
    where: Where
    summary: Text
    by: str | None
    """Who decided last, of an active one that somebody has decided on."""
    folded: tuple["Case", ...] = ()

    @property
    def section(self) -> Section:
        """Under which heading it stands."""
        return self.incident.severity if self.incident.active else "resolved"

    @property
    def sites(self) -> int:
        """How many sites it is about."""
        return len(self.incident.children) or 1


FACETS: Final[Mapping[str, Callable[[Case], str]]] = {
    "state": lambda case: case.incident.state,
    "cause": lambda case: case.incident.cause,
    "severity": lambda case: case.incident.severity,
    "province": lambda case: case.where.province,
    "provider": lambda case: case.where.provider,
    "site": lambda case: case.incident.site or "",
}
"""Each filter that is one of a few values, and a case's value."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The list. `sections`: those that have any case, in order. `counts`: by state, before the filter by state."""

    sections: Sequence[tuple[Section, Sequence[Case]]]
    shown: int
    total: int
    counts: Mapping[str, int] = field(default_factory=dict)


def filters_of(query: Mapping[str, str]) -> Filters:
    """What a page's address asks for; what is unknown asks for nothing."""

    def of(name: str, known: Sequence[str]) -> str:
        return next((value for value in known if value == query.get(name)), "")

    return Filters(
        state=of("state", ("active", *STATES)),
        cause=of("cause", CAUSES),
        severity=of("severity", SEVERITIES),
        text=query.get("q", "").strip()[:_TEXT],
        **{name: query.get(name, "")[:_TEXT] for name in ("province", "provider", "site")},
    )


def as_called(filters: Filters, found: Iterable[Case]) -> Filters:
    """The filters with a province's code, as other pages' addresses have it (lang-son), in the name that cases bear."""

    def plain(name: str) -> str:
        return folded(name).replace(" ", "-")

    called = {plain(case.where.province): case.where.province for case in found}
    return replace(filters, province=called.get(plain(filters.province), filters.province))


def cases(incidents: Iterable[Incident], names: Names) -> list[Case]:
    """Incidents in words, the gravest active first, then the last resolved; what an active parent tells of is in it."""
    made = {one.id: _case(one, names) for one in incidents}
    under: dict[str, list[Case]] = {}
    for case in made.values():
        parent = made.get(case.incident.parent or "")
        if parent is not None and parent.incident.active:
            under.setdefault(parent.incident.id, []).append(case)
    inside = {case.incident.id for some in under.values() for case in some}
    top = (case for name, case in made.items() if name not in inside)
    return sorted((_with(case, under.get(case.incident.id, ())) for case in top), key=_first)


def chosen(found: Iterable[Case], filters: Filters) -> list[Case]:
    """The cases that fit, in the order in which they came. A parent fits when one of its own does."""
    return [case for case in found if _fits(case, filters) or any(_fits(each, filters) for each in case.folded)]


def listed(found: Sequence[Case], filters: Filters, most: int, most_over: int) -> Listed:
    """The list's first `most` active cases by severity, and `most_over` of those that are over."""
    beside = Filters(**{name: getattr(filters, name) for name in Filters.__slots__ if name != "state"})
    counts: Counter[str] = Counter(case.incident.state for case in chosen(found, beside))
    fitting = chosen(found, filters)
    active_ones = [case for case in fitting if case.incident.active]
    shown = active_ones[:most] + fitting[len(active_ones) :][:most_over]
    sections = [(name, [case for case in shown if case.section == name]) for name in _SECTIONS]
    active = sum(number for state, number in counts.items() if state != "resolved")
    return Listed(
        [(name, some) for name, some in sections if some],
        len(shown),
        len(fitting),
        {**dict.fromkeys(STATES, 0), **counts, "active": active},
    )


def choices(found: Iterable[Case], filters: Filters) -> Mapping[str, Sequence[str]]:
    """Provinces and providers to choose from: where there are several, or one is chosen."""
    every = list(found)
    made = {}
    for name in ("province", "provider"):
        asked = getattr(filters, name)
        values = sorted(({FACETS[name](case) for case in every} | {asked}) - {""}, key=folded)
        if len(values) > 1 or asked:
            made[name] = values
    return made


def _case(one: Incident, names: Names) -> Case:
    last = next((step for step in reversed(one.history) if step.state == one.state and step.what != "noted"), None)
    decided = one.state in ("acknowledged", "silenced") and last is not None
    return Case(one, names.where(one), names.spoken(one, one.summary), last.who if decided and last else None)


def _with(case: Case, under: Iterable[Case]) -> Case:
    ordered = tuple(sorted(under, key=_first))
    return Case(case.incident, case.where, case.summary, case.by, ordered)


def _first(case: Case) -> tuple[int, bool, float, str]:
    """What is active and grave comes first, then what nobody has taken on; of resolved ones the last."""
    one = case.incident
    if not one.active:
        return _SECTIONS.index("resolved"), False, -(one.resolved or one.updated).timestamp(), one.id
    return _SECTIONS.index(one.severity), one.state != "open", -_weight(case), one.id


def _weight(case: Case) -> float:
    """More sites first, and of as many the one that began last."""
    return case.sites * 1e10 + case.incident.since.timestamp()


def _fits(case: Case, filters: Filters) -> bool:
    if filters.state == "active":
        if not case.incident.active:
            return False
    elif filters.state and case.incident.state != filters.state:
        return False
    wanted = {name: getattr(filters, name) for name in FACETS if name not in ("state", "site")}
    if any(value and FACETS[name](case) != value for name, value in wanted.items()):
        return False
    if filters.site and filters.site not in (case.incident.site, *case.incident.children):
        return False
    needles = folded(filters.text).split()
    return not needles or _sought(case, needles)


def _sought(case: Case, needles: Sequence[str]) -> bool:
    where, one = case.where, case.incident
    words = (
        f"{where.name} {where.commune} {where.province} {where.provider} {one.site or ''} {one.id} {case.summary.vi}"
    )
    plain = folded(words)
    return all(needle in plain for needle in needles)
