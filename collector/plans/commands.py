"""`linkgauge-collector plan …`: the targets at the terminal."""

import argparse
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

from collector.errors import UsageError
from collector.plans.load import load_plans
from collector.plans.types import Plan, Target

Subparsers = Any  # argparse names this class with an underscore
EXAMPLES: Final = """examples:
  linkgauge-collector plan list
  linkgauge-collector plan show lang-son-2025
  linkgauge-collector plan check              read every plan strictly and say what contradicts itself
"""
_PROMISE: Final = {
    "value": "",
    "minimum": "at least ",
    "average": "on average ",
    "reach": "can reach ",
    "national_average": "about the national average",
}


def add_commands(subparsers: Subparsers) -> None:
    """Add `plan`; each action sets `func`, which answers the exit code."""
    plan = _parser(subparsers, "plan", "the plans and their targets: list, show, check")
    actions = plan.add_subparsers(dest="action", required=True, metavar="ACTION")
    _parser(actions, "list", "the plans that are known").set_defaults(func=list_plans)
    show = _parser(actions, "show", "one plan's targets with their places in the plan")
    show.add_argument("plan", metavar="PLAN")
    show.set_defaults(func=show_plan)
    _parser(actions, "check", "read every plan strictly").set_defaults(func=check_plans)


def _parser(subparsers: Subparsers, name: str, about: str) -> argparse.ArgumentParser:
    make: Callable[..., argparse.ArgumentParser] = subparsers.add_parser
    raw = argparse.RawDescriptionHelpFormatter
    parser = make(name, help=about, description=about, epilog=EXAMPLES, formatter_class=raw)
    parser.add_argument("--config", metavar="FILE", help="taken like everywhere else; plans come with the program")
    return parser


def list_plans(_arguments: argparse.Namespace) -> int:
    """Print a line for each plan."""
    for plan in load_plans().values():
        _say(f"{plan.id:20} {_count(plan):18} {plan.name.vi}")
    return 0


def show_plan(arguments: argparse.Namespace) -> int:
    """Print one plan's targets."""
    plans = load_plans()
    plan = plans.get(arguments.plan)
    if plan is None:
        raise UsageError(f"there is no plan {arguments.plan!r}; known: {', '.join(plans)}")
    document = plan.document
    _say(plan.id, plan.name.vi, plan.name.en, f"{document.title} ({document.number or 'no number'}, {document.issued})")
    if plan.note:
        _say(plan.note.vi, plan.note.en)
    for target in plan.targets:
        _say("", *_lines(target))
    return 0


def check_plans(_arguments: argparse.Namespace) -> int:
    """Read every plan; the first fault ends the command with exit code 2."""
    for plan in load_plans().values():
        _say(f"{plan.id}: {_count(plan)}, ok")
    return 0


def _count(plan: Plan) -> str:
    count = len(plan.targets)
    return "no speed target" if not count else f"{count} speed target{'s' if count > 1 else ''}"


def _lines(target: Target) -> Iterator[str]:
    value = "" if target.value is None else f"{target.value:g} Mbit/s"
    binds = "sites are judged by it" if target.binds_sites else "no single site is judged by it"
    yield f"{target.id}: {_PROMISE[target.promise]}{value}, from {target.valid_from}; {binds}"
    yield f"  {target.section}"
    yield f"  «{target.quote}»"
    yield f"  {target.reason.vi if target.reason else ''}"
    yield f"  {target.reason.en if target.reason else ''}"


def _say(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
