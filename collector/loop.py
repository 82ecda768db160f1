"""The event loop of a collector's process: uvloop where it is installed, else Python's own."""

import asyncio
import ctypes
import gc
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

T = TypeVar("T")
_YOUNG: Final = 20_000
_TURN_S: Final = 0.02  # Python's 5 ms: threads that take turns so often lose a tenth of the time to cold caches


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run it to its end in a loop of its own, as asyncio.run does.

    Reports come and go by the thousand and are never part of a circle, so Python looks for circles more seldom.
    """
    gc.set_threshold(_YOUNG, 20, 100)
    sys.setswitchinterval(_TURN_S)
    with asyncio.Runner(loop_factory=_factory()) as runner:
        return runner.run(main)


def _factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # no wheel for this machine
        return None
    return uvloop.new_event_loop


def give_back_memory() -> None:
    """Give the system what threads of glibc keep of memory that a storm needed; a few milliseconds, in any thread.

    One store for all threads would keep less, and costs a sixth of the processor's time.
    """
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
