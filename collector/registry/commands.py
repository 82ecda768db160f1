"""`linkgauge-collector site …` and `agent …`: the registry at the terminal."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, get_args

from agent.wire.settings import PREFIX
from collector.config import DEFAULT_PATH, RegistrySettings, read
from collector.errors import UsageError
from collector.registry.changes import AgentChange, SiteChange, agent_told, site_told
from collector.registry.codes import code_fault
from collector.registry.database import Database, database_of
from collector.registry.journal import Author, person, sealed
from collector.registry.plan_files import LOCAL_CONFIG, known_plans, plans_folder
from collector.registry.registry import Registry
from collector.registry.sheet import Line, Row, SheetError
from collector.registry.sheet_file import named, read_lines, write_lines
from collector.registry.site import Access, Area, Site, SiteKind
from collector.registry.sites_csv import COLUMNS, REQUIRED, Sheet, parse, rows_of

Clock = Callable[[], datetime]
Remark = tuple[str, str, bool]
"""A column of the sites table, what is to be said of its value, and whether that is doubtful."""
Remarks = Callable[[Database, datetime], Callable[[Site], Iterable[Remark]]]
"""Gives what answers the remarks on the places of a site: who knows places stands above the registry."""
Subparsers = Any  # argparse names this class with an underscore

MEANINGS: Final = {
    "id": "needed; a-z, 0-9 and -",
    "name": "needed; as people call it",
    "kind": f"needed; {' '.join(get_args(SiteKind))}; or trường học, trạm y tế, trụ sở, khác",
    "area": f"needed; {' '.join(get_args(Area))}; or thành thị, nông thôn",
    "province": "needed; a code or the name (Lạng Sơn is filed as lang-son)",
    "commune": "needed; likewise",
    "village": "likewise",
    "latitude": "degrees, for example 21.5056; with longitude or not at all",
    "longitude": "degrees, for example 106.3472",
    "access": f"the line: {' '.join(get_args(Access))}; or cáp quang, 4G …",
    "provider": "who sells it",
    "contract_down_mbps": "download as contracted, Mbit/s",
    "contract_up_mbps": "upload as contracted, Mbit/s",
    "plan": "whose targets bind it: see `linkgauge-collector plan list`",
}
SITE_EXAMPLES: Final = f"""examples:
  linkgauge-collector site import sites.csv --dry-run     what would change; nothing is written
  linkgauge-collector site import sites.csv --strict      refuse provinces and communes that are not known
  linkgauge-collector site add --id ls-huulung-th1 --name "Trường TH Hữu Lũng 1" --kind school --area rural \\
      --province lang-son --commune huu-lung --access fibre --plan lang-son-2025
  linkgauge-collector site export sites.xlsx
columns of the file, in any order (a sample: deploy/collector/sites.csv):
{chr(10).join(f"  {column:20} {words}" for column, words in MEANINGS.items())}
"""
AGENT_EXAMPLES: Final = """examples:
  linkgauge-collector agent list                          registered agents, and those that wait to be registered
  linkgauge-collector agent add ls-huulung-th1 --site ls-huulung-th1
  linkgauge-collector agent add --from agents.csv         two columns: agent,site
  linkgauge-collector agent revoke ls-huulung-th1
