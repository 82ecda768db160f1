"""What the last check said of a captive portal: while one stands in the way, whatever is measured is in doubt.

Kept in a small file, so that the service and a measurement by hand know of each other's checks; where it cannot be
written, in memory. A check of pages ends it. What only the probe of names saw ends also when names that cannot exist
have no address any more: routers whose line is down lead every name to themselves, and that is over with the outage.
Without a new sighting it is believed for a day: then nobody is checking any more.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from agent import files
from agent.wire.dns import Dns
from agent.wire.failure import Doubt
from agent.wire.report import Measurement, Time
from agent.wire.results import Ipv6
from agent.wire.web import Web

NAME: Final = "portal.json"
_BELIEVED: Final = timedelta(days=1)
_LONG_AGO: Final = datetime(1, 1, 1, tzinfo=UTC)


class Sighting(msgspec.Struct, frozen=True, omit_defaults=True):
    """When a portal was seen last, where it sends people, and which kind of probe saw it."""

    at: Time
    url: str | None = None
    kind: str | None = None


class Portal:
    """Remembers a portal between runs; without a `folder` in memory only."""

    def __init__(self, folder: Path | None = None) -> None:
        self._path = folder / NAME if folder is not None else None
        self._unwritten: Sighting | None = None

    def stands(self, now: datetime) -> bool:
        """Whether a portal is in the way, as far as is known."""
        return self._seen(now) is not None

    def _seen(self, now: datetime) -> Sighting | None:
        seen = self._unwritten or self._written()
        return seen if seen is not None and abs(now - seen.at) <= _BELIEVED else None

    def heed(self, made: Measurement[Any]) -> None:
        """Learn from a measurement: its own doubt says that there is one, a check that found none says that it went."""
        if Doubt.CAPTIVE_PORTAL in made.doubts:
            url = made.result.portal_url if isinstance(made.result, Web | Ipv6) else None
            # What a page showed, names alone do not take back.
            before = self._seen(made.started) if isinstance(made.result, Dns) else None
            self._keep(Sighting(made.started, url, before.kind if before is not None else made.kind))
        elif isinstance(made.result, Web | Ipv6):
            if made.result.captive_portal is False:
                self._forget()
        elif isinstance(made.result, Dns) and made.result.rewrites_nxdomain is False:
            before = self._seen(made.started)
            if before is not None and before.kind == "dns":
                self._forget()

    def _keep(self, seen: Sighting) -> None:
        self._unwritten = seen
        if self._path is None:
            return
        try:
            files.replace(self._path, msgspec.json.encode(seen), forced=False)
        except OSError:
            return
        self._unwritten = None

    def _forget(self) -> None:
        self._unwritten = None
        if self._path is None:
            return
        try:
            self._path.unlink(missing_ok=True)
        except OSError:
            # What cannot be removed is outdone by one of long ago, which nobody believes.
            self._unwritten = Sighting(_LONG_AGO)

    def _written(self) -> Sighting | None:
        kept = files.read(self._path) if self._path is not None else None
        try:
            return msgspec.json.decode(kept, type=Sighting) if kept else None
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
