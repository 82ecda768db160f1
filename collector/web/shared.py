"""Answers that many open pages ask for at the same moment, because all were told the same: made once, sent to all.

An answer is as true for the second who asks as for the first: it is made anew as soon as anybody was told of something
that came after it, and after some seconds in any case. What is dear to make is made with pauses, in which all who ask
wait for the next one: with news every second the lists of a fleet would be all that is done.
"""

import asyncio
import gzip
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from collector.web import live, rendering

AGE_S: Final = 5.0
MOST: Final = 64
"""So many answers are kept; whoever asks for more gets his own."""
REST: Final = 15.0
"""After so many times as long as an answer took to make, the next one is begun; at the latest after `AGE_S`."""
_LEVEL: Final = 4
_Key = tuple[str, str, str]


@dataclass(slots=True)
class _Answer:
    """`mark`: the number of the last event before it was made. `wanted`: how many wait for it. `next`: not before."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    wanted: int = 0
    made: float = float("-inf")
    next: float = float("-inf")
    mark: int = 0
    body: bytes = b""
    compressed: bytes = b""


class Shared:
    """The answers of one application. For one event loop."""

    def __init__(self) -> None:
        self._answers: dict[_Key, _Answer] = {}

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._answers)

    async def page(self, request: web.Request, make: Callable[[], Awaitable[web.Response]]) -> web.Response:
        """Give what `make` makes, or has just made for somebody who asked the same in the same language."""
        key = (request.path, request.query_string, rendering.words_of(request).language)
        answer = self._answers.get(key)
        if answer is None:
            if not self._has_room():
                return await make()
            answer = self._answers[key] = _Answer()
        answer.wanted += 1
        try:
            async with answer.lock:
                if not _holds(answer, request.app[live.AUDIENCE].digested):
                    await asyncio.sleep(max(0.0, answer.next - time.monotonic()))
                    request[rendering.MARK] = request.app[live.AUDIENCE].mark()
                    begun = time.monotonic()
                    await _made(answer, request, await make())
                    answer.next = answer.made + min(AGE_S, REST * (answer.made - begun))
        finally:
            answer.wanted -= 1
            if not answer.body:
                with suppress(KeyError):
                    del self._answers[key]
        return _sent(request, answer)

    def _has_room(self) -> bool:
        """Forget what is old; whether there is room for another answer then."""
        old = [key for key, known in self._answers.items() if not known.wanted and not _holds(known, 0)]
        for key in old:
            del self._answers[key]
        return len(self._answers) < MOST


def _holds(answer: _Answer, told: int) -> bool:
    return answer.mark >= told and time.monotonic() < answer.made + AGE_S


async def _made(answer: _Answer, request: web.Request, response: web.Response) -> None:
    body = response.body if isinstance(response.body, bytes) else b""
    answer.compressed = await asyncio.to_thread(gzip.compress, body, _LEVEL)
    answer.body, answer.mark, answer.made = body, request[rendering.MARK], time.monotonic()


def _sent(request: web.Request, answer: _Answer) -> web.Response:
    headers = {"Vary": "Accept-Encoding", rendering.MARK_HEADER: str(answer.mark)}
    if "gzip" not in request.headers.get("Accept-Encoding", ""):
        return web.Response(body=answer.body, headers=headers, content_type="text/html", charset="utf-8")
    headers["Content-Encoding"] = "gzip"
    return web.Response(body=answer.compressed, headers=headers, content_type="text/html", charset="utf-8")


SHARED: Final = web.AppKey("shared answers", Shared)