"""


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _unremarked(_database: Database, _now: datetime) -> Callable[[Site], Iterable[Remark]]:
    return lambda _site: ()


def add_commands(subparsers: Subparsers, *, clock: Clock = _utc_now, remarks: Remarks = _unremarked) -> None:
    """Add `site` and `agent`; each sets `func`, which answers the exit code."""
    _add_site(subparsers, clock, remarks)
    _add_agent(subparsers, clock)


def _add_site(subparsers: Subparsers, clock: Clock, remarks: Remarks) -> None:
    site = _parser(subparsers, "site", "schools, clinics and offices: import, export, list, add", SITE_EXAMPLES)
    actions = site.add_subparsers(dest="action", required=True, metavar="ACTION")
    bring = _parser(actions, "import", "add and change sites from a CSV or XLSX file, all or nothing", SITE_EXAMPLES)
    bring.add_argument("file", type=Path, metavar="FILE")
    bring.add_argument("--dry-run", action="store_true", help="say what would change and write nothing")
    bring.add_argument("--strict", action="store_true", help="refuse places that are not known as they are written")
    _runs(bring, lambda arguments: import_file(arguments, clock, remarks), writes=True)
    send = _parser(actions, "export", "write all sites, as they are now, to a CSV or XLSX file", SITE_EXAMPLES)
    send.add_argument("file", type=Path, metavar="FILE")
    _runs(send, export_file)
    _runs(_parser(actions, "list", "print all sites as they are now", SITE_EXAMPLES), list_sites)
    add = _parser(actions, "add", "add one site, or change it", SITE_EXAMPLES)
    for column in COLUMNS:
        name = f"--{column.replace('_', '-')}"
        add.add_argument(
            name, dest=f"site_{column}", required=column in REQUIRED, metavar="…", help=MEANINGS[column]
        )  # fmt: skip
    _runs(add, lambda arguments: add_site(arguments, clock, remarks), writes=True)


def _add_agent(subparsers: Subparsers, clock: Clock) -> None:
    agent = _parser(subparsers, "agent", "probe devices: register, list, revoke", AGENT_EXAMPLES)
    actions = agent.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = _parser(actions, "add", "register an agent at a site, or move it there", AGENT_EXAMPLES)
    add.add_argument("id", metavar="ID", nargs="?")
    add.add_argument("--site", metavar="SITE", help="where it stands")
    add.add_argument(
        "--from", dest="table", type=Path, metavar="FILE", help="CSV agent,site: many at once, all or none"
    )
    _runs(add, lambda arguments: add_agent(arguments, clock), writes=True)
    _runs(_parser(actions, "list", "registered agents, and those that wait to be registered", AGENT_EXAMPLES), agents)
    revoke = _parser(actions, "revoke", "take an agent's reports no longer", AGENT_EXAMPLES)
    revoke.add_argument("id", metavar="ID")
    _runs(revoke, lambda arguments: revoke_agent(arguments, clock), writes=True)


def _parser(subparsers: Subparsers, name: str, about: str, examples: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name, help=about, description=about, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    return parser


def _runs(parser: argparse.ArgumentParser, func: Callable[[argparse.Namespace], int], *, writes: bool = False) -> None:
    parser.add_argument(
        "--config", metavar="FILE", help=f"collector configuration (default: {LOCAL_CONFIG} here, else {DEFAULT_PATH})"
    )
    parser.add_argument("--registry", metavar="URL", help="the registry's database, instead of the configured one")
    if writes:
        parser.add_argument("--who", metavar="NAME", help="recorded as who did it (default: the system's user)")
    parser.set_defaults(func=func)


def import_file(arguments: argparse.Namespace, clock: Clock, remarks: Remarks = _unremarked) -> int:
    """Import a file of sites and print what changed, and what is known of the places that it names."""
    lines = read_lines(arguments.file)
    try:
        sheet = parse(lines, plans=known_plans(plans_folder(arguments.config)))
        with _registry(arguments) as registry:
            remarked = _remarked(sheet, remarks(registry.database, clock()), strict=arguments.strict)
            now = clock()
            seal = sealed(_author(arguments, arguments.file.name), "sites", site_told, now=now)
            changes = registry.import_sites(sheet.sites, now=now, keep=sheet.absent, dry=arguments.dry_run, seal=seal)
    except SheetError as error:
        raise named(error, arguments.file) from error
    _say(*(line for change in changes for line in described(change)))
    _say(*(f"{arguments.file}: {line}" for line in remarked))
    added = sum(change.before is None for change in changes)
    counts = f"{added} added, {len(changes) - added} changed, {len(sheet.sites) - len(changes)} unchanged"
    _say(f"{arguments.file}: {counts}" + (" (dry run: nothing was written)" if arguments.dry_run else ""))
    return 0


def _remarked(sheet: Sheet, remarks: Callable[[Site], Iterable[Remark]], *, strict: bool) -> list[str]:
    """Remarks, each once, with the first place and how many more; raises SheetError for doubtful ones if `strict`."""
    places: dict[Remark, list[Row]] = {}
    for row, site in zip(sheet.rows, sheet.sites, strict=True):
        for remark in remarks(site):
            places.setdefault(remark, []).append(row)
    doubtful = [
        row.fault(column, text) for (column, text, is_doubtful), rows in places.items() if is_doubtful for row in rows
    ]
    if strict and doubtful:
        raise SheetError(doubtful)
    return [
        rows[0].fault(column, text) + (f" (and {len(rows) - 1} more)" if len(rows) > 1 else "")
        for (column, text, _), rows in places.items()
    ]


def export_file(arguments: argparse.Namespace) -> int:
    """Write all sites as they are now; the file appears whole or not at all."""
    sites = _sites(arguments)
    write_lines(arguments.file, rows_of(sites), title="sites")
    _say(f"{arguments.file}: {len(sites)} sites")
    return 0


def list_sites(arguments: argparse.Namespace) -> int:
    """Print all sites as they are now."""
    rows = [
        (site.id, site.kind, site.area, site.province, site.commune, site.access or "-", site.plan or "-", site.name)
        for site in _sites(arguments)
    ]
    _say(*table(("id", "kind", "area", "province", "commune", "access", "plan", "name"), rows))
    return 0


def add_site(arguments: argparse.Namespace, clock: Clock, remarks: Remarks = _unremarked) -> int:
    """Add or change one site; options that are not given leave what is known as it is."""
    given = {column: getattr(arguments, f"site_{column}") for column in COLUMNS}
    header = tuple(column for column in COLUMNS if given[column] is not None)
    try:
        sheet = parse(
            [Line(1, header), Line(2, tuple(given[column] for column in header))],
            plans=known_plans(plans_folder(arguments.config)),
        )
    except SheetError as error:
        faults = (fault.partition("column ")[2].partition(": ") for fault in error.faults)
        raise UsageError("\n".join(f"--{column.replace('_', '-')}: {what}" for column, _, what in faults)) from error
    with _registry(arguments) as registry:
        now = clock()
        seal = sealed(_author(arguments), "sites", site_told, now=now)
        changes = registry.import_sites(sheet.sites, now=now, keep=sheet.absent, seal=seal)
        said = remarks(registry.database, clock())(sheet.sites[0])
    _say(*(line for change in changes for line in described(change)))
    _say(*(f"--{column}: {text}" for column, text, _ in said))
    if not changes:
        _say(f"{given['id']}: unchanged")
    return 0


def add_agent(arguments: argparse.Namespace, clock: Clock) -> int:
    """Register an agent or move it; or those that a file names."""
    single = (arguments.id, arguments.site)
    if (None in single) if arguments.table is None else any(single):
        raise UsageError("name an agent and its site (ID --site SITE), or a file of both (--from FILE)")
    places = _places(arguments.table) if arguments.table is not None else {arguments.id: arguments.site}
    for agent in places:
        fault = code_fault(agent)
        if fault or agent == "collector":
            raise UsageError(f"agent id: {fault or 'collector is reserved'}")
    with _registry(arguments) as registry:
        now = clock()
        author = _author(arguments, arguments.table.name if arguments.table else "")
        changes = registry.add_agents(places, now=now, seal=sealed(author, "agents", agent_told, now=now))
    if arguments.table is None:
        _say(*map(_agent_change, changes))
        return 0
    added, kept = sum(change.before is None for change in changes), sum(c.before == c.after for c in changes)
    moved = len(changes) - added - kept
    _say(f"{arguments.table}: {added} agents registered, {moved} moved, {kept} unchanged")
    return 0


def _places(table: Path) -> dict[str, str]:
    """Read which agent stands where."""
    header, *lines = [line for line in read_lines(table) if any(line.values)] or [Line(1, ())]
    names = [cell.strip().lower() for cell in header.values]
    if not {"agent", "site"} <= set(names):
        raise UsageError(f"{table}: line {header.number}: the first line must name the columns agent and site")
    places: dict[str, str] = {}
    for line in lines:
        row = dict(zip(names, (cell.strip() for cell in line.values), strict=False))
        agent, site = row.get("agent", ""), row.get("site", "")
        if not agent or not site or agent in places:
            why = "twice" if agent in places else "needs an agent and a site"
            raise UsageError(f"{table}: line {line.number}: {agent or 'this line'}: {why}")
        places[agent] = site
    return places


def revoke_agent(arguments: argparse.Namespace, clock: Clock) -> int:
    """Take an agent's reports no longer."""
    with _registry(arguments) as registry:
        now = clock()
        seal = sealed(_author(arguments), "agents", agent_told, now=now)
        change = registry.revoke(arguments.id, now=now, seal=seal)
    _say(_agent_change(change))
    return 0


