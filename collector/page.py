"""The HTTP side of a process: with the role `web` the page and its API, always health and numbers."""

import contextlib
import importlib.metadata
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from aiohttp import web

from agent.wire.codec import encode
from agent.wire.control import Request
from agent.wire.topics import topic
from collector import config, health
from collector.errors import BrokerUnavailable, UsageError
from collector.figures.figures import Figures
from collector.incidents.calendar import Calendar
from collector.incidents.history import History
from collector.ledger.completeness import Completeness
from collector.ledger.ledger import Ledger
from collector.parts import Parts
from collector.places.places import Places
from collector.quarantine import Quarantine
from collector.registry.plan_files import plan_files
from collector.rollups.due import Due
from collector.rollups.recents import Recents
from collector.web.admin.office import office_of
from collector.web.app import make_app
from collector.web.overview.outlines_file import OutlinesFile
from collector.web.sources import Sources

_FAREWELL_S: Final = 0.3


@contextlib.asynccontextmanager
async def serving(parts: Parts) -> AsyncIterator[str]:
    """Serve page and health pages; gives the address. Raises UsageError when the port is taken."""
    async with _served(_app(parts), parts, "web.listen", parts.settings().web.listen) as address:
        yield address


@contextlib.asynccontextmanager
async def serving_health(parts: Parts) -> AsyncIterator[str]:
    """Serve the health pages alone; gives the address. Raises UsageError when the port is taken."""
    async with _served(web.Application(), parts, "web.health", parts.settings().web.health) as address:
        yield address


@contextlib.asynccontextmanager
async def _served(app: web.Application, parts: Parts, key: str, listen: str) -> AsyncIterator[str]:
    host, port = config.address(listen, key)
    health.add_routes(app, parts.metrics, parts.readiness)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_FAREWELL_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            why = os.strerror(error.errno or 0).lower()
            raise UsageError(f"{key}: {listen}: {why}; stop what listens there, or choose another") from error
        bound = runner.addresses[0]
        yield f"http://[{bound[0]}]:{bound[1]}" if ":" in bound[0] else f"http://{bound[0]}:{bound[1]}"
    finally:
        await runner.cleanup()


def _app(parts: Parts) -> web.Application:
    settings = parts.settings()
    return make_app(
        Sources(
            store=parts.series,
            places=parts.registry,
            originals=parts.archive,
            judged=parts.verdicts,
            # A person's decision needs no leader: it is recorded here, and told by whoever leads.
            casebook=History(parts.registry.database, tell=True),
            calendar=Calendar(parts.registry.database),
            completeness=Completeness(Ledger(parts.registry.database)),
            fleet=parts.fleet,
            bus=parts.bus,
            plans=parts.plans,
            now=parts.now,
            zone=ZoneInfo(settings.web.zone),
            version=importlib.metadata.version("linkgauge"),
            quarantine=lambda: _quarantine(parts),
            board=parts.board,
            recents=Recents(parts.registry.database).read,
            unsettled=Due(parts.registry.database).unsettled,
            gazetteer=Places(parts.registry.database).gazetteer,
            figures=Figures(parts.registry.database),
            spacing_s=settings.judge.spacing_s,
            outlines=_outlines(settings.web.outlines),
            demonstration=settings.web.demonstration,
            ask=_asking(parts),
            office=office_of(parts.registry, origins=plan_files(settings.plans.folder)),
        )
    )


def _outlines(path: str | None) -> Callable[[], bytes | None]:
    """The map's outlines, as the file says at any time; raises UsageError for one that is no good at the start."""
    if path is None:
        return lambda: None
    file = OutlinesFile(Path(path))
    file.read()
    return file


def _asking(parts: Parts) -> Callable[[str, Request], None]:
    """Has an agent asked; raises BrokerUnavailable, as nobody waits for an answer to a request that lay about."""

    def ask(agent: str, request: Request) -> None:
        if "broker" in parts.readiness.reasons:
            raise BrokerUnavailable("the broker cannot be reached right now; try again in a moment")
        parts.send(topic(agent, "request"), encode(request), 1)

    return ask


def _quarantine(parts: Parts) -> Quarantine | None:
    """The quarantine, opened; None while nothing was ever put there. Blocks."""
    if not parts.quarantine.path.exists():
        return None
    parts.quarantine.open()
    return parts.quarantine
