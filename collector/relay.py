"""Events from process to process, over the broker: what ingest stored and what the judge decided.

A small JSON array on `linkgauge/v1/collector/events`, QoS 0: whoever misses one finds the same in the stores later.
Bounded in every way: newer news of one thing replace older ones that wait, and what has no room is lost, and said so.
What comes in is not believed: where the broker lets it, any device can write there. So it only says that there is
something to look at. A report counts as a sign of life of an agent that we know, now and not later; a verdict is read
where the leader has saved it.
"""

import asyncio
import uuid
from collections.abc import Callable, Hashable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, Final, Literal

import msgspec

from agent.wire.report import AgentId, Kind, Time
from agent.wire.results import RESULTS
from agent.wire.topics import COLLECTOR
from collector.events import Bus, Event, Topic
from collector.fleet import Fleet
from collector.metrics import Metrics
from collector.verdicts import Verdicts
from collector.vitals import Board, Vitals

TOPIC: Final = f"{COLLECTOR}/events"
_EVERY_S: Final = 0.2
_WAITING: Final = 10_000  # things that there is news of
_ARRAY: Final = 200  # events in one message
_ARRAYS: Final = 2  # messages at a time: more would only tell more pages to look sooner
_LOST_S: Final = 10.0  # whoever hears that news were lost looks at everything: not more often than that
_AHEAD: Final = timedelta(days=1)  # no report starts later and is stored
_ORIGIN: Final = 40  # characters
_BYTES: Final = 256 * 1024
_FORWARDED: Final[frozenset[Topic]] = frozenset({"report", "verdict", "incident"})  # statuses everyone hears himself


class _News(msgspec.Struct, frozen=True, kw_only=True):
    """One element of the array. `lost`: so many more there were no words for."""

    origin: str = msgspec.field(name="from")
    topic: Literal["report", "verdict", "incident", "lost", "vitals"]
    site: str | None = None
    at: Time
    data: dict[str, Any] = {}


class _Reported(msgspec.Struct, frozen=True):
    """What the fleet's picture needs of a report."""

    agent: AgentId
    kind: Kind
    started: Time


class Relay:
    """Tells other processes of this one's events, and this one of theirs. For one event loop.

    `send` takes topic, payload and QoS; `is_up` says whether it would go out now.
    """

    def __init__(
        self,
        bus: Bus,
        fleet: Fleet,
        verdicts: Verdicts,
        *,
        send: Callable[[str, bytes, int], None],
        is_up: Callable[[], bool],
        metrics: Metrics,
    ) -> None:
        self._bus, self._fleet, self._verdicts = bus, fleet, verdicts
        self._send, self._is_up, self._metrics = send, is_up, metrics
        self._origin = uuid.uuid4().hex[:12]
        self._waiting: dict[Hashable, Event] = {}
        self._lost = 0
        self._lost_at = float("-inf")
        self._lost_elsewhere = False
        self.knows: Callable[[str | None, str], bool] = lambda _agent, _site: True  # an agent, or none, and a site
        self.now: Callable[[], datetime] = _now
        self.board: Board | None = None  # where the others' words about themselves go

    def offer(self, event: Event) -> None:
        """Take an event of this process, to be told soon; never blocks."""
        if event.topic not in _FORWARDED:
            return
        key = (event.topic, event.site, event.data.get("agent") or event.data.get("id"), event.data.get("kind"))
        if key not in self._waiting and len(self._waiting) >= _WAITING:
            self._lost += 1
            self._metrics.events.labels("lost").inc()
            return
        self._waiting[key] = _joined(self._waiting.get(key), event)

    def tell_vitals(self, vitals: Vitals) -> None:
        """Tell now how this process is; what is not told now is told anew in some seconds."""
        if self._is_up():
            news = _News(origin=self._origin, topic="vitals", at=vitals.at, data=msgspec.to_builtins(vitals))
            self._send(TOPIC, msgspec.json.encode([news]), 0)

    async def run(self) -> None:
        """Tell what is waiting, a few times a second, until cancelled; while the broker is away it goes on waiting."""
        while True:
            await asyncio.sleep(_EVERY_S)
            if self._is_up():
                self.tell()
            if self._lost_elsewhere and monotonic() - self._lost_at >= _LOST_S:
                self._lost_elsewhere, self._lost_at = False, monotonic()
                self._bus.lose(1)

    def tell(self) -> None:
        """Tell now what is waiting, as much as goes at a time."""
        for _ in range(_ARRAYS):
            keys = list(self._waiting)[:_ARRAY]
            events = [self._waiting.pop(key) for key in keys]
            array = [
                _News(origin=self._origin, topic=event.topic, site=event.site, at=event.at, data=_told(event))
                for event in events
                if event.topic != "status"
            ]
            if self._lost and array:
                array.append(_News(origin=self._origin, topic="lost", at=array[-1].at, data={"count": self._lost}))
                self._lost = 0
            if not array:
                return
            self._send(TOPIC, msgspec.json.encode(array), 0)
            self._metrics.events.labels("told").inc(len(events))

    def receive(self, _topic: str, payload: bytes, retained: bool) -> None:  # noqa: FBT001 - the subscriber's call
        """Take what another process told; never blocks and never raises."""
        try:
            if retained or len(payload) > _BYTES:
                raise msgspec.ValidationError("no news of ours")
            news = _ARRAY_OF_NEWS.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._metrics.events.labels("unreadable").inc()
            return
        for one in news:
            if one.origin != self._origin:
                self._take(one)

    def _take(self, news: _News) -> None:
        if news.topic == "lost":
            self._lost_elsewhere = True
            return
        at = min(news.at, self.now())
        try:
            self._learn(news, at)
        except (msgspec.ValidationError, OverflowError):
            self._metrics.events.labels("unreadable").inc()
            return
        self._metrics.events.labels("heard").inc()
        if news.topic in ("report", "incident"):
            self._bus.deliver(Event(news.topic, news.site, at, news.data))

    def _learn(self, news: _News, at: datetime) -> None:
        """Take in what it says; raises ValidationError for what nobody of us says."""
        if news.topic == "report":
            report = msgspec.convert(news.data, _Reported)
            if report.kind not in RESULTS or report.started > at + _AHEAD:
                raise msgspec.ValidationError("no report that was stored")
            self._check(report.agent, news.site)
            self._fleet.reported(report.agent, report.kind, report.started, at)
        elif news.topic == "incident" and news.site is not None:  # that of many sites names none
            self._check(None, news.site)
        elif news.topic == "vitals" and self.board is not None:
            self.board.put(news.origin[:_ORIGIN], msgspec.convert(news.data, Vitals))
        elif news.topic == "verdict":
            self._verdicts.expect()

    def _check(self, agent: str | None, site: str | None) -> None:
        if site is None or not self.knows(agent, site):
            raise msgspec.ValidationError("nobody that we know")


def _told(event: Event) -> dict[str, Any]:
    return {} if event.topic == "verdict" else event.data


def _joined(waiting: Event | None, event: Event) -> Event:
    """The newer event, which also speaks of the reports that the older one spoke of."""
    before, now = (waiting.data.get("oldest") if waiting else None), event.data.get("oldest")
    if before is None or now is None or before >= now:  # both are written alike
        return event
    return replace(event, data=event.data | {"oldest": before})


def _now() -> datetime:
    return datetime.now(UTC)


_ARRAY_OF_NEWS: Final = msgspec.json.Decoder(list[_News])
