"""`linkgauge-collector`: the commands of the collector's side. Errors are one plain line; see --debug for more."""

import argparse
import asyncio
import contextlib
import importlib.metadata
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, get_args

from collector import logs, loop
from collector.config import DEFAULT_PATH, CollectorConfig, Role, read, secret, with_roles
from collector.errors import CollectorError

Subparsers = Any  # argparse names this class with an underscore
_LOCAL: Final = Path("collector.toml")
_HARD_STOP_S: Final = 5.0
_EXAMPLES: Final = """examples:
  linkgauge-collector up                                        everything on this machine
  linkgauge-collector run --config /etc/linkgauge/collector.toml
  linkgauge-collector site import sites.csv
  linkgauge-collector agent add ls-huulung-th1 --site ls-huulung-th1
  linkgauge-collector store check
  linkgauge-collector quarantine list
  linkgauge-collector grafana push --url https://grafana.example:3000 --token-file grafana.token
exit codes: 0 done, 2 wrong usage or configuration, 1 anything else"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        code: int = options.func(options)
    except CollectorError as error:
        if options.debug:
            raise
        sys.stderr.write(f"linkgauge-collector: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("linkgauge-collector: stopped\n")
        return 1
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does; nothing is left to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="linkgauge-collector",
        description="Stores, judges and shows what measurement agents report.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = importlib.metadata.version("linkgauge")
    parser.add_argument("--version", action="version", version=f"linkgauge-collector {version}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_commands(commands)
    return parser


def _add_commands(commands: Subparsers) -> None:
    from collector import replay, up
    from collector.archive import commands as archive
    from collector.explain import commands as explain
    from collector.figures import commands as figures
    from collector.grafana import commands as grafana
    from collector.incidents import commands as incidents
    from collector.ledger import commands as ledger
    from collector.places import commands as places
    from collector.plans import commands as plans
    from collector.quarantine import commands as quarantine
    from collector.refill import commands as refill
    from collector.registry import commands as registry
    from collector.registry import version_command
    from collector.scoreboard import commands as scoreboard
    from collector.store import commands as store
    from collector.tell import commands as tell

    up.add_command(commands)
    _add_run(commands)
    registry.add_commands(commands, remarks=places.site_remarks)
    version_command.add_command(commands)
    refill.add_command(store.add_commands(commands))
    replay.add_command(incidents.add_commands(commands))
    explain.add_command(commands)
    scoreboard.add_period(plans.add_commands(commands))
    for part in (places, figures, archive, ledger, tell, quarantine, grafana):
        part.add_commands(commands)


def _add_run(commands: Subparsers) -> None:
    run = commands.add_parser(
        "run",
        help="the service, with the roles that the configuration names",
        description="Run the service until SIGTERM or Ctrl-C. SIGHUP reads the configuration again.",
        epilog="examples: linkgauge-collector run --config /etc/linkgauge/collector.toml\n"
        "          linkgauge-collector run --role ingest             one process of several with one configuration",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_config(run)
    run.add_argument(
        "--role",
        dest="roles",
        action="append",
        choices=get_args(Role),
        metavar="ROLE",
        help=f"instead of the file's roles; may be repeated ({' '.join(get_args(Role))})",
    )
    run.set_defaults(func=_run)
    check = commands.add_parser(
        "check-config",
        help="read a configuration and say whether it will do",
        description="Read a configuration as `run` would, and start nothing.",
        epilog="example: linkgauge-collector check-config --config /etc/linkgauge/collector.toml",
    )
    _add_config(check)
    check.set_defaults(func=_check_config)


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        default=_LOCAL if _LOCAL.exists() else DEFAULT_PATH,
        metavar="FILE",
        help=f"configuration (default: {_LOCAL} here, else {DEFAULT_PATH})",
    )


def _run(options: argparse.Namespace) -> int:
    settings = _read(options)
    logs.begin(settings.log.level, settings.log.format)
    loop.run(_serve(settings, lambda: _read(options)))
    return 0


def _read(options: argparse.Namespace) -> CollectorConfig:
    settings = read(options.config, os.environ)
    return with_roles(settings, options.roles) if options.roles else settings


def _check_config(options: argparse.Namespace) -> int:
    from collector.plans.load import load_plans
    from collector.store.open import store_from_url
    from collector.tell import channels
    from collector.tell.routes import routes_of
    from collector.web.overview.outlines_file import OutlinesFile

    settings = read(options.config, os.environ)
    load_plans(settings.plans.folder)
    secret(settings.broker.password, settings.broker.password_file, "broker.password_file")
    token = secret(settings.store.token, settings.store.token_file, "store.token_file")
    store_from_url(settings.store.url, token=token, timeout_s=settings.store.timeout_s)
    routes = routes_of(settings)
    channels.check(routes)
    if settings.web.outlines is not None:
        OutlinesFile(Path(settings.web.outlines)).read()
    told = f"roles {', '.join(settings.roles)}; broker {settings.broker.url}; page {settings.web.listen}"
    sys.stdout.write(f"{options.config}: good; {told}\n")
    return 0


async def _serve(settings: CollectorConfig, reload: Callable[[], CollectorConfig]) -> None:
    from collector.service import serve

    running = asyncio.get_running_loop()
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("not in a task")

    def end() -> None:
        task.cancel()
        # Nothing is lost by a hard end: receipts come after durable writes.
        running.call_later(_HARD_STOP_S, os._exit, 1)

    for number in (signal.SIGTERM, signal.SIGINT):
        running.add_signal_handler(number, end)
    with contextlib.suppress(asyncio.CancelledError):
        await serve(settings, ready=_started, reload=reload)


def _started(address: str) -> None:
    logging.getLogger("collector").info("collector.started page=%s", address or "none")


if __name__ == "__main__":
    sys.exit(main())
