"""Keeping an Alertmanager's alerts alive: what a route was told of and goes on is posted again, with the watchdog.

It runs between two rounds of the route's post and never beside them, so that no alert is posted as going on after its
end was. What is recorded as over by now ends here, too, also when no letter told of it.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from collector.tell.alertmanager import Alertmanager
from collector.tell.deliveries import Deliveries, Known
from collector.tell.labels import labels_of
from collector.tell.news import News, read_news

_PAGE: Final = 200  # alerts in one request
_SOON_S: Final = 5.0


@dataclass(slots=True)
class Keeping:
    """Posts again what goes on, when it is time. `is_alive`: whether judging goes on. `kept`: hears how many."""

    alertmanager: Alertmanager
    deliveries: Deliveries
    is_alive: Callable[[], bool]
    since: datetime
    every_s: float = 60.0
    kept: Callable[[int], None] = lambda _number: None
    _next: float = field(init=False, default=0.0)

    async def when_due(self) -> None:
        """Post again if it is time; raises RegistryUnavailable."""
        now = asyncio.get_running_loop().time()
        if now < self._next:
            return
        told = await self._keep()
        if self.is_alive():
            told &= (await self.alertmanager.watchdog(self.since)).outcome == "confirmed"
        self._next = now + (self.every_s if told else min(_SOON_S, self.every_s))

    async def _keep(self) -> bool:
        name, after, kept = self.alertmanager.route.name, "", 0
        while True:
            page = await asyncio.to_thread(self.deliveries.active, name, after=after, limit=_PAGE)
            if not page:
                self.kept(kept)
                return True
            after = page[-1].incident
            present = await asyncio.to_thread(self.deliveries.present, [known.incident for known in page])
            news = _as_told(page, present)
            if news and (await self.alertmanager.keep(news)).outcome != "confirmed":
                return False
            over = [each.id for each in news if not each.active]
            if over:
                await asyncio.to_thread(self.deliveries.forget, name, over, self.alertmanager.wire.clock())
            kept += len(news) - len(over)


def _as_told(page: Sequence[Known], present: dict[str, str]) -> list[News]:
    """The incidents as they are now, under the labels that they were told with; none that is in maintenance."""
    news = []
    for known in page:
        told = read_news(known.body)
        now = read_news(present.get(known.incident, known.body))
        if now.is_tellable:
            news.append(now if labels_of(now) == labels_of(told) or not now.active else told)
    return news