def agents(arguments: argparse.Namespace) -> int:
    """Print registered agents, then those that wait, each with the command that registers it."""
    with _registry(arguments) as registry:
        snapshot = registry.snapshot()
        waiting = registry.waiting()
    newest = {agent: versions[-1] for agent, versions in sorted(snapshot.agents.items())}
    rows = [(agent, version.value or "(revoked)", _time(version.since)) for agent, version in newest.items()]
    _say(*table(("agent", "site", "since"), rows))
    if waiting:
        _say("", "waiting to be registered (their reports are kept by the agents until then):")
        told = [(each.agent, _time(each.first), _time(each.last)) for each in waiting]
        _say(*table(("agent", "waiting since", "last heard"), told))
        _say("", "to register one:", *(f"  linkgauge-collector agent add {each.agent} --site SITE" for each in waiting))
    return 0


def registry_settings(config: str | None, registry: str | None) -> RegistrySettings:
    """Find how the registry is reached: option, environment, configuration file."""
    named = registry or (None if config else os.environ.get(f"{PREFIX}REGISTRY_URL"))
    if named:
        return RegistrySettings(url=named, password=os.environ.get(f"{PREFIX}REGISTRY_PASSWORD"))
    if config:
        return read(Path(config), os.environ).registry
    found = [path for path in (Path(LOCAL_CONFIG), DEFAULT_PATH) if path.exists()]
    if not found:
        raise UsageError(
            f"there is no {LOCAL_CONFIG} here and no {DEFAULT_PATH}; name the collector's file with --config FILE, "
            "or the database with --registry URL"
        )
    return read(found[0], os.environ).registry


