"""M-Lab's own servers, found by its locate service and measured by ndt7. Results become public data.

M-Lab's policy for devices is kept here, not hoped for: at most 4 tests in 24 hours, counted in a file of the data
folder and, where there is no folder (one test by hand), in this process. Without a set clock there is no test, because
it could not be counted. A service that answers with no server costs nothing.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from agent import files
from agent.clock import SystemClock, is_set
from agent.errors import Failed
from agent.net.http_get import Asking, get
from agent.speed import allowance, ndt7
from agent.speed.engine import Engine, Leg, Target, Transfer, Wanted
from agent.speed.locate import BASE, question, servers
from agent.wire.failure import Reason, Stage

TESTS_A_DAY: Final = 4
NAME: Final = "mlab.json"
# A token is good for 60 s after its issue, and the upgrade must be over by then.
FRESH_S: Final = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Located(Target):
    """A server with its access tokens: when they were issued (the loop's clock), and how to ask for new ones."""

    issued_s: float
    asking: Asking


class Service:
    """The locate service at `base`, and how often it was used by this process."""

    def __init__(self, base: str = BASE, *, fresh_s: float = FRESH_S) -> None:
        self._question = question(base, ndt7.metadata())
        self._fresh_s = fresh_s
        self._runs: Sequence[float] = ()

    async def find(self, wanted: Wanted) -> Sequence[Target]:
        """The nearest servers, best first; counts as one test if there is any. See `Engine`."""
        runs = self._allowed(wanted)
        found = await self._locate(Asking(wanted.family, wanted.tls))
        self._keep(wanted, runs)
        return found

    async def run(self, leg: Leg) -> Transfer:
        """Measure one direction, with a new token if the old one may be too old. See `Engine`."""
        target = leg.target
        if isinstance(target, Located) and asyncio.get_running_loop().time() - target.issued_s > self._fresh_s:
            again = await self._locate(target.asking)
            same = [one for one in again if (one.host, one.port) == (target.host, target.port)]
            if not same:
                why = f"the access token of {target.name} is too old, and M-Lab offers other servers by now"
                raise Failed(Stage.PEER, Reason.BUSY, why)
            leg = replace(leg, target=same[0])
        return await ndt7.run(leg)

    async def _locate(self, asking: Asking) -> list[Target]:
        # Tokens are issued while we wait: their age counts from the question.
        asked_s = asyncio.get_running_loop().time()
        answer = await get(self._question, asking)
        return [
            Located(one.host, one.port, one.secure, one.name, one.paths, issued_s=asked_s, asking=asking)
            for one in servers(answer.status, answer.body)
        ]

    def _allowed(self, wanted: Wanted) -> Sequence[float]:
        """The moments of the last day's tests with this one, if it is allowed."""
        now = wanted.now or SystemClock().now()
        if not is_set(now):
            raise _refused("the clock is not set, so the tests of a day cannot be counted")
        record = allowance.write(self._runs) if wanted.folder is None else files.read(wanted.folder / NAME)
        runs = allowance.read(record, now.timestamp(), most=TESTS_A_DAY)
        verdict = allowance.ask(runs, now.timestamp(), most=TESTS_A_DAY)
        if verdict.next_s is None:
            return verdict.runs
        if record != allowance.write(verdict.runs):
            self._keep(wanted, verdict.runs)  # or what a wrong clock or disk left behind would keep us out for ever
        when = datetime.fromtimestamp(verdict.next_s, UTC).isoformat(timespec="seconds")
        raise _refused(f"M-Lab allows {TESTS_A_DAY} tests in 24 hours; the next one from {when} on")

    def _keep(self, wanted: Wanted, runs: Sequence[float]) -> None:
        self._runs = runs
        if wanted.folder is None:
            return
        try:
            files.replace(wanted.folder / NAME, allowance.write(runs))
        except OSError as error:
            raise _refused(f"M-Lab's {TESTS_A_DAY} tests a day cannot be counted: {error.strerror}") from error


def _refused(why: str) -> Failed:
    return Failed(Stage.DEVICE, Reason.BUDGET, why)


def engine(service: Service) -> Engine:
    """The engine that a locate service makes."""
    return Engine(find=service.find, run=service.run, streams=ndt7.STREAMS)


ENGINE: Final = engine(Service())
