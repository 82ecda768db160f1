"""JSON Schemas of the types that are answered, under names that say no module, with moments marked as such. Pure."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import inspect

REF: Final = "#/components/schemas/{name}"
_GENERIC: Final = re.compile(r"^(\w+?)_(\w+)_$")
Json = dict[str, Any]
PUBLIC: Final[Mapping[str, str]] = {
    "Ask": "TestRequest", "Running": "TestProgress",
    "Body": "IncidentDecision", "Work": "MaintenancePlan", "End": "MaintenanceEnd",
    "Order": "ReplayRequest", "Asked": "ReplayAccepted", "Held": "QuarantinedPayload",
    "Last": "LatestReport", "Current": "CurrentUnits", "Facts": "SiteProperties", "Until": "PastWindow",
    "Said": "PromiseWords",
    "Days": "DayRange", "Latency": "ReceiptLatency", "Stage": "PipeStage", "Process": "CollectorProcess",
    "Levels": "ProcessLevels", "Group": "IncidentGroup", "Transition": "IncidentTransition", "Sites": "SiteCounts",
    "Account": "Explanation", "Fact": "RegistryFact", "Run": "ExplainedRun", "Step": "DetectorStep",
    "Episode": "DetectorEpisode", "AccountCourse": "DetectorCourse", "BoardCourse": "PromiseTrend",
    "Bound": "HeldAgainst",
    "Beside": "OtherStatistic", "Binds": "TargetScope", "Replay": "EpisodeReplay", "Document": "PlanDocument",
    "Indicator": "PlanIndicator", "Target": "PlanTarget", "Rule": "JudgingRule", "Finding": "PromiseFinding",
}  # fmt: skip
"""Names that say to somebody outside what they are: programs that are made from the document call their types so."""


@lru_cache
def schemas(kinds: tuple[Any, ...]) -> tuple[Mapping[Any, Json], Json]:
    """The schema of each type, and the components that they refer to."""
    made, components = msgspec.json.schema_components(kinds, ref_template=REF)
    short = {name: _short(name) for name in components}
    for name, field in _moments(kinds):
        _mark(components[name]["properties"][field])
    plain = {
        short[name]: {"title": short[name]} | {key: value for key, value in schema.items() if key != "title"}
        for name, schema in components.items()
    }
    return dict(zip(kinds, (_renamed(one, short) for one in made), strict=True)), _renamed(plain, short)


def _short(name: str) -> str:
    """`collector.incidents.maintenance.Window` is MaintenanceWindow, and `Listing_Site_` ListingOfSite."""
    *modules, last = name.split(".")
    generic = _GENERIC.match(last)
    if generic is not None:
        return f"{generic[1]}Of{PUBLIC.get(generic[2], generic[2])}"
    prefix = modules[-1].title().replace("_", "") if modules else ""
    plain = prefix + last.lstrip("_")
    return PUBLIC.get(plain, plain)


def _renamed(found: Any, names: Mapping[str, str]) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(found, dict):
        start = REF.format(name="")
        return {
            key: start + names[value.removeprefix(start)] if key == "$ref" else _renamed(value, names)
            for key, value in found.items()
        }
    return [_renamed(one, names) for one in found] if isinstance(found, list) else found


def _moments(kinds: tuple[Any, ...]) -> Iterator[tuple[str, str]]:
    """Component and field of all that are moments: msgspec says so of those only that must have a zone."""
    known: dict[Any, inspect.StructType] = {}
    for one in inspect.multi_type_info(kinds):
        _collect(one, known)
    names = [cls.__name__ for cls in known if isinstance(cls, type)]
    for cls, one in known.items():
        if not isinstance(cls, type):
            continue  # a list of something: it has no moments of its own
        name = cls.__name__ if names.count(cls.__name__) == 1 else f"{cls.__module__}.{cls.__qualname__}"
        yield from ((name, field.encode_name) for field in one.fields if _is_moment(field.type))


def _collect(one: inspect.Type, known: dict[Any, inspect.StructType]) -> None:
    if isinstance(one, inspect.StructType):
        if one.cls in known:
            return
        known[one.cls] = one
    inner = [getattr(one, name, None) for name in ("type", "item_type", "value_type")]
    several = [*getattr(one, "types", ()), *getattr(one, "item_types", ())]
    fields = [field.type for field in getattr(one, "fields", ())]
    for each in (*inner, *several, *fields):
        if isinstance(each, inspect.Type):
            _collect(each, known)


def _is_moment(one: inspect.Type) -> bool:
    return isinstance(one, inspect.DateTimeType) or any(_is_moment(each) for each in getattr(one, "types", ()))


def _mark(schema: Json) -> None:
    """A moment, or a moment or null."""
    for one in schema.get("anyOf", [schema]):
        if one.get("type") == "string":
            one["format"] = "date-time"
