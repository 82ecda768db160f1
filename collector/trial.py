"""What the terminal is told of a trial while it runs: the first result, how far the first tests are, the verdict.

The page itself is asked, over HTTP: what is told here is what somebody who opens it sees.
"""

import asyncio
import contextlib
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TextIO

GUESS_S: Final = 12.0
"""How long one of the first tests takes with its pause, until two have said it."""
LINE_S: Final = 20.0
_POLL_S: Final = 0.5
_CLEAR: Final = "\r\x1b[K"


class Speaker:
    """Says what happens, with the seconds since the start."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._start = time.monotonic()
        self._live = stream.isatty()
        self._passing = False
        self._last = -LINE_S

    def __call__(self, words: str) -> None:
        """Say one line that stays."""
        self._stream.write(f"{self._over()}{self._stamp()}{words}\n")
        self._stream.flush()
        self._passing = False

    def going(self, words: str) -> None:
        """Say how far it is: on a terminal in one line that changes, elsewhere in a line now and then."""
        if self._live:
            # One that wraps cannot be taken back.
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(f"{self._over()}{f'{self._stamp()}{words}'[:width]}")
            self._passing = True
        elif time.monotonic() - self._last < LINE_S:
            return
        else:
            self._stream.write(f"{self._stamp()}{words}\n")
        self._last = time.monotonic()
        self._stream.flush()

    def _over(self) -> str:
        return _CLEAR if self._passing else ""

    def _stamp(self) -> str:
        return f"{time.monotonic() - self._start:6.1f} s  "


@dataclass(slots=True)
class Counted:
    """How many of the first tests are on the page, and what that says of the rest. Pure: seconds come in."""

    wanted: int
    seen: dict[str, float] = field(default_factory=dict)
    unfit: dict[str, str] = field(default_factory=dict)
    """Of those that give no verdict: why."""

    def add(self, result: Mapping[str, Any], now_s: float) -> None:
        """Take in the newest throughput result, as the API gives it; one that is known already is nothing new."""
        at = str(result["time"])
        if at in self.seen:
            return
        self.seen[at] = now_s
        why = result.get("failure") or ", ".join(result.get("doubts") or ())
        if why:
            self.unfit[at] = str(why)

    def left_s(self, now_s: float) -> float:
        """Seconds until the last of them, by the pace of those that are done; 0 when they are through."""
        left = self.wanted - len(self.seen)
        if left <= 0 or not self.seen:
            return 0.0
        times = list(self.seen.values())
        each = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else GUESS_S
        return max(left * each - (now_s - times[-1]), (left - 1) * each, 0.0)

    def words(self, now_s: float) -> str:
        """How far it is, in a line."""
        soon = self.left_s(now_s)
        rest = f"about {soon:.0f} s to go" if soon >= 1 else "any moment now"
        odd = f"; {len(self.unfit)} not judged: {self._why()}" if self.unfit else ""
        return f"{len(self.seen)} of {self.wanted} measured, {rest}{odd}"

    def outcome(self) -> str:
        """What to say when all are through and there is no verdict."""
        why = f": {len(self.unfit)} of {len(self.seen)} failed or were doubted ({self._why()})" if self.unfit else ""
        return f"no verdict yet after {len(self.seen)} tests{why}. It goes on by the schedule; the page says when"

    def _why(self) -> str:
        return "; ".join(dict.fromkeys(self.unfit.values()))


async def announce(address: str, site: str, say: Speaker, *, first_runs: int) -> None:
    """Say where the page is as soon as it shows a result of this start, how far the first tests are, and the verdict.

    `address`: of the page, `http://HOST:PORT`. Ends with the verdict; a page that does not answer is asked again.
    """
    import aiohttp

    started = datetime.now(UTC).isoformat()
    counted = Counted(first_runs)
    told = False
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        while True:
            shown: dict[str, Any] = {}
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(f"{address}/api/v1/sites/{site}") as answer:
                    shown = await answer.json() if answer.ok else {}
            result = (shown.get("last") or {}).get("throughput", {})
            if result.get("time", "") > started:
                if not counted.seen:
                    say(f"first result: {_found(result)}. Open {address}/sites/{site} (Ctrl-C stops everything)")
                counted.add(result, time.monotonic())
            verdict = shown.get("verdict") or {}
            if counted.seen and verdict.get("verdict") in ("met", "below"):
                say(verdict["sentence"]["en"])
                return
            told = _progress(counted, say, told=told)
            await asyncio.sleep(_POLL_S)


def _progress(counted: Counted, say: Speaker, *, told: bool) -> bool:
    """Say how far it is; gives whether all has been told. The verdict may come a moment after the last result."""
    now = time.monotonic()
    if told or not counted.seen:
        return told
    through = len(counted.seen) >= counted.wanted and now - max(counted.seen.values()) > GUESS_S
    if through:
        say(counted.outcome())
    else:
        say.going(counted.words(now))
    return through


def _found(result: Mapping[str, Any]) -> str:
    if "value" in result:
        return f"download {result['value']:.1f} Mbit/s"
    return f"failed, {result.get('failure', 'nothing was measured')}"
