"""`linkgauge-collector incident …`: incidents at the terminal, looked at and decided on, and planned maintenance."""

import argparse
import contextlib
import getpass
import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, get_args
from zoneinfo import ZoneInfo

from collector.config import DEFAULT_PATH, read
from collector.errors import UsageError
from collector.incidents.acts import Action, Decision
from collector.incidents.calendar import Calendar
from collector.incidents.description import about_of
from collector.incidents.history import History
from collector.incidents.incident import Cause, Incident
from collector.incidents.maintenance import Extent, Window, unknown_site
from collector.registry.database import Database, database_of
from collector.registry.registry import Registry
from collector.registry.site import Snapshot

Subparsers = Any  # argparse names this class with an underscore
_LOCAL: Final = Path("collector.toml")
_UNITS: Final = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_ACTIONS: Final[dict[Action, str]] = {
    "acknowledge": "say that somebody takes care of it",
    "silence": "tell nobody of it for a time",
    "unsilence": "end its silence: it is told again",
    "resolve": "say that it is over: only what is measured later counts",
    "note": "add a note to its history",
}
EXAMPLES: Final = """examples:
  linkgauge-collector incident list --active --cause outage
  linkgauge-collector incident show ls-huulung-th1.below_target.20261120T010203000000Z
  linkgauge-collector incident acknowledge ID --note "called VNPT"
  linkgauge-collector incident silence ID --until 3d          or a moment, 2026-11-25T08:00
  linkgauge-collector incident maintenance add --commune "Hữu Lũng" --from 2026-11-25T22:00 --to 4h --note "new cable"
"""


def add_commands(subparsers: Subparsers) -> Subparsers:
    """Add `incident` with its actions; each sets `func`, which answers the exit code. Gives the actions."""
    incident = _parser(subparsers, "incident", "incidents and planned maintenance", EXAMPLES)
    actions = incident.add_subparsers(title="actions", metavar="ACTION", required=True)
    found = _parser(actions, "list", "the last changed first", "example: linkgauge-collector incident list --active")
    found.add_argument("--active", action="store_true", help="only those that are not over")
    found.add_argument("--cause", choices=get_args(Cause), help="only of this cause")
    found.add_argument("--site", metavar="ID", help="only of this site")
    found.add_argument("--limit", type=int, default=50, metavar="N", help="at most so many (default 50)")
    _add_config(found, _list)
    show = _parser(actions, "show", "one, with its history", "example: linkgauge-collector incident show ID")
    show.add_argument("incident", metavar="ID", help="its id in the list")
    _add_config(show, _show)
    for action, words in _ACTIONS.items():
        _add_action(actions, action, words)
    _add_maintenance(actions)
    return actions


def _add_action(actions: Subparsers, action: Action, words: str) -> None:
    parser = _parser(actions, action, words, f"example: linkgauge-collector incident {action} ID --note WHY")
    parser.add_argument("incident", metavar="ID", help="its id in the list")
    parser.add_argument("--note", required=action == "note", help="why; kept with it")
    if action == "silence":
        parser.add_argument("--until", metavar="TIME", help="2026-11-25T08:00 or 90m, 12h, 3d, 2w (default: no end)")
    _add_who(parser)
    _add_config(parser, _act)
    parser.set_defaults(action=action)


def _add_maintenance(actions: Subparsers) -> None:
    words = "planned work: what opens meanwhile is told only if it goes on afterwards"
    maintenance = _parser(actions, "maintenance", words, EXAMPLES)
    parts = maintenance.add_subparsers(title="actions", metavar="ACTION", required=True)
    add = _parser(parts, "add", "plan work", "example: linkgauge-collector incident maintenance add --all --to 2h")
    where = add.add_mutually_exclusive_group(required=True)
    where.add_argument("--all", action="store_true", help="everywhere")
    for extent in ("site", "commune", "provider"):
        where.add_argument(f"--{extent}", metavar="NAME", help=f"at this {extent}")
    add.add_argument(
        "--from", dest="starts", metavar="TIME", help="2026-11-25T22:00, or in 90m, 12h, 3d (default: now)"
    )
    add.add_argument(
        "--to", dest="ends", metavar="TIME", required=True, help="a moment, or so long after the beginning"
    )
    add.add_argument("--note", help="what is done")
    _add_who(add)
    _add_config(add, _plan)
    found = _parser(parts, "list", "what is planned", "example: linkgauge-collector incident maintenance list --past")
    found.add_argument("--past", action="store_true", help="also what is over")
    _add_config(found, _planned)
    end = _parser(parts, "end", "end work now", "example: linkgauge-collector incident maintenance end 3")
    end.add_argument("number", type=int, metavar="NUMBER", help="its number in the list")
    _add_who(end)
    _add_config(end, _end)


