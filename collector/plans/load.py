"""Plans, read strictly: an unknown key or a target that contradicts another is an error, not a guess.

The shipped plans come with the program. `[plans] folder` of the configuration adds others without code: a file
`ID.toml` there is one more plan, or replaces the shipped plan of the same id, and `ID.sites.toml` says which sites
belong to the groups that the plan ID names apart (`parks = ["site-id"]`).
"""

import importlib.resources
import logging
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

import msgspec

from agent.wire.settings import SettingsError
from agent.wire.settings import load as load_settings
from collector.errors import UsageError
from collector.plans.consistency import plan_faults
from collector.plans.types import Plan
from collector.registry.codes import code_fault
from collector.registry.plan_files import PLAN_SUFFIX, SITES_SUFFIX, plan_files

LOG: Final = logging.getLogger(__name__)
LARGEST: Final = 1024 * 1024
"""Bytes of a plan's file, at most: the longest shipped one has 20,000."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Plans by id, and where those that are not shipped come from. `replaced`: ids of shipped plans they stand for."""

    plans: dict[str, Plan]
    origins: Mapping[str, Path]
    replaced: frozenset[str]


def load_plans(folder: str | Path | None = None) -> dict[str, Plan]:
    """Every plan by its id: the shipped ones and those of `[plans] folder`; raises UsageError naming every fault."""
    shelf = read_shelf(folder)
    for name in sorted(shelf.replaced):
        LOG.info("plans.replaced plan=%s file=%s", name, shelf.origins[name])
    return shelf.plans


def read_shelf(folder: str | Path | None = None) -> Shelf:
    """Read the shipped plans and those of a folder; raises UsageError naming every fault by file."""
    resources = importlib.resources.files("collector.plans").iterdir()
    shipped = {
        file.name.removesuffix(PLAN_SUFFIX): file.read_bytes() for file in resources if file.name.endswith(PLAN_SUFFIX)
    }
    origins = plan_files(folder)
    faults: list[str] = []
    plans: dict[str, Plan] = {}
    for name in sorted({*shipped, *origins}):
        try:
            plans[name] = read_plan_file(origins[name]) if name in origins else read_plan(name, shipped[name])
        except UsageError as error:
            faults += str(error).splitlines()
    for path in sorted(Path(folder).glob(f"*{SITES_SUFFIX}")) if folder else ():
        faults += _assign(plans, path)
    if faults:
        raise UsageError("\n".join(faults))
    return Shelf(plans, origins, frozenset(shipped.keys() & origins.keys()))


def read_plan_file(path: Path) -> Plan:
    """Read one plan's file; raises UsageError that names it."""
    try:
        return read_plan(path.name.removesuffix(PLAN_SUFFIX), _bytes(path))
    except UsageError as error:
        lines = (f"{path}: {line.partition(': ')[2]}" for line in str(error).splitlines())
        raise UsageError("\n".join(lines)) from error


def read_plan(name: str, data: bytes | str) -> Plan:
    """Read one plan's TOML; `name` is the id that its file name promises."""
    try:
        plan = load_settings(_text(data), Plan, {})
    except (SettingsError, RecursionError) as error:
        raise UsageError(f"plan {name}: {_without_markup(error)}") from error
    faults = list(plan_faults(name, plan))
    if faults:
        raise UsageError("\n".join(f"plan {name}: {fault}" for fault in faults))
    return plan


def _assign(plans: dict[str, Plan], path: Path) -> Iterator[str]:
    """Put sites into a plan's groups; gives the faults instead."""
    name = path.name.removesuffix(SITES_SUFFIX)
    plan = plans.get(name)
    if plan is None:
        yield f"{path}: there is no plan {name}; known: {', '.join(plans)}"
        return
    try:
        groups = tomllib.loads(_text(_bytes(path)))
    except (tomllib.TOMLDecodeError, SettingsError, UsageError) as error:
        yield f"{path}: {str(error).removeprefix(f'{path}: ')}"
        return
    faults = [fault for group, sites in groups.items() for fault in _group_faults(plan, group, sites)]
    yield from (f"{path}: {fault}" for fault in faults)
    if not faults:
        filled = {group: tuple(dict.fromkeys(sites)) for group, sites in groups.items()}
        plans[name] = msgspec.structs.replace(plan, groups=plan.groups | filled)


def _group_faults(plan: Plan, group: str, sites: object) -> Iterator[str]:
    if group not in plan.groups:
        near = get_close_matches(group, plan.groups, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(plan.groups) or 'none'}"
        yield f"plan {plan.id} has no group {group}; {hint}"
    if not isinstance(sites, list) or not all(isinstance(site, str) for site in sites):
        yield f'{group}: write a list of site ids, such as {group} = ["site-id"]'
        return
    yield from (f"{group}: site {fault}" for fault in map(code_fault, sites) if fault)


def _bytes(path: Path) -> bytes:
    """A regular file's bytes: what never ends, or only waits, is none."""
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise UsageError(f"{path}: is no file")
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > LARGEST:
        raise UsageError(f"{path}: {state.st_size} bytes are no plan; at most {LARGEST}")
    return data


def _text(data: bytes | str) -> str:
    if isinstance(data, str):
        return data
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SettingsError(f"line {line}: not UTF-8; save the file as UTF-8") from error


def _without_markup(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)
