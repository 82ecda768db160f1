"""`linkgauge-collector grafana push`: dashboards, alert rules and the rest into a running Grafana."""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from collector.config import secret
from collector.errors import CollectorError, UsageError

if TYPE_CHECKING:
    from collector.grafana.pushing import Done
    from collector.grafana.shipment import Wishes

Subparsers = Any  # argparse names this class with an underscore
TOKEN: Final = "LINKGAUGE_GRAFANA_TOKEN"  # noqa: S105 - the name of a variable
STORE_TOKEN: Final = "LINKGAUGE_STORE_TOKEN"  # noqa: S105 - the name of a variable
WORDS: Final = """Bring dashboards, alert rules and, if asked for, datasource, contact point and policy into a running
Grafana, 9.4 to 12. What is there is read first, and only what differs is changed: a second push changes nothing.
Nothing is ever deleted. A dashboard that somebody changed in Grafana is not overwritten, unless with --force.
The token is that of a service account with the role Admin; give it by file or in LINKGAUGE_GRAFANA_TOKEN."""
EXAMPLES: Final = """examples:
  linkgauge-collector grafana push --url https://grafana.example:3000 --token-file grafana.token --dry-run
  linkgauge-collector grafana push --url https://grafana.example:3000 --token-file grafana.token \\
      --datasource-url influxdb1://127.0.0.1:8086/linkgauge --datasource-token-file reader.password \\
      --page-url https://linkgauge.example --notify mailto:vien-thong@example.vn
exit codes: 0 all is there; 2 wrong usage; 1 something is not: each line says what and why, and push may be repeated
"""


def add_commands(commands: Subparsers) -> None:
    """Add `grafana` with its action."""
    grafana = commands.add_parser(
        "grafana",
        help="dashboards and alert rules into a Grafana",
        description="What this product brings for Grafana.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = grafana.add_subparsers(title="actions", metavar="ACTION", required=True)
    push = actions.add_parser(
        "push",
        help="bring everything into a running Grafana",
        description=WORDS,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_reach(push)
    _add_wishes(push)
    push.set_defaults(func=_push)


def _add_reach(push: argparse.ArgumentParser) -> None:
    push.add_argument("--url", required=True, metavar="URL", help="of the Grafana, as a browser opens it")
    token = push.add_mutually_exclusive_group()
    token.add_argument("--token", metavar="T", help="its token; other users of this machine can see it, so rather:")
    token.add_argument("--token-file", type=Path, metavar="FILE", help=f"file with the token (or {TOKEN})")
    push.add_argument("--ca", type=Path, metavar="FILE", help="certificates to trust, for a Grafana with its own")
    push.add_argument(
        "--datasource-url",
        metavar="URL",
        help="make the datasource: influxdb1://H:P/DB, influxdb2://H:P/BUCKET?org=ORG or influxdb3://H:P/DB, "
        "as Grafana's own machine reaches it",
    )
    push.add_argument(
        "--datasource-token-file", type=Path, metavar="FILE", help=f"InfluxDB's token, or user:password ({STORE_TOKEN})"
    )


def _add_wishes(push: argparse.ArgumentParser) -> None:
    push.add_argument("--folder", metavar="NAME", help="title of the dashboards' folder (default: linkgauge)")
    push.add_argument(
        "--page-url",
        metavar="URL",
        help="linkgauge's page, as browsers of Grafana's readers reach it: links lead there",
    )
    push.add_argument("--lang", choices=("vi", "en", "both"), default="vi", help="language of the dashboards")
    push.add_argument(
        "--notify",
        action="append",
        default=[],
        metavar="WAY",
        help="where alerts go: mailto:A@B, alertmanager+http://H:P or a webhook's https://…; may be repeated",
    )
    push.add_argument("--editable", action="store_true", help="let people change rules and contacts in Grafana's pages")
    push.add_argument("--force", action="store_true", help="overwrite what people changed, and send secrets again")
    push.add_argument("--dry-run", action="store_true", help="only say what would be changed")
    push.add_argument("--json", action="store_true", help="say what became of each thing as one JSON object")


def _push(options: argparse.Namespace) -> int:
    from collector.grafana.pushing import NOT_DONE, items, push
    from collector.grafana.server import Server

    wishes = _wishes(options)
    todo = items(wishes)
    ca = None if options.ca is None else _certificates(options.ca)
    done: list[Done] = []
    with Server(options.url, _token(options), ca=ca) as server, _shown(len(todo)) as tell:
        for one in push(server, wishes, todo):
            done.append(one)
            tell(one)
    _say(done, is_dry=options.dry_run, as_json=options.json)
    bad = [one for one in done if one.state in NOT_DONE]
    first = next((one for one in bad if one.words), None)
    if first is not None:
        raise CollectorError(f"{len(bad)} of {len(done)} not done; {first.kind} {first.name}: {first.words}")
    return 0


def _wishes(options: argparse.Namespace) -> "Wishes":
    from collector.grafana.shipment import LANGUAGES, Wishes, contact, page

    contacts = [contact(text) for text in options.notify]
    if len({one.way for one in contacts}) < len(contacts):
        raise UsageError("--notify: one of each kind; several addresses fit into one mailto:A@B,C@D")
    influx = None
    if options.datasource_url is not None:
        from collector.store.open import place_from_url

        token = secret(os.environ.get(STORE_TOKEN), _path(options.datasource_token_file), "--datasource-token-file")
        influx = place_from_url(options.datasource_url, token=token).server
        if influx is None:
            raise UsageError("--datasource-url: Grafana reads no SQLite file; the series must live in an InfluxDB")
    return Wishes(
        LANGUAGES if options.lang == "both" else (options.lang,),
        influx,
        options.folder,
        None if options.page_url is None else page(options.page_url),
        contacts,
        force=options.force,
        editable=options.editable,
        dry_run=options.dry_run,
    )


def _token(options: argparse.Namespace) -> str:
    given = options.token or (None if options.token_file else os.environ.get(TOKEN))
    token = secret(given, _path(options.token_file), "--token-file")
    if not token:
        raise UsageError(f"no token for Grafana: give --token-file FILE or set {TOKEN}")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError("--token-file: holds characters that no token has; is the file the right one?")
    return token


def _path(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _certificates(path: Path) -> str:
    if not path.is_file():
        raise UsageError(f"--ca: {path} is not there")
    return str(path)


def _say(done: Sequence["Done"], *, is_dry: bool, as_json: bool) -> None:
    counts = Counter(one.state for one in done)
    if as_json:
        items = [{"kind": one.kind, "name": one.name, "state": one.state, "words": one.words} for one in done]
        sys.stdout.write(json.dumps({"dry_run": is_dry, "items": items, "counts": counts}, ensure_ascii=False) + "\n")
        return
    for one in done:
        state = f"would be {one.state}" if is_dry and one.state in ("created", "updated") else one.state
        sys.stdout.write(f"{state:<16} {one.kind:<11} {one.name}{f'  ({one.words})' if one.words else ''}\n")
    words = ", ".join(f"{number} {state}" for state, number in counts.items())
    nothing = " (nothing to change)" if counts.keys() <= {"unchanged", "left"} else ""
    sys.stdout.write(f"{words}{nothing}\n")


@contextmanager
def _shown(total: int) -> Iterator[Callable[["Done"], None]]:
    """A progress bar on a terminal; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("Grafana", total=total)
        yield lambda one: progress.update(bar, advance=1, description=f"{one.kind} {one.name}")
