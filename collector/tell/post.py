"""One route's post: what is due goes out, in order per incident, until its receiver has confirmed it.

Each route has a task of its own: a receiver that is slow or dead holds up no other. What waits stands in the database,
a few of it in memory. An attempt is recorded before it is made, with the time of the next one, its answer after it: a
kill in between makes one more attempt of the same id, and nothing else, and what brings a fault of ours about lets the
others go first. Who is ended in an orderly way lets the delivery in hand end, for `_GRACE_S`.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import msgspec

from collector.errors import RegistryUnavailable
from collector.metrics import TellMetrics
from collector.tell.answer import Answer, Channel, Parcel
from collector.tell.deliveries import FEW, Deliveries, Delivery
from collector.tell.grace import graceful
from collector.tell.keeping import Keeping
from collector.tell.labels import labels_of
from collector.tell.news import News, read_news
from collector.tell.pace import Patience, room
from collector.tell.place import Called, as_filed, news_called
from collector.tell.route import Route
from collector.tell.silences import Silences

log = logging.getLogger(__name__)
_UNREACHED: Final = "unreached: "
_GRACE_S: Final = 1.5  # the whole process has five seconds to end in
_WITH_NEWS: Final = frozenset({"news", "reminder"})
Names = Callable[[Sequence[str]], Mapping[str, str]]


def _now() -> float:
    return asyncio.get_running_loop().time()


def _codes() -> Called:
    return as_filed


def _no_names(_sites: Sequence[str]) -> Mapping[str, str]:
    return {}


@dataclass(slots=True)
class Post:
    """Sends one route's deliveries until cancelled. `due`: set by whoever knows that something waits.

    `names`: what sites are called; `places`: what places are. Both may block.
    """

    route: Route
    channel: Channel
    deliveries: Deliveries
    silences: Silences
    clock: Callable[[], datetime]
    metrics: TellMetrics
    draw: Callable[[], float] = random.random
    poll_s: float = 1.0
    names: Names = _no_names
    places: Callable[[], Called] = _codes
    keeping: Keeping | None = None
    due: bool = True
    _patience: Patience = field(init=False)
    _is_unreached: bool = field(init=False, default=False)
    _is_down: bool = field(init=False, default=False)
    _paused_until: float = field(init=False, default=0.0)
    _looked_at: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Take the route's patience."""
        self._patience = Patience(self.route.retry_first_s, self.route.retry_max_s)

    async def run(self) -> None:
        """Send what waits and what comes, for ever."""
        while True:
            if not await self.round():
                await asyncio.sleep(self.poll_s)

    async def round(self) -> bool:
        """Send some of what is due now, and whether more is; a database that is away is said once."""
        more = False
        try:
            if self.due:
                await self._release()
            if self.due and _now() >= self._paused_until:
                more = await self._send()
            if self.keeping is not None:
                await self.keeping.when_due()
        except RegistryUnavailable as error:
            if not self._is_down:
                log.warning("tell.record_unavailable route=%s error=%r", self.route.name, str(error))
            self._is_down = True
        else:
            self._is_down = False
        return more

    async def _send(self) -> bool:
        name, now = self.route.name, self.clock()
        free = None
        if self.route.per_hour is not None:
            free = room(await asyncio.to_thread(self.deliveries.sent_at, name, now), self.route.per_hour, now)
            if free == 0:
                return False
            await self._sum_up(free or 0)
        ready = await asyncio.to_thread(self.deliveries.ready, name, now, max_wait_s=self.route.retry_max_s)
        for delivery in await self._untouched(ready[:free]):
            if not await self._try(delivery):
                return False
        return len(ready) == FEW and free is None

    async def _sum_up(self, free: int) -> None:
        """Make one message of what is more than may go now."""
        untried = await asyncio.to_thread(self.deliveries.untried, self.route.name)
        if len(untried) > free:
            untried = await self._untouched(untried)
        if len(untried) > free:
            await asyncio.to_thread(self.deliveries.sum_up, self.route.name, untried, self.clock())

    async def _untouched(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Those that no silence is on; the others are held."""
        free = []
        before = await self._held_before(deliveries)
        for delivery in deliveries:
            by = await self._silence_on(delivery) or before.get(delivery.incident or "")
            if by is None:
                free.append(delivery)
            else:
                await asyncio.to_thread(self.deliveries.hold, delivery, by)
                log.info("tell.held route=%s incident=%s by=%s", self.route.name, delivery.incident, by)
        return free

    async def _held_before(self, deliveries: Sequence[Delivery]) -> Mapping[str, str]:
        """Of whose incidents something older is held, and by what: it goes first, or not at all."""
        incidents = [delivery.incident for delivery in deliveries if delivery.kind in _WITH_NEWS and delivery.incident]
        if not incidents or not self.silences.keepers:
            return {}
        return await asyncio.to_thread(self.deliveries.held_by, self.route.name, incidents)

    async def _silence_on(self, delivery: Delivery) -> str | None:
        if self.route.kind == "alertmanager" or delivery.kind not in _WITH_NEWS:  # Alertmanager sees to it itself
            return None
        return await self.silences.on(labels_of(read_news(delivery.body)))

    async def _release(self) -> None:
        """Look again at what was held: whose silence is over is told, if it still matters to whoever reads it."""
        if self._looked_at is not None and _now() - self._looked_at < self.silences.every_s:
            return
        after = 0
        while page := await asyncio.to_thread(self.deliveries.held, self.route.name, after=after):
            after = page[-1].number
            for delivery in page:
                if await self._silence_on(delivery) is None:
                    await asyncio.to_thread(self._let_go, delivery)
        self._looked_at = _now()

    def _let_go(self, delivery: Delivery) -> None:
        """Tell what was held, if whoever reads it is not told of an end whose beginning he never heard of. Blocks."""
        known = self.deliveries.known(self.route.name, [delivery.incident or ""]).values()
        tell = read_news(delivery.body).active or any(each.active for each in known)
        self.deliveries.release(delivery, tell=tell, at=self.clock())

    async def _try(self, delivery: Delivery) -> bool:
        """Make one attempt; whether the receiver may be asked for more."""
        name = f"telling: {self.route.name}: {delivery.id}"
        return await graceful(self._attempt(delivery), grace_s=_GRACE_S, name=name)

    async def _attempt(self, delivery: Delivery) -> bool:
        now = self.clock()
        due = now + timedelta(seconds=self._patience.wait_s(delivery.attempts + 1, self.draw()))
        await asyncio.to_thread(self.deliveries.begin, delivery, now, due=due)
        parcel = await asyncio.to_thread(self._parcel, delivery)
        answer = await self.channel.send(parcel)
        if answer.outcome == "confirmed":
            await self._reached()
            await asyncio.to_thread(
                self.deliveries.confirmed, delivery, parcel.news, at=self.clock(), answer=answer.said
            )
            self.metrics.sent.labels(self.route.name).inc()
            log.info("tell.sent route=%s delivery=%s incident=%s", self.route.name, delivery.id, delivery.incident)
            return True
        await self._failed(delivery, answer)
        return answer.outcome == "refused" and answer.wait_s is None

    async def _failed(self, delivery: Delivery, answer: Answer) -> None:
        route = self.route
        self.metrics.failed.labels(route.name, answer.outcome).inc()
        if answer.outcome == "unreached":
            if not self._is_unreached:
                log.warning("tell.unreached route=%s to=%s fault=%s", route.name, route.address, answer.said)
            self._is_unreached = True
        else:
            await self._reached()
            if delivery.attempts == 0:
                log.warning(
                    "tell.refused route=%s to=%s incident=%s fault=%s",
                    route.name, route.address, delivery.incident, answer.said,
                )  # fmt: skip
        wait_s = self._patience.wait_s(delivery.attempts + 1, self.draw(), asked_s=answer.wait_s)
        due = self.clock() + timedelta(seconds=wait_s)
        if answer.wait_s is not None:  # it wants to be left alone, not only by this one
            self._paused_until = _now() + min(answer.wait_s, self.route.retry_max_s)
        words = f"{_UNREACHED}{answer.said}" if answer.outcome == "unreached" else answer.said
        await asyncio.to_thread(self.deliveries.failed, delivery, due=due, answer=words[:300])

    async def _reached(self) -> None:
        """Somebody answers: what waited for that need not wait longer."""
        if self._is_unreached:
            log.warning("tell.reached route=%s to=%s", self.route.name, self.route.address)
            await asyncio.to_thread(self.deliveries.hurry, self.route.name, self.clock(), answer=_UNREACHED)
        self._is_unreached = False

    def _parcel(self, delivery: Delivery) -> Parcel:
        """A delivery with all that a channel needs. Blocks."""
        if delivery.kind not in {"news", "reminder", "summary"}:
            return Parcel(delivery.id, delivery.kind, (delivery.body,), (), delivery.id)
        bodies: tuple[str, ...] = (delivery.body,)
        if delivery.kind == "summary":
            bodies = tuple(bytes(each).decode() for each in msgspec.json.decode(delivery.body, type=list[msgspec.Raw]))
        news, called = tuple(read_news(body) for body in bodies), self.places()
        known = self.deliveries.known(self.route.name, [each.id for each in news]).get(news[0].id)
        return Parcel(
            delivery.id,
            delivery.kind,
            bodies,
            news,
            thread=known.thread if known is not None else delivery.id,
            earlier=known is not None and len(news) == 1,
            before=read_news(known.body) if known is not None and known.active else None,
            names=self._names(news),
            spoken=tuple(news_called(each, called) for each in news),
        )

    def _names(self, news: Sequence[News]) -> Mapping[str, str]:
        """What the sites of a parent's children are called."""
        children = [child for each in news for child in each.children]
        return self.names(children) if children else {}
