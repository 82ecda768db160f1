"""`linkgauge-collector archive …`: the archive at the terminal, also beside a running collector."""

import argparse
import os
import re
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from collector.archive.archive import SEAL_LEVEL, Archive, Position, folder_from_url
from collector.archive.inventory import check, days
from collector.archive.seal import NotSealed
from collector.config import DEFAULT_PATH, read
from collector.errors import CollectorError, UsageError

Subparsers = Any  # argparse names this class with an underscore
_LOCAL: Final = Path("collector.toml")
_DAY: Final = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
_AHEAD: Final = timedelta(days=1)  # a box's clock may be so far ahead of ours


class _Report(msgspec.Struct, frozen=True):
    id: str
    agent: str
    started: datetime


_REPORT: Final = msgspec.json.Decoder(_Report)


def add_commands(commands: Subparsers) -> None:
    """Add `archive` to the command line."""
    archive = commands.add_parser(
        "archive",
        help="the exact bytes of every accepted report",
        description="Look at the archive, check it, and pack finished days closer.",
        epilog="examples: linkgauge-collector archive list · linkgauge-collector archive verify",
    )
    actions = archive.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="its days", epilog="example: linkgauge-collector archive list")
    listing.set_defaults(func=_list)
    show = actions.add_parser(
        "show", help="one report", epilog="example: linkgauge-collector archive show 01934f6e-… > report.json"
    )
    show.add_argument("id", metavar="ID", help="the report's id")
    show.add_argument("--raw", action="store_true", help="only the exact bytes, also at a terminal")
    show.set_defaults(func=_show)
    verify = actions.add_parser(
        "verify",
        help="read all of it and name what is damaged; exit code 1 if anything is",
        epilog="example: linkgauge-collector archive verify --day 2026-11-22",
    )
    verify.add_argument("--day", type=_day, metavar="DAY", help="only the files of this day of arrival")
    verify.set_defaults(func=_verify)
    seal = actions.add_parser(
        "seal",
        help="pack finished days closer, and delete expired ones, of every slot that no collector is writing",
        epilog="example: linkgauge-collector archive seal",
    )
    seal.set_defaults(func=_seal)
    cat = actions.add_parser(
        "cat",
        help="an agent's reports of a period, each once, one after the other",
        epilog="example: linkgauge-collector archive cat --agent ls-huulung-th1 --period 2026-11 > november.jsonl",
    )
    cat.add_argument("--agent", required=True, metavar="AGENT", help="its id")
    cat.add_argument(
        "--period", required=True, metavar="PERIOD", help="started in: 2026-11-22, 2026-11, 2026 or FROM..TO, UTC"
    )
    cat.set_defaults(func=_cat)
    for action in (listing, show, verify, seal, cat):
        _add_config(action)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; write 2026-11-22") from None


def period(text: str) -> tuple[date, date]:
    """Read `2026-11-22`, `2026-11`, `2026` or `FROM..TO` as the first day and the day after the last."""
    first, dots, last = text.partition("..")
    try:
        start, end = _days(first)[0], _days(last if dots else first)[1]
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"--period: {text!r} is no period; write 2026-11-22, 2026-11 or 2026-11-01..2026-11-07"
        ) from error
    if end <= start or start - date.min < _AHEAD:
        raise UsageError(f"--period: {text!r} ends before it begins, or is too long ago; write the earlier day first")
    return start, end


def _days(text: str) -> tuple[date, date]:
    match = _DAY.fullmatch(text)
    if match is None:
        raise ValueError(text)
    year, month, day = (int(part) if part else None for part in match.groups())
    first = date(year or 0, month or 1, day or 1)
    if day is not None:
        return first, first + timedelta(days=1)
    if month is not None:
        return first, (first + timedelta(days=31)).replace(day=1)
    return first, first.replace(year=first.year + 1)


def _list(options: argparse.Namespace) -> int:
    folder = _folder(options)
    count = size = 0
    sys.stdout.write(f"{'slot':8} {'day':10} {'reports':>10} {'bytes':>14} {'each':>6}\n")
    for day in days(folder):
        each = f"{day.size / day.reports:.0f}" if day.reports else "-"
        state = "  sealed" if day.sealed else ""
        sys.stdout.write(f"{day.slot or '.':8} {day.day} {day.reports:>10} {day.size:>14} {each:>6}{state}\n")
        count, size = count + day.reports, size + day.size
    sys.stdout.write(f"{count} reports, {size} bytes\n")
    return 0