def _author(arguments: argparse.Namespace, about: str = "") -> Author:
    return Author(person(arguments.who), "terminal", about)


@contextmanager
def _registry(arguments: argparse.Namespace) -> Iterator[Registry]:
    registry = Registry(database_of(registry_settings(arguments.config, arguments.registry)))
    registry.open()
    try:
        yield registry
    finally:
        registry.close()


def _sites(arguments: argparse.Namespace) -> list[Site]:
    with _registry(arguments) as registry:
        snapshot = registry.snapshot()
    return [versions[-1].value for _, versions in sorted(snapshot.sites.items())]


def described(change: SiteChange) -> Iterator[str]:
    """Say what changed at one site, a line each."""
    site = change.after
    if change.before is None:
        yield f"{site.id}: added ({site.name})"
        return
    for column in COLUMNS:
        before, after = getattr(change.before, column), getattr(site, column)
        if before != after:
            yield f"{site.id}: {column}: {_shown(before)} -> {_shown(after)}, from {_time(change.since)}"


def _agent_change(change: AgentChange) -> str:
    if change.after is None:
        return f"{change.agent}: revoked, from {_time(change.since)}"
    if change.before == change.after:
        return f"{change.agent}: unchanged at {change.after}"
    if change.before is None:
        return f"{change.agent}: registered at {change.after}, from {_time(change.since)}"
    return f"{change.agent}: moved {change.before} -> {change.after}, from {_time(change.since)}"


def _shown(value: object) -> str:
    return "(empty)" if value is None else str(value)


def _time(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%SZ") if moment else "the beginning"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as they need, two spaces between."""
    widths = [max(len(row[place]) for row in [header, *rows]) for place in range(len(header))]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [header, *rows])
    return [line.rstrip() for line in padded]


def _say(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
