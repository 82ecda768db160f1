"""Which silences hold now, in Alertmanager and in Grafana; asked at most every few seconds.

Who cannot be asked silences nothing: then everything is told, and a metric says so.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from collector.tell.posting import Wire, get
from collector.tell.silence import Silence, read_silences, silence_on

log = logging.getLogger(__name__)
GRAFANA: Final = "/api/alertmanager/grafana"
_PATH: Final = "/api/v2/silences"


@dataclass(frozen=True, slots=True)
class Keeper:
    """A server that keeps silences. `name`: as it is recorded and logged, without anything secret."""

    name: str
    url: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(slots=True)
class Silences:
    """All keepers' silences. `unknown`: told each time whether a keeper could not be asked."""

    wire: Wire
    keepers: Sequence[Keeper]
    every_s: float = 15.0
    timeout_s: float = 5.0
    unknown: Callable[[str, bool], None] = lambda _keeper, _is_unknown: None
    _asked: float | None = field(init=False, default=None)
    _held: dict[str, list[Silence]] = field(init=False, default_factory=dict)
    _silent: set[str] = field(init=False, default_factory=set)
    _asking: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)

    async def on(self, labels: Mapping[str, str]) -> str | None:
        """The silence that is on an alert with these labels, as `keeper silence id`; None when there is none."""
        if not self.keepers:
            return None
        async with self._asking:
            now = asyncio.get_running_loop().time()
            if self._asked is None or now - self._asked >= self.every_s:
                for keeper in self.keepers:
                    await self._ask(keeper)
                self._asked = asyncio.get_running_loop().time()
        for name, silences in self._held.items():
            found = silence_on(labels, silences)
            if found is not None:
                return f"{name} silence {found}"
        return None

    async def _ask(self, keeper: Keeper) -> None:
        headers = {"Authorization": f"Bearer {keeper.token}"} if keeper.token else None
        answer, body = await get(self.wire, keeper.url.rstrip("/") + _PATH, timeout_s=self.timeout_s, headers=headers)
        fault = None if answer.outcome == "confirmed" else answer.said
        if fault is None:
            try:
                self._held[keeper.name] = read_silences(body)
            except msgspec.MsgspecError:
                fault = "unreadable"
        if fault is not None:
            self._held.pop(keeper.name, None)
        if (fault is not None) != (keeper.name in self._silent):
            log.warning("tell.silences keeper=%s fault=%s", keeper.name, fault or "none any more")
            self._silent ^= {keeper.name}
        self.unknown(keeper.name, fault is not None)