def _show(options: argparse.Namespace) -> int:
    try:
        raw = _opened(options).read(options.id)
    except ValueError as error:
        raise UsageError(f"{options.id!r} is no id; it looks like 01934f6e-7c1a-7b3e-9f00-0123456789ab") from error
    if raw is None:
        raise CollectorError(f"{options.id}: there is no such report in the archive")
    pretty = sys.stdout.isatty() and not options.raw
    sys.stdout.buffer.write(msgspec.json.format(raw, indent=2) + b"\n" if pretty else raw)
    return 0


def _verify(options: argparse.Namespace) -> int:
    folder = _folder(options)
    files = bad = 0
    for found in check(folder, day=options.day):
        name = found.path.relative_to(folder)
        again = f", {found.again} of them second copies, which do no harm" if found.again else ""
        sys.stdout.write(f"{name}: {found.reports} reports{again}\n")
        for first, end in found.damaged:
            sys.stdout.write(f"{name}: DAMAGED at bytes {first}..{end}: what was there is lost; restore a copy\n")
        if found.unreadable:
            sys.stdout.write(f"{name}: DAMAGED: {found.unreadable} lines are no reports\n")
        if found.torn:
            sys.stdout.write(
                f"{name}: {found.torn} bytes at the end are not whole: being written, or cut at the start\n"
            )
        if found.keys:
            sys.stdout.write(f"{name}.keys: {found.keys}; delete it and restart the collector, which makes it anew\n")
        files += 1
        bad += bool(found.damaged or found.unreadable or found.keys)
        sys.stdout.flush()
    if not files:
        sys.stderr.write(f"nothing{'' if options.day is None else f' of {options.day}'} in {folder}\n")
    return 1 if bad else 0


def _seal(options: argparse.Namespace) -> int:
    folder, failed, done = _folder(options), 0, 0
    keep = read(options.config, os.environ).archive.keep_days
    for slot in sorted({day.slot for day in days(folder)}):
        archive = Archive(folder, slot=slot)
        try:
            archive.open()
        except UsageError as error:
            sys.stderr.write(f"{error}; a running collector seals by itself\n")
            continue
        try:
            if keep is not None:
                archive.expire(datetime.now(UTC).date() - timedelta(days=keep))
            packed = [_pack(archive, day) for day in archive.unsealed()]
            done, failed = done + sum(packed), failed + len(packed) - sum(packed)
        finally:
            archive.close()
    if not done and not failed:
        sys.stderr.write("nothing to pack: the newest day of a slot waits until it is finished\n")
    return 1 if failed else 0


def _pack(archive: Archive, day: date) -> bool:
    try:
        saved = archive.seal(day, level=SEAL_LEVEL)
    except NotSealed as error:
        sys.stderr.write(f"{error}\n")
        return False
    sys.stdout.write(f"{archive.slot or '.'} {day}: {saved} bytes less\n")
    return True


def _cat(options: argparse.Namespace) -> int:
    first, end = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in period(options.period))
    archive, found = _opened(options), set[str]()
    agent = options.agent.encode()
    for slot in archive.slots():
        for raw in _arrived(archive, Position(slot, (first - _AHEAD).date(), 0)):
            report_id = _id_of(raw, options.agent, first, end) if agent in raw else None
            if report_id is not None and report_id not in found:
                sys.stdout.buffer.write(raw + b"\n")
                found.add(report_id)
    sys.stdout.flush()
    if not found:
        sys.stderr.write(f"no reports of agent {options.agent} in {options.period}\n")
    return 0


def _arrived(archive: Archive, position: Position) -> Iterator[bytes]:
    for _, lines in archive.since(position):
        yield from (raw for _, raw in lines)


def _id_of(raw: bytes, agent: str, first: datetime, end: datetime) -> str | None:
    """Give the id of an agent's report that started in a period; None for any other."""
    try:
        report = _REPORT.decode(raw)
    except msgspec.DecodeError:
        return None
    return report.id if report.agent == agent and first <= report.started < end else None


def _folder(options: argparse.Namespace) -> Path:
    folder = folder_from_url(read(options.config, os.environ).archive.url)
    if not folder.is_dir():
        raise UsageError(f"archive {folder}: there is no such folder; name the right file with --config")
    return folder


def _opened(options: argparse.Namespace) -> Archive:
    archive = Archive(_folder(options), writer=False)
    archive.open()
    return archive


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        default=_LOCAL if _LOCAL.exists() else DEFAULT_PATH,
        metavar="FILE",
        help=f"configuration (default: {_LOCAL} here, else {DEFAULT_PATH})",
    )
