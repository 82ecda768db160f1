"""`linkgauge-collector quarantine …`: what was rejected, looked at, searched, and judged again."""

import argparse
import contextlib
import getpass
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from collector.config import DEFAULT_PATH, CollectorConfig, read
from collector.errors import CollectorError, UsageError
from collector.quarantine.holding import Held, Quarantine, Search, listing, path_from_url

if TYPE_CHECKING:
    from collector.quarantine.replay import Outcome

Subparsers = Any  # argparse names this class with an underscore
_LOCAL: Final = Path("collector.toml")
_UNITS: Final = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_NUMBERS: Final = 2**63
_EXAMPLES: Final = """examples:
  linkgauge-collector quarantine list --reason malformed --agent ls-huulung-th1 --since 2026-11-20
  linkgauge-collector quarantine list --text '"kind":"throughput"' --since 3d
  linkgauge-collector quarantine show 17
  linkgauge-collector quarantine replay --reason version --offline     what would happen; nothing changes
  linkgauge-collector quarantine replay --reason version               after an update that can read them
exit codes: 0 done; 1 some were rejected again, or nobody took them up; 2 wrong usage
"""
_REPLAY_WORDS: Final = """Mark payloads to be judged again. A running service takes them up, after everything else: what
is accepted now is stored, archived and receipted, and leaves the quarantine; the rest stays, with its new reason.
Without a service they stay marked, and the next one that starts takes them up."""


