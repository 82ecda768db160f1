"""A fault of ours in one work stops neither the others nor the process: it is said, and that work begins anew."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Any, Final

from collector.metrics import Metrics, Readiness

LOG: Final = logging.getLogger(__name__)
Work = Callable[[], Coroutine[Any, Any, None]]


class Upholding:
    """One work that never ends, begun again after a fault: after `first_s`, and each time twice as long, to `last_s`.

    It counts as working again once it has gone on for as long as it was waited for.
    """

    def __init__(
        self, name: str, metrics: Metrics, readiness: Readiness, *, first_s: float = 5.0, last_s: float = 600.0
    ) -> None:
        self._name = name
        self._metrics, self._readiness = metrics, readiness
        self._first_s, self._last_s = first_s, last_s
        self._wait_s = 0.0

    async def run(self, begin: Work) -> None:
        """Do it until cancelled."""
        try:
            while True:
                began = monotonic()
                try:
                    async with asyncio.TaskGroup() as group:
                        group.create_task(begin(), name=self._name)
                        if self._wait_s:
                            group.create_task(self._recover(), name=f"{self._name}: recovering")
                        await (
                            asyncio.Event().wait()
                        )  # here a group takes its own cancelling back, at its end it forgets
                except ExceptionGroup as fault:
                    task = asyncio.current_task()
                    if task is not None and task.cancelling():  # it failed while it was being ended
                        raise asyncio.CancelledError from fault
                    self._say(fault, lasted_s=monotonic() - began)
                await asyncio.sleep(self._wait_s)
        finally:
            if self._wait_s:  # who stands by has nothing that could fail
                self._readiness.works(self._name)

    async def _recover(self) -> None:
        await asyncio.sleep(self._wait_s)
        self._readiness.works(self._name)

    def _say(self, fault: ExceptionGroup[Exception], *, lasted_s: float) -> None:
        longer = 2 * self._wait_s if lasted_s < self._last_s else 0.0
        self._wait_s = min(max(longer, self._first_s), self._last_s)
        self._metrics.faults.labels("leading").inc()
        self._readiness.fails(self._name, f"{_first(fault)!r}; begun again in {self._wait_s:.0f} s")
        LOG.error("leader.fault work=%s wait_s=%.0f", self._name, self._wait_s, exc_info=fault)


def _first(fault: Exception) -> Exception:
    while isinstance(fault, ExceptionGroup):
        fault = fault.exceptions[0]
    return fault