def _parser(subparsers: Subparsers, name: str, words: str, epilog: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name,
        help=words,
        description=words[0].upper() + words[1:] + ".",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser


def _add_who(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--who", default=getpass.getuser(), metavar="NAME", help="who decides (default: your login)")


def _add_config(parser: argparse.ArgumentParser, func: Callable[[argparse.Namespace], int]) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        default=_LOCAL if _LOCAL.exists() else DEFAULT_PATH,
        metavar="FILE",
        help=f"configuration (default: {_LOCAL} here, else {DEFAULT_PATH})",
    )
    parser.set_defaults(func=func)


def _list(options: argparse.Namespace) -> int:
    with _opened(options) as (database, zone):
        history = History(database)
        found = history.search(active=True if options.active else None, site=options.site)
        if options.site is not None and not found:
            _check_site(options.site, history, Registry(database).snapshot())
    found = [one for one in found if options.cause in (None, one.cause)]
    for one in found[: options.limit]:
        sys.stdout.write(f"{_head(one, zone)}\n  {_plain(one.id)}\n  {_plain(one.summary.en)}\n")
    hidden = f"; shown: {options.limit}" if len(found) > options.limit else ""
    sys.stderr.write(f"{len(found)} incidents, {sum(one.active for one in found)} active{hidden}\n")
    return 0


def _check_site(site: str, history: History, snapshot: Snapshot) -> None:
    """Raise UsageError for what is no site, and had no incident either, as groups and sites that are gone have."""
    if site not in snapshot.sites and not history.search(site=site, limit=1):
        raise unknown_site(site, snapshot.sites)


def _head(one: Incident, zone: ZoneInfo) -> str:
    work = ", in maintenance" if one.maintenance and one.active else ""
    quiet = ", not told" if one.quiet else ""
    sites = f" ({len(one.children)} sites)" if one.group else ""
    name = one.group.name if one.group else one.about.get("name", one.site or "")
    return (
        f"{one.since.astimezone(zone):%Y-%m-%d %H:%M}  {one.state}{work}{quiet}  {one.severity}  {one.cause}  "
        + _plain(f"{name}{sites}")
    )


def _show(options: argparse.Namespace) -> int:
    with _opened(options) as (database, zone):
        history = History(database)
        one, steps = history.get(options.incident), history.transitions(options.incident)
    if one is None:
        raise UsageError(f"there is no incident {options.incident!r}; see: linkgauge-collector incident list")
    sys.stdout.write(f"{_head(one, zone)}\n{_plain(one.summary.en)}\n")
    if one.first_action is not None:
        sys.stdout.write(f"first: {_plain(one.first_action.en)}\n")
    if one.children:
        sys.stdout.write(f"sites: {_plain(' '.join(one.children))}\n")
    if one.parent is not None:
        sys.stdout.write(f"part of: {_plain(one.parent)}\n")
    for step in steps or one.history:
        note = f"  {_plain(step.note)}" if step.note else ""
        sys.stdout.write(
            f"{step.at.astimezone(zone):%Y-%m-%d %H:%M:%S}  {step.what or step.state}  {_plain(step.who)}{note}\n"
        )
    return 0


def _act(options: argparse.Namespace) -> int:
    with _opened(options) as (database, zone):
        now = _now()
        until = _time(options.until, zone, now) if getattr(options, "until", None) else None
        decision = Decision(options.action, options.who, options.note, until)
        changed = History(database, tell=True).decide(options.incident, decision, at=now)
    sys.stdout.write(f"{_head(changed, zone)}\n")
    return 0


def _plan(options: argparse.Namespace) -> int:
    extent: Extent = next((one for one in ("site", "commune", "provider") if getattr(options, one)), "all")
    with _opened(options) as (database, zone):
        now = _now()
        starts = _time(options.starts, zone, now) if options.starts else now
        window = Window(
            extent=extent,
            name="" if extent == "all" else getattr(options, extent),
            starts=starts,
            ends=_time(options.ends, zone, starts),
            who=options.who,
            note=options.note,
        )
        sites = _known(window, Registry(database).snapshot())
        made = Calendar(database).add(window, at=now)
    sys.stdout.write(f"{_window(made, zone)}\n")
    if not sites:
        sys.stderr.write(
            f"no site is in {window.extent} {_plain(window.name)} now; see: linkgauge-collector site list\n"
        )
    return 0


def _known(window: Window, snapshot: Snapshot) -> int:
    """How many sites work is planned at; raises UsageError for one site that there is not."""
    if window.extent == "site" and window.name not in snapshot.sites:
        raise unknown_site(window.name, snapshot.sites)
    sites = (versions[-1].value for versions in snapshot.sites.values())
    return sum(window.covers(site.id, about_of(site)) for site in sites)


def _planned(options: argparse.Namespace) -> int:
    with _opened(options) as (database, zone):
        found = Calendar(database).list(since=None if options.past else _now())
    for window in found:
        if options.past or window.ended is None:
            sys.stdout.write(f"{_window(window, zone)}\n")
    return 0


def _end(options: argparse.Namespace) -> int:
    with _opened(options) as (database, zone):
        ended = Calendar(database).end(options.number, who=options.who, at=_now())
    sys.stdout.write(f"{_window(ended, zone)}\n")
    return 0


def _window(window: Window, zone: ZoneInfo) -> str:
    starts, ends = (at.astimezone(zone) for at in (window.starts, window.ended or window.ends))
    note = f"  {_plain(window.note)}" if window.note else ""
    where = f"{window.extent} {_plain(window.name)}".strip()
    return f"{window.id:>4}  {starts:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M}  {where}  {_plain(window.who)}{note}"


@contextlib.contextmanager
def _opened(options: argparse.Namespace) -> Iterator[tuple[Database, ZoneInfo]]:
    settings = read(options.config, os.environ)
    database = database_of(settings.registry)
    database.open()
    try:
        yield database, ZoneInfo(settings.web.zone)
    finally:
        database.close()


def _time(text: str, zone: ZoneInfo, begin: datetime) -> datetime:
    """Read `3d` after a moment, or a moment in the province's zone."""
    number, unit = text[:-1], text[-1:]
    try:
        if number.isdecimal() and unit in _UNITS:
            return begin + timedelta(seconds=int(number) * _UNITS[unit])
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text!r} is no time; write 2026-11-25T08:00, 90m, 12h, 3d or 2w") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=zone)


def _now() -> datetime:
    return datetime.now(UTC)


def _plain(text: str) -> str:
    """Show hostile text without letting it steer the terminal."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
