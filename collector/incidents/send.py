"""Telling a receiver of every transition: a JSON POST, again and again until it is confirmed.

The outbox is on disk, so nothing is forgotten by a restart, and a letter may arrive twice (its incident's `updated`
tells). Each incident's letters go in order; one that is refused holds up no other incident, and never the judging.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from collector.errors import RegistryUnavailable, UsageError
from collector.incidents.history import History, Letter

log = logging.getLogger(__name__)
_POLL_S: Final = 1.0
_OK: Final = range(200, 300)


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where incidents are told and how patiently. The address may hold a secret: only its host is ever logged."""

    url: str
    timeout_s: float = 10.0
    retry_first_s: float = 5.0
    retry_max_s: float = 3600.0
    poll_s: float = _POLL_S

    def __post_init__(self) -> None:
        """Refuse what is no web address."""
        try:
            parts = urlsplit(self.url)
        except ValueError as error:
            raise UsageError("judge.webhook_url: not a URL; write https://HOST/PATH") from error
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise UsageError("judge.webhook_url: not a web address; write https://HOST/PATH")

    @property
    def host(self) -> str:
        """The receiver's name, for logs."""
        return urlsplit(self.url).hostname or ""


@dataclass(slots=True)
class _Patience:
    """One incident's failed attempts: how many, and the loop time before which it is left alone.

    `unreached`: the last time nobody answered, so it is due as soon as anybody does.
    """

    attempts: int = 0
    not_before: float = 0.0
    unreached: bool = False


class _Unreached(Exception):  # noqa: N818 - a state of the world
    """The receiver gave no answer at all."""


@dataclass(slots=True)
class Sender:
    """Delivers the outbox until cancelled. `draw` gives 0 ≤ x < 1: retries are spread by it."""

    history: History
    webhook: Webhook
    clock: Callable[[], datetime]
    draw: Callable[[], float] = random.random
    delivered: int = 0
    failed: int = 0
    _patience: dict[str, _Patience] = field(default_factory=dict)
    _is_down: bool = False
    _is_unreached: bool = False

    async def run(self) -> None:
        """Tell what is waiting and what comes, for ever."""
        timeout = aiohttp.ClientTimeout(total=self.webhook.timeout_s)
        async with aiohttp.ClientSession(timeout=timeout, headers={"User-Agent": "linkgauge-collector"}) as session:
            while True:
                await self._round(session)
                await asyncio.sleep(self.webhook.poll_s)

    async def _round(self, session: aiohttp.ClientSession) -> None:
        try:
            letters = await asyncio.to_thread(self.history.pending)
            for letter in letters:
                await self._try(session, letter)
        except _Unreached:
            pass  # the others would wait for the same; each round tries the next one
        except RegistryUnavailable as error:
            if not self._is_down:
                log.warning("webhook.outbox_unavailable error=%r", str(error))
            self._is_down = True
        else:
            self._is_down = False

    async def _try(self, session: aiohttp.ClientSession, letter: Letter) -> None:
        patience = self._patience.setdefault(letter.incident, _Patience())
        now = asyncio.get_running_loop().time()
        if now < patience.not_before:
            return
        try:
            fault = await self._post(session, letter)
        except _Unreached as error:
            self._wait(patience, now, unreached=True)
            if not self._is_unreached:
                log.warning("webhook.unreached host=%s fault=%s", self.webhook.host, error)
            self._is_unreached = True
            raise
        self._reached()
        if fault is None:
            await asyncio.to_thread(self.history.delivered, letter.id, at=self.clock())
            del self._patience[letter.incident]
            self.delivered += 1
            return
        self._wait(patience, now, unreached=False)
        if patience.attempts == 1:
            log.warning("webhook.refused host=%s incident=%s fault=%s", self.webhook.host, letter.incident, fault)

    def _wait(self, patience: _Patience, now: float, *, unreached: bool) -> None:
        self.failed += 1
        patience.attempts += 1
        patience.unreached = unreached
        longest = min(self.webhook.retry_max_s, self.webhook.retry_first_s * 2 ** min(patience.attempts - 1, 30))
        patience.not_before = now + longest * (0.5 + self.draw() / 2)

    def _reached(self) -> None:
        if self._is_unreached:
            log.warning("webhook.reached host=%s", self.webhook.host)
        self._is_unreached = False
        for patience in self._patience.values():
            if patience.unreached:
                patience.not_before = 0.0

    async def _post(self, session: aiohttp.ClientSession, letter: Letter) -> str | None:
        """Send one letter; why it was refused, or None when the receiver has confirmed it; raises _Unreached."""
        headers = {"Content-Type": "application/json"}
        try:
            async with session.post(
                self.webhook.url, data=letter.body, headers=headers, allow_redirects=False
            ) as answer:
                return None if answer.status in _OK else f"status_{answer.status}"
        except TimeoutError as error:
            raise _Unreached("timeout") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _Unreached(type(error).__name__) from error
