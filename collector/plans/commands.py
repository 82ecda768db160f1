"""`linkgauge-collector plan …`: the targets at the terminal."""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from collector.errors import UsageError
from collector.plans.binding import SPEED, neighbours
from collector.plans.consistency import HOWS, proven
from collector.plans.indicators import vocabulary
from collector.plans.load import Shelf, load_plans, read_plan_file, read_shelf
from collector.plans.types import Indicator, Plan, Target
from collector.plans.words import promised, wide
from collector.registry.plan_files import plan_files, plans_folder

Subparsers = Any  # argparse names this class with an underscore
EXAMPLES: Final = """examples:
  linkgauge-collector plan list
  linkgauge-collector plan show lang-son-2025
  linkgauge-collector plan show lang-son-2025 --period 2026-10    its scoreboard: what became of each promise
  linkgauge-collector plan check                       read every plan strictly, and say what was proved
  linkgauge-collector plan check --file bac-ninh-2030.toml    one that is not in use yet, or a folder of them"""


def add_commands(subparsers: Subparsers) -> argparse.ArgumentParser:
    """Add `plan`; each action sets `func`, which answers the exit code. Gives the parser of `show`."""
    plan = _parser(subparsers, "plan", "the plans and their targets: list, show, check")
    actions = plan.add_subparsers(dest="action", required=True, metavar="ACTION")
    _parser(actions, "list", "the plans that are known").set_defaults(func=list_plans)
    show = _parser(actions, "show", "all that one plan promises, with the places in the plan")
    show.add_argument("plan", metavar="PLAN")
    show.set_defaults(func=show_plan)
    check = _parser(actions, "check", "read every plan strictly, and say what was proved")
    check.add_argument(
        "--file", metavar="FILE", type=Path, help="a plan's file, or a folder of them, that is not in use"
    )
    check.set_defaults(func=check_plans)
    return show


def _parser(subparsers: Subparsers, name: str, about: str) -> argparse.ArgumentParser:
    make: Callable[..., argparse.ArgumentParser] = subparsers.add_parser
    raw = argparse.RawDescriptionHelpFormatter
    parser = make(name, help=about, description=about, epilog=EXAMPLES, formatter_class=raw)
    parser.add_argument("--config", metavar="FILE", help="collector configuration, for the folder of further plans")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of text")
    return parser


def list_plans(arguments: argparse.Namespace) -> int:
    """Print a line for each plan."""
    shelf = read_shelf(plans_folder(arguments.config))
    if arguments.json:
        _json(
            [
                {"id": plan.id, "province": plan.province, "name": plan.name, **_origin(shelf, plan)}
                for plan in _of(shelf)
            ]
        )
        return 0
    for plan in _of(shelf):
        _say(f"{plan.id:20} {_counts(plan):44} {plan.name.vi}{_whence(shelf, plan)}")
    return 0


def show_plan(arguments: argparse.Namespace) -> int:
    """Print all that one plan promises, grouped by how it is known."""
    plans = load_plans(plans_folder(arguments.config))
    plan = plans.get(arguments.plan)
    if plan is None:
        raise UsageError(f"there is no plan {arguments.plan!r}; known: {', '.join(plans)}")
    if arguments.json:
        _json(plan)
        return 0
    document = plan.document
    _say(plan.id, plan.name.vi, plan.name.en, f"{document.title} ({document.number or 'no number'}, {document.issued})")
    if plan.note:
        _say(plan.note.vi, plan.note.en)
    known, others = vocabulary([plan]), [other.id for other in neighbours(plan, plans.values())]
    for how in HOWS:
        targets = [target for target in plan.targets if target.how == how]
        _say("", f"{how} ({len(targets)})")
        for target in targets:
            _say("", *_lines(target, known[target.indicator], others))
    return 0


def check_plans(arguments: argparse.Namespace) -> int:
    """Read every plan and say what was proved; faults end the command with exit code 2."""
    plans = _of(read_shelf(plans_folder(arguments.config))) if arguments.file is None else _unused(arguments.file)
    if arguments.json:
        _json({plan.id: list(proven(plan)) for plan in plans})
        return 0
    for plan in plans:
        _say(f"{plan.id}: ok", *(f"  {sentence}" for sentence in proven(plan)))
    return 0


def _unused(path: Path) -> list[Plan]:
    """The plans of a file or folder; raises UsageError with the faults of all of them."""
    files = list(plan_files(path).values()) if path.is_dir() else [path]
    if not files:
        raise UsageError(f"{path}: no plan is there; a plan's file is named ID.toml")
    plans, faults = [], []
    for file in files:
        try:
            plans.append(read_plan_file(file))
        except UsageError as error:
            faults.append(str(error))
    if faults:
        raise UsageError("\n".join(faults))
    return plans


def _of(shelf: Shelf) -> list[Plan]:
    return list(shelf.plans.values())


def _origin(shelf: Shelf, plan: Plan) -> dict[str, object]:
    origin = shelf.origins.get(plan.id)
    return {
        "targets": len(plan.targets),
        "file": str(origin) if origin else None,
        "replaces_shipped": plan.id in shelf.replaced,
    }


def _whence(shelf: Shelf, plan: Plan) -> str:
    origin = shelf.origins.get(plan.id)
    replaced = ", instead of the shipped one" if plan.id in shelf.replaced else ""
    return f" (from {origin}{replaced})" if origin else ""


def _counts(plan: Plan) -> str:
    return ", ".join(f"{sum(target.how == how for target in plan.targets)} {how}" for how in HOWS)


def _lines(target: Target, indicator: Indicator, others: Sequence[str]) -> Iterator[str]:
    words = promised(target)
    until = f" until {target.valid_until}" if target.valid_until else ""
    yield f"{target.id}: {target.indicator} ({target.scope}) {words.en}, from {target.valid_from}{until}"
    yield f"  {indicator.name.vi}: {words.vi}"
    yield f"  {indicator.name.en}: {words.en}"
    if target.baseline:
        yield f"  {target.baseline.period}: {wide(target.baseline.value, target.unit).vi}"
    yield f"  {target.section}"
    yield f"  «{target.quote}»"
    if target.published:
        yield f"  published as: {target.published}"
    if target.how == "measured":
        yield f"  {_bound(target)}"
        if target.binds and others:
            yield f"  {_beside(target, ', '.join(others))}"
    for text in (target.reason, target.note):
        if text:
            yield f"  {text.vi}"
            yield f"  {text.en}"


def _bound(target: Target) -> str:
    binds = target.binds
    if binds is None:
        return "no single site is judged by it"
    group = f" of the group {binds.group}" if binds.group else ""
    return f"sites are judged by it: {', '.join(binds.kinds)}{group}, rule {binds.rule}"


def _beside(target: Target, others: str) -> str:
    """What the province's other plans change about whom a target binds."""
    if target.indicator == SPEED:
        return f"not those under {others}: which plan's speeds hold for a site is the registry's word"
    return f"also those under {others}, while that plan itself asks nothing about {target.indicator} of them"


def _json(value: object) -> None:
    _say(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def _say(*lines: str) -> None:
    _write(f"{line}\n" for line in lines)


def _write(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(line)
