"""The shipped plans, read strictly: an unknown key or a target that contradicts another is an error, not a guess."""

import importlib.resources
import tomllib
from collections.abc import Iterator
from typing import Final

import msgspec

from collector.errors import UsageError
from collector.plans.types import Plan

SUFFIX: Final = ".toml"


def load_plans() -> dict[str, Plan]:
    """Every shipped plan by its id; raises UsageError naming the file and the fault."""
    files = importlib.resources.files("collector.plans").iterdir()
    texts = {file.name.removesuffix(SUFFIX): file for file in files if file.name.endswith(SUFFIX)}
    return {name: read_plan(name, texts[name].read_text(encoding="utf-8")) for name in sorted(texts)}


def read_plan(name: str, text: str) -> Plan:
    """Read one plan's TOML; `name` is the id that its file name promises."""
    try:
        plan = msgspec.convert(tomllib.loads(text), Plan, strict=True)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UsageError(f"plan {name}: {error}") from error
    faults = list(plan_faults(name, plan))
    if faults:
        raise UsageError("\n".join(f"plan {name}: {fault}" for fault in faults))
    return plan


def plan_faults(name: str, plan: Plan) -> Iterator[str]:
    """What contradicts itself in a plan."""
    if plan.id != name:
        yield f"its id is {plan.id}, its file says {name}"
    ids = [target.id for target in plan.targets]
    yield from (f"target {repeated} stands there twice" for repeated in sorted({i for i in ids if ids.count(i) > 1}))
    seen: dict[tuple[object, ...], str] = {}
    for target in plan.targets:
        if (target.value is None) != (target.promise == "national_average") and target.comparison != "done":
            yield f"target {target.id}: a value is missing, or stands where the national average is promised"
        areas = ("urban", "rural") if target.area == "any" else (target.area,)
        for area in areas if target.binds_sites else ():
            other = seen.setdefault((target.network, area, target.valid_from), target.id)
            if other != target.id:
                yield f"targets {other} and {target.id} bind the same {target.network} sites from the same day"
