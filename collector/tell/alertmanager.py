"""Alertmanager, API version 2. It is told a state and not news: what goes on is told again each minute.

An alert ends by itself `hold_s` after it was told last (`endsAt`): by default 15 minutes, so that a restart, an
upgrade or a standby's taking over resolves nothing; that the collector is dead is the watchdog's to say, which ends
after three minutes. A resolved incident ends its alert at once. Alertmanager keeps alerts in memory only: after its
own restart it has them again within a minute.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from collector.tell.answer import Answer, Parcel
from collector.tell.labels import alert_of, labels_of, watchdog_of
from collector.tell.news import News
from collector.tell.posting import Post, Wire, post
from collector.tell.route import Route

WATCHDOG_HOLD: Final = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """One server."""

    route: Route
    wire: Wire
    public_url: str
    hold_s: float = 900.0

    async def send(self, parcel: Parcel) -> Answer:
        """Post an incident's alert once; when what identifies it has changed, the alert of before ends with it."""
        if parcel.kind == "test":
            return await self._post([])
        now = self.wire.clock()
        alerts = [self._alert(news, now) for news in parcel.news]
        before = parcel.before
        if before is not None and all(labels_of(before) != labels_of(news) for news in parcel.news):
            alerts.append(alert_of(before, until=now, public_url=self.public_url))
        return await self._post(alerts)

    async def keep(self, active: Sequence[News]) -> Answer:
        """Post again what goes on; an incident that is over ends its alert."""
        now = self.wire.clock()
        return await self._post([self._alert(news, now) for news in active])

    async def watchdog(self, since: datetime) -> Answer:
        """Say that judging goes on."""
        now = self.wire.clock()
        return await self._post([watchdog_of(since=since, until=now + WATCHDOG_HOLD, public_url=self.public_url)])

    def _alert(self, news: News, now: datetime) -> dict[str, Any]:
        until = now + timedelta(seconds=self.hold_s) if news.active else now
        return alert_of(news, until=until, public_url=self.public_url)

    async def _post(self, alerts: Sequence[dict[str, Any]]) -> Answer:
        url = self.route.url.rstrip("/") + "/api/v2/alerts"
        return await post(self.wire, Post(url, msgspec.json.encode(alerts)), timeout_s=self.route.timeout_s)