def add_commands(commands: Subparsers) -> None:
    """Add `quarantine` with its actions."""
    quarantine = commands.add_parser(
        "quarantine",
        help="payloads that were rejected",
        description="Payloads that can never be accepted as they are: look, search, judge again after a mend.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = quarantine.add_subparsers(title="actions", metavar="ACTION", required=True)
    found = actions.add_parser(
        "list", help="the newest", epilog="example: linkgauge-collector quarantine list --since 3d"
    )
    found.add_argument("--limit", type=_whole, default=50, metavar="N", help="at most so many (default 50)")
    _add_search(found)
    _add_config(found)
    found.set_defaults(func=_list)
    show = actions.add_parser(
        "show", help="one, with its bytes", epilog="example: linkgauge-collector quarantine show 17"
    )
    show.add_argument("number", type=_whole, metavar="NUMBER", help="its number in the list")
    show.add_argument("--raw", action="store_true", help="only the exact bytes, for a pipe")
    _add_config(show)
    show.set_defaults(func=_show)
    replay = actions.add_parser(
        "replay",
        help="judge some again, after a mend",
        description=_REPLAY_WORDS,
        epilog="examples: linkgauge-collector quarantine replay 17 18 · linkgauge-collector quarantine replay --all",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    replay.add_argument("numbers", type=_whole, nargs="*", metavar="NUMBER", help="those of the list")
    replay.add_argument("--all", action="store_true", help="everything that is held")
    _add_search(replay)
    replay.add_argument("--offline", action="store_true", help="judge here, change nothing, say what would happen")
    replay.add_argument(
        "--wait", type=float, default=60.0, metavar="S", help="for so long without progress (default 60)"
    )
    _add_config(replay)
    replay.set_defaults(func=_replay)


def _whole(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or not 0 < int(text) < _NUMBERS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number; write one like 17")
    return int(text)


def _add_search(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--reason", choices=("malformed", "version", "too_large", "conflict"), help="why it was refused"
    )
    parser.add_argument("--agent", metavar="ID", help="from this agent")
    parser.add_argument("--since", metavar="TIME", help="came since: 2026-11-20, 2026-11-20T08:30, 90m, 12h, 3d or 2w")
    parser.add_argument("--text", help="this stands in its topic, reason or bytes")


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        default=_LOCAL if _LOCAL.exists() else DEFAULT_PATH,
        metavar="FILE",
        help=f"configuration (default: {_LOCAL} here, else {DEFAULT_PATH})",
    )


def _list(options: argparse.Namespace) -> int:
    settings = read(options.config, os.environ)
    search = _search(options, settings)
    with _opened(settings) as held:
        found, counts, gone = held.list(search, limit=options.limit), held.count(search), held.gone()
    for item in found:
        sys.stdout.write(_line(item))
    words = ", ".join(f"{count} {reason}" for reason, count in counts.items()) or "nothing"
    hidden = f"; shown: {len(found)}" if len(found) < sum(counts.values()) else ""
    lost = f"; {gone} older ones went to make room" if gone else ""
    sys.stderr.write(f"held: {words}{hidden}{lost}\n")
    return 0


def _line(item: Held) -> str:
    times = f" x{item.times}" if item.times > 1 else ""
    again = "  [waits to be judged again]" if item.asked else f"  [{_plain(item.outcome)}]" if item.outcome else ""
    return (
        f"{item.number:>6}  {item.last}  {item.reason:<9} {item.bytes:>7} bytes{times}  "
        f"{_plain(item.topic)}  {_plain(item.detail)}{again}\n"
    )


def _show(options: argparse.Namespace) -> int:
    with _opened(read(options.config, os.environ)) as held:
        found = held.show(options.number)
    if found is None:
        raise CollectorError(
            f"nothing with number {options.number} in quarantine; see linkgauge-collector quarantine list"
        )
    item, payload = found
    if options.raw:
        sys.stdout.buffer.write(payload)
        return 0
    for name in ("number", "first", "last", "times", "reason", "bytes", "asked", "asked_by", "replayed"):
        if getattr(item, name) is not None:
            sys.stdout.write(f"{name + ':':<9} {getattr(item, name)}\n")
    sys.stdout.write(f"topic:    {_plain(item.topic)}\ndetail:   {_plain(item.detail)}\n")
    if item.outcome:
        sys.stdout.write(f"outcome:  {_plain(item.outcome)}\n")
    sys.stdout.write(f"{_plain(payload.decode('utf-8', 'backslashreplace'))}\n")
    return 0


def _replay(options: argparse.Namespace) -> int:
    settings = read(options.config, os.environ)
    search = _search(options, settings)
    chosen = bool(options.numbers) + options.all + (search != Search())
    if not chosen or (options.all and chosen > 1):
        raise UsageError("say which: numbers of the list, --reason, --agent, --since or --text, or --all alone")
    if options.numbers:
        search = Search(options.numbers, search.reason, search.agent, search.since, search.text)
    with _opened(settings) as held:
        if options.offline:
            return _judge_here(held, search, settings)
        return _wait(held, search, options.wait)


def _judge_here(held: Quarantine, search: Search, settings: CollectorConfig) -> int:
    """Say what would become of each; nothing is written anywhere."""
    accepted = 0
    found = held.list(search, limit=-1)
    with _judge(settings) as judge:
        for item in reversed(found):
            shown = held.show(item.number)
            if shown is None:
                continue
            outcome = judge(item.topic, shown[1])
            accepted += outcome.accepted
            sys.stdout.write(f"{item.number:>6}  {_plain(outcome.words)}\n")
    sys.stderr.write(f"{accepted} of {len(found)} would be stored; nothing was changed\n")
    return 0 if accepted == len(found) else 1


@contextlib.contextmanager
def _judge(settings: CollectorConfig) -> "Iterator[Callable[[str, bytes], Outcome]]":
    from collector.archive.archive import Archive, folder_from_url
    from collector.ingest import unpack
    from collector.quarantine.replay import held_by, outcome
    from collector.registry.database import database_of
    from collector.registry.registry import Registry

    archive = Archive(folder_from_url(settings.archive.url), writer=False)
    registry = Registry(database_of(settings.registry))
    try:
        archive.open()
        registry.open()
        snapshot = registry.snapshot()
        holding = held_by(archive, places=False)
        yield lambda topic, payload: outcome(unpack(topic, payload), snapshot, _now(), holding)
    finally:
        registry.close()
        archive.close()


def _wait(held: Quarantine, search: Search, patience_s: float) -> int:
    """Mark, and follow what becomes of them; gives 0 when all are stored."""
    started = _now()
    numbers = held.ask(search, who=getpass.getuser(), at=started)
    if not numbers:
        sys.stderr.write("nothing fits; see linkgauge-collector quarantine list\n")
        return 1
    sys.stderr.write(f"{len(numbers)} marked to be judged again; waiting for the service\n")
    ended: dict[int, str] = {}
    deadline = time.monotonic() + patience_s
    while len(ended) < len(numbers):
        waiting = [number for number in numbers if number not in ended]
        for number, words in held.outcomes(waiting, since=started).items():
            if words is not None:
                ended[number] = words
                deadline = time.monotonic() + patience_s
                sys.stdout.write(f"{number:>6}  {_plain(words)}\n")
                sys.stdout.flush()
        if time.monotonic() > deadline:
            raise CollectorError(
                f"{len(numbers) - len(ended)} were not taken up in {patience_s:g} s; they stay marked, and the next "
                "service that takes reports judges them; is one running with this configuration?"
            )
        if len(ended) < len(numbers):
            time.sleep(0.2)
    stored = sum(words.startswith("stored") for words in ended.values())
    sys.stderr.write(
        f"{stored} of {len(numbers)} stored; the others stay in quarantine\n" if stored < len(numbers) else ""
    )
    return 0 if stored == len(numbers) else 1


def _search(options: argparse.Namespace, settings: CollectorConfig) -> Search:
    since = None if options.since is None else _since(options.since, ZoneInfo(settings.web.zone))
    return Search(reason=options.reason, agent=options.agent, since=since, text=options.text)


def _since(text: str, zone: ZoneInfo) -> datetime:
    """Read `3d`, or a day or moment in the province's zone."""
    number, unit = text[:-1], text[-1:]
    try:
        if number.isdecimal() and unit in _UNITS:
            return _now() - timedelta(seconds=int(number) * _UNITS[unit])
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"--since: {text!r} is no time; write 2026-11-20, 2026-11-20T08:30, 90m, 12h, 3d or 2w"
        ) from error
    return found if found.tzinfo is not None else found.replace(tzinfo=zone)


def _opened(settings: CollectorConfig) -> "contextlib.closing[Quarantine]":
    from collector.archive.archive import folder_from_url

    path = path_from_url(settings.quarantine.url, archive=folder_from_url(settings.archive.url))
    return contextlib.closing(listing(path))


def _now() -> datetime:
    return datetime.now(UTC)


def _plain(text: str) -> str:
    """Show hostile text without letting it steer the terminal."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
