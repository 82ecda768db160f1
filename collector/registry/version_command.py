"""`linkgauge-collector registry check|upgrade`: which version the tables are of, and bringing them up to date."""

import argparse
import sys
from typing import Any, Final

import msgspec

from collector.errors import CollectorError
from collector.registry import schema
from collector.registry.commands import registry_settings
from collector.registry.database import Database, database_of

Subparsers = Any  # argparse names this class with an underscore
_EXAMPLES: Final = """examples:
  linkgauge-collector registry check      exit code 0: up to date
  linkgauge-collector registry upgrade
The service upgrades by itself at its start, unless registry.migrate is false. There is no way down: make a backup
before a new version is installed, and go back to an older one with that backup."""


def add_command(subparsers: Subparsers) -> None:
    """Add `registry`; each action sets `func`, which answers the exit code."""
    registry = _parser(subparsers, "registry", "the registry's database: check its tables, bring them up to date")
    actions = registry.add_subparsers(required=True, metavar="ACTION")
    for name, about, func in (
        ("check", "say of which version its tables are; nothing is changed", check),
        ("upgrade", "bring its tables up to date, in one step or not at all", upgrade),
    ):
        action = _parser(actions, name, about)
        action.add_argument("--config", metavar="FILE", help="collector configuration, as for `site`")
        action.add_argument("--registry", metavar="URL", help="the database, instead of the configured one")
        action.set_defaults(func=func)


def check(arguments: argparse.Namespace) -> int:
    """Say which version the tables are of; raises CollectorError when that is not ours."""
    database = _database(arguments)
    found = database.version()
    if not schema.check(found, database.name):
        raise CollectorError(
            f"{database.name}: tables of version {found or 'none'}, this program needs {schema.HEAD}; "
            "make a backup, then run linkgauge-collector registry upgrade"
        )
    sys.stdout.write(f"{database.name}: tables of version {found}, up to date\n")
    return 0


def upgrade(arguments: argparse.Namespace) -> int:
    """Bring the tables up to date and say so."""
    database = _database(arguments)
    before = database.version()
    database.open()
    database.close()
    done = "were up to date" if before == schema.HEAD else f"brought up from {before or 'none'}"
    sys.stdout.write(f"{database.name}: tables of version {schema.HEAD}, {done}\n")
    return 0


def _database(arguments: argparse.Namespace) -> Database:
    settings = registry_settings(arguments.config, arguments.registry)
    return database_of(msgspec.structs.replace(settings, migrate=True))


def _parser(subparsers: Subparsers, name: str, about: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name, help=about, description=about, epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    return parser
